//! The SQL of the treasury, one file for each concept.

/// Whether the account `a` at Stripe can be paid to: the conditions are those of
/// stripe_account::Account::missing.
macro_rules! is_ready {
    () => {
        "(a.details_submitted and a.charges_enabled and a.payouts_enabled
          and coalesce(a.requirements ->> 'disabled_reason', '') not like 'rejected%'
          and coalesce(a.requirements -> 'currently_due', '[]') = '[]'
          and coalesce(a.requirements -> 'past_due', '[]') = '[]')"
    };
}

pub mod adjustments;
pub mod anomalies;
pub mod anomaly_history;
pub mod anomaly_marks;
pub mod anomaly_payouts;
pub mod anomaly_watch;
pub mod audit_logs;
pub mod balance_transactions;
pub mod charges;
pub mod clock;
pub mod disputes;
pub mod erasure;
pub mod events;
pub mod health;
pub mod invoices;
pub mod ledger_entries;
pub mod overrides;
pub mod payables;
pub mod payout_runs;
pub mod payouts;
pub mod platform_fees;
pub mod reconcile;
pub mod refunds;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod risks;
pub mod rules;
pub mod stripe_accounts;
pub mod tax;
pub mod users;
