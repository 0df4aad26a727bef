//! How the jobs are doing.

use crate::kernel::clock::clock;
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
    /// Whether pg_cron has it and it should have succeeded again by now. One that
    /// failed is not overdue: it ran.
    pub overdue: bool,
}

impl Status {
    /// The code of the error that ended its last run. Problems that it found are none.
    pub fn error(&self) -> Option<&str> {
        self.failed().then_some(self.state.last_sqlstate.as_deref()).flatten()
    }

    /// Whether its last run failed, for an error or for the problems it found.
    pub fn failed(&self) -> bool {
        self.state.last_status.as_deref() == Some("failed")
    }
}

/// Every job, by name.
pub fn all() -> Result<Vec<Status>> {
    let minute = cron::minute()?;
    let chosen = choice::all()?;
    let states = store::states(chosen.iter().map(|chosen| chosen.job.name.to_owned()).collect())?;
    chosen.into_iter().zip(states).map(|(chosen, state)| status(chosen, state, minute)).collect()
}

fn status(chosen: Chosen, state: State, minute: i64) -> Result<Status> {
    let schedule = state.scheduled.as_deref().and_then(|text| Schedule::parse(text).ok());
    let next = schedule.as_ref().and_then(|schedule| schedule.next(minute));
    let mut status =
        Status { chosen, state, next_run_at: next.map(cron::time_of).transpose()?, overdue: false };
    let since = status.state.last_success_at.max(status.state.scheduled_since);
    status.overdue = match (schedule, since) {
        (Some(schedule), Some(since)) if !status.failed() => {
            is_overdue(&schedule, minute - minutes_since(since), minute)
        }
        _ => false,
    };
    Ok(status)
}

fn minutes_since(time: TimestampWithTimeZone) -> i64 {
    i64::from(clock()).saturating_sub(i64::from(time)) / 60_000_000
}

/// Whether two of a schedule's times have come and gone since a minute, the second
/// for long enough to have ended.
fn is_overdue(schedule: &Schedule, since: i64, minute: i64) -> bool {
    const GRACE: i64 = 15;
    let second = schedule.next(since).and_then(|first| schedule.next(first));
    second.is_some_and(|second| minute > second + GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_overdue_when_two_of_its_times_have_passed() {
        let overdue = |text: &str, since, minute| {
            is_overdue(&Schedule::parse(text).expect("a good schedule"), since, minute)
        };
        assert!(!overdue("*/5 * * * *", 0, 25));
        assert!(overdue("*/5 * * * *", 0, 26));
        // Daily at 3:17, done on the first day: the second may be missed, not the third.
        let done = 3 * 60 + 18;
        assert!(!overdue("17 3 * * *", done, done + 2 * 1440));
        assert!(overdue("17 3 * * *", done, done + 2 * 1440 + 15));
        assert!(!overdue("0 0 30 2 *", 0, 1 << 40));
    }
}
