//! ops: what keeps a business running and accountable.
//!
//! The audit log ([`audit`]) records every change of every table that matters;
//! the outbox ([`outbox`]) holds what must leave the database until a worker
//! has sent it; [`events`] tell listeners at once what changed;
//! [`watch`] tells whether all is well.

pub mod api;
pub mod audit;
pub mod events;
pub mod outbox;
mod store;
pub mod triggers;
mod values;
pub mod watch;

/// Runs once in every process that loads the library.
pub fn init() {
    events::worker::init();
    watch::init();
}
