//! People and the ids they sign in with.

use crate::kernel::clock::transaction_start;
use crate::kernel::error::Result;
use crate::kernel::rows::{self, Columns, Insert, Stored, Table};
use crate::kernel::spi::{Query, Row};
use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

/// What the rules of sign-in look at.
pub struct Person {
    pub id: Uuid,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub name: Option<String>,
    pub password_hash: Option<String>,
    /// Of the password of a sign-up whose address nobody has proved yet: it tells
    /// what to answer at a sign-in and opens nothing.
    pub pending_hash: Option<String>,
    /// Whether the business made them and asked them in.
    pub invited: bool,
    /// Whether one of the addresses is known to be theirs.
    pub confirmed: bool,
    pub banned: bool,
    pub new_email: Option<String>,
    pub new_phone: Option<String>,
    /// Whether their data was erased.
    pub erased: bool,
}

macro_rules! select_person {
    ($condition:literal) => {
        concat!(
            "select u.id, u.email, u.phone, u.name, u.password_hash,
                    u.email_confirmed_at is not null or u.phone_confirmed_at is not null,
                    coalesce(u.banned_until > now(), false) or u.erased_at is not null,
                    u.new_email, u.new_phone,
                    case when u.email_confirmed_at is null and u.phone_confirmed_at is null then
                        (select t.password_hash from identity.one_time_tokens t
                          where t.user_id = u.id and t.kind = 'confirmation') end,
                    u.invited_at is not null, u.erased_at is not null
               from identity.users u where ",
            $condition
        )
    };
}

static BY_ID: Query = Query::read(select_person!("u.id = $1"));
static BY_EMAIL: Query = Query::read(select_person!("u.email = $1"));
static BY_PHONE: Query = Query::read(select_person!("u.phone = $1"));
static BY_HANDLE: Query = Query::read(select_person!(
    "u.id = (select user_id from identity.login_handles where handle = $1)"
));
static BY_NEW_ADDRESS: Query =
    Query::read(select_person!("$1 in (u.new_email, u.new_phone) order by u.updated_at desc"));
static IS_ADMIN_OF_ALL: Query = Query::read(
    "select exists (select from backoffice.role_grants
      where person_id = $1 and system = '*' and role = 'admin')",
);
static LOCK: Query = Query::write(select_person!("u.id = $1 for update"));
static INSERT: Query = Query::write(
    "insert into identity.users (id, email, phone, name, password_hash,
        email_confirmed_at, phone_confirmed_at, invited_at, user_metadata, app_metadata, system)
     values ($1, $2, $3, $4, $5,
        case when $6 and $2 is not null then now() end,
        case when $6 and $3 is not null then now() end,
        case when $10 then now() end, $7,
        jsonb_build_object('provider', $8, 'providers', jsonb_build_array($8)), $9)
     on conflict do nothing
     returning id",
);
static IS_TAKEN: Query = Query::read(
    "select exists (select from identity.users where email = $2 and id <> $1)
         or exists (select from identity.users where phone = $3 and id <> $1)",
);
// Whoever gives a new address here vouches for it.
static UPDATE_CONTACT: Query = Query::write(
    "update identity.users
        set name = coalesce($2, name), email = coalesce($3, email),
            phone = coalesce($4, phone), updated_at = now(),
            email_confirmed_at = case
                when $3 is null or $3 = email then email_confirmed_at
                else now() end,
            phone_confirmed_at = case
                when $4 is null or $4 = phone then phone_confirmed_at
                else now() end,
            new_email = case when $3 is null then new_email end,
            new_phone = case when $4 is null then new_phone end
      where id = $1
        and (name, email, phone) is distinct from
            (coalesce($2, name), coalesce($3, email), coalesce($4, phone))",
);
// A person without a password was marked when they were made.
static MARK_INVITED: Query = Query::write(
    "update identity.users set invited_at = now(), updated_at = now()
      where id = $1 and invited_at is distinct from now()",
);
static APPEND: Insert = Insert::into(
    c"identity",
    c"users",
    &[
        "id",
        "email",
        "phone",
        "name",
        "password_hash",
        "email_confirmed_at",
        "phone_confirmed_at",
        "invited_at",
        "user_metadata",
        "app_metadata",
        "system",
        "created_at",
        "updated_at",
    ],
);
static USERS: Table = Table { schema: c"identity", name: c"users", vouched: &[] };
static CONTACT: Columns = Columns(&["email", "phone", "name"]);
static READ_CONTACT: Query =
    Query::read("select email, phone, name from identity.users where id = $1");
static APPEND_HANDLE: Insert =
    Insert::into(c"identity", c"login_handles", &["handle", "user_id", "kind", "created_at"]);
static INSERT_HANDLE: Query = Query::write(
    "insert into identity.login_handles as h (handle, user_id, kind) values ($1, $2, $3)
     on conflict (handle) do update set handle = h.handle
     returning user_id",
);

fn person(row: &Row<'_>) -> Result<Person> {
    Ok(Person {
        id: row.get(1)?,
        email: row.opt(2)?,
        phone: row.opt(3)?,
        name: row.opt(4)?,
        password_hash: row.opt(5)?,
        confirmed: row.get(6)?,
        banned: row.get(7)?,
        new_email: row.opt(8)?,
        new_phone: row.opt(9)?,
        pending_hash: row.opt(10)?,
        invited: row.get(11)?,
        erased: row.get(12)?,
    })
}

pub fn by_id(id: Uuid) -> Result<Option<Person>> {
    BY_ID.first(&[id.into()], person)
}

pub fn by_email(email: &str) -> Result<Option<Person>> {
    BY_EMAIL.first(&[email.into()], person)
}

pub fn by_phone(phone: &str) -> Result<Option<Person>> {
    BY_PHONE.first(&[phone.into()], person)
}

pub fn by_handle(handle: &str) -> Result<Option<Person>> {
    BY_HANDLE.first(&[handle.into()], person)
}

/// The person who asked last to change to this address.
pub fn by_new_address(address: &str) -> Result<Option<Person>> {
    BY_NEW_ADDRESS.first(&[address.into()], person)
}

pub fn is_admin_of_all(person: Uuid) -> Result<bool> {
    IS_ADMIN_OF_ALL.one(&[person.into()], |row| row.get(1))
}

/// The person, whom nobody else changes until the transaction ends.
pub fn lock(id: Uuid) -> Result<Option<Person>> {
    LOCK.first(&[id.into()], person)
}

pub struct NewRow<'a> {
    pub id: Uuid,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub name: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub confirmed: bool,
    /// Whether the business makes them and asks them in.
    pub invited: bool,
    pub user_metadata: Value,
    pub system: &'a str,
}

/// The id of the new person; `None` where somebody has the e-mail or the phone.
pub fn insert(new: &NewRow<'_>) -> Result<Option<Uuid>> {
    let provider = if new.email.is_some() { "email" } else { "phone" };
    if append(new, provider)? {
        return Ok(Some(new.id));
    }
    let args = [
        new.id.into(),
        new.email.into(),
        new.phone.into(),
        new.name.into(),
        new.password_hash.into(),
        new.confirmed.into(),
        JsonB(new.user_metadata.clone()).into(),
        provider.into(),
        new.system.into(),
        new.invited.into(),
    ];
    INSERT.first(&args, |row| row.get(1))
}

/// Whether the person was stored: where a key is taken, or will be once another
/// transaction ends, the statement must say.
fn append(new: &NewRow<'_>, provider: &str) -> Result<bool> {
    let now = transaction_start();
    let confirmed = |address: Option<&str>| (new.confirmed && address.is_some()).then_some(now);
    let stored = APPEND.run_unless_taken(&[
        new.id.into(),
        new.email.into(),
        new.phone.into(),
        new.name.into(),
        new.password_hash.into(),
        confirmed(new.email).into(),
        confirmed(new.phone).into(),
        new.invited.then_some(now).into(),
        JsonB(new.user_metadata.clone()).into(),
        JsonB(json!({"provider": provider, "providers": [provider]})).into(),
        new.system.into(),
        now.into(),
        now.into(),
    ])?;
    Ok(stored == Stored::Yes)
}

/// How a person is reached and called.
pub struct Contact {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub name: Option<String>,
}

pub fn contact(id: Uuid) -> Result<Option<Contact>> {
    if rows::may_write() {
        let table = USERS.open()?;
        return table.reader(&CONTACT)?.get(&[id.into()], |row| {
            Ok(Contact { email: row.opt(0)?, phone: row.opt(1)?, name: row.opt(2)? })
        });
    }
    READ_CONTACT.first(&[id.into()], |row| {
        Ok(Contact { email: row.opt(1)?, phone: row.opt(2)?, name: row.opt(3)? })
    })
}

/// Whether somebody other than `person` has one of these addresses.
pub fn is_taken(person: Uuid, email: Option<&str>, phone: Option<&str>) -> Result<bool> {
    IS_TAKEN.one(&[person.into(), email.into(), phone.into()], |row| row.get(1))
}

/// Changes what is given; nothing, not even the time, where it is as it was.
pub fn update_contact(
    person: Uuid,
    name: Option<&str>,
    email: Option<&str>,
    phone: Option<&str>,
) -> Result<()> {
    let args = [person.into(), name.into(), email.into(), phone.into()];
    UPDATE_CONTACT.run(&args)?;
    Ok(())
}

pub fn mark_invited(person: Uuid) -> Result<()> {
    MARK_INVITED.run(&[person.into()])?;
    Ok(())
}

/// Whose handle it is now.
pub fn insert_handle(handle: &str, person: Uuid, kind: &str) -> Result<Uuid> {
    let now = transaction_start();
    let row = [handle.into(), person.into(), kind.into(), now.into()];
    if APPEND_HANDLE.run_unless_taken(&row)? == Stored::Yes {
        return Ok(person);
    }
    INSERT_HANDLE.one(&[handle.into(), person.into(), kind.into()], |row| row.get(1))
}
