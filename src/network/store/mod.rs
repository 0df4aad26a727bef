//! The SQL of the network, one file for each concept.

pub mod archive;
pub mod commissions;
pub mod levels;
pub mod numbers;
pub mod periods;
pub mod pins;
pub mod platform;
pub mod portfolio;
pub mod profiles;
pub mod promoters;
pub mod reports;
pub mod summaries;
pub mod tree;
pub mod withdrawals;
