//! What the ledger wants done regularly.

use crate::kernel::error::Result;
use crate::ledger::{expiry, watch};
use crate::ops::jobs::{self, BATCH, Job};
use crate::ops::watch::check;
use serde_json::Value;

pub fn init() {
    jobs::register(Job {
        name: "expire_holds",
        system: "ledger",
        schedule: "*/10 * * * *",
        description: "Tidies away holds whose time has come; they count no more from that time on",
        run: expire_holds,
    });
    jobs::register(Job {
        name: "check_ledger",
        system: "ledger",
        schedule: "37 20 * * *",
        description: "Proves the books: fails where ledger.check() finds anything",
        run: check_ledger,
    });
}

fn expire_holds() -> Result<Value> {
    Ok(jobs::batch("expired", expiry::expire_holds(BATCH)?, BATCH))
}

fn check_ledger() -> Result<Value> {
    check::run_one(watch::BOOKS)
}
