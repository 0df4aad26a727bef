//! What the treasury has to say to those who watch.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::metric::{self, Kind, Metric};
use crate::treasury::SYSTEM;
use crate::treasury::anomaly::{Finding, drift, record};
use crate::treasury::store::{anomaly_history as history, anomaly_watch as store};
use serde_json::json;
use std::cmp::Reverse;

/// The check that compares the ledger with the charges.
pub const DRIFT: &str = "treasury_drift";
const DISPUTES: &str = "disputes_due";

/// Called once when the library is loaded.
pub fn init() {
    check::register(Check { name: DISPUTES, thorough: false, run: disputes });
    check::register(Check { name: DRIFT, thorough: true, run: drifts });
    metric::register(metrics);
}

/// Disputes whose evidence is due soon; later it is too late for them.
fn disputes() -> Result<Vec<Alert>> {
    let hours: i64 = settings::get(SYSTEM, "dispute_due_hours")?;
    let alert = |due: store::Due| Alert {
        severity: Severity::Warning,
        kind: DISPUTES,
        of: Some(due.id.to_string()),
        message: format!("Evidence for dispute {} is due in {} hours.", due.id, due.hours),
        detail: json!({
            "dispute_id": due.id,
            "stripe_dispute_id": due.stripe_id,
            "due_by": due.due_by,
        }),
    };
    Ok(store::disputes_due(hours)?.into_iter().map(alert).collect())
}

/// The books as a whole, and everybody's earnings, the worst first. Each drift is an
/// anomaly, too; beyond the most that are told one alert says how many others there are.
fn drifts() -> Result<Vec<Alert>> {
    let (positions, returned) = history::earnings()?;
    let mut found = drift::find(&positions, &returned);
    let books = history::books()?;
    found.extend(books.iter().filter_map(|(currency, sum)| drift::of_books(currency, *sum)));
    record::keep_silently(&found)?;
    found.sort_by_key(|one| {
        (one.user.is_some(), Reverse(one.amount.map(i64::unsigned_abs)), one.key.clone())
    });
    let others = found.split_off(found.len().min(record::MOST_TOLD)).len();
    let alert = |one: Finding| {
        let of = one.user.map_or_else(|| "books".to_owned(), |user| user.to_string());
        Alert {
            severity: Severity::Critical,
            kind: DRIFT,
            of: Some(format!("{of}:{}", one.currency.as_deref().unwrap_or_default())),
            message: one.description,
            detail: json!({
                "user_id": one.user.map(|user| user.to_string()),
                "currency": one.currency,
                "drift": one.amount,
            }),
        }
    };
    let more = (others > 0).then(|| Alert {
        severity: Severity::Critical,
        kind: DRIFT,
        of: Some("others".to_owned()),
        message: format!("{others} more earnings are not what their charges say."),
        detail: json!({ "drifts": others }),
    });
    Ok(found.into_iter().map(alert).chain(more).collect())
}

fn metrics() -> Result<Vec<Metric>> {
    let open = store::open_anomalies()?;
    let open = open.into_iter().map(|(severity, count)| (severity, count as f64));
    Ok(vec![Metric::by(
        "backoffice_treasury_anomalies_open",
        "Anomalies that no admin has resolved.",
        Kind::Gauge,
        "severity",
        open.collect::<Vec<_>>(),
    )])
}
