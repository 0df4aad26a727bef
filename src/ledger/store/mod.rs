//! The SQL of the ledger.

pub mod accounts;
pub mod holds;
pub mod limits;
pub mod reports;
pub mod rows;
pub mod stripes;
pub mod transfers;
