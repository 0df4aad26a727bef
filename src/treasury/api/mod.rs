//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

mod ledger_entries;
pub mod rules;
mod splits;
mod stripe_accounts;
