//! The jobs of the inbox.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::inbox::{replay, secret, store};
use crate::ops::jobs::{BATCH, Job, register};
use serde_json::{Value, json};

/// What attempts lock, such as accounts, stays locked to the end of the run: so few at
/// once, and the others a minute later.
const RETRIED: i64 = 100;

pub fn init() {
    register(Job {
        name: "retry_webhooks",
        system: "ops",
        schedule: "* * * * *",
        description: "Tries failed webhooks again whose time has come",
        run: retry,
    });
    register(Job {
        name: "purge_webhooks",
        system: "ops",
        schedule: "22 20 * * *",
        description: "Empties webhooks that were processed long ago and destroys ended secrets",
        run: purge,
    });
}

fn retry() -> Result<Value> {
    Ok(json!({"retried": replay::due(RETRIED)?}))
}

fn purge() -> Result<Value> {
    let days = settings::get("ops", "webhook_days")?;
    let (emptied, refusals) = (store::empty(days, BATCH)?, store::purge_refusals(days, BATCH)?);
    let secrets = secret::purge(BATCH)?;
    let mut result = json!({"emptied": emptied, "refusals": refusals, "secrets": secrets});
    if [emptied, refusals, secrets].iter().any(|done| *done as i64 == BATCH) {
        result["more"] = json!(true);
    }
    Ok(result)
}
