//! The ledger inside PostgreSQL, one file for each concept.

mod accounts;
mod balancing;
mod batch;
mod callers;
mod chart;
mod currencies;
mod drop_guard;
mod expiry;
mod holds;
mod hostile;
mod idempotency;
mod inputs;
mod keys;
mod limits;
mod parts;
mod periods;
mod posting;
mod proof;
mod reports;
mod reversal;
mod shares;
mod statement;
mod statements;
mod stripes;
pub mod support;
mod tampering;
