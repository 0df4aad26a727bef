//! The SQL of the treasury, one file for each concept.

pub mod ledger_entries;
pub mod platform_fees;
pub mod requests;
pub mod rules;
pub mod stripe_accounts;
pub mod users;
