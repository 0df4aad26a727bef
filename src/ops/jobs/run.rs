//! Running a job: one at a time, all of it or none of it, and a record either way.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::subtransaction;
use crate::ops::jobs::{self, Job, result};
use crate::ops::store::jobs::{self as store, Run};
use pgrx::{Uuid, warning};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How often a job is called in one run while it says that there is more to do.
const MOST_BATCHES: usize = 100;

/// How a run ended.
enum Outcome {
    Succeeded(Value),
    FoundProblems(Value),
    Failed(Error),
    /// Another session is running the job.
    Skipped,
}

/// Runs a job unless it is running already; the id of the record.
pub fn run(name: &str) -> Result<Uuid> {
    let job = jobs::find(name)?;
    let may_run = store::try_lock(job.name)?;
    let started_at = pgrx::datum::datetime_support::clock_timestamp();
    let outcome = if may_run { attempt(&job) } else { Outcome::Skipped };
    let mut run = Run {
        job: job.name,
        system: job.system,
        started_at,
        status: "succeeded",
        result: None,
        sqlstate: None,
        error: None,
    };
    match outcome {
        Outcome::Succeeded(result) => run.result = Some(result),
        Outcome::Skipped => run.status = "skipped",
        Outcome::FoundProblems(result) => {
            run.status = "failed";
            run.error = Some(format!("problems found: {}", result::problem_count(&result)));
            run.result = Some(result);
        }
        Outcome::Failed(error) => {
            run.status = "failed";
            run.sqlstate = Some(error.sqlstate.code());
            run.error = Some(match error.detail {
                Some(detail) => format!("{} ({detail})", error.message),
                None => error.message,
            });
        }
    }
    let id = store::record(&run)?;
    tell_of_failure(&run);
    Ok(id)
}

fn attempt(job: &Job) -> Outcome {
    let attempted =
        catch_unwind(AssertUnwindSafe(|| subtransaction(|| in_batches(job.run, MOST_BATCHES))));
    match attempted {
        Ok(Ok(result)) if result::problem_count(&result) > 0 => Outcome::FoundProblems(result),
        Ok(Ok(result)) => Outcome::Succeeded(result),
        Ok(Err(error)) => Outcome::Failed(error),
        // The subtransaction is rolled back: a bug in one job ends that job only.
        Err(_) => Outcome::Failed(Error::internal("the job panicked")),
    }
}

/// Calls the job until it has nothing more to do, at most so many times.
fn in_batches(run: impl Fn() -> Result<Value>, most: usize) -> Result<Value> {
    let mut total = run()?;
    for _ in 1..most {
        if !result::wants_more(&total) {
            break;
        }
        total = result::add(total, run()?);
    }
    Ok(total)
}

/// The server's log says it as well, without the message, which may hold data.
fn tell_of_failure(run: &Run<'_>) {
    if run.status == "failed" {
        warning!(
            "job {} failed: {}",
            run.job,
            run.sqlstate.as_deref().unwrap_or("it found problems")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::cell::Cell;

    fn batches(left: i64, most: usize) -> (Value, usize) {
        let (left, calls) = (Cell::new(left), Cell::new(0));
        let total = in_batches(
            || {
                calls.set(calls.get() + 1);
                let done = left.get().min(10);
                left.set(left.get() - done);
                Ok(result::batch("done", done as usize, 10))
            },
            most,
        );
        (total.expect("no batch fails"), calls.get())
    }

    #[test]
    fn a_job_is_called_until_nothing_is_left() {
        assert_eq!(batches(0, 100), (json!({"done": 0}), 1));
        assert_eq!(batches(25, 100), (json!({"done": 25}), 3));
        assert_eq!(batches(20, 100), (json!({"done": 20}), 3));
    }

    #[test]
    fn a_job_is_not_called_for_ever() {
        assert_eq!(batches(1000, 3), (json!({"done": 30, "more": true}), 3));
    }
}
