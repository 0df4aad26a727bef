//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

mod adjustments;
mod health;
mod ledger_entries;
mod reconcile;
pub mod rules;
mod splits;
mod stripe_accounts;
