//! The ledger inside PostgreSQL, one file for each concept.

mod accounts;
mod balancing;
mod callers;
mod drop_guard;
mod expiry;
mod export;
mod holds;
mod hostile;
mod idempotency;
mod inputs;
mod keys;
mod limits;
mod parts;
mod posting;
mod proof;
mod reconcile;
mod reports;
mod reversal;
mod shares;
mod statement;
mod stripes;
pub mod support;
mod tampering;
