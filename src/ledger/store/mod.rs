//! The SQL of the ledger.

pub mod accounts;
pub mod archive;
pub mod batch;
pub mod checkpoints;
pub mod export;
pub mod history;
pub mod holds;
pub mod keys;
pub mod limits;
pub mod opening;
pub mod reconcile;
pub mod reports;
pub mod reversals;
pub mod rows;
pub mod seals;
pub mod stripes;
pub mod transfers;

pub mod chart;
pub mod currencies;
pub mod periods;
