//! More charges in an hour than there should be, of a seller or of a buyer.
//!
//! What there should be follows from the same time of other days, with an hour on either
//! side, and from the whole day where that is more: rhythms of a day are expected, those of
//! a week are in how much days differ. Who is new is thought to be like others.

use crate::treasury::anomaly::amount::round;
use crate::treasury::anomaly::finding::{Finding, Kind};
use crate::treasury::anomaly::moment::{HOUR, Hours, Moment, hour_of};
use crate::treasury::anomaly::series::{Purchases, Series};
use crate::treasury::anomaly::surprise::{Alarm, of_count};
use serde_json::{Value, json};

/// Fewer are never too many.
pub const LEAST: usize = 5;
/// At their busiest, people are thought to have so many times their average.
const BUSIEST: f64 = 4.0;
/// How much rates differ before anything is known, and how many days that counts for.
const USUAL_DISPERSION: f64 = 0.5;
const WEIGHT: f64 = 10.0;

/// Hours of which one was too much.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// The first of the charges that are too many together.
    pub first: usize,
    /// The last of the hour with the most.
    pub peak: usize,
    /// How many there were in that hour, and how many there should be.
    pub count: usize,
    pub expected: f64,
    dispersion: f64,
    pub surprise: f64,
}

/// What there should be in an hour, and how much that differs.
struct Usual {
    mean: f64,
    dispersion: f64,
}

fn usual(hours: &Hours, at: i64, known: usize, everybody: f64) -> Usual {
    let hour = hour_of(at);
    let counts: Vec<f64> =
        hours.same_time(hour).map(|other| f64::from(hours.between(other - 1, other + 1))).collect();
    let (days, total) = (counts.len() as f64, counts.iter().sum::<f64>());
    // As if one had been seen in the time that others need for one.
    let rate = |count: f64, hours: f64| (count + 1.0) / (hours + 1.0 / everybody / BUSIEST);
    let near = f64::from(hours.between(hour - 1, hour + 1));
    let whole = rate((known as f64 - near).max(0.0), (hours.len() as f64 - 3.0).max(0.0));
    let mean = rate(total, 3.0 * days).max(whole);
    let average = total / days.max(1.0);
    let variance = counts.iter().map(|count| (count - average).powi(2)).sum::<f64>();
    let variance = variance / (days - 1.0).max(1.0);
    let seen = if average > 0.0 { (variance - average) / average.powi(2) } else { 0.0 };
    let dispersion = (days * seen + WEIGHT * USUAL_DISPERSION) / (days + WEIGHT);
    Usual { mean, dispersion: dispersion.clamp(0.1, 3.0) + 1.0 / (total + 1.0) }
}

/// Bursts of moments in the order of time, such as have a new one in them. `everybody` is
/// how many others have in an hour on average.
pub fn bursts(moments: &[Moment], everybody: f64, alarm: Alarm) -> Vec<Burst> {
    let Some(hours) = Hours::of(moments) else { return Vec::new() };
    let mut found: Vec<Burst> = Vec::new();
    let mut first = 0;
    for (at, moment) in moments.iter().enumerate() {
        while moments[first].at <= moment.at - HOUR {
            first += 1;
        }
        let count = at - first + 1;
        if count < LEAST || !moment.is_new {
            continue;
        }
        let usual = usual(&hours, moment.at, moments.len(), everybody);
        let surprise = of_count(count, usual.mean, usual.dispersion);
        if alarm.severity(surprise).is_none() {
            continue;
        }
        let Usual { mean: expected, dispersion } = usual;
        let burst = Burst { first, peak: at, count, expected, dispersion, surprise };
        match found.last_mut() {
            Some(last) if moment.at - moments[last.peak].at <= 2 * HOUR => {
                if count >= last.count {
                    *last = Burst { first: last.first, ..burst };
                }
            }
            _ => found.push(burst),
        }
    }
    found
}

impl Burst {
    fn explain(&self, alarm: Alarm) -> Value {
        json!({
            "value": self.count,
            "expected": round(self.expected),
            "dispersion": round(self.dispersion),
            "hours": 1,
            "threshold": round(alarm.least),
        })
    }
}

/// Hours in which a seller has too many charges.
pub fn of_seller(series: &Series, everybody: f64, alarm: Alarm) -> Vec<Finding> {
    let describe = |burst: Burst| {
        let peak = &series.charges[burst.peak];
        Some(Finding {
            kind: Kind::SellerVelocity,
            key: Finding::key_at(
                Kind::SellerVelocity,
                series.owner,
                &series.currency,
                series.charges[burst.first].at,
            ),
            severity: alarm.severity(burst.surprise)?,
            description: format!(
                "Seller {} has {} charges in an hour; {} are usual.",
                series.owner,
                burst.count,
                round(burst.expected)
            ),
            score: burst.surprise,
            user: Some(series.owner),
            charge: Some(peak.id),
            payout: None,
            currency: Some(series.currency.clone()),
            amount: None,
            explanation: burst.explain(alarm),
        })
    };
    let found = bursts(&series.moments(), everybody, alarm);
    found.into_iter().filter_map(describe).collect()
}

/// Hours in which a buyer pays too often.
pub fn of_buyer(purchases: &Purchases, everybody: f64, alarm: Alarm) -> Vec<Finding> {
    let moments = purchases.charges.iter();
    let moments: Vec<Moment> =
        moments.map(|charge| Moment { at: charge.at, is_new: charge.is_new }).collect();
    let describe = |burst: Burst| {
        let first = purchases.charges[burst.first].at;
        Some(Finding {
            kind: Kind::BuyerVelocity,
            key: Finding::key_at(Kind::BuyerVelocity, purchases.buyer, "all", first),
            severity: alarm.severity(burst.surprise)?,
            description: format!(
                "Buyer {} was charged {} times in an hour; {} are usual.",
                purchases.buyer,
                burst.count,
                round(burst.expected)
            ),
            score: burst.surprise,
            user: Some(purchases.buyer),
            charge: Some(purchases.charges[burst.peak].id),
            payout: None,
            currency: None,
            amount: None,
            explanation: burst.explain(alarm),
        })
    };
    bursts(&moments, everybody, alarm).into_iter().filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treasury::anomaly::moment::DAY;
    use proptest::prelude::*;

    const ALARM: Alarm = Alarm { least: 5.0 };

    /// So many a day from six in the evening on, ten minutes apart, for sixty days.
    fn evenings(a_day: i64) -> Vec<Moment> {
        let at = |day: i64, n: i64| day * DAY + 18 * HOUR + n * 600;
        let days = (0..60).flat_map(|day| (0..a_day).map(move |n| at(day, n)));
        days.map(|at| Moment { at, is_new: true }).collect()
    }

    fn with(mut moments: Vec<Moment>, count: i64, start: i64) -> Vec<Moment> {
        moments.extend((0..count).map(|n| Moment { at: start + n * 60, is_new: true }));
        moments.sort_by_key(|moment| moment.at);
        moments
    }

    #[test]
    fn what_is_usual_every_evening_is_no_burst_and_the_same_at_noon_is() {
        let usual = evenings(6);
        assert!(bursts(&usual, 0.1, ALARM).is_empty());
        let at_noon = with(usual.clone(), 12, 30 * DAY + 11 * HOUR);
        let found = bursts(&at_noon, 0.1, ALARM);
        assert_eq!((found.len(), found[0].count), (1, 12));
        assert_eq!(at_noon[found[0].first].at, 30 * DAY + 11 * HOUR);
        let in_the_evening = with(usual, 40, 30 * DAY + 18 * HOUR);
        assert_eq!(bursts(&in_the_evening, 0.1, ALARM).len(), 1);
    }

    #[test]
    fn who_is_new_is_like_others() {
        let first_hour = with(Vec::new(), 8, 0);
        assert!(bursts(&first_hour, 5.0, ALARM).is_empty());
        assert_eq!(bursts(&first_hour, 0.001, ALARM).len(), 1);
        assert!(bursts(&with(Vec::new(), 4, 0), 1e-9, ALARM).is_empty());
        assert!(bursts(&[], 1.0, ALARM).is_empty());
    }

    #[test]
    fn history_alone_says_nothing() {
        let mut moments = with(evenings(3), 40, 30 * DAY);
        moments.iter_mut().for_each(|moment| moment.is_new = false);
        assert!(bursts(&moments, 0.1, ALARM).is_empty());
    }

    proptest! {
        #[test]
        fn a_burst_has_as_many_as_it_says_within_an_hour(
            mut times in prop::collection::vec(0_i64..20 * DAY, 0..200), start in 0_i64..20 * DAY
        ) {
            times.extend((0..20).map(|n| start + n * 30));
            times.sort_unstable();
            let moments: Vec<Moment> =
                times.iter().map(|&at| Moment { at, is_new: true }).collect();
            for burst in bursts(&moments, 0.2, ALARM) {
                let end = moments[burst.peak].at;
                let within = moments[..=burst.peak].iter().filter(|m| m.at > end - HOUR).count();
                prop_assert_eq!(within, burst.count);
                prop_assert!(burst.first <= burst.peak && burst.expected > 0.0);
            }
        }
    }
}
