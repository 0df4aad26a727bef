//! The SQL of the treasury, one file for each concept.

pub mod adjustments;
pub mod anomalies;
pub mod anomaly_history;
pub mod anomaly_marks;
pub mod anomaly_watch;
pub mod audit_logs;
pub mod balance_transactions;
pub mod charges;
pub mod clock;
pub mod disputes;
pub mod erasure;
pub mod health;
pub mod ledger_entries;
pub mod overrides;
pub mod payables;
pub mod payout_runs;
pub mod payouts;
pub mod platform_fees;
pub mod reconcile;
pub mod refunds;
pub mod requests;
pub mod retention;
pub mod risks;
pub mod rules;
pub mod stripe_accounts;
pub mod users;
