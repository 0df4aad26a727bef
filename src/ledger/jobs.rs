//! What the ledger wants done regularly.

use crate::kernel::clock::days_after_start;
use crate::kernel::error::Result;
use crate::ledger::{archive, expiry, history, seal, watch};
use crate::ops::jobs::{self, BATCH, Job};
use crate::ops::watch::check;
use serde_json::{Value, json};

pub fn init() {
    jobs::register(Job {
        name: "expire_holds",
        system: "ledger",
        schedule: "*/10 * * * *",
        description: "Tidies away holds whose time has come; they count no more from that time on",
        run: expire_holds,
    });
    jobs::register(Job {
        name: "checkpoint_ledger",
        system: "ledger",
        schedule: "*/5 * * * *",
        description: "Makes checkpoints, so that balances and statements as of a time are quick",
        run: || history::checkpoint(false),
    });
    jobs::register(Job {
        name: "check_ledger",
        system: "ledger",
        schedule: "37 20 * * *",
        description: "Proves the books: fails where ledger.check() finds anything",
        run: check_ledger,
    });
    jobs::register(Job {
        name: "seal_ledger",
        system: "ledger",
        schedule: "*/5 * * * *",
        description: "Adds what was posted to the chain of seals",
        run: seal_ledger,
    });
    jobs::register(Job {
        name: "verify_seals",
        system: "ledger",
        schedule: "47 20 * * *",
        description: "Compares the transfers of the last 31 days with their seals: fails where one is not as it was",
        run: verify_seals,
    });
    jobs::register(Job {
        name: "archive_ledger",
        system: "ledger",
        schedule: "27 21 * * *",
        description: "Moves sealed transfers of months that ended archive_months ago to the archive",
        run: archive::archive_old_months,
    });
}

fn expire_holds() -> Result<Value> {
    Ok(jobs::batch("expired", expiry::expire_holds(BATCH)?, BATCH))
}

fn check_ledger() -> Result<Value> {
    check::run_one(watch::BOOKS)
}

fn seal_ledger() -> Result<Value> {
    let done = seal::seal()?;
    Ok(json!({"transfers": done.transfers, "blocks": done.blocks, "more": done.more}))
}

/// How far back the daily job looks; the whole chain is for whoever publishes heads.
const VERIFIED_DAYS: i64 = 31;

fn verify_seals() -> Result<Value> {
    let from = days_after_start(-VERIFIED_DAYS).into_inner();
    let found = seal::verify(Some(from), None, None)?;
    let as_json = |found: &seal::Finding| {
        json!({
            "problem": found.problem.as_str(),
            "block": found.block,
            "transfer_id": found.transfer.map(|id| id.to_string()),
        })
    };
    Ok(jobs::problems(found.iter().map(as_json).collect()))
}
