//! ops: what keeps a business running and accountable.
//!
//! The audit log ([`audit`]) records every change of every table that matters;
//! the outbox ([`outbox`]) holds what must leave the database until a worker
//! has sent it; [`jobs`] are what modules want done regularly.

pub mod api;
pub mod audit;
pub mod jobs;
pub mod outbox;
mod store;
pub mod triggers;
mod values;

/// Runs once in every backend that loads the library.
pub fn init() {
    audit::init();
    jobs::init();
}
