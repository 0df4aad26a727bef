//! What reports want done regularly.

use crate::kernel::error::Result;
use crate::ops::jobs::{self, BATCH, Job};
use crate::treasury::SYSTEM;
use crate::treasury::report::{nightly, retention, run};
use serde_json::{Value, json};

/// One report may be long, and what one has locked is free only after the run: the rest is
/// for the next minute.
const REPORTS: i64 = 10;

pub fn init() {
    jobs::register(Job {
        name: "generate_reports",
        system: SYSTEM,
        schedule: "* * * * *",
        description: "Makes the reports that were asked for",
        run: generate,
    });
    jobs::register(Job {
        name: "nightly_reports",
        system: SYSTEM,
        schedule: "33 1 * * *",
        description: "In January asks for the 1099s of the past year, at the start of a month for the VAT statements of the past one",
        run: || Ok(nightly::queue(nightly::today()?, BATCH)?.to_json(BATCH)),
    });
    jobs::register(Job {
        name: "purge_reports",
        system: SYSTEM,
        schedule: "43 20 * * *",
        description: "Deletes files of reports older than report_days, and invoices that need not be kept any more",
        run: purge,
    });
}

fn generate() -> Result<Value> {
    let outcome = run::run(REPORTS)?;
    Ok(json!({"done": outcome.done, "failed": outcome.failed}))
}

fn purge() -> Result<Value> {
    let purged = retention::purge(BATCH)?;
    let mut result = json!({"files": purged.files, "invoices": purged.invoices});
    let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= BATCH);
    if full(purged.files) || full(purged.invoices) {
        result["more"] = json!(true);
    }
    Ok(result)
}
