//! The ledger inside PostgreSQL, one file for each concept.

mod accounts;
mod callers;
mod drop_guard;
mod expiry;
mod holds;
mod idempotency;
mod inputs;
mod posting;
mod proof;
mod reports;
mod reversal;
mod statement;
mod stripes;
pub mod support;
mod tampering;
