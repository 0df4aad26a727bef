//! The job that looks for anomalies, a bounded batch at a time.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::jobs::{self, Job};
use crate::ops::watch::check;
use crate::treasury::SYSTEM;
use crate::treasury::anomaly::detect::{self, Context};
use crate::treasury::anomaly::record::keep;
use crate::treasury::anomaly::surprise::{Alarm, Centre};
use crate::treasury::anomaly::{amount, payout, refunds, velocity, watch};
use crate::treasury::store::{
    anomaly_history as history, anomaly_marks as marks, anomaly_payouts as paid,
};
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::HashMap;

/// How many charges or payouts are looked at in one batch.
const BATCH: i64 = 5000;
/// How many batches an admin waits for.
const MOST_BATCHES: usize = 100;
/// Refunds are counted over all sellers, which need not be more often.
const REFUND_MINUTES: i32 = 60;

const CHARGES: &str = "charges";
const PAYOUTS: &str = "payouts";
const REFUNDS: &str = "refunds";

pub fn init() {
    jobs::register(Job {
        name: "detect_anomalies",
        system: SYSTEM,
        schedule: "*/15 * * * *",
        description: "Looks at new charges, refunds and payouts for what is unlikely; it is flagged in treasury.anomalies",
        run,
    });
    jobs::register(Job {
        name: "check_treasury_drift",
        system: SYSTEM,
        schedule: "12 21 * * *",
        description: "Compares everybody's earnings in the ledger with their charges: fails where they differ",
        run: || check::run_one(watch::DRIFT),
    });
}

/// What the settings say of looking.
struct Plan {
    alarm: Alarm,
    days: i32,
    duplicate_minutes: i64,
}

fn plan() -> Result<Plan> {
    let settings = Settings::of(SYSTEM)?;
    let days: i64 = settings.get("anomaly_history_days")?;
    Ok(Plan {
        alarm: Alarm::once_in(settings.get("anomaly_false_alarms")?),
        days: i32::try_from(days).unwrap_or(i32::MAX),
        duplicate_minutes: settings.get("anomaly_duplicate_minutes")?,
    })
}

/// What came of a batch, or of several.
#[derive(Clone, Copy, Default)]
struct Looked {
    charges: usize,
    payouts: usize,
    anomalies: usize,
    more: bool,
}

/// Job: one batch.
fn run() -> Result<Value> {
    let plan = plan()?;
    let Looked { charges, payouts, mut anomalies, more } = batch(&plan)?;
    if !more && marks::is_due(REFUNDS, REFUND_MINUTES)? {
        anomalies += of_refunds(&plan)?;
    }
    Ok(json!({"charges": charges, "payouts": payouts, "anomalies": anomalies, "more": more}))
}

/// Everything there is to look at, for an admin; how much that was and what was found.
pub fn detect(caller: &Caller) -> Result<Value> {
    caller.require_admin(SYSTEM)?;
    let plan = plan()?;
    let mut all = Looked { more: true, ..Looked::default() };
    for _ in 0..MOST_BATCHES {
        let Looked { charges, payouts, anomalies, more } = batch(&plan)?;
        all.charges += charges;
        all.payouts += payouts;
        all.anomalies += anomalies;
        all.more = more;
        if !more {
            break;
        }
    }
    all.anomalies += of_refunds(&plan)?;
    let drift = check::run_one(watch::DRIFT)?;
    Ok(json!({
        "charges": all.charges,
        "payouts": all.payouts,
        "anomalies": all.anomalies,
        "drifts": drift["problems"].as_i64().unwrap_or(0),
        "more": all.more,
    }))
}

/// The next charges, and when there are no more, the next payouts.
fn batch(plan: &Plan) -> Result<Looked> {
    let (charges, anomalies, more) = charges(plan)?;
    let looked = Looked { charges, payouts: 0, anomalies, more };
    if more {
        return Ok(looked);
    }
    let (payouts, anomalies, more) = payouts(plan)?;
    Ok(Looked { payouts, anomalies: looked.anomalies + anomalies, more, ..looked })
}

/// The next batch of payouts.
fn payouts(plan: &Plan) -> Result<(usize, usize, bool)> {
    if marks::lock(PAYOUTS)? {
        marks::begin(PAYOUTS)?;
    }
    let next = paid::next(PAYOUTS, BATCH)?;
    let more = next.len() as i64 == BATCH;
    if !more {
        marks::end(PAYOUTS)?;
    }
    let new: Vec<i64> = next.iter().filter(|(_, pays)| *pays).map(|(id, _)| *id).collect();
    if new.is_empty() {
        return Ok((0, 0, more));
    }
    let everybody = centres(paid::amounts(&new)?);
    let found: Vec<_> = paid::history(&new)?
        .iter()
        .flat_map(|one| payout::find(one, everybody.get(&one.currency), plan.alarm))
        .collect();
    Ok((new.len(), keep(&found)?, more))
}

/// The middle of everybody's amounts in each currency that has enough of them.
fn centres(amounts: Vec<(String, Vec<i64>)>) -> HashMap<String, Centre> {
    let centre =
        |(currency, amounts): (String, Vec<i64>)| Some((currency, amount::everybody(&amounts)?));
    amounts.into_iter().filter_map(centre).collect()
}

/// The next batch of charges: how many, what was found, and whether there are more.
fn charges(plan: &Plan) -> Result<(usize, usize, bool)> {
    let mut batch = Vec::new();
    if marks::lock(CHARGES)? {
        marks::begin(CHARGES)?;
        batch = marks::woken()?;
    }
    let next = marks::next_charges(CHARGES, BATCH)?;
    let more = next.len() as i64 == BATCH;
    if !more {
        marks::end(CHARGES)?;
    }
    let waiting = next.iter().filter(|(_, captured)| !captured).map(|(id, _)| *id);
    marks::wait(waiting.collect())?;
    batch.extend(next.iter().filter(|(_, captured)| *captured).map(|(id, _)| *id));
    Ok((batch.len(), look(&batch, plan)?, more))
}

fn look(charges: &[Uuid], plan: &Plan) -> Result<usize> {
    if charges.is_empty() {
        return Ok(0);
    }
    let activity = history::activity(charges)?;
    let rate = |people| Context::rate(activity.charges, people, activity.days);
    let context = Context {
        alarm: plan.alarm,
        duplicate_minutes: plan.duplicate_minutes,
        amounts: centres(history::amounts(charges)?),
        seller_rate: rate(activity.sellers),
        buyer_rate: rate(activity.buyers),
    };
    let mut found = detect::of_sellers(&history::series(charges, plan.days)?, &context);
    let buyers = history::purchases(charges, plan.days, velocity::LEAST as i32)?;
    found.extend(detect::of_buyers(&buyers, &context));
    keep(&found)
}

fn of_refunds(plan: &Plan) -> Result<usize> {
    let records = history::refunds(plan.days)?;
    keep(&refunds::find(&records, &history::month()?, i64::from(plan.days), plan.alarm))
}
