//! Sign-in by password, the exchange of refresh tokens, and sign-out.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::request::{Request, invalid};
use crate::identity::auth_api::signed_in::signed_in;
use crate::identity::contact::{Typed, recognise};
use crate::identity::refresh::{self, Exchange, Verdict};
use crate::identity::session::{self, EndReason, Method};
use crate::identity::store::people::Person;
use crate::identity::store::{sessions, users};
use crate::identity::throttle::{self, Counter};
use crate::identity::{password, people};
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use pgrx::Uuid;
use serde_json::json;

/// POST token?grant_type=password|refresh_token
pub fn token(request: &Request) -> Outcome {
    match request.parameter("grant_type") {
        Some("password") => by_password(request),
        Some("refresh_token") => by_refresh_token(request),
        _ => Err(invalid("grant_type: must be password or refresh_token")),
    }
}

/// The field `email` may hold an e-mail address, a phone or an id of a product;
/// the field `phone` as well.
fn by_password(request: &Request) -> Outcome {
    let typed = match request.text("email")? {
        Some(text) => text,
        None => request.text("phone")?.ok_or_else(|| invalid("email: a value is required"))?,
    };
    let password = request.required("password")?;
    let settings = Settings::of("identity")?;
    let known = recognise_typed(typed, &settings)?;
    let person = known.as_ref().map(people::find).transpose()?.flatten();
    let counters = counters(request, typed, known.as_ref(), person.as_ref(), &settings)?;
    if let Some(seconds) = throttle::locked_seconds(&counters)? {
        return Err(Refusal::too_often("over_request_rate_limit", seconds).into());
    }
    let hash = person
        .as_ref()
        .and_then(|person| person.password_hash.as_deref().or(person.pending_hash.as_deref()));
    // Also where nobody is known, so that it takes as long.
    match (password::verify(password, hash), person) {
        (true, Some(person)) => welcome(request, &person, counters),
        (_, person) => Err(wrong(request, person.map(|person| person.id), counters)),
    }
}

/// Recognises what was typed in the country that the settings name.
pub fn recognise_typed(text: &str, settings: &Settings) -> Result<Option<Typed>> {
    let country: String = settings.get("default_country_code")?;
    Ok(recognise(text, country.trim_start_matches('+')))
}

/// What success clears comes first.
fn counters(
    request: &Request,
    typed: &str,
    known: Option<&Typed>,
    person: Option<&Person>,
    settings: &Settings,
) -> Result<Vec<Counter>> {
    let whose = match (person, known) {
        (Some(person), _) => person.id.to_string(),
        (None, known) => known.map_or(typed, Typed::as_str).to_owned(),
    };
    let address = request.address.as_deref().unwrap_or_default();
    let mut counters = vec![
        Counter::account_there(&whose, address, settings)?,
        Counter::account(&whose, settings)?,
    ];
    if let Some(address) = &request.address {
        counters.push(Counter::address(address, settings)?);
    }
    Ok(counters)
}

/// The same answer whatever was wrong.
fn wrong(request: &Request, person: Option<Uuid>, counters: Vec<Counter>) -> Failure {
    let details = json!({"system": request.system});
    Refusal::new(400, "invalid_credentials", "Invalid login credentials")
        .remembering(move || {
            throttle::count(&counters)?;
            session::record("sign_in_failed", person, details)
        })
        .into()
}

/// The password is right.
fn welcome(request: &Request, person: &Person, counters: Vec<Counter>) -> Outcome {
    if person.banned {
        return Err(Refusal::new(403, "user_banned", "this person is banned").into());
    }
    if !person.confirmed {
        let message = "the address must be confirmed before the first sign-in";
        return Err(Refusal::new(400, "email_not_confirmed", message).into());
    }
    // Somebody changed it while we were checking: it is the wrong one now.
    if !users::mark_sign_in(person.id, person.password_hash.as_deref())? {
        return Err(wrong(request, Some(person.id), counters));
    }
    if let Some(here) = counters.first() {
        throttle::clear(here)?;
    }
    session::open(person.id, &request.system, Method::Password)
        .map(Answer::Json)
        .map_err(Into::into)
}

fn by_refresh_token(request: &Request) -> Outcome {
    match refresh::exchange(request.required("refresh_token")?)? {
        Exchange::Done(session) => Ok(Answer::Json(session)),
        Exchange::Unknown => Err(not_found().into()),
        Exchange::Refused { verdict, session, person } => Err(match verdict {
            Verdict::Stolen => Refusal::new(
                400,
                "refresh_token_already_used",
                "Invalid Refresh Token: Already Used",
            )
            .remembering(move || refresh::end_stolen(session, person)),
            Verdict::Banned => Refusal::new(403, "user_banned", "this person is banned"),
            Verdict::Expired => {
                Refusal::new(400, "session_expired", "Invalid Refresh Token: Session Expired")
            }
            Verdict::Ended | Verdict::Fresh | Verdict::Retry => not_found(),
        }
        .into()),
    }
}

fn not_found() -> Refusal {
    Refusal::new(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
}

/// POST logout?scope=global|local|others
pub fn logout(request: &Request) -> Outcome {
    let who = signed_in()?;
    let (person, reason) = (who.person.id, EndReason::SignedOut.as_str());
    let scope = request.parameter("scope").unwrap_or("global");
    match scope {
        "global" => sessions::end_all(person, None, reason).map(drop)?,
        "others" => sessions::end_all(person, Some(who.session), reason).map(drop)?,
        "local" => sessions::end(who.session, reason)?,
        _ => return Err(invalid("scope: must be global, local or others")),
    }
    let details =
        json!({"scope": scope, "system": request.system, "session_id": who.session.to_string()});
    session::record("sign_out", Some(person), details)?;
    Ok(Answer::Nothing)
}
