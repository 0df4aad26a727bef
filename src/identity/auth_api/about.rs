//! What clients may know before anybody signed in.

use crate::identity::auth_api::answer::{Answer, Outcome, Refusal};
use crate::identity::auth_api::request::Request;
use crate::identity::hooks;
use crate::kernel::settings::Settings;
use serde_json::json;

/// GET settings
pub fn settings(request: &Request) -> Outcome {
    let settings = Settings::of("identity")?;
    let confirmed = !settings.get::<bool>("require_email_confirmation")?;
    let sign_up = settings.get("allow_sign_up")? && hooks::takes_sign_ups(&request.system);
    Ok(Answer::Json(json!({
        "external": {"email": true, "phone": true, "anonymous_users": false},
        "disable_signup": !sign_up,
        "mailer_autoconfirm": confirmed,
        "phone_autoconfirm": confirmed,
        "sms_provider": "",
        "mfa_enabled": true,
        "saml_enabled": false,
    })))
}

/// GET health
pub fn health(_: &Request) -> Outcome {
    Ok(Answer::Json(json!({
        "name": "backoffice",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "sign-in and sessions",
    })))
}

/// Whatever the gateway has no other function for.
pub fn not_found(request: &Request) -> Outcome {
    let message = format!("there is no {} {}", request.method, request.path);
    Err(Refusal::new(404, "not_found", message).into())
}
