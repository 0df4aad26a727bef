//! What an admin chose for a job in place of what its module says.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::ops::jobs::schedule::Schedule;
use crate::ops::jobs::{self, Job};
use crate::ops::store::jobs as store;

/// Switches a job on or off and gives it a schedule; `None` for its own.
pub fn choose(name: &str, enabled: bool, schedule: Option<&str>) -> Result<&'static str> {
    let job = jobs::find(name)?;
    if let Some(schedule) = schedule {
        check(schedule)?;
    }
    store::choose(job.name, enabled, schedule, caller::current().person())?;
    Ok(job.name)
}

fn check(schedule: &str) -> Result<()> {
    let parsed = Schedule::parse(schedule).map_err(|rule| Error::invalid("p_schedule", rule))?;
    if parsed.next(0).is_none() {
        return Err(Error::invalid("p_schedule", "names a day that never comes"));
    }
    Ok(())
}

/// A job as it is to be scheduled.
pub struct Chosen {
    pub job: Job,
    pub enabled: bool,
    pub schedule: String,
}

/// Every job with its schedule in force.
pub fn all() -> Result<Vec<Chosen>> {
    let choices = store::choices()?;
    let chosen = |job: Job| match choices.get(job.name) {
        Some((enabled, schedule)) => Chosen {
            job,
            enabled: *enabled,
            schedule: schedule.clone().unwrap_or_else(|| job.schedule.to_owned()),
        },
        None => Chosen { job, enabled: true, schedule: job.schedule.to_owned() },
    };
    Ok(jobs::registered().into_iter().map(chosen).collect())
}
