//! One-time tokens come back: by POST from a client, by GET from a link.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::messages::typed;
use crate::identity::auth_api::request::{Request, invalid};
use crate::identity::mail::{Places, encode};
use crate::identity::one_time::{self, Kind, Proof};
use crate::identity::people;
use crate::identity::session::{self, Method};
use crate::identity::store::people::{self as store, Person};
use crate::identity::store::{tokens, users};
use crate::identity::throttle::{self, Counter};
use crate::kernel::error::{Error, Result};
use crate::kernel::settings::Settings;
use serde_json::Value;

/// POST verify {type, token_hash} or {type, email or phone, token}; GET verify
/// with the long token and the type in the query.
pub fn verify(request: &Request) -> Outcome {
    if request.method == "GET" {
        return from_link(request);
    }
    let kind = kind(request.text("type")?)?;
    let session = match request.text("token_hash")? {
        Some(long) => by_token(request, kind, long)?,
        None => by_code(request, kind)?,
    };
    Ok(Answer::Json(session))
}

/// What the client calls a kind.
fn kind(name: Option<&str>) -> Result<Kind, Failure> {
    match name {
        Some("signup" | "email" | "sms") => Ok(Kind::Confirmation),
        Some("recovery") => Ok(Kind::Recovery),
        Some("invite") => Ok(Kind::Invite),
        Some("email_change") => Ok(Kind::EmailChange),
        Some("phone_change") => Ok(Kind::PhoneChange),
        _ => Err(invalid(
            "type: must be signup, email, sms, recovery, invite, email_change or phone_change",
        )),
    }
}

/// A link was followed. With `redirect_to` the browser goes on to the site, with the
/// session or the error in the fragment, as supabase-js reads it; without, it gets JSON.
fn from_link(request: &Request) -> Outcome {
    let parameter = |name| request.parameter(name);
    let Some(wished) = parameter("redirect_to") else {
        return link_session(request).map(|(_, session)| Answer::Json(session));
    };
    let places = Places::from_settings(&Settings::of("identity")?)?;
    let destination = places.destination(Some(wished)).to_owned();
    let destination = destination.split('#').next().unwrap_or_default();
    match link_session(request) {
        Ok((kind, session)) => {
            Ok(Answer::Redirect(format!("{destination}#{}", fragment(kind, &session))))
        }
        Err(Failure::Refused(refusal)) => {
            let place = format!(
                "{destination}#error=access_denied&error_code={}&error_description={}",
                refusal.code,
                encode(&refusal.message)
            );
            Err(refusal.redirecting_to(place).into())
        }
        Err(broken) => Err(broken),
    }
}

fn link_session(request: &Request) -> Result<(&str, Value), Failure> {
    let name = request.parameter("type").unwrap_or_default();
    let long = request.parameter("token").or_else(|| request.parameter("token_hash"));
    let long = long.ok_or_else(|| invalid("token: a value is required"))?;
    Ok((name, by_token(request, kind(Some(name))?, long)?))
}

fn fragment(kind: &str, session: &Value) -> String {
    let text = |name: &str| encode(session[name].as_str().unwrap_or_default());
    format!(
        "access_token={}&expires_at={}&expires_in={}&refresh_token={}&token_type=bearer&type={}",
        text("access_token"),
        session["expires_at"],
        session["expires_in"],
        text("refresh_token"),
        encode(kind),
    )
}

fn by_token(request: &Request, kind: Kind, long: &str) -> Result<Value, Failure> {
    let (person, proof) = one_time::take_token(kind, long)?.ok_or_else(expired)?;
    accept(request, kind, &person, proof)
}

fn by_code(request: &Request, kind: Kind) -> Result<Value, Failure> {
    let settings = Settings::of("identity")?;
    let code = request.required("token")?;
    let counters = match &request.address {
        Some(address) => vec![Counter::address(address, &settings)?],
        None => Vec::new(),
    };
    if let Some(seconds) = throttle::locked_seconds(&counters)? {
        return Err(Refusal::too_often("over_request_rate_limit", seconds).into());
    }
    let person = match kind {
        // The person is known by the old address; the client knows the new one as well.
        Kind::EmailChange | Kind::PhoneChange => {
            let typed = typed(request, &settings)?;
            match people::find(&typed)? {
                Some(person) => Some(person),
                None => store::by_new_address(typed.as_str())?,
            }
        }
        _ => people::find(&typed(request, &settings)?)?,
    };
    let proof = match &person {
        Some(person) => one_time::take_code(person, kind, code)?,
        None => None,
    };
    match (person, proof) {
        (Some(person), Some(proof)) => accept(request, kind, &person, proof),
        (person, _) => Err(expired()
            .remembering(move || {
                throttle::count(&counters)?;
                person.map_or(Ok(()), |person| one_time::count_attempt(person.id, kind))
            })
            .into()),
    }
}

/// The same answer for a wrong, a used and an old token.
fn expired() -> Refusal {
    Refusal::new(403, "otp_expired", "Token has expired or is invalid")
}

/// The person has proved that the recipient's address is theirs.
fn accept(request: &Request, kind: Kind, person: &Person, proof: Proof) -> Result<Value, Failure> {
    let recipient = proof.recipient.as_str();
    if person.banned {
        return Err(Refusal::new(403, "user_banned", "this person is banned").into());
    }
    match kind {
        Kind::EmailChange => change(person, recipient, person.new_email.as_deref(), "email")?,
        Kind::PhoneChange => change(person, recipient, person.new_phone.as_deref(), "phone")?,
        Kind::Confirmation => {
            users::confirm(person.id, recipient)?;
            if let Some(chosen) = proof.chosen {
                users::adopt(person.id, chosen)?;
            }
        }
        Kind::Recovery | Kind::Invite | Kind::Reauthentication => {
            users::confirm(person.id, recipient)?;
            // Who signed up with this address is not known to be this person.
            tokens::void(person.id, Kind::Confirmation.as_str())?;
        }
    }
    let now = store::by_id(person.id)?.ok_or_else(|| Error::internal("no such person"))?;
    users::mark_sign_in(now.id, now.password_hash.as_deref())?;
    Ok(session::open(now.id, &request.system, Method::OneTime)?)
}

/// The new address takes the place of the old one, and tokens sent there are void.
fn change(
    person: &Person,
    recipient: &str,
    wanted: Option<&str>,
    field: &str,
) -> Result<(), Failure> {
    if wanted != Some(recipient) {
        return Err(expired().into());
    }
    let (email, phone) =
        if field == "email" { (Some(recipient), None) } else { (None, Some(recipient)) };
    if store::is_taken(person.id, email, phone)? {
        let code = if field == "email" { "email_exists" } else { "phone_exists" };
        return Err(Refusal::new(422, code, format!("{field}: somebody has it already")).into());
    }
    match email {
        Some(email) => users::set_email(person.id, email)?,
        None => users::set_phone(person.id, recipient)?,
    }
    tokens::void_all(person.id)?;
    Ok(())
}
