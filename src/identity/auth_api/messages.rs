//! Messages with one-time tokens that people ask for: to reset a password, to get
//! a message again, to prove once more who they are.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::request::{Request, invalid};
use crate::identity::auth_api::sign_in::recognise_typed;
use crate::identity::auth_api::signed_in::signed_in_alone;
use crate::identity::contact::Typed;
use crate::identity::one_time::{self, Kind};
use crate::identity::people;
use crate::identity::store::people::Person;
use crate::identity::throttle::{self, Counter};
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use pgrx::Uuid;
use serde_json::json;

/// POST recover: sends a token that opens a session to choose a password in. The
/// answer does not say whether anybody is known by the address.
pub fn recover(request: &Request) -> Outcome {
    let settings = Settings::of("identity")?;
    let typed = typed(request, &settings)?;
    let person = people::find(&typed)?.filter(|person| !person.banned);
    count_request(request, &settings)?;
    if let Some(person) = person
        && let Some(recipient) = address(&person, &typed)
        && may_send(Kind::Recovery, person.id, &settings)?
    {
        send(request, &person, Kind::Recovery, &recipient)?;
    }
    Ok(Answer::Json(json!({})))
}

/// POST resend {type, email or phone}: sends a message again to whom waits for it.
pub fn resend(request: &Request) -> Outcome {
    let settings = Settings::of("identity")?;
    let kind = request.required("type")?;
    let typed = typed(request, &settings)?;
    // A change is confirmed from the session that wants it, and known by the old address.
    let waiting: fn(&Person) -> Option<(Kind, &str)> = match kind {
        "signup" | "sms" => |person| {
            let address = person.email.as_deref().or(person.phone.as_deref());
            address.filter(|_| !person.confirmed).map(|address| (Kind::Confirmation, address))
        },
        "email_change" => |person| person.new_email.as_deref().map(|new| (Kind::EmailChange, new)),
        "phone_change" => |person| person.new_phone.as_deref().map(|new| (Kind::PhoneChange, new)),
        _ => return Err(invalid("type: must be signup, email_change, sms or phone_change")),
    };
    let person = people::find(&typed)?.filter(|person| !person.banned);
    count_request(request, &settings)?;
    if let Some(person) = person
        && let Some((kind, recipient)) = waiting(&person)
        && may_send(kind, person.id, &settings)?
    {
        send(request, &person, kind, recipient)?;
    }
    Ok(Answer::Json(json!({})))
}

/// GET reauthenticate: sends a code to a signed-in person, for `nonce` of PUT user.
pub fn reauthenticate(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let settings = Settings::of("identity")?;
    let address = who.person.email.as_ref().or(who.person.phone.as_ref());
    let recipient = address.ok_or_else(|| invalid("the person has no address"))?;
    limit(&[Counter::messages(Kind::Reauthentication, &who.person.id.to_string(), &settings)?])?;
    send(request, &who.person, Kind::Reauthentication, recipient)?;
    Ok(Answer::Json(json!({})))
}

/// Who is meant by the field `email` or `phone`.
pub fn typed(request: &Request, settings: &Settings) -> Result<Typed, Failure> {
    let (field, text) = match (request.text("email")?, request.text("phone")?) {
        (Some(email), _) => ("email", email),
        (None, Some(phone)) => ("phone", phone),
        (None, None) => return Err(invalid("email: a value is required")),
    };
    recognise_typed(text, settings)?
        .ok_or_else(|| invalid(format!("{field}: must be an e-mail address or a phone")))
}

/// Counts what comes from an address, also where nobody is known: the limit must
/// not tell. 429 for too many.
pub fn count_request(request: &Request, settings: &Settings) -> Result<(), Failure> {
    match &request.address {
        Some(address) => limit(&[Counter::message_requests(address, settings)?]),
        None => Ok(()),
    }
}

/// Counts what is limited. 429 for too many.
pub fn limit(counters: &[Counter]) -> Result<(), Failure> {
    if let Some(seconds) = throttle::locked_seconds(counters)? {
        return Err(Refusal::too_often("over_email_send_rate_limit", seconds).into());
    }
    throttle::count(counters)?;
    Ok(())
}

/// Counts a message that anybody asked for in the name of a person; false if it
/// must not be sent. Whoever asks is not told: too many were asked for by others,
/// perhaps, and the latest of those that were sent is still good.
pub fn may_send(kind: Kind, person: Uuid, settings: &Settings) -> Result<bool> {
    let counter = [Counter::messages(kind, &person.to_string(), settings)?];
    if throttle::locked_seconds(&counter)?.is_some() {
        return Ok(false);
    }
    throttle::count(&counter)?;
    Ok(true)
}

fn send(request: &Request, person: &Person, kind: Kind, recipient: &str) -> Result<()> {
    let redirect_to = request.parameter("redirect_to");
    one_time::send(
        person,
        &one_time::Request { kind, system: &request.system, recipient, redirect_to, chosen: None },
    )
}

/// Where to write to a person: the phone only if they named it or have nothing else.
fn address(person: &Person, typed: &Typed) -> Option<String> {
    let phone = person.phone.clone().filter(|_| matches!(typed, Typed::Phone(_)));
    phone.or_else(|| person.email.clone()).or_else(|| person.phone.clone())
}
