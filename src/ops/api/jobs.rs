//! Jobs in SQL.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::ops::jobs;
use crate::ops::store::jobs as store;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, composite_type};

/// Runs a job now; the record of the run. For admins of ops, the service role and
/// pg_cron.
///
/// A job that fails is no error: the record has its SQLSTATE and message, and what the
/// job did is undone. Where another session runs the same job, the record says skipped.
/// PT404 unknown job, 42501 not an admin.
#[pg_extern(schema = "ops", name = "run_job", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_run_job(
    p_name: Option<&str>,
) -> Result<composite_type!('static, "ops.job_runs"), ErrorReport> {
    entry(|| {
        caller::current().require_admin("ops")?;
        store::run(jobs::run(required(p_name, "p_name")?)?)
    })
}

/// Switches the schedule of a job on or off, and gives it a schedule of five fields
/// (minute hour day month weekday); NULL for the job's own. For admins of ops.
///
/// pg_cron follows within five minutes. PT404 unknown job, 22023 no such schedule,
/// 42501 not an admin.
#[pg_extern(schema = "ops", name = "set_job", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_set_job(
    p_name: Option<&str>,
    p_enabled: default!(Option<bool>, true),
    p_schedule: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "ops.job_settings"), ErrorReport> {
    entry(|| {
        caller::current().require_admin("ops")?;
        let (name, enabled) = (required(p_name, "p_name")?, required(p_enabled, "p_enabled")?);
        store::choice(jobs::choose(name, enabled, p_schedule)?)
    })
}

/// Every job: its schedule in force, whether pg_cron has it, whether it is running, and
/// its last run (skipped ones aside), last success and next run. For admins of ops.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ops",
    name = "job_status",
    stable,
    security_definer,
    requires = ["ops_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_job_status() -> Result<
    TableIterator<
        'static,
        (
            name!(name, String),
            name!(system, String),
            name!(description, String),
            name!(schedule, String),
            name!(enabled, bool),
            name!(scheduled, bool),
            name!(running, bool),
            name!(last_run_at, Option<TimestampWithTimeZone>),
            name!(last_status, Option<String>),
            name!(last_sqlstate, Option<String>),
            name!(last_error, Option<String>),
            name!(last_result, Option<JsonB>),
            name!(last_success_at, Option<TimestampWithTimeZone>),
            name!(next_run_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_admin("ops")?;
        Ok(TableIterator::new(jobs::status()?.into_iter().map(|status| {
            let (chosen, state) = (status.chosen, status.state);
            (
                chosen.job.name.to_owned(),
                chosen.job.system.to_owned(),
                chosen.job.description.to_owned(),
                chosen.schedule,
                chosen.enabled,
                state.scheduled.is_some(),
                state.running,
                state.last_run_at,
                state.last_status,
                state.last_sqlstate,
                state.last_error,
                state.last_result,
                state.last_success_at,
                status.next_run_at,
            )
        })))
    })
}

/// Makes pg_cron run every enabled job by its schedule and take out what is none any
/// more; what was done: added, changed, kept or removed. From psql only. Call it again
/// after a restore; pg_cron itself calls it every five minutes.
///
/// The jobs run as `p_role`, which may log in and is a member of backoffice_owner;
/// without one as they did so far, at first as the caller. 55000 where this database has
/// no pg_cron, 22023 no such role, 42501 for anybody else.
#[pg_extern(schema = "ops", name = "schedule_jobs", requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_schedule_jobs(
    p_role: default!(Option<&str>, "null"),
) -> Result<
    TableIterator<'static, (name!(job, String), name!(schedule, String), name!(action, String))>,
    ErrorReport,
> {
    entry(|| {
        let actions = jobs::schedule_all(p_role)?;
        Ok(TableIterator::new(
            actions.into_iter().map(|a| (a.job, a.schedule, a.action.to_owned())),
        ))
    })
}

/// Takes all jobs out of pg_cron; how many entries there were. From psql only.
/// 55000 where this database has no pg_cron, 42501 for anybody else.
#[pg_extern(schema = "ops", name = "unschedule_jobs", requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_unschedule_jobs() -> Result<i64, ErrorReport> {
    entry(jobs::unschedule_all)
}
