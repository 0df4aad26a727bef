//! What the network wants done regularly.

use crate::kernel::error::Result;
use crate::network::SYSTEM;
use crate::network::store::reports;
use crate::ops::jobs::{self, Job};
use serde_json::{Value, json};

pub fn init() {
    jobs::register(Job {
        name: "check_network",
        system: SYSTEM,
        schedule: "42 20 * * *",
        description: "Compares what is kept twice: fails where network.check() finds anything",
        run: check_network,
    });
}

fn check_network() -> Result<Value> {
    let found = reports::check()?.into_iter().map(|problem| {
        json!({
            "rule": problem.rule,
            "record_id": problem.record_id,
            "problem": problem.problem,
        })
    });
    Ok(jobs::problems(found.collect()))
}
