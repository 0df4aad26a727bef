//! The SQL of the treasury, one file for each concept.

pub mod balance_transactions;
pub mod charges;
pub mod clock;
pub mod disputes;
pub mod payables;
pub mod payout_runs;
pub mod payouts;
pub mod platform_fees;
pub mod refunds;
pub mod requests;
pub mod risks;
pub mod rules;
pub mod stripe_accounts;
pub mod users;
