//! Anomalies inside PostgreSQL: what is found, kept, flagged and resolved, who is told,
//! and how good the detectors are.

mod alerts;
mod books;
mod detection;
mod handling;
mod measure;

use crate::kernel::ids::new_id;
use crate::pgrx_tests::support::*;
use pgrx::Uuid;

/// A captured charge, made by the database: its id. Times are SQL.
pub fn charge(owner: Uuid, buyer: Uuid, amount: i64, at: &str) -> Uuid {
    let id = new_id();
    run(&format!(
        "insert into treasury.charges
            (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
         values ('{id}', 'ch_' || replace('{id}', '-', ''), 'captured', {amount}, 'USD', '{owner}', '{buyer}', {at})"
    ));
    id
}

/// So many ordinary charges of a seller: one in eleven hours, of 20 to 30 dollars.
pub fn history(owner: Uuid, buyer: Uuid, count: i32) {
    run(&format!(
        "insert into treasury.charges
            (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
         select gen_random_uuid(), 'ch_' || gen_random_uuid(), 'captured', 2000 + 37 * (n % 28), 'USD', '{owner}',
                '{buyer}', now() - n * interval '11 hours' - interval '1 day'
           from generate_series(1, {count}) n"
    ));
}

pub const DETECT: &str = "select treasury.detect_anomalies()";

/// Of a key of what looking now gives.
pub fn detect(key: &str) -> i64 {
    one(&format!("select (r ->> '{key}')::bigint from treasury.detect_anomalies() r"))
}

/// The anomalies there are, such as `amount medium`, in the order of their names.
pub fn found() -> String {
    one(
        "select coalesce(string_agg(kind || ' ' || severity, ', ' order by kind, severity), '') from treasury.anomalies",
    )
}

/// Flags of a model outside, with more keys.
pub fn flag(key: &str, severity: &str, more: &str) -> String {
    format!(
        r#"select id from treasury.flag_anomaly('{{"detector": "model", "key": "{key}", "kind": "fraud",
            "severity": "{severity}", "description": "Looks odd"{more}}}')"#
    )
}
