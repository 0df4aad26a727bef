//! network: promoters who bring customers, and what they earn for it.
//!
//! A [`promoter`] stands in a line below the one who brought them
//! ([`hierarchy`]). Creating a [`customer`] costs a PIN ([`pin`]) and pays a
//! [`commission`] to the creator and up to three promoters above; what nobody
//! claims goes to the admin wallet. The money is in the ledger ([`wallet`]); a
//! [`withdrawal`] holds it from the request until an admin has paid it out.

pub mod api;
mod bank;
pub mod commission;
mod customer;
mod error;
mod hierarchy;
mod input;
mod jobs;
mod number;
mod pin;
mod pin_request;
pub mod platform;
mod profile;
mod promoter;
mod store;
mod triggers;
mod wallet;
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
    crate::kernel::roles::on_grant(platform::role_granted);
    jobs::init();
}
