//! The SQL of the network, one file for each concept.

pub mod checks;
pub mod commissions;
pub mod events;
pub mod numbers;
pub mod payout_accounts;
pub mod pins;
pub mod platform;
pub mod profiles;
pub mod promoters;
pub mod reports;
pub mod reversals;
pub mod reviews;
pub mod tax;
pub mod watch;
pub mod withdrawals;
