//! The ledger inside PostgreSQL, one file for each concept.

mod holds;
mod posting;
pub mod support;
