//! The jobs of the kernel and of ops itself: forgetting what nobody needs any more.

use crate::kernel::error::Result;
use crate::kernel::idempotency;
use crate::ops::jobs::result::batch;
use crate::ops::jobs::{BATCH, Job, register, scheduling};
use crate::ops::outbox;
use crate::ops::store::jobs as store;
use serde_json::Value;

/// Runs once in every backend that loads the library. The hours are those of
/// night in India, where most of the business sleeps.
pub fn init() {
    register(Job {
        name: "purge_idempotency_keys",
        system: "backoffice",
        schedule: "7 20 * * *",
        description: "Forgets Idempotency-Keys that are too old to be repeated",
        run: purge_idempotency_keys,
    });
    register(Job {
        name: "purge_outbox",
        system: "ops",
        schedule: "12 20 * * *",
        description: "Deletes messages that were sent or given up long ago",
        run: purge_outbox,
    });
    register(Job {
        name: "purge_job_runs",
        system: "ops",
        schedule: "17 20 * * *",
        description: "Deletes old runs of jobs",
        run: purge_job_runs,
    });
}

fn purge_idempotency_keys() -> Result<Value> {
    Ok(batch("deleted", idempotency::purge(BATCH)?, BATCH))
}

fn purge_outbox() -> Result<Value> {
    Ok(batch("deleted", outbox::purge(BATCH)?, BATCH))
}

fn purge_job_runs() -> Result<Value> {
    Ok(batch("deleted", store::purge_runs(scheduling::run_days()?, BATCH)?, BATCH))
}
