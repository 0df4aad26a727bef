//! What is forgotten: words that tax law wants kept no longer. Amounts, days and ids stay.

use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::jobs::{BATCH, Job};
use crate::treasury::SYSTEM;
use crate::treasury::store::retention as store;
use crate::treasury::{adjustment, overriding};
use serde_json::{Value, json};

/// Empties and deletes what is too old.
pub const PURGE: Job = Job {
    name: "purge_treasury",
    system: SYSTEM,
    schedule: "12 21 * * *",
    description: "Forgets what neither tax law nor anybody else needs any more",
    run: purge,
};

/// Ends the wait for second admins.
pub const EXPIRE: Job = Job {
    name: "expire_approvals",
    system: SYSTEM,
    schedule: "7 * * * *",
    description: "Ends adjustments and overrides to which no second admin agreed in time",
    run: expire,
};

fn purge() -> Result<Value> {
    let settings = Settings::of(SYSTEM)?;
    let years: i64 = settings.get("tax_years")?;
    let mut counts = json!({});
    let mut more = false;
    for (name, purge) in store::OF_TAX_LAW {
        let count = purge(years, BATCH)?;
        more |= count as i64 >= BATCH;
        counts[*name] = json!(count);
    }
    if more {
        counts["more"] = json!(true);
    }
    Ok(counts)
}

fn expire() -> Result<Value> {
    let (adjustments, overrides) = (adjustment::expire(BATCH)?, overriding::expire(BATCH)?);
    let mut counts = json!({"adjustments": adjustments, "overrides": overrides});
    if adjustments.max(overrides) as i64 >= BATCH {
        counts["more"] = json!(true);
    }
    Ok(counts)
}
