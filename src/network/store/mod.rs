//! The SQL of the network, one file for each concept.

pub mod commissions;
pub mod events;
pub mod numbers;
pub mod pins;
pub mod platform;
pub mod profiles;
pub mod promoters;
pub mod reports;
pub mod watch;
pub mod withdrawals;
