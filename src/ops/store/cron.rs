//! SQL of pg_cron's own tables. Its functions and rows are for superusers and for
//! whoever was given them, so none of this runs as the extension's owner.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::datum::TimestampWithTimeZone;

static INSTALLED: Query = Query::read(
    "select exists (select from pg_catalog.pg_extension where extname = 'pg_cron'),
            pg_catalog.current_database()::text",
);
static CALLER: Query = Query::read(
    "select rolname::text, rolsuper from pg_catalog.pg_roles where rolname = current_user",
);
static MAY_RUN: Query = Query::read(
    "select exists (select from pg_catalog.pg_roles
      where rolname = $1 and rolcanlogin
        and pg_catalog.pg_has_role(oid, 'backoffice_owner', 'member'))",
);
static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('backoffice schedule_jobs', 0))",
);
// Ours are known by name, command and database; everybody else's are left alone.
static ENTRIES: Query = Query::read(
    "select jobid, jobname::text, schedule, command, active, username
       from cron.job
      where database = pg_catalog.current_database()
        and starts_with(jobname::text, $1) and starts_with(command, 'select ops.')
      order by jobname, jobid",
);
static SCHEDULE: Query = Query::write("select cron.schedule($1, $2, $3)");
static SCHEDULE_FOR: Query = Query::write(
    "select cron.schedule_in_database($1, $2, $3, pg_catalog.current_database()::text, $4, $5)",
);
static UNSCHEDULE: Query = Query::write("select cron.unschedule($1)");
// Where nobody confirmed it for a while, pg_cron did not run, and nothing was due.
static CONFIRM: Query = Query::write(
    "insert into ops.job_schedules as s (job, schedule, since, confirmed_at)
     select job, schedule, now(), now() from unnest($1, $2) as c (job, schedule)
     on conflict (job) do update
        set schedule = excluded.schedule, confirmed_at = excluded.confirmed_at,
            since = case when s.schedule = excluded.schedule
                          and s.confirmed_at > now() - interval '15 minutes'
                         then s.since else excluded.since end",
);
static FORGET: Query = Query::write("delete from ops.job_schedules where job <> all ($1)");
// pg_cron keeps what its jobs did for ever.
static PURGE_DETAILS: Query = Query::write(
    "delete from cron.job_run_details where runid in (
        select runid from cron.job_run_details
         where database = pg_catalog.current_database() and starts_with(command, 'select ops.')
           and start_time < now() - make_interval(days => $1)
         order by runid limit $2)",
);
static MINUTE: Query = Query::read(
    "select floor(extract(epoch from clock_timestamp() at time zone z.name) / 60)::bigint
       from (select coalesce(pg_catalog.current_setting('cron.timezone', true), 'GMT')) as z (name)",
);
static TIME_OF: Query = Query::read(
    "select (timestamp 'epoch' + $1 * interval '1 minute') at time zone
            coalesce(pg_catalog.current_setting('cron.timezone', true), 'GMT')",
);

/// Whether this database has pg_cron, and the database's name.
pub fn installed() -> Result<(bool, String)> {
    INSTALLED.one(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The caller's role, and whether it is a superuser.
pub fn caller() -> Result<(String, bool)> {
    CALLER.one(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Whether jobs can run as a role: it can log in and is trusted.
pub fn may_run(role: &str) -> Result<bool> {
    MAY_RUN.one(&[role.into()], |row| row.get(1))
}

/// Makes others who change the schedule wait.
pub fn lock() -> Result<()> {
    LOCK.run(&[])?;
    Ok(())
}

/// What pg_cron is to do.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: i64,
    pub name: String,
    pub schedule: String,
    pub command: String,
    /// An administrator of pg_cron may have stopped it.
    pub active: bool,
    /// Whom it runs as.
    pub role: String,
}

/// The entries of this database whose name begins with `prefix`.
pub fn entries(prefix: &str) -> Result<Vec<Entry>> {
    ENTRIES.all(&[prefix.into()], |row| {
        Ok(Entry {
            id: row.get(1)?,
            name: row.get(2)?,
            schedule: row.get(3)?,
            command: row.get(4)?,
            active: row.get(5)?,
            role: row.get(6)?,
        })
    })
}

/// Adds an entry of the caller, or changes the one of the same name.
pub fn schedule(name: &str, schedule: &str, command: &str) -> Result<()> {
    SCHEDULE.run(&[name.into(), schedule.into(), command.into()])?;
    Ok(())
}

/// The same for another role than the caller, who must be a superuser.
pub fn schedule_for(role: &str, entry: [&str; 3], active: bool) -> Result<()> {
    let [name, schedule, command] = entry;
    SCHEDULE_FOR.run(&[
        name.into(),
        schedule.into(),
        command.into(),
        role.into(),
        active.into(),
    ])?;
    Ok(())
}

pub fn unschedule(id: i64) -> Result<()> {
    UNSCHEDULE.run(&[id.into()])?;
    Ok(())
}

/// Notes down the jobs that are scheduled, and no others.
pub fn confirm(jobs: Vec<String>, schedules: Vec<String>) -> Result<()> {
    FORGET.run(&[jobs.clone().into()])?;
    CONFIRM.run(&[jobs.into(), schedules.into()])?;
    Ok(())
}

/// Deletes up to `most` of pg_cron's records of our jobs that are older than so many days.
pub fn purge_details(days: i32, most: i64) -> Result<usize> {
    PURGE_DETAILS.run(&[days.into(), most.into()])
}

/// The minute that it is on the clock that pg_cron goes by, counted from 1970.
pub fn minute() -> Result<i64> {
    MINUTE.one(&[], |row| row.get(1))
}

/// The time at which that clock shows a minute.
pub fn time_of(minute: i64) -> Result<TimestampWithTimeZone> {
    TIME_OF.one(&[(minute as f64).into()], |row| row.get(1))
}
