//! The job that looks for anomalies, a bounded batch at a time.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::jobs::{self, Job};
use crate::ops::watch::check;
use crate::treasury::SYSTEM;
use crate::treasury::anomaly::detect::{self, Context};
use crate::treasury::anomaly::record::keep;
use crate::treasury::anomaly::surprise::Alarm;
use crate::treasury::anomaly::{amount, refunds, velocity, watch};
use crate::treasury::store::{anomaly_history as history, anomaly_marks as marks};
use pgrx::Uuid;
use serde_json::{Value, json};

/// How many charges are looked at in one batch.
const BATCH: i64 = 5000;
/// How many batches an admin waits for.
const MOST_BATCHES: usize = 100;
/// Refunds are counted over all sellers, which need not be more often.
const REFUND_MINUTES: i32 = 60;

const CHARGES: &str = "charges";
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

/// Job: one batch.
fn run() -> Result<Value> {
    let plan = plan()?;
    let (looked, found, more) = charges(&plan)?;
    let mut anomalies = found;
    if !more && marks::is_due(REFUNDS, REFUND_MINUTES)? {
        anomalies += of_refunds(&plan)?;
    }
    Ok(json!({"charges": looked, "anomalies": anomalies, "more": more}))
}

/// Everything there is to look at, for an admin; how much that was and what was found.
pub fn detect(caller: &Caller) -> Result<Value> {
    caller.require_admin(SYSTEM)?;
    let plan = plan()?;
    let (mut looked, mut anomalies, mut more) = (0, 0, true);
    for _ in 0..MOST_BATCHES {
        let (charges, found, left) = charges(&plan)?;
        (looked, anomalies, more) = (looked + charges, anomalies + found, left);
        if !more {
            break;
        }
    }
    anomalies += of_refunds(&plan)?;
    let drift = check::run_one(watch::DRIFT)?;
    let drifts = drift["problems"].as_i64().unwrap_or(0);
    Ok(json!({"charges": looked, "anomalies": anomalies, "drifts": drifts, "more": more}))
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
    let amounts = history::amounts(charges)?.into_iter();
    let context = Context {
        alarm: plan.alarm,
        duplicate_minutes: plan.duplicate_minutes,
        amounts: amounts
            .filter_map(|(currency, amounts)| Some((currency, amount::everybody(&amounts)?)))
            .collect(),
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
