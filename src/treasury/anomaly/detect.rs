//! All detectors that look at charges, one after the other.

use crate::treasury::anomaly::finding::Finding;
use crate::treasury::anomaly::series::{Purchases, Series};
use crate::treasury::anomaly::surprise::{Alarm, Centre};
use crate::treasury::anomaly::{amount, duplicate, hours, velocity};
use std::collections::HashMap;

/// What the detectors know besides the charges they look at.
#[derive(Clone, Debug)]
pub struct Context {
    pub alarm: Alarm,
    /// Within so many minutes the same charge again is a duplicate.
    pub duplicate_minutes: i64,
    /// By currency, what is charged by everybody.
    pub amounts: HashMap<String, Centre>,
    /// How many charges a seller, and a buyer, has in an hour on average.
    pub seller_rate: f64,
    pub buyer_rate: f64,
}

impl Context {
    /// The rate of `charges` over so many `people` and `days`, kept above nothing.
    pub fn rate(charges: i64, people: i64, days: f64) -> f64 {
        (charges as f64 / people.max(1) as f64 / (days.max(1.0) * 24.0)).max(1e-5)
    }
}

/// What is odd about the new charges of some sellers.
pub fn of_sellers(sellers: &[Series], context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    for series in sellers {
        let everybody = context.amounts.get(&series.currency);
        found.extend(amount::find(series, everybody, context.alarm));
        found.extend(duplicate::find(series, context.duplicate_minutes));
        found.extend(velocity::of_seller(series, context.seller_rate, context.alarm));
        found.extend(hours::find(series, context.alarm));
    }
    found
}

/// What is odd about the new charges of some buyers.
pub fn of_buyers(buyers: &[Purchases], context: &Context) -> Vec<Finding> {
    let of = |one| velocity::of_buyer(one, context.buyer_rate, context.alarm);
    buyers.iter().flat_map(of).collect()
}
