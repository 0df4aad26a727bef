//! The SQL of the ledger.

pub mod accounts;
pub mod batch;
pub mod holds;
pub mod reports;
pub mod rows;
pub mod transfers;
