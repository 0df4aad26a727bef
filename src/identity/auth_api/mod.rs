//! auth_api: sign-up, sign-in and sessions over HTTP, as supabase-js expects
//! them from GoTrue.
//!
//! The gateway posts every request below `/auth/v1/` to one of the functions of
//! [`functions`], with the body's bytes as they came. A [`request`] is read, an endpoint answers it or refuses it ([`answer`]). The rules are those of
//! [`identity`](crate::identity).

mod about;
mod answer;
mod factors;
pub mod functions;
mod messages;
pub(super) mod request;
mod sign_in;
mod sign_up;
mod signed_in;
mod user;
mod verify;
