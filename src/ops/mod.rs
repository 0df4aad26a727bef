//! ops: what keeps a business running and accountable.
//!
//! The audit log ([`audit`]) records every change of every table that matters;
//! the outbox ([`outbox`]) holds what must leave the database until a worker
//! has sent it.

pub mod api;
pub mod audit;
pub mod outbox;
pub mod personal;
mod store;
pub mod triggers;
mod values;
