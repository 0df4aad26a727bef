//! What the treasury wants done regularly.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::jobs::{BATCH, Job, batch, register};
use crate::treasury::store::requests;
use crate::treasury::{SYSTEM, balance_transaction, payout_run, sending};
use serde_json::{Value, json};

pub fn init() {
    register(Job {
        name: "run_payouts",
        system: SYSTEM,
        // Again and again in these hours: what one has not come to the next one does, and a
        // run that is finished stays so.
        schedule: "* 2-4 * * *",
        description: "Pays everybody who is payable, once a day",
        run: payout_run::run_next,
    });
    register(Job {
        name: "send_payouts",
        system: SYSTEM,
        schedule: "*/5 * * * *",
        description: "Hands scheduled payouts whose time has come to the worker that asks Stripe",
        run: sending::send_due,
    });
    register(Job {
        name: "list_balance_transactions",
        system: SYSTEM,
        schedule: "12 * * * *",
        description: "Has a worker ask Stripe what moved its balance, for fees and the comparison with the books",
        run: list_balance_transactions,
    });
    register(Job {
        name: "purge_stripe_requests",
        system: SYSTEM,
        schedule: "27 20 * * *",
        description: "Deletes requests to Stripe that were done, refused or canceled long ago",
        run: purge_requests,
    });
}

fn list_balance_transactions() -> Result<Value> {
    Ok(json!({"asked": i64::from(balance_transaction::fetch()?)}))
}

fn purge_requests() -> Result<Value> {
    let days: i64 = settings::get(SYSTEM, "request_days")?;
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Ok(batch("deleted", requests::purge(days, BATCH)?, BATCH))
}
