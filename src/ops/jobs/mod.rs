//! Jobs: work that runs by itself, at times a schedule names.
//!
//! A module says in `_PG_init` what jobs it has ([`register`]); `ops.run_job`
//! runs one ([`run`]) and keeps a record of it, never two of the same job at
//! once; `ops.schedule_jobs` has pg_cron call it ([`scheduling`]). An admin may
//! give a job another [`schedule`] or switch it off ([`choose`]).

mod choice;
mod housekeeping;
mod result;
mod run;
pub mod schedule;
mod scheduling;
mod status;

pub use choice::choose;
pub use housekeeping::init;
pub use result::{batch, problems};
pub use run::run;
pub use scheduling::{schedule_all, unschedule_all};
pub use status::{Status, all as status};

use crate::kernel::error::{Error, Result};
use crate::kernel::registry::Registry;
use serde_json::Value;

/// How many rows a job touches in one call, unless it has a reason for another number.
pub const BATCH: i64 = 1000;

/// Work that a module wants done regularly.
///
/// `run` does not ask who calls: pg_cron, a server or an admin of ops has been
/// let in already. It works on one bounded batch, may be repeated, and gives a
/// JSON object of counts. Two keys of it mean something:
///
/// * `"more": true`: there is more to do. `run` is called again, many times in one
///   run, and its integers are added up.
/// * `"problems": n`, more than none: it found what must not be. What it wrote
///   stays, and the run counts as failed. See [`problems`].
///
/// When it fails, everything it did in this run is undone and the error recorded.
#[derive(Clone, Copy)]
pub struct Job {
    /// Unique among all systems: lower-case letters, digits and `_`.
    pub name: &'static str,
    pub system: &'static str,
    /// Five fields as cron has them, in pg_cron's time zone, which is UTC.
    pub schedule: &'static str,
    /// One sentence for admins.
    pub description: &'static str,
    pub run: fn() -> Result<Value>,
}

static JOBS: Registry<Job> = Registry::new();

/// Called once for each job when the library is loaded.
pub fn register(job: Job) {
    JOBS.register(job);
}

/// All jobs by name.
pub fn registered() -> Vec<Job> {
    let mut jobs = JOBS.all();
    jobs.sort_by_key(|job| job.name);
    jobs
}

/// The job of this name, or PT404.
pub fn find(name: &str) -> Result<Job> {
    registered()
        .into_iter()
        .find(|job| job.name == name)
        .ok_or_else(|| Error::not_found("job", name).hint("select name from ops.job_status()"))
}
