//! identity: people, how they prove who they are, and their sessions.
//!
//! A person ([`people`]) has an e-mail address, a phone ([`contact`]), a
//! [`password`] and perhaps a second [`factor`]. A sign-in is a [`session`], kept
//! up by [`refresh`] tokens; [`one_time`] tokens prove an address. Products create
//! people and give them ids to sign in with; they learn of sign-ups through
//! [`hooks`]. The schema is never exposed: clients come through [`auth_api`],
//! which speaks the protocol of supabase-js.

pub mod api;
pub mod auth_api;
pub mod contact;
mod erasure;
mod factor;
pub mod hooks;
mod mail;
mod one_time;
mod password;
mod people;
mod purge;
mod refresh;
mod session;
mod store;
mod throttle;
mod token;
pub mod totp;
pub mod watch;

pub use contact::{normalize_email, normalize_phone};
pub use people::{
    NewPerson, PersonUpdate, create_invited, create_person, invite, refuse_erased, register_handle,
    update_person,
};
pub use store::people::contact;

/// Runs once in every backend that loads the library.
pub fn init() {
    purge::init();
    watch::init();
}
