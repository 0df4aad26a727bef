//! The functions of the schema `network`, with the names and parameters of the
//! document. Each checks who calls, decodes, calls and encodes.

mod commissions;
pub mod counters;
mod customers;
mod jobs;
mod levels;
mod metrics;
mod payouts;
mod pins;
pub mod portfolio;
mod promoters;
mod summaries;
mod tax;
pub mod visibility;
mod withdrawals;
