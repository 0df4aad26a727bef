//! What is said of the inbox: webhooks that somebody should look at.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::inbox::store;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::metric::{self, Kind, Metric};
use serde_json::json;

/// The check of webhooks that were given up, by source.
pub const FAILED: &str = "webhooks_failed";
/// The check of those whose parent has not come for long.
pub const PARKED: &str = "webhooks_parked";

pub fn init() {
    check::register(Check { name: FAILED, thorough: false, run: failed });
    check::register(Check { name: PARKED, thorough: false, run: parked });
    metric::register(metrics);
}

/// Webhooks that are not tried again by themselves.
fn failed() -> Result<Vec<Alert>> {
    Ok(alerts(FAILED, store::given_up()?, "failed for good"))
}

/// Webhooks whose parent does not come.
fn parked() -> Result<Vec<Alert>> {
    let hours = settings::get("ops", "webhook_parked_hours")?;
    Ok(alerts(PARKED, store::long_parked(hours)?, "wait for something that does not come"))
}

fn alerts(kind: &'static str, counts: Vec<(String, i64)>, what: &str) -> Vec<Alert> {
    let alert = |(source, count): (String, i64)| Alert {
        severity: Severity::Warning,
        kind,
        message: format!("{count} webhooks {what} ({source})."),
        detail: json!({"source": source, "webhooks": count}),
        of: Some(source),
    };
    counts.into_iter().map(alert).collect()
}

fn metrics() -> Result<Vec<Metric>> {
    let open = store::open_counts()?.into_iter().map(|(source, status, count)| {
        (vec![("source", source), ("status", status)], count as f64)
    });
    let refused = store::refusal_counts()?.into_iter().map(|(source, n)| (source, n as f64));
    Ok(vec![
        Metric {
            name: "backoffice_webhooks_open",
            help: "Webhooks that are not processed.",
            kind: Kind::Gauge,
            samples: open.collect(),
        },
        Metric::by(
            "backoffice_webhooks_refused",
            "Requests to the addresses of webhooks that were refused in this hour.",
            Kind::Gauge,
            "source",
            refused,
        ),
    ])
}
