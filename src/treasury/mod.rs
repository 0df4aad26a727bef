//! treasury: what hosts and artists earn, and how it is split.
//!
//! A [`user`] has roles; hosts and artists write a [`rule`] that says who gets which part
//! of their revenue. [`split`] does the arithmetic: cents sum exactly, whatever the
//! rounding, and refunds give back what was given. What a rule was at any time is kept
//! ([`ownership`] says who may change one), and so is the [`platform_fee`], so that
//! editing never changes the past. [`preview`] shows what would become of an amount. People are paid to a
//! [`stripe_account`], which is as Stripe last described it.

mod amount;
pub mod api;
pub mod balance_transaction;
pub mod books;
pub mod charge;
mod dispute;
mod error;
mod events;
mod initiation;
mod jobs;
mod ownership;
mod payable;
mod payout;
mod payout_event;
mod payout_run;
mod platform_fee;
mod preview;
pub mod refund;
mod request;
mod risk;
mod rule;
mod sending;
mod split;
mod split_rule;
mod standing;
mod store;
mod stripe_account;
mod triggers;
pub mod user;
mod watch;

/// The system's name in settings and roles.
pub const SYSTEM: &str = "treasury";

/// Runs once in every backend: tells the floors below whom to call.
pub fn init() {
    crate::identity::hooks::install(crate::identity::hooks::Hooks {
        system: SYSTEM,
        signed_up: user::signed_up,
        admin_made: user::admin_made,
    });
    crate::ops::inbox::register(crate::ops::inbox::Handler {
        source: crate::ops::inbox::Source::Stripe,
        system: SYSTEM,
        handle: events::handle,
    });
    jobs::init();
    watch::init();
}
