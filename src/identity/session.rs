//! Sessions: a sign-in, the token pair that stands for it, and how it ends.
//!
//! The access token is a JWT that names the session; every request asks whether
//! the session is still good, so ending it ends the token. The refresh token is
//! exchanged for a new pair; see [`refresh`](crate::identity::refresh).

use crate::identity::store::sessions::{self as store, NewSession, Standing};
use crate::identity::store::users;
use crate::identity::token;
use crate::kernel::caller;
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::jwt;
use crate::kernel::request::{self, Headers};
use crate::kernel::settings::Settings;
use crate::ops::audit;
use pgrx::Uuid;
use serde_json::{Map, Value, json};

/// How a person proved who they are, as the claim `amr` has it (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Password,
    /// A one-time token that was sent to them.
    OneTime,
    Totp,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Password => "password",
            Method::OneTime => "otp",
            Method::Totp => "totp",
        }
    }

    fn proof(self) -> Value {
        json!({"method": self.as_str(), "timestamp": jwt::unix_now()})
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    SignedOut,
    TokenReused,
    PasswordChanged,
    SecondFactor,
    EndedByAdmin,
    Banned,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::SignedOut => "signed_out",
            EndReason::TokenReused => "token_reused",
            EndReason::PasswordChanged => "password_changed",
            EndReason::SecondFactor => "second_factor",
            EndReason::EndedByAdmin => "ended_by_admin",
            EndReason::Banned => "banned",
        }
    }
}

/// Opens a session for a person who proved who they are; the answer to the client.
pub fn open(person: Uuid, system: &str, method: Method) -> Result<Value> {
    let settings = Settings::of("identity")?;
    let headers = Headers::current();
    let address = headers.client_address();
    let session = store::insert(&NewSession {
        person,
        system,
        days: settings.get("session_days")?,
        keep_days: settings.get("ended_session_days")?,
        amr: json!([method.proof()]),
        address: address.as_deref(),
        user_agent: headers.user_agent(),
    })?;
    let details =
        json!({"system": system, "method": method.as_str(), "session_id": session.to_string()});
    record("sign_in", Some(person), details)?;
    pair(session, None, &settings)
}

/// A fresh pair of tokens for a session, as clients expect a session. `parent` is
/// the hash of the refresh token that was exchanged for it.
pub fn pair(session: Uuid, parent: Option<&[u8]>, settings: &Settings) -> Result<Value> {
    let refresh_token = token::new_token()?;
    store::insert_refresh_token(&token::hash(&refresh_token), session, parent)?;
    let state = store::for_token(session)?;
    let user = users::json(state.person)?.ok_or_else(|| Error::internal("no such person"))?;
    let now = jwt::unix_now();
    let lifetime: i64 = settings.get("access_token_seconds")?;
    let expires = (now + lifetime).min(state.not_after);
    let claims = json!({
        "iss": "backoffice",
        "sub": user["id"],
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": expires,
        "email": user["email"],
        "phone": user["phone"],
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "session_id": session.to_string(),
        "aal": state.aal,
        "amr": state.amr,
        "is_anonymous": false,
    });
    Ok(json!({
        "access_token": jwt::sign(&claims)?,
        "token_type": "bearer",
        "expires_in": expires - now,
        "expires_at": expires,
        "refresh_token": refresh_token,
        "user": user,
    }))
}

/// Raises a session to the second assurance level. Earlier refresh tokens are
/// spent: they were given for less.
pub fn raise(session: Uuid, factor: Uuid, settings: &Settings) -> Result<Value> {
    store::raise(session, factor, Method::Totp.proof())?;
    store::spend_refresh_tokens(session)?;
    pair(session, None, settings)
}

/// PT401 unless the token of the request is still good: its session has not ended
/// and is the person's, the person is not banned, and a second factor that the
/// token claims is still the session's. 42501 if the person has a second factor
/// and the token was given without it.
pub fn require_good() -> Result<()> {
    // Endpoints of auth_api judge the session themselves and answer in their form.
    if is_auth_request() {
        return Ok(());
    }
    let caller = caller::current();
    let Some(person) = caller.person() else { return Ok(()) };
    let standing = match caller.session {
        Some(session) => store::standing(session, person, caller.second_factor)?,
        None => Standing::Ended,
    };
    match standing {
        Standing::Good => Ok(()),
        Standing::LacksSecondFactor => {
            let message = "the session must be confirmed with the second factor first";
            Err(Error::forbidden(message).hint("Challenge and verify a factor of the person."))
        }
        Standing::Ended => {
            Err(Error::new(sqlstate::UNAUTHENTICATED, "the session of this token has ended")
                .hint("Refresh the session, or sign in again."))
        }
    }
}

/// PostgREST picks the schema of a POST by this header.
fn is_auth_request() -> bool {
    request::setting(c"request.method").as_deref() == Some("POST")
        && Headers::current().get("content-profile") == Some("auth_api")
}

/// Keeps in the audit log what a person did, or tried.
pub fn record(action: &str, person: Option<Uuid>, details: Value) -> Result<()> {
    let details = match details {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    audit::record_action("identity", action, person, details)
}
