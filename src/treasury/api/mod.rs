//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

mod charges;
mod payouts;
mod requests;
pub mod rules;
mod splits;
mod stripe_accounts;
