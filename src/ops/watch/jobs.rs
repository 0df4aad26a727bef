//! What those who watch should know of the jobs; and the job that runs the checks.

use crate::kernel::error::Result;
use crate::ops::jobs::{self, Job, Status};
use crate::ops::store::cron;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::metric::{self, Kind, Metric};
use crate::ops::watch::{self, Finding, Probe};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

pub fn init() {
    jobs::register(Job {
        name: "run_checks",
        system: "ops",
        schedule: "*/5 * * * *",
        description: "Runs the quick checks; what they find becomes alerts",
        run: run_checks,
    });
    check::register(Check { name: FAILED, thorough: false, run: failed });
    check::register(Check { name: OVERDUE, thorough: false, run: overdue });
    watch::register_probe(Probe { name: "jobs", run: probe });
    metric::register(metrics);
}

/// The check for jobs that ended with an error.
pub const FAILED: &str = "jobs_failed";
const OVERDUE: &str = "jobs_overdue";

/// What a check finds is no failure of this job; a check that could not run is.
fn run_checks() -> Result<Value> {
    let outcome = check::quickly()?;
    Ok(json!({
        "checks": outcome.checks, "alerts": outcome.problems, "problems": outcome.failed,
    }))
}

/// Jobs that an admin has not switched off.
fn enabled() -> Result<Vec<Status>> {
    Ok(jobs::status()?.into_iter().filter(|status| status.chosen.enabled).collect())
}

/// Jobs that ended with an error when they ran last. Those that found problems have
/// alerts for them.
fn failed() -> Result<Vec<Alert>> {
    let alert = |status: &Status| {
        let (name, sqlstate) = (status.chosen.job.name, status.error()?);
        Some(Alert {
            severity: Severity::Warning,
            kind: FAILED,
            of: Some(name.to_owned()),
            message: format!("The job {name} failed with SQLSTATE {sqlstate}."),
            detail: json!({"job": name, "sqlstate": sqlstate, "run_at": status.state.last_run_at}),
        })
    };
    Ok(enabled()?.iter().filter_map(alert).collect())
}

/// Jobs that pg_cron has and that have not succeeded for much longer than they should.
fn overdue() -> Result<Vec<Alert>> {
    let alert = |status: &Status| {
        let name = status.chosen.job.name;
        let last = status.state.last_success_at;
        Alert {
            severity: Severity::Warning,
            kind: OVERDUE,
            of: Some(name.to_owned()),
            message: format!("The job {name} has not succeeded in time."),
            detail: json!({
                "job": name, "schedule": status.state.scheduled, "last_success_at": last,
            }),
        }
    };
    Ok(enabled()?.iter().filter(|status| status.overdue).map(alert).collect())
}

fn probe() -> Result<Finding> {
    let statuses = jobs::status()?;
    let value = statuses.iter().map(|status| {
        let state = &status.state;
        json!({
            "name": status.chosen.job.name,
            "enabled": status.chosen.enabled,
            "scheduled": state.scheduled.is_some(),
            "running": state.running,
            "overdue": status.overdue,
            "last_run_at": state.last_run_at,
            "last_status": state.last_status,
            "last_sqlstate": state.last_sqlstate,
            "last_success_at": state.last_success_at,
        })
    });
    let value = value.collect();
    Ok(Finding { value, complaints: complaints(&statuses, cron::installed()?.0) })
}

fn complaints(statuses: &[Status], has_cron: bool) -> Vec<(Severity, String)> {
    let enabled = || statuses.iter().filter(|status| status.chosen.enabled);
    let names = |bad: fn(&Status) -> bool| {
        let names = enabled().filter(|status| bad(status)).map(|status| status.chosen.job.name);
        names.collect::<Vec<_>>().join(", ")
    };
    let mut complaints = Vec::new();
    let failed = names(|status| status.error().is_some());
    if !failed.is_empty() {
        complaints.push(format!("jobs that failed: {failed}"));
    }
    let overdue = names(|status| status.overdue);
    if !overdue.is_empty() {
        complaints.push(format!("jobs that are overdue: {overdue}"));
    }
    // Without pg_cron another timer may run them.
    if has_cron && enabled().all(|status| status.state.scheduled.is_none()) {
        complaints.push("pg_cron runs none of the jobs: call ops.schedule_jobs".to_owned());
    }
    complaints.into_iter().map(|complaint| (Severity::Warning, complaint)).collect()
}

fn metrics() -> Result<Vec<Metric>> {
    let statuses = jobs::status()?;
    let gauge = |name, help, of: fn(&Status) -> Option<f64>| {
        let values = statuses
            .iter()
            .filter_map(|status| Some((status.chosen.job.name.to_owned(), of(status)?)));
        Metric::by(name, help, Kind::Gauge, "job", values.collect::<Vec<_>>())
    };
    Ok(vec![
        gauge(
            "backoffice_job_last_success_timestamp_seconds",
            "When a job last succeeded, in seconds since 1970.",
            |status| status.state.last_success_at.map(seconds),
        ),
        gauge(
            "backoffice_job_last_run_failed",
            "1 where the last run of a job failed or found problems.",
            |status| status.state.last_run_at.map(|_| f64::from(u8::from(status.failed()))),
        ),
        gauge("backoffice_job_overdue", "1 where a job has not succeeded in time.", |status| {
            Some(f64::from(u8::from(status.overdue)))
        }),
    ])
}

/// Since 1970; PostgreSQL counts from 2000.
fn seconds(time: TimestampWithTimeZone) -> f64 {
    i64::from(time) as f64 / 1e6 + 946_684_800.0
}
