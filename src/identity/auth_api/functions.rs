//! The functions of the schema `auth_api`, one for each endpoint. Each takes the
//! body's bytes and answers json; `sql/identity/functions.sql` declares them,
//! because PostgREST passes raw bodies only to one unnamed argument.

use crate::identity::auth_api::answer::{serve, serve_write};
use crate::identity::auth_api::{about, factors, messages, sign_in, sign_up, user, verify};
use crate::kernel::json::JsonText;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

type Answered = Result<Option<JsonText>, ErrorReport>;

/// POST signup: a new person, who must confirm the address or has a session at once.
#[pg_extern(sql = false)]
fn auth_api_signup(body: Option<&[u8]>) -> Answered {
    serve_write(body, sign_up::signup)
}

/// POST token: a session for a password or a refresh token.
#[pg_extern(sql = false)]
fn auth_api_token(body: Option<&[u8]>) -> Answered {
    serve_write(body, sign_in::token)
}

/// POST logout: ends this session, the others or all.
#[pg_extern(sql = false)]
fn auth_api_logout(body: Option<&[u8]>) -> Answered {
    serve_write(body, sign_in::logout)
}

/// GET user: the signed-in person.
#[pg_extern(sql = false)]
fn auth_api_user_get(body: Option<&[u8]>) -> Answered {
    serve(body, user::get)
}

/// PUT user: changes e-mail, phone, password or metadata of the signed-in person.
#[pg_extern(sql = false)]
fn auth_api_user_put(body: Option<&[u8]>) -> Answered {
    serve_write(body, user::put)
}

/// GET user/export: everything that the database has about the signed-in person.
#[pg_extern(sql = false)]
fn auth_api_user_export(body: Option<&[u8]>) -> Answered {
    serve_write(body, user::export)
}

/// POST recover: sends a one-time token to choose a new password with.
#[pg_extern(sql = false)]
fn auth_api_recover(body: Option<&[u8]>) -> Answered {
    serve_write(body, messages::recover)
}

/// POST resend: sends a confirmation again.
#[pg_extern(sql = false)]
fn auth_api_resend(body: Option<&[u8]>) -> Answered {
    serve_write(body, messages::resend)
}

/// GET reauthenticate: sends a code that allows to change the password.
#[pg_extern(sql = false)]
fn auth_api_reauthenticate(body: Option<&[u8]>) -> Answered {
    serve_write(body, messages::reauthenticate)
}

/// POST or GET verify: a session for a one-time token.
#[pg_extern(sql = false)]
fn auth_api_verify(body: Option<&[u8]>) -> Answered {
    serve_write(body, verify::verify)
}

/// POST factors: a TOTP factor that waits for its first code.
#[pg_extern(sql = false)]
fn auth_api_factor_enroll(body: Option<&[u8]>) -> Answered {
    serve_write(body, factors::enroll)
}

/// POST factors/:id/challenge: asks for a code.
#[pg_extern(sql = false)]
fn auth_api_factor_challenge(body: Option<&[u8]>) -> Answered {
    serve_write(body, factors::challenge)
}

/// POST factors/:id/verify: raises the session to aal2 for a right code.
#[pg_extern(sql = false)]
fn auth_api_factor_verify(body: Option<&[u8]>) -> Answered {
    serve_write(body, factors::verify)
}

/// DELETE factors/:id: removes a factor.
#[pg_extern(sql = false)]
fn auth_api_factor_delete(body: Option<&[u8]>) -> Answered {
    serve_write(body, factors::delete)
}

/// GET settings: what clients may know before sign-in.
#[pg_extern(sql = false)]
fn auth_api_settings(body: Option<&[u8]>) -> Answered {
    serve(body, about::settings)
}

/// GET health: name and version.
#[pg_extern(sql = false)]
fn auth_api_health(body: Option<&[u8]>) -> Answered {
    serve(body, about::health)
}

/// Every other path: 404.
#[pg_extern(sql = false)]
fn auth_api_not_found(body: Option<&[u8]>) -> Answered {
    serve(body, about::not_found)
}
