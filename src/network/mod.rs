//! network: promoters who bring customers, and what they earn for it.
//!
//! A [`promoter`] stands in a line below the one who brought them
//! ([`hierarchy`], shown as a [`tree`]). Creating a [`customer`] costs a PIN ([`pin`]) and pays a
//! [`commission`] to the creator and up to three promoters above; what nobody
//! claims goes to the admin wallet. The money is in the ledger ([`wallet`]); a
//! [`withdrawal`] holds it from the request until an admin has paid it out, less
//! [`tax`] and what the promoter owes back ([`debt`]) since a customer was cancelled
//! ([`reversal`]). What customers have invested is recorded in a [`portfolio`];
//! promoters rise by [`level`]; a [`summary`] counts by period; old rows go to the
//! [`archive`].

pub mod api;
pub mod archive;
mod bank;
pub mod commission;
mod customer;
mod debt;
mod erasure;
mod error;
mod hierarchy;
mod jobs;
pub mod level;
mod number;
mod pan;
mod payout;
mod payout_account;
mod period;
mod pin;
mod pin_request;
pub mod platform;
mod portfolio;
mod profile;
mod promoter;
mod reversal;
mod review;
mod savings;
mod store;
mod summary;
mod tax;
mod tax_rule;
mod tree;
mod triggers;
mod wallet;
mod watch;
mod withdrawal;

/// The system's name in settings, roles, ledger accounts and the outbox.
pub const SYSTEM: &str = "network";

/// Runs once in every backend: tells the floors below whom to call.
pub fn init() {
    crate::identity::hooks::install(crate::identity::hooks::Hooks {
        system: SYSTEM,
        signed_up: customer::signed_up,
        admin_made: platform::admin_made,
    });
    crate::identity::hooks::on_erasure(crate::identity::hooks::Erasure {
        may_erase: erasure::may_erase,
        erased: erasure::erased,
    });
    crate::kernel::roles::on_grant(platform::role_granted);
    jobs::init();
    watch::init();
}
