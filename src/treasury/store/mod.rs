//! The SQL of the treasury, one file for each concept.

pub mod adjustments;
pub mod health;
pub mod ledger_entries;
pub mod overrides;
pub mod platform_fees;
pub mod reconcile;
pub mod requests;
pub mod rules;
pub mod stripe_accounts;
pub mod users;
