//! The functions of the schema `network`, with the names and parameters of the
//! document. Each checks who calls, decodes, calls and encodes.

mod commissions;
pub mod counters;
mod customers;
mod metrics;
mod payouts;
mod pins;
mod promoters;
mod tax;
mod withdrawals;
