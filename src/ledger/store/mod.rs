//! The SQL of the ledger.

pub mod accounts;
pub mod batch;
pub mod export;
pub mod holds;
pub mod keys;
pub mod limits;
pub mod reconcile;
pub mod reports;
pub mod reversals;
pub mod rows;
pub mod stripes;
pub mod transfers;
