//! Checks: each looks for one kind of thing that should not be.

use crate::kernel::error::Result;
use crate::kernel::registry::Registry;
use crate::kernel::spi::subtransaction;
use crate::ops::watch::alert::{self, Alert, Severity};
use crate::ops::watch::store;
use serde_json::{Value, json};
use std::time::Instant;

#[derive(Clone, Copy)]
pub struct Check {
    /// Also the kind of its alerts.
    pub name: &'static str,
    /// Whether it reads whole tables: such checks run seldom.
    pub thorough: bool,
    /// Everything that is wrong now.
    pub run: fn() -> Result<Vec<Alert>>,
}

static CHECKS: Registry<Check> = Registry::new();

/// Called once for each check when the library is loaded.
pub fn register(check: Check) {
    CHECKS.register(check);
}

/// Job: the quick checks. Every few minutes.
pub fn quickly() -> Result<Value> {
    run(false)
}

/// Job: the checks that read whole tables. Once a day.
pub fn thoroughly() -> Result<Value> {
    run(true)
}

fn run(thorough: bool) -> Result<Value> {
    let (mut checks, mut problems, mut failed) = (0, 0, 0);
    for check in CHECKS.all().into_iter().filter(|check| check.thorough == thorough) {
        checks += 1;
        let begun = Instant::now();
        // One that fails must not keep the others from running.
        let outcome = subtransaction(|| apply(&check));
        let seconds = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(found) => {
                problems += found;
                store::note_check(check.name, Some(found), seconds, None)?;
            }
            Err(error) => {
                failed += 1;
                store::note_check(check.name, None, seconds, Some(&error.message))?;
                alert::raise(&failure(&check, &error.message))?;
            }
        }
    }
    Ok(json!({"checks": checks, "problems": problems, "failed": failed}))
}

/// Raises what the check found and resolves what it no longer finds.
fn apply(check: &Check) -> Result<i64> {
    let alerts = (check.run)()?;
    for alert in &alerts {
        alert::raise(alert)?;
    }
    let keys = alerts.iter().map(Alert::key).collect();
    store::resolve_others(check.name, keys)?;
    store::resolve_key(&format!("{FAILED}:{}", check.name))?;
    Ok(alerts.len() as i64)
}

const FAILED: &str = "check_failed";

fn failure(check: &Check, message: &str) -> Alert {
    Alert {
        severity: Severity::Critical,
        kind: FAILED,
        of: Some(check.name.to_owned()),
        message: format!("The check {} could not run.", check.name),
        detail: json!({"check": check.name, "error": message}),
    }
}
