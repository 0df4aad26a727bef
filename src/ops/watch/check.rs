//! Checks: each looks for one kind of thing that should not be.

use crate::kernel::error::{Error, Result};
use crate::kernel::registry::Registry;
use crate::kernel::spi::subtransaction;
use crate::ops::jobs;
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

/// What came of several checks.
#[derive(Default)]
pub struct Outcome {
    pub checks: i64,
    pub problems: i64,
    /// Checks that could not run.
    pub failed: i64,
}

/// Runs the quick checks.
pub fn quickly() -> Result<Outcome> {
    run(false)
}

/// Runs the checks that read whole tables.
pub fn thoroughly() -> Result<Outcome> {
    run(true)
}

fn run(thorough: bool) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for check in CHECKS.all().into_iter().filter(|check| check.thorough == thorough) {
        outcome.checks += 1;
        match attempt(&check)? {
            Ok(alerts) => outcome.problems += alerts.len() as i64,
            Err(_) => outcome.failed += 1,
        }
    }
    Ok(outcome)
}

/// Job: one check on its own. The run fails for what it finds, and if it cannot run.
pub fn run_one(name: &str) -> Result<Value> {
    let check = CHECKS.all().into_iter().find(|check| check.name == name);
    let check = check.ok_or_else(|| Error::internal(format!("there is no check {name}")))?;
    Ok(match attempt(&check)? {
        Ok(alerts) => jobs::problems(alerts.into_iter().map(|alert| alert.detail).collect()),
        Err(error) => json!({"problems": 1, "error": error.message}),
    })
}

/// Runs a check and notes down what came of it, with the alerts. One that fails must
/// neither keep others from running nor undo what says so.
fn attempt(check: &Check) -> Result<Result<Vec<Alert>>> {
    let begun = Instant::now();
    let outcome = subtransaction(|| apply(check));
    let seconds = begun.elapsed().as_secs_f64();
    match &outcome {
        Ok(found) => {
            store::note_check(check.name, Some(found.len() as i64), seconds, None)?;
        }
        Err(error) => {
            store::note_check(check.name, None, seconds, Some(&error.message))?;
            alert::raise(&failure(check, &error.message))?;
        }
    }
    Ok(outcome)
}

/// Raises what the check found and resolves what it no longer finds.
fn apply(check: &Check) -> Result<Vec<Alert>> {
    let alerts = (check.run)()?;
    for alert in &alerts {
        alert::raise(alert)?;
    }
    let keys = alerts.iter().map(Alert::key).collect();
    store::resolve_others(check.name, keys)?;
    store::resolve_key(&format!("{FAILED}:{}", check.name))?;
    Ok(alerts)
}

/// The kind of the alert that a check could not run.
pub const FAILED: &str = "check_failed";

fn failure(check: &Check, message: &str) -> Alert {
    Alert {
        severity: Severity::Critical,
        kind: FAILED,
        of: Some(check.name.to_owned()),
        message: format!("The check {} could not run.", check.name),
        detail: json!({"check": check.name, "error": message}),
    }
}
