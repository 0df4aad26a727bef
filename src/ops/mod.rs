//! ops: what keeps a business running and accountable.
//!
//! The audit log ([`audit`]) records every change of every table that matters;
//! the outbox ([`outbox`]) holds what must leave the database until a worker
//! has sent it; [`jobs`] are what modules want done regularly; [`events`] tell
//! listeners at once what changed; [`inbox`] takes in what others tell us by
//! webhook; [`watch`] tells whether all is well. Old rows of a record move to its
//! archive ([`archive`]).

pub mod api;
pub mod archive;
pub mod audit;
pub mod events;
pub mod inbox;
pub mod jobs;
pub mod outbox;
pub mod personal;
mod store;
pub mod triggers;
pub mod watch;

/// Runs once in every backend that loads the library.
pub fn init() {
    audit::init();
    triggers::init();
    jobs::init();
    events::worker::init();
    inbox::init();
    watch::init();
}
