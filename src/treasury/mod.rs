//! treasury: what hosts and artists earn, and how it is split.
//!
//! A [`user`] has roles; hosts and artists write a [`rule`] that says who gets which part
//! of their revenue. [`split`] does the arithmetic: cents sum exactly, whatever the
//! rounding, and refunds give back what was given. What a rule was at any time is kept
//! ([`ownership`] says who may change one), and so is the [`platform_fee`], so that
//! editing never changes the past. [`preview`] shows what would become of an amount.
//!
//! Stripe tells by webhook ([`events`]) of each [`charge`], [`refund`] and [`dispute`], and
//! how it stands in the [`books`] follows from what is known of it ([`standing`]). What is
//! to be asked of Stripe is a [`request`] that a worker makes. People are paid by
//! [`payout`]s to a [`stripe_account`], one by one ([`initiation`]) or by a [`payout_run`].
//!
//! Admins correct by [`adjustment`] and [`overriding`], large sums with a [`second`] one, and
//! [`reconcile`] compares the books with Stripe's. What is odd about money becomes an
//! [`anomaly`], and what somebody must know at once an [`alert`]. Whoever must account for
//! it all gets a [`report`], and buyers an [`invoice`].

mod adjustment;
pub mod alert;
mod amount;
pub mod anomaly;
pub mod api;
mod audit_log;
pub mod balance_transaction;
pub mod books;
pub mod charge;
mod dispute;
mod erasure;
mod error;
mod events;
mod health;
mod initiation;
mod invoice;
mod jobs;
mod ledger_entry;
mod overriding;
mod ownership;
pub mod payable;
mod payout;
mod payout_event;
mod payout_run;
mod platform_fee;
mod preview;
mod reconcile;
pub mod refund;
pub mod report;
mod request;
mod retention;
mod risk;
mod rule;
mod second;
mod sending;
mod split;
mod split_rule;
mod standing;
pub mod store;
mod stripe_account;
mod tax_profile;
mod triggers;
pub mod user;
mod watch;

#[cfg(feature = "pg_test")]
pub use store::charges::broken_rules;

/// The system's name in settings and roles.
pub const SYSTEM: &str = "treasury";

/// Runs once in every backend: tells the floors below whom to call.
pub fn init() {
    crate::identity::hooks::install(crate::identity::hooks::Hooks {
        system: SYSTEM,
        signed_up: user::signed_up,
        admin_made: user::admin_made,
    });
    report::init();
    crate::ops::inbox::register(crate::ops::inbox::Handler {
        source: crate::ops::inbox::Source::Stripe,
        system: SYSTEM,
        handle: events::handle,
    });
    crate::identity::hooks::on_erasure(crate::identity::hooks::Erasure {
        may_erase: erasure::may_erase,
        erased: |_| Ok(()),
    });
    crate::ops::watch::check::register(reconcile::CHECK);
    [reconcile::JOB, retention::EXPIRE, retention::PURGE]
        .into_iter()
        .for_each(crate::ops::jobs::register);
    jobs::init();
    watch::init();
    alert::init();
    anomaly::init();
}
