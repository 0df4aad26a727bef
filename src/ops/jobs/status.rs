//! How the jobs are doing.

use crate::kernel::error::Result;
use crate::ops::jobs::choice::{self, Chosen};
use crate::ops::jobs::schedule::Schedule;
use crate::ops::store::cron;
use crate::ops::store::jobs::{self as store, State};
use pgrx::datum::TimestampWithTimeZone;

/// One job.
pub struct Status {
    pub chosen: Chosen,
    pub state: State,
    /// When pg_cron will run it; `None` where it will not.
    pub next_run_at: Option<TimestampWithTimeZone>,
}

/// Every job, by name.
pub fn all() -> Result<Vec<Status>> {
    let minute = cron::minute()?;
    choice::all()?
        .into_iter()
        .map(|chosen| {
            let state = store::state(chosen.job.name)?;
            let next_run_at = next(state.scheduled.as_deref(), minute)?;
            Ok(Status { chosen, state, next_run_at })
        })
        .collect()
}

fn next(schedule: Option<&str>, minute: i64) -> Result<Option<TimestampWithTimeZone>> {
    schedule
        .and_then(|text| Schedule::parse(text).ok())
        .and_then(|schedule| schedule.next(minute))
        .map(cron::time_of)
        .transpose()
}
