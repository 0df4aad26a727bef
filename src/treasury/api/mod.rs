//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

mod adjustments;
mod anomalies;
pub mod audit_logs;
mod charges;
mod health;
mod ledger_entries;
mod payouts;
mod reconcile;
mod reports;
mod requests;
pub mod rules;
mod splits;
mod stripe_accounts;
mod tax;
