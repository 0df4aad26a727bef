//! People: how products create them, change them and let them sign in.

use crate::identity::auth_api::request::system_name;
use crate::identity::contact::{Typed, normalize_email, normalize_handle, normalize_phone};
use crate::identity::erasure::require_present;
use crate::identity::hooks;
use crate::identity::one_time::{self, Kind, Request};
use crate::identity::password::{self, Policy};
use crate::identity::session::EndReason;
use crate::identity::store::people::{self as store, NewRow, Person};
use crate::identity::store::tokens::Chosen;
use crate::identity::store::{sessions, tokens, users};
use crate::identity::throttle::{self, Counter};
use crate::kernel::caller;
use crate::kernel::error::{Error, Result, SqlState, sqlstate};
use crate::kernel::ids::new_id;
use crate::kernel::request::Headers;
use crate::kernel::roles;
use crate::kernel::settings::{self, Settings};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

const NAME_MOST: usize = 200;
const TOO_OFTEN: SqlState = SqlState::new("PT429");

/// A person whom a product creates.
pub struct NewPerson<'a> {
    /// An id of the caller's choice, so that a repeat can be recognised.
    pub id: Option<Uuid>,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub name: Option<&'a str>,
    /// Without one the person cannot sign in until they accept an invitation.
    pub password: Option<&'a str>,
    /// Whether the business vouches for the addresses. If not, and addresses have to
    /// be confirmed, a password is in force only once a message has proved them.
    pub confirmed: bool,
    /// The system that they come through.
    pub system: &'a str,
}

/// What changes of a person; `None` keeps what is.
#[derive(Default)]
pub struct PersonUpdate<'a> {
    pub name: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub email: Option<&'a str>,
}

/// Creates a person. 22023 for a malformed address or none at all, 23505 for one
/// that is taken, PT422 for a weak password.
pub fn create_person(new: &NewPerson<'_>) -> Result<Uuid> {
    create(new).map(|person| person.id)
}

/// Creates a person without a password and invites them to choose one. As
/// [`create_person`], and PT429 if the caller is a person who invited too many.
pub fn create_invited(new: &NewPerson<'_>) -> Result<Uuid> {
    let person = create(&NewPerson { password: None, ..*new })?;
    count_invitation()?;
    send_to_own_address(&person, Kind::Invite, new.system, None)?;
    Ok(person.id)
}

fn create(new: &NewPerson<'_>) -> Result<Person> {
    let email = new.email.map(|text| normalize_email(text, "email")).transpose()?;
    let phone = new.phone.map(|text| normalize_phone(text, "phone")).transpose()?;
    if email.is_none() && phone.is_none() {
        return Err(Error::invalid("email", "an e-mail address or a phone is required"));
    }
    let name = new.name.map(|name| check_name(name, "name")).transpose()?;
    let password_hash = new.password.map(hash_checked).transpose()?;
    let to_confirm = new.password.is_some()
        && !new.confirmed
        && settings::get("identity", "require_email_confirmation")?;
    let row = NewRow {
        id: new.id.unwrap_or_else(new_id),
        email: email.as_deref(),
        phone: phone.as_deref(),
        name,
        password_hash: password_hash.as_deref().filter(|_| !to_confirm),
        confirmed: new.confirmed || (new.password.is_some() && !to_confirm),
        invited: password_hash.is_none(),
        user_metadata: serde_json::json!({}),
        system: new.system,
    };
    let Some(id) = store::insert(&row)? else {
        return Err(taken(None, email.as_deref(), phone.as_deref())?);
    };
    let person = Person {
        id,
        name: name.map(str::to_owned),
        password_hash: row.password_hash.map(str::to_owned),
        pending_hash: None,
        invited: row.invited,
        confirmed: row.confirmed,
        banned: false,
        erased: false,
        new_email: None,
        new_phone: None,
        email,
        phone,
    };
    if let Some(password_hash) = password_hash.filter(|_| to_confirm) {
        let user_metadata = serde_json::json!({});
        let chosen = Chosen { password_hash, name: person.name.clone(), user_metadata };
        send_to_own_address(&person, Kind::Confirmation, new.system, Some(&chosen))?;
    }
    Ok(person)
}

/// Sends a token to the person's e-mail address, or else to their phone.
fn send_to_own_address(
    person: &Person,
    kind: Kind,
    system: &str,
    chosen: Option<&Chosen>,
) -> Result<()> {
    let address = person.email.as_deref().or(person.phone.as_deref());
    let recipient = address.ok_or_else(|| Error::conflict("the person has no address"))?;
    one_time::send(person, &Request { kind, system, recipient, redirect_to: None, chosen })
}

/// Hashes a password that is strong enough; PT422 otherwise.
fn hash_checked(text: &str) -> Result<String> {
    Policy::from_settings(&Settings::of("identity")?)?.check(text)?;
    password::hash(text)
}

/// A name as it is kept, or 22023 naming `field`.
pub fn check_name<'a>(name: &'a str, field: &str) -> Result<&'a str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MOST || name.contains(char::is_control) {
        let rule = format!("must have 1 to {NAME_MOST} characters and no control characters");
        return Err(Error::invalid(field, rule));
    }
    Ok(name)
}

/// 23505 naming which address somebody other than `person` has.
fn taken(person: Option<Uuid>, email: Option<&str>, phone: Option<&str>) -> Result<Error> {
    let others = |found: Option<Person>| found.is_some_and(|found| Some(found.id) != person);
    let (field, value) = match (email, phone) {
        (Some(email), _) if others(store::by_email(email)?) => ("email", email),
        (_, Some(phone)) if others(store::by_phone(phone)?) => ("phone", phone),
        _ => ("id", "the id chosen for the person"),
    };
    Ok(Error::new(sqlstate::UNIQUE_VIOLATION, format!("{field}: somebody has it already"))
        .detail(value.to_owned()))
}

/// Changes a person. An address that the business gives is in force at once, and
/// tokens that were sent to a former one are void. One that a person gives
/// themselves waits for its confirmation, unless the settings want none. PT404,
/// 22023, 23505, PT429 for too many messages.
pub fn update_person(person: Uuid, update: &PersonUpdate<'_>) -> Result<()> {
    let email = update.email.map(|text| normalize_email(text, "email")).transpose()?;
    let phone = update.phone.map(|text| normalize_phone(text, "phone")).transpose()?;
    let name = update.name.map(|name| check_name(name, "name")).transpose()?;
    let now = store::lock(person)?.ok_or_else(|| Error::not_found("person", person))?;
    require_present(&now)?;
    let email = email.filter(|new| now.email.as_ref() != Some(new));
    let phone = phone.filter(|new| now.phone.as_ref() != Some(new));
    let moved = email.is_some() || phone.is_some();
    if moved && store::is_taken(person, email.as_deref(), phone.as_deref())? {
        return Err(taken(Some(person), email.as_deref(), phone.as_deref())?);
    }
    let settings = Settings::of("identity")?;
    let own = caller::current().person() == Some(person);
    if moved && own && settings.get::<bool>("require_email_confirmation")? {
        store::update_contact(person, name, None, None)?;
        let changes = [(Kind::EmailChange, email), (Kind::PhoneChange, phone)];
        return changes
            .into_iter()
            .filter_map(|(kind, new)| Some((kind, new?)))
            .try_for_each(|(kind, new)| ask_to_confirm(&now, kind, &new, &settings));
    }
    store::update_contact(person, name, email.as_deref(), phone.as_deref())?;
    if moved {
        tokens::void_all(person)?;
    }
    Ok(())
}

/// Nobody vouches for their own address: it is proved by a message.
fn ask_to_confirm(person: &Person, kind: Kind, new: &str, settings: &Settings) -> Result<()> {
    let counters = change_counters(person.id, kind, new, settings)?;
    count_or_refuse(&counters, "too many confirmations were asked for, try again later")?;
    let system = system_name(Headers::current().get("x-system"));
    start_change(
        person,
        &Request { kind, system: &system, recipient: new, redirect_to: None, chosen: None },
    )
}

/// What limits how often a person has a new address confirmed: so that nobody's
/// address gets many messages, and no person sends many.
pub fn change_counters(
    person: Uuid,
    kind: Kind,
    new: &str,
    settings: &Settings,
) -> Result<[Counter; 2]> {
    let own = Counter::messages(kind, &person.to_string(), settings)?;
    Ok([own, Counter::messages(kind, new, settings)?])
}

/// Remembers the new address and sends the message that confirms it.
pub fn start_change(person: &Person, request: &Request<'_>) -> Result<()> {
    match request.kind {
        Kind::PhoneChange => users::set_new_phone(person.id, request.recipient)?,
        _ => users::set_new_email(person.id, request.recipient)?,
    }
    one_time::send(person, request)
}

/// Counts what is limited, or PT429 for too many.
fn count_or_refuse(counters: &[Counter], message: &str) -> Result<()> {
    if throttle::locked_seconds(counters)?.is_some() {
        return Err(Error::new(TOO_OFTEN, message));
    }
    throttle::count(counters)
}

/// PT409 for a person who was erased: no product writes about them again. Nor does
/// anybody erase them before the transaction ends.
pub fn refuse_erased(person: Uuid) -> Result<()> {
    store::lock(person)?.map_or(Ok(()), |person| require_present(&person))
}

/// Sends an invitation to choose a password, by e-mail or else by SMS. PT404;
/// PT429 if the caller is a person who caused too many.
pub fn invite(person: Uuid, system: &str) -> Result<()> {
    let person = store::by_id(person)?.ok_or_else(|| Error::not_found("person", person))?;
    require_present(&person)?;
    count_invitation()?;
    store::mark_invited(person.id)?;
    send_to_own_address(&person, Kind::Invite, system, None)
}

/// A person whom a product lets invite others must not write to the whole world in
/// our name. Servers and psql answer for themselves.
fn count_invitation() -> Result<()> {
    let Some(inviter) = caller::current().person() else { return Ok(()) };
    let counters = Counter::invitations(&inviter.to_string(), &Settings::of("identity")?)?;
    count_or_refuse(&counters, "too many invitations, try again later")
}

/// Lets a person sign in with an id of a product. Twice is the same as once;
/// 23505 if it is another person's, 22023 if it is malformed.
pub fn register_handle(person: Uuid, kind: &str, handle: &str) -> Result<()> {
    let handle = normalize_handle(handle, kind)?;
    if store::insert_handle(&handle, person, kind)? == person {
        return Ok(());
    }
    Err(Error::new(sqlstate::UNIQUE_VIOLATION, format!("{kind}: somebody has it already"))
        .detail(handle))
}

/// The person who is meant by what somebody typed.
pub fn find(typed: &Typed) -> Result<Option<Person>> {
    match typed {
        Typed::Email(email) => store::by_email(email),
        Typed::Phone(phone) => store::by_phone(phone),
        Typed::Handle(handle) => store::by_handle(handle),
    }
}

/// Ends all sessions of a person: their tokens are refused from now on.
pub fn end_sessions(person: Uuid) -> Result<()> {
    sessions::end_all(person, None, EndReason::EndedByAdmin.as_str())?;
    Ok(())
}

/// 42501 unless the caller may act against the person: an admin of identity, and
/// an admin of every system where the person is one.
pub fn require_power_over(person: Uuid) -> Result<()> {
    let caller = caller::current();
    caller.require_admin("identity")?;
    if caller.is_service() || caller.has_role("*", "admin")? || !store::is_admin_of_all(person)? {
        return Ok(());
    }
    Err(Error::forbidden("only an admin of every system may do this to another"))
}

/// Bans a person until a time, or lifts the ban. PT404.
pub fn set_banned(person: Uuid, until: Option<TimestampWithTimeZone>) -> Result<()> {
    let now = store::lock(person)?.ok_or_else(|| Error::not_found("person", person))?;
    require_present(&now)?;
    users::set_banned(person, until)?;
    if until.is_some() {
        sessions::end_all(person, None, EndReason::Banned.as_str())?;
    }
    Ok(())
}

/// Makes a person the admin of every system, creating them if need be, and sets
/// their password. PT422 for a weak one; without one a person keeps what they have.
pub fn bootstrap_admin(email: &str, password: Option<&str>) -> Result<Uuid> {
    let email = normalize_email(email, "p_email")?;
    let person = match store::by_email(&email)? {
        Some(person) => {
            change_password(&person, password)?;
            users::confirm(person.id, &email)?;
            person.id
        }
        None => create_person(&NewPerson {
            id: None,
            email: Some(&email),
            phone: None,
            name: None,
            password,
            confirmed: true,
            system: "backoffice",
        })?,
    };
    roles::grant(person, "*", "admin", "", None)?;
    hooks::admin_made(person)?;
    Ok(person)
}

/// Sets another password and ends the sessions that the former one opened.
fn change_password(person: &Person, password: Option<&str>) -> Result<()> {
    match password {
        Some(new) if !password::verify(new, person.password_hash.as_deref()) => {
            users::set_password(person.id, &hash_checked(new)?)?;
            sessions::end_all(person.id, None, EndReason::PasswordChanged.as_str())?;
            tokens::void_all(person.id)
        }
        _ => Ok(()),
    }
}
