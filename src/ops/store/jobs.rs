//! SQL of jobs and their runs.

use crate::kernel::caller;
use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::spi::Query;
use crate::ops::audit::role_name;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::Value;
use std::collections::BTreeMap;

/// A row of a table.
pub type Record = PgHeapTuple<'static, AllocatedByRust>;

// Held until the transaction ends, so that a second run sees what the first did.
static TRY_LOCK: Query = Query::write(
    "select pg_catalog.pg_try_advisory_xact_lock(
        pg_catalog.hashtextextended('backoffice job ' || $1, 0))",
);
static RECORD: Query = Query::write(
    "insert into ops.job_runs (id, job, system, started_at, finished_at, status, result,
        sqlstate, error, actor_id, actor_role)
     values ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, left($8, 2000), $9, $10)",
);
static RUN: Query = Query::read("select r from ops.job_runs r where id = $1");
static CHOOSE: Query = Query::write(
    "insert into ops.job_settings as s (job, enabled, schedule, updated_by, updated_at)
     values ($1, $2, $3, $4, now())
     on conflict (job) do update
        set enabled = excluded.enabled, schedule = excluded.schedule,
            updated_by = excluded.updated_by, updated_at = now()
      where (s.enabled, s.schedule) is distinct from (excluded.enabled, excluded.schedule)",
);
static CHOICE: Query = Query::read("select s from ops.job_settings s where job = $1");
static CHOICES: Query = Query::read("select job, enabled, schedule from ops.job_settings");
static STATES: Query = Query::read(
    "with held as materialized (
        select l.classid::bigint << 32 | l.objid::bigint as key from pg_catalog.pg_locks l
         where l.locktype = 'advisory' and l.granted and l.objsubid = 1
           and l.database = (select oid from pg_catalog.pg_database
                              where datname = pg_catalog.current_database()))
     select s.schedule, s.since,
            exists (select from held where held.key
                     = pg_catalog.hashtextextended('backoffice job ' || j.job, 0)),
            last.started_at, last.status, last.sqlstate, last.error, last.result, good.started_at
       from unnest($1) with ordinality as j (job, n)
       left join ops.job_schedules s
         on s.job = j.job and s.confirmed_at > now() - interval '15 minutes'
       left join lateral (select * from ops.job_runs r
                           where r.job = j.job and r.status <> 'skipped'
                           order by r.started_at desc limit 1) last on true
       left join lateral (select * from ops.job_runs r
                           where r.job = j.job and r.status = 'succeeded'
                           order by r.started_at desc limit 1) good on true
      order by j.n",
);
// The last run and the last success say how a job does that rarely runs.
static PURGE_RUNS: Query = Query::write(
    "delete from ops.job_runs where id in (
        select id from ops.job_runs r
         where started_at < now() - make_interval(days => $1)
           and exists (select from ops.job_runs later
                        where later.job = r.job and later.started_at > r.started_at
                          and (r.status <> 'succeeded' or later.status = 'succeeded'))
         limit $2)",
);

/// How a run ended, as it is recorded.
pub struct Run<'a> {
    pub job: &'a str,
    pub system: &'a str,
    pub started_at: TimestampWithTimeZone,
    pub status: &'static str,
    pub result: Option<Value>,
    pub sqlstate: Option<String>,
    pub error: Option<String>,
}

/// Whether this transaction may run the job: no other is running it.
pub fn try_lock(job: &str) -> Result<bool> {
    TRY_LOCK.one(&[job.into()], |row| row.get(1))
}

/// Writes a run down with whoever is calling; its id.
pub fn record(run: &Run<'_>) -> Result<Uuid> {
    let (id, caller) = (new_id(), caller::current());
    RECORD.run(&[
        id.into(),
        run.job.into(),
        run.system.into(),
        run.started_at.into(),
        run.status.into(),
        run.result.clone().map(JsonB).into(),
        run.sqlstate.as_deref().into(),
        run.error.as_deref().into(),
        caller.person().into(),
        role_name(caller.kind).into(),
    ])?;
    Ok(id)
}

pub fn run(id: Uuid) -> Result<Record> {
    RUN.one(&[id.into()], |row| row.get(1))
}

pub fn choose(job: &str, enabled: bool, schedule: Option<&str>, by: Option<Uuid>) -> Result<()> {
    CHOOSE.run(&[job.into(), enabled.into(), schedule.into(), by.into()])?;
    Ok(())
}

pub fn choice(job: &str) -> Result<Record> {
    CHOICE.one(&[job.into()], |row| row.get(1))
}

/// Whether each job is enabled that an admin made a choice for, and its schedule.
pub fn choices() -> Result<BTreeMap<String, (bool, Option<String>)>> {
    let rows = CHOICES.all(&[], |row| Ok((row.get(1)?, (row.get(2)?, row.opt(3)?))))?;
    Ok(rows.into_iter().collect())
}

/// What is known of a job.
pub struct State {
    /// The schedule that pg_cron has, if it was seen there lately.
    pub scheduled: Option<String>,
    /// Since when it has had it, without a break.
    pub scheduled_since: Option<TimestampWithTimeZone>,
    pub running: bool,
    pub last_run_at: Option<TimestampWithTimeZone>,
    pub last_status: Option<String>,
    pub last_sqlstate: Option<String>,
    pub last_error: Option<String>,
    pub last_result: Option<JsonB>,
    pub last_success_at: Option<TimestampWithTimeZone>,
}

/// What is known of each of these jobs, in their order.
pub fn states(jobs: Vec<String>) -> Result<Vec<State>> {
    STATES.all(&[jobs.into()], |row| {
        Ok(State {
            scheduled: row.opt(1)?,
            scheduled_since: row.opt(2)?,
            running: row.get(3)?,
            last_run_at: row.opt(4)?,
            last_status: row.opt(5)?,
            last_sqlstate: row.opt(6)?,
            last_error: row.opt(7)?,
            last_result: row.opt(8)?,
            last_success_at: row.opt(9)?,
        })
    })
}

/// Deletes up to `most` runs that are older than so many days; how many.
pub fn purge_runs(days: i32, most: i64) -> Result<usize> {
    PURGE_RUNS.run(&[days.into(), most.into()])
}
