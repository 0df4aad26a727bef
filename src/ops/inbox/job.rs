//! The jobs of the inbox.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::inbox::{replay, secret, store};
use crate::ops::jobs::{BATCH, Job, batch, register};
use serde_json::{Value, json};

/// An attempt may post to the ledger, so fewer than of rows that are only deleted.
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
    Ok(batch("retried", replay::due(RETRIED)?, RETRIED))
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
