//! What the network wants done regularly.

use crate::kernel::error::Result;
use crate::network::{SYSTEM, archive, level, watch};
use crate::ops::jobs::{self, Job};
use crate::ops::watch::check;
use serde_json::Value;

pub fn init() {
    jobs::register(Job {
        name: "check_network",
        system: SYSTEM,
        schedule: "42 20 * * *",
        description: "Compares what is kept twice: fails where network.check() finds anything",
        run: check_network,
    });
    jobs::register(Job {
        name: "promote_promoters",
        system: SYSTEM,
        schedule: "52 20 * * *",
        description: "Gives every promoter the level that the settings say, but those set by hand",
        run: level::promote,
    });
    jobs::register(Job {
        name: "archive_network",
        system: SYSTEM,
        schedule: "22 21 * * *",
        description: "Moves PIN transactions, commissions and finished withdrawals older than archive_months to their archives",
        run: archive::archive_old_rows,
    });
}

fn check_network() -> Result<Value> {
    check::run_one(watch::FACTS)
}
