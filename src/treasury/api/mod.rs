//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

pub mod rules;
mod reports;
mod splits;
mod stripe_accounts;
mod tax;
