//! The SQL of the treasury, one file for each concept.

pub mod balance_transactions;
pub mod charges;
pub mod disputes;
pub mod invoices;
pub mod platform_fees;
pub mod refunds;
pub mod reports;
pub mod requests;
pub mod rules;
pub mod stripe_accounts;
pub mod tax;
pub mod users;
