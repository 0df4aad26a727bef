//! The signed-in person: read and change.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::messages::limit;
use crate::identity::auth_api::request::Request;
use crate::identity::auth_api::sign_up::{check_metadata, split_metadata};
use crate::identity::auth_api::signed_in::{SignedIn, signed_in, signed_in_alone};
use crate::identity::contact::{normalize_email, normalize_phone};
use crate::identity::erasure;
use crate::identity::one_time::{self, Kind};
use crate::identity::password::{self, Policy};
use crate::identity::people::{change_counters, start_change};
use crate::identity::session::EndReason;
use crate::identity::store::{people, sessions, tokens, users};
use crate::identity::throttle::{self, Counter};
use crate::kernel::error::Error;
use crate::kernel::settings::Settings;
use serde_json::{Map, Value};

/// GET user
pub fn get(_: &Request) -> Outcome {
    let who = signed_in()?;
    answer(&who)
}

/// PUT user {email, phone, password, nonce, data}: changes what is given.
pub fn put(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let settings = Settings::of("identity")?;
    let (email, phone) = (request.text("email")?, request.text("phone")?);
    let (new_password, data) = (request.text("password")?, request.object("data")?);
    if email.is_some() || phone.is_some() || new_password.is_some() {
        who.require_second_factor(401)?;
    }
    if let Some(new) = new_password {
        change_password(request, &who, new, &settings)?;
    }
    if let Some(email) = email {
        change_email(request, &who, email, &settings)?;
    }
    if let Some(phone) = phone {
        change_phone(request, &who, phone, &settings)?;
    }
    if let Some(data) = data {
        change_metadata(&who, data)?;
    }
    answer(&who)
}

/// GET user/export: everything that the database has about the person.
pub fn export(_: &Request) -> Outcome {
    let who = signed_in()?;
    who.require_second_factor(403)?;
    let counters = [Counter::exports(&who.person.id.to_string(), &Settings::of("identity")?)?];
    if let Some(seconds) = throttle::locked_seconds(&counters)? {
        return Err(Refusal::too_often("over_request_rate_limit", seconds).into());
    }
    throttle::count(&counters)?;
    Ok(Answer::Text(erasure::export(who.person.id)?))
}

fn answer(who: &SignedIn) -> Outcome {
    let user = users::json(who.person.id)?.ok_or_else(|| Error::internal("no such person"))?;
    Ok(Answer::Json(user))
}

/// A new password ends all other sessions: whoever knew the old one is out.
fn change_password(
    request: &Request,
    who: &SignedIn,
    new: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    reauthenticated(request, who, settings)?;
    if password::verify(new, who.person.password_hash.as_deref()) {
        let message = "the new password must differ from the old one";
        return Err(Refusal::new(422, "same_password", message).into());
    }
    Policy::from_settings(settings)?.check(new)?;
    let person = who.person.id;
    users::set_password(person, &password::hash(new)?)?;
    sessions::end_all(person, Some(who.session), EndReason::PasswordChanged.as_str())?;
    tokens::void_all(person)?;
    Ok(())
}

/// Asks for the code of GET reauthenticate where the settings want it.
fn reauthenticated(request: &Request, who: &SignedIn, settings: &Settings) -> Result<(), Failure> {
    if !who.older_than_a_day || !settings.get::<bool>("password_change_reauthentication")? {
        return Ok(());
    }
    let Some(code) = request.text("nonce")? else {
        let message = "nonce: a code from reauthenticate is required";
        return Err(Refusal::new(400, "reauthentication_needed", message).into());
    };
    let person = who.person.id;
    match one_time::take_code(&who.person, Kind::Reauthentication, code)? {
        Some(_) => Ok(()),
        None => {
            let message = "nonce: the code is wrong, used or too old";
            Err(Refusal::new(422, "reauthentication_not_valid", message)
                .remembering(move || one_time::count_attempt(person, Kind::Reauthentication))
                .into())
        }
    }
}

fn change_email(
    request: &Request,
    who: &SignedIn,
    text: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let email = normalize_email(text, "email")?;
    let person = who.person.id;
    if who.person.email.as_deref() == Some(&email) {
        return Ok(());
    }
    if people::is_taken(person, Some(&email), None)? {
        let message = "email: somebody has it already";
        return Err(Refusal::new(422, "email_exists", message).into());
    }
    if !settings.get::<bool>("require_email_confirmation")? {
        users::set_email(person, &email)?;
        return Ok(tokens::void_all(person)?);
    }
    confirm_change(request, who, Kind::EmailChange, &email, settings)
}

fn change_phone(
    request: &Request,
    who: &SignedIn,
    text: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let phone = normalize_phone(text, "phone")?;
    let person = who.person.id;
    if who.person.phone.as_deref() == Some(&phone) {
        return Ok(());
    }
    if people::is_taken(person, None, Some(&phone))? {
        let message = "phone: somebody has it already";
        return Err(Refusal::new(422, "phone_exists", message).into());
    }
    if !settings.get::<bool>("require_email_confirmation")? {
        users::set_phone(person, &phone)?;
        return Ok(tokens::void_all(person)?);
    }
    confirm_change(request, who, Kind::PhoneChange, &phone, settings)
}

fn confirm_change(
    request: &Request,
    who: &SignedIn,
    kind: Kind,
    recipient: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    limit(&change_counters(who.person.id, kind, recipient, settings)?)?;
    let message = one_time::Request {
        kind,
        system: &request.system,
        recipient,
        redirect_to: request.parameter("redirect_to"),
        chosen: None,
    };
    Ok(start_change(&who.person, &message)?)
}

/// Merges: a key that is null goes, the others are set.
fn change_metadata(who: &SignedIn, data: &Map<String, Value>) -> Result<(), Failure> {
    if data.is_empty() {
        return Ok(());
    }
    let (changes, name) = split_metadata(data.clone())?;
    let mut metadata = match users::metadata(who.person.id)? {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    for (key, value) in changes {
        match value {
            Value::Null => drop(metadata.remove(&key)),
            value => drop(metadata.insert(key, value)),
        }
    }
    check_metadata(&metadata)?;
    Ok(users::set_metadata(who.person.id, Value::Object(metadata), name.as_deref())?)
}
