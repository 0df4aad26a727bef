//! The SQL of the network, one file for each concept.

pub mod archive;
pub mod checks;
pub mod commissions;
pub mod events;
pub mod levels;
pub mod numbers;
pub mod payout_accounts;
pub mod periods;
pub mod pins;
pub mod platform;
pub mod portfolio;
pub mod profiles;
pub mod promoters;
pub mod reports;
pub mod reversals;
pub mod reviews;
pub mod summaries;
pub mod tax;
pub mod tree;
pub mod watch;
pub mod withdrawals;
