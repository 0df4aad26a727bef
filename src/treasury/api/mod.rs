//! The functions of the schema `treasury`. Each checks who calls, decodes, calls and
//! encodes.

pub mod rules;
mod splits;
mod stripe_accounts;
