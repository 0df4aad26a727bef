//! Second factors: enrol, challenge, verify, unenrol.

use crate::identity::auth_api::answer::{Answer, Failure, Outcome, Refusal};
use crate::identity::auth_api::request::{Request, invalid};
use crate::identity::auth_api::signed_in::{SignedIn, signed_in_alone};
use crate::identity::factor;
use crate::identity::session::{self, EndReason};
use crate::identity::store::factors::{self as store, Factor};
use crate::identity::store::sessions;
use crate::identity::throttle::{self, Counter};
use crate::kernel::ids::parse_id;
use crate::kernel::settings::Settings;
use pgrx::Uuid;
use serde_json::json;

const NAME_MOST: usize = 100;

/// POST factors {factor_type, friendly_name, issuer}
pub fn enroll(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let settings = Settings::of("identity")?;
    match request.required("factor_type")? {
        "totp" => {}
        "phone" => return Err(unsupported("mfa_phone_enroll_not_enabled")),
        "webauthn" => return Err(unsupported("mfa_webauthn_enroll_not_enabled")),
        _ => return Err(invalid("factor_type: must be totp")),
    }
    let name = label(request, "friendly_name")?.unwrap_or_default();
    let issuer = label(request, "issuer")?.unwrap_or(&request.system);
    who.require_second_factor(403)?;
    let person = &who.person;
    factor::forget_abandoned(person.id)?;
    let (count, _) = store::count(person.id)?;
    if count >= settings.get::<i64>("max_factors")? {
        let message = "the person has as many factors as are allowed";
        return Err(Refusal::new(422, "too_many_enrolled_mfa_factors", message).into());
    }
    let account = person.email.as_ref().or(person.phone.as_ref());
    let account = account.cloned().unwrap_or_else(|| person.id.to_string());
    let enrolled = factor::enrol(person.id, name, issuer, &account)?;
    let (id, shown) = enrolled.ok_or_else(|| {
        let message = "friendly_name: the person has a factor of this name";
        Refusal::new(422, "mfa_factor_name_conflict", message)
    })?;
    Ok(Answer::Json(json!({
        "id": id.to_string(),
        "type": "totp",
        "friendly_name": name,
        "totp": {"qr_code": shown.qr_code, "secret": shown.secret, "uri": shown.uri},
    })))
}

fn unsupported(code: &'static str) -> Failure {
    Refusal::new(422, code, "factor_type: must be totp").into()
}

/// A text that authenticator apps show; a colon would end it there.
fn label<'r>(request: &'r Request, field: &str) -> Result<Option<&'r str>, Failure> {
    let text = request.text(field)?.map(str::trim).filter(|text| !text.is_empty());
    let bad = |text: &&str| {
        text.chars().count() > NAME_MOST || text.contains(|c: char| c == ':' || c.is_control())
    };
    match text.filter(bad) {
        Some(_) => Err(invalid(format!(
            "{field}: must have at most {NAME_MOST} characters, no colon and no control characters"
        ))),
        None => Ok(text),
    }
}

/// The factor that the path names, `factors/<uuid>/…`, if it is the person's.
fn named(request: &Request, who: &SignedIn) -> Result<(Uuid, Factor), Failure> {
    let not_found = || Refusal::new(404, "mfa_factor_not_found", "no such factor");
    let id = request.path.split('/').nth(1).unwrap_or_default();
    let id = parse_id(id, "factor_id")?;
    let factor = store::lock(id, who.person.id)?.ok_or_else(not_found)?;
    Ok((id, factor))
}

/// POST factors/:id/challenge
pub fn challenge(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let (id, _) = named(request, &who)?;
    let seconds = Settings::of("identity")?.get("challenge_seconds")?;
    let (challenge, expires_at) = store::challenge(id, seconds)?;
    Ok(Answer::Json(json!({
        "id": challenge.to_string(),
        "type": "totp",
        "expires_at": expires_at,
    })))
}

/// POST factors/:id/verify {challenge_id, code}: the session rises to aal2, and
/// sessions without a second factor end.
pub fn verify(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let settings = Settings::of("identity")?;
    let (id, factor) = named(request, &who)?;
    let challenge = parse_id(request.required("challenge_id")?, "challenge_id")?;
    let code = request.required("code")?;
    let counters = [Counter::second_factor(&who.person.id.to_string(), &settings)?];
    if let Some(seconds) = throttle::locked_seconds(&counters)? {
        return Err(Refusal::too_often("over_request_rate_limit", seconds).into());
    }
    if !store::take_challenge(challenge, id)? {
        let message = "the challenge is unknown, used or too old";
        return Err(Refusal::new(422, "mfa_challenge_expired", message).into());
    }
    if !factor::accept_code(id, &factor, code)? {
        return Err(wrong_code(&who, id, counters));
    }
    throttle::clear(&counters[0])?;
    let person = who.person.id;
    factor::forget_unverified(person, 0)?;
    sessions::end_unraised(person, who.session, EndReason::SecondFactor.as_str())?;
    let details = json!({"factor_id": id.to_string(), "session_id": who.session.to_string()});
    session::record("second_factor", Some(person), details)?;
    Ok(Answer::Json(session::raise(who.session, id, &settings)?))
}

/// The challenge stays good: the person may have mistyped.
fn wrong_code(who: &SignedIn, factor: Uuid, counters: [Counter; 1]) -> Failure {
    let person = who.person.id;
    Refusal::new(422, "mfa_verification_failed", "Invalid TOTP code entered")
        .remembering(move || {
            throttle::count(&counters)?;
            let details = json!({"factor_id": factor.to_string()});
            session::record("second_factor_failed", Some(person), details)
        })
        .into()
}

/// DELETE factors/:id: sessions that it raised fall back to aal1.
pub fn delete(request: &Request) -> Outcome {
    let who = signed_in_alone()?;
    let (id, factor) = named(request, &who)?;
    if factor.verified && !who.second_factor {
        let message = "the session must be confirmed with the second factor first";
        return Err(Refusal::new(422, "insufficient_aal", message).into());
    }
    sessions::lower(id)?;
    factor::remove(id, &factor)?;
    Ok(Answer::Json(json!({"id": id.to_string()})))
}
