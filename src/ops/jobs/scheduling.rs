//! Having pg_cron run the jobs.
//!
//! Called by whoever owns the database, who may be a superuser; the jobs had better
//! run as a role that is none. One entry more has pg_cron call this again every five
//! minutes, as that role, so that what an admin chooses through the API, who has no
//! access to pg_cron, comes into force.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::settings;
use crate::ops::jobs::choice;
use crate::ops::store::cron::{self, Entry};

/// What the names of our entries in pg_cron begin with.
const PREFIX: &str = "backoffice: ";
const OURSELVES: &str = "schedule_jobs";

/// What pg_cron is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    job: String,
    schedule: String,
    command: String,
}

/// What was done about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub job: String,
    pub schedule: String,
    /// added, changed, kept or removed
    pub action: &'static str,
}

/// Makes pg_cron's entries what the jobs' schedules say; what was done about each.
/// The jobs run as `role`; without one as they did so far, or as the caller.
pub fn schedule_all(role: Option<&str>) -> Result<Vec<Action>> {
    require_owner_and_cron()?;
    cron::lock()?;
    let (wanted, entries) = (wanted()?, cron::entries(PREFIX)?);
    let runner = Runner::choose(role, &entries)?;
    let (mine, stray): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.role == runner.role);
    for entry in stray {
        cron::unschedule(entry.id)?;
    }
    let mut actions = Vec::new();
    for entry in mine.iter().filter(|entry| !wanted.iter().any(|job| names(entry, job))) {
        cron::unschedule(entry.id)?;
        actions.push(action(entry.name.trim_start_matches(PREFIX), &entry.schedule, "removed"));
    }
    for job in &wanted {
        let known = mine.iter().find(|entry| names(entry, job));
        let what = decide(known, job);
        if what != "kept" {
            runner.schedule(job, known.is_none_or(|entry| entry.active))?;
        }
        actions.push(action(&job.job, &job.schedule, what));
    }
    confirm(&mine, &wanted)?;
    cron::purge_details(run_days()?, 10_000)?;
    Ok(actions)
}

/// Whom the jobs run as.
struct Runner {
    role: String,
    is_caller: bool,
}

impl Runner {
    fn choose(asked: Option<&str>, entries: &[Entry]) -> Result<Self> {
        let (caller, is_superuser) = cron::caller()?;
        // Others than superusers see entries of their own only.
        let so_far = entries.iter().find(|entry| entry.name.ends_with(OURSELVES));
        let role = match (asked, so_far) {
            (Some(role), _) => role.to_owned(),
            (None, Some(entry)) if cron::may_run(&entry.role)? => entry.role.clone(),
            (None, _) => caller.clone(),
        };
        if !cron::may_run(&role)? {
            let rule = "must be a role that may log in and is a member of backoffice_owner";
            return Err(Error::invalid("p_role", rule).detail(format!("it is {role}")));
        }
        let is_caller = role == caller;
        if !is_caller && !is_superuser {
            return Err(Error::forbidden("only a superuser may have jobs run as another role"));
        }
        Ok(Runner { role, is_caller })
    }

    fn schedule(&self, job: &Wanted, active: bool) -> Result<()> {
        let name = format!("{PREFIX}{}", job.job);
        if self.is_caller {
            cron::schedule(&name, &job.schedule, &job.command)
        } else {
            cron::schedule_for(&self.role, [&name, &job.schedule, &job.command], active)
        }
    }
}

/// Takes all our entries out of pg_cron; how many there were.
pub fn unschedule_all() -> Result<i64> {
    require_owner_and_cron()?;
    cron::lock()?;
    let entries = cron::entries(PREFIX)?;
    for entry in &entries {
        cron::unschedule(entry.id)?;
    }
    cron::confirm(Vec::new(), Vec::new())?;
    Ok(entries.len() as i64)
}

fn wanted() -> Result<Vec<Wanted>> {
    let mut wanted = vec![Wanted {
        job: OURSELVES.to_owned(),
        schedule: "*/5 * * * *".to_owned(),
        command: "select ops.schedule_jobs()".to_owned(),
    }];
    for chosen in choice::all()?.into_iter().filter(|chosen| chosen.enabled) {
        let name = chosen.job.name;
        wanted.push(Wanted {
            job: name.to_owned(),
            schedule: chosen.schedule,
            command: format!("select ops.run_job('{name}')"),
        });
    }
    Ok(wanted)
}

fn names(entry: &Entry, job: &Wanted) -> bool {
    entry.name.strip_prefix(PREFIX) == Some(&job.job)
}

fn decide(known: Option<&Entry>, job: &Wanted) -> &'static str {
    match known {
        None => "added",
        Some(entry) if entry.schedule == job.schedule && entry.command == job.command => "kept",
        Some(_) => "changed",
    }
}

fn action(job: &str, schedule: &str, action: &'static str) -> Action {
    Action { job: job.to_owned(), schedule: schedule.to_owned(), action }
}

/// Notes down what pg_cron will run. What its administrator has stopped there
/// stays stopped, and does not count as scheduled.
fn confirm(mine: &[Entry], wanted: &[Wanted]) -> Result<()> {
    let stopped = |job: &Wanted| mine.iter().any(|entry| names(entry, job) && !entry.active);
    let (jobs, schedules) = wanted
        .iter()
        .filter(|job| job.job != OURSELVES && !stopped(job))
        .map(|job| (job.job.clone(), job.schedule.clone()))
        .unzip();
    cron::confirm(jobs, schedules)
}

pub(super) fn run_days() -> Result<i32> {
    let days: i64 = settings::get("ops", "job_run_days")?;
    Ok(i32::try_from(days).unwrap_or(i32::MAX))
}

fn require_owner_and_cron() -> Result<()> {
    if caller::current().kind != Kind::Trusted {
        return Err(Error::forbidden("only psql as the database's owner may do this"));
    }
    let (installed, database) = cron::installed()?;
    if installed {
        return Ok(());
    }
    Err(Error::new(sqlstate::NOT_CONFIGURED, "pg_cron is not installed in this database").hint(
        format!(
            "Set shared_preload_libraries = 'pg_cron' and cron.database_name = '{database}', \
             restart PostgreSQL, and run CREATE EXTENSION pg_cron."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, schedule: &str, command: &str) -> Entry {
        Entry {
            id: 1,
            name: format!("{PREFIX}{name}"),
            schedule: schedule.to_owned(),
            command: command.to_owned(),
            active: true,
            role: "postgres".to_owned(),
        }
    }

    #[test]
    fn an_entry_is_changed_only_where_it_differs() {
        let job = Wanted { job: "a".into(), schedule: "1 * * * *".into(), command: "x".into() };
        assert_eq!(decide(None, &job), "added");
        assert_eq!(decide(Some(&entry("a", "1 * * * *", "x")), &job), "kept");
        assert_eq!(decide(Some(&entry("a", "2 * * * *", "x")), &job), "changed");
        assert_eq!(decide(Some(&entry("a", "1 * * * *", "y")), &job), "changed");
        assert!(!names(&entry("ab", "", ""), &job) && names(&entry("a", "", ""), &job));
    }
}
