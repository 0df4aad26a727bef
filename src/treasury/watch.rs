//! What the treasury has to say to those who watch.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::metric::{self, Kind, Metric};
use crate::treasury::store::{charges, events, payouts, requests};
use crate::treasury::{SYSTEM, request};
use pgrx::Uuid;
use serde_json::json;

const LATE: &str = "stripe_requests_late";
const OVERDUE: &str = "payouts_overdue";
/// The check of what no constraint looks at when a row is written.
const FACTS: &str = "treasury_facts";

/// Called once when the library is loaded.
pub fn init() {
    events::SOURCES.iter().for_each(crate::ops::events::register);
    check::register(Check { name: request::DEAD, thorough: false, run: dead });
    check::register(Check { name: LATE, thorough: false, run: late });
    check::register(Check { name: OVERDUE, thorough: false, run: overdue });
    check::register(Check { name: FACTS, thorough: true, run: facts });
    metric::register(metrics);
}

/// Requests of which nobody knows what became, until an admin has seen to them.
fn dead() -> Result<Vec<Alert>> {
    let dead = requests::dead()?.into_iter();
    Ok(dead.map(|(id, subject, number)| request::dead_alert(id, &subject, number)).collect())
}

/// Requests that no worker takes.
fn late() -> Result<Vec<Alert>> {
    let count = requests::late(settings::get(SYSTEM, "request_late_seconds")?)?;
    let alert = || Alert {
        severity: Severity::Warning,
        kind: LATE,
        of: None,
        message: format!("{count} requests to Stripe have not been made in time."),
        detail: json!({"requests": count}),
    };
    Ok((count > 0).then(alert).into_iter().collect())
}

/// Payouts that nobody decides about, or of which Stripe says nothing more.
fn overdue() -> Result<Vec<Alert>> {
    let days: i64 = settings::get(SYSTEM, "payout_overdue_days")?;
    let counts = payouts::overdue(i32::try_from(days).unwrap_or(i32::MAX))?;
    let alert = |(status, count): (String, i64)| Alert {
        severity: Severity::Warning,
        kind: OVERDUE,
        message: format!("{count} payouts have been {status} for too long."),
        detail: json!({"status": status, "payouts": count}),
        of: Some(status),
    };
    Ok(counts.into_iter().map(alert).collect())
}

/// One alert for each rule that is broken.
fn facts() -> Result<Vec<Alert>> {
    let alert = |(rule, count, first): (String, i64, Uuid)| Alert {
        severity: Severity::Critical,
        kind: FACTS,
        message: format!("The treasury does not agree with itself: {rule}, {count} times."),
        detail: json!({"rule": rule, "count": count, "first": first.to_string()}),
        of: Some(rule),
    };
    Ok(charges::broken_rules()?.into_iter().map(alert).collect())
}

fn metrics() -> Result<Vec<Metric>> {
    let float = |(status, count): (String, i64)| (status, count as f64);
    Ok(vec![
        Metric::by(
            "backoffice_treasury_stripe_requests",
            "Requests to Stripe that wait or of which nobody knows what became.",
            Kind::Gauge,
            "status",
            requests::counts()?.into_iter().map(float),
        ),
        Metric::by(
            "backoffice_treasury_payouts_open",
            "Payouts that are not complete.",
            Kind::Gauge,
            "status",
            payouts::open()?.into_iter().map(float),
        ),
    ])
}
