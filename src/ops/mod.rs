//! ops: what keeps a business running and accountable.
//!
//! The audit log ([`audit`]) records every change of every table that matters;
//! the outbox ([`outbox`]) holds what must leave the database until a worker
//! has sent it. Old rows of a record move to its archive ([`archive`]).

pub mod api;
pub mod archive;
pub mod audit;
pub mod outbox;
mod store;
pub mod triggers;
mod values;
