//! Checks of the outbox.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::store;
use serde_json::json;

pub fn init() {
    check::register(Check { name: DEAD, thorough: false, run: dead });
    check::register(Check { name: LATE, thorough: false, run: late });
}

const DEAD: &str = "outbox_dead";
const LATE: &str = "outbox_late";

/// Messages that were given up since somebody last looked at it.
fn dead() -> Result<Vec<Alert>> {
    let counts = store::dead_messages(DEAD)?;
    Ok(counts
        .into_iter()
        .map(|(channel, count)| Alert {
            severity: Severity::Warning,
            kind: DEAD,
            message: format!("{count} messages could not be sent ({channel})."),
            detail: json!({"channel": channel, "messages": count}),
            of: Some(channel),
        })
        .collect())
}

/// Messages that nobody sends.
fn late() -> Result<Vec<Alert>> {
    let seconds: i64 = settings::get("ops", "outbox_late_seconds")?;
    let counts = store::late_messages(seconds)?;
    Ok(counts
        .into_iter()
        .map(|(channel, count)| Alert {
            severity: Severity::Warning,
            kind: LATE,
            message: format!("{count} messages have not been sent in time ({channel})."),
            detail: json!({"channel": channel, "messages": count}),
            of: Some(channel),
        })
        .collect())
}
