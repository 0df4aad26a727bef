//! Amounts far from what a seller takes, or a person is paid: on the scale of logarithms,
//! where twice as much is as far as half as much.

use crate::treasury::anomaly::finding::{Finding, Kind, Severity};
use crate::treasury::anomaly::series::Series;
use crate::treasury::anomaly::surprise::{Alarm, Centre, of_distance};
use serde_json::{Value, json};

/// With fewer amounts of their own somebody is compared with everybody.
const ENOUGH: usize = 4;
/// What a spread is thought to be before anything is known, and how many amounts that
/// counts for.
const USUAL_SPREAD: f64 = 0.5;
const WEIGHT: f64 = 10.0;
/// Prices are changed by that much without anything being wrong.
const LEAST_SPREAD: f64 = 0.2;
/// Of how many amounts of everybody something follows.
const EVERYBODY: usize = 30;

/// How an amount compares.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    centre: Centre,
    /// How many spreads it is away; below zero for less than usual.
    pub distance: f64,
    pub surprise: f64,
    /// Whether with one's own amounts, or with everybody's.
    own: bool,
}

impl Comparison {
    fn new(value: f64, centre: Centre, own: bool) -> Self {
        let distance = (value - centre.median) / centre.spread;
        Comparison { centre, distance, surprise: of_distance(distance), own }
    }

    pub fn explain(&self, value: i64, alarm: Alarm) -> Value {
        json!({
            "value": value,
            "median": self.centre.median.exp().round() as i64,
            "times": round((value as f64) / self.centre.median.exp()),
            "spread": round(self.centre.spread),
            "distance": round(self.distance),
            "amounts": self.centre.count,
            "compared_with": if self.own { "own" } else { "everybody" },
            "threshold": round(alarm.least),
        })
    }
}

pub fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// The centre of somebody's amounts: with few of them the spread leans on what is usual,
/// and it is wider for not knowing the middle exactly.
fn own_centre(values: Vec<f64>) -> Option<Centre> {
    let centre = Centre::of(values).filter(|centre| centre.count >= ENOUGH)?;
    let n = centre.count as f64;
    let squared = (n * centre.spread.powi(2) + WEIGHT * USUAL_SPREAD.powi(2)) / (n + WEIGHT);
    let spread = (squared * (1.0 + 1.57 / n)).sqrt().max(LEAST_SPREAD);
    Some(Centre { spread, ..centre })
}

/// The centre of everybody's amounts.
pub fn everybody(amounts: &[i64]) -> Option<Centre> {
    let centre = Centre::of(amounts.iter().map(|&amount| logarithm(amount)).collect())?;
    let spread = centre.spread.max(USUAL_SPREAD);
    (centre.count >= EVERYBODY).then_some(Centre { spread, ..centre })
}

fn logarithm(amount: i64) -> f64 {
    (amount.max(1) as f64).ln()
}

/// Compares those amounts that are asked for with all others of the same person, each
/// without itself. Only the outer ones can be odd, so only those are looked at.
pub fn compare(
    amounts: &[i64],
    asked: &[bool],
    everybody: Option<&Centre>,
) -> Vec<(usize, Comparison)> {
    let values: Vec<f64> = amounts.iter().map(|&amount| logarithm(amount)).collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let outer = values.len() / 20 + 2;
    let (low, high) = (outer, values.len().saturating_sub(outer));
    let is_outer = |rank: usize| rank < low || rank >= high;
    let mut compared = Vec::new();
    for (rank, &at) in order.iter().enumerate() {
        if !asked[at] || !is_outer(rank) {
            continue;
        }
        let others = order.iter().filter(|&&other| other != at).map(|&other| values[other]);
        let comparison = match (own_centre(others.collect()), everybody) {
            (Some(centre), _) => Comparison::new(values[at], centre, true),
            (None, Some(centre)) => Comparison::new(values[at], *centre, false),
            (None, None) => continue,
        };
        compared.push((at, comparison));
    }
    compared
}

/// Charges of odd amounts.
pub fn find(series: &Series, all: Option<&Centre>, alarm: Alarm) -> Vec<Finding> {
    let amounts: Vec<i64> = series.charges.iter().map(|charge| charge.amount).collect();
    let asked: Vec<bool> = series.charges.iter().map(|charge| charge.is_new).collect();
    let describe = |(at, compared): (usize, Comparison)| {
        let charge = &series.charges[at];
        let severity = severity(&compared, alarm)?;
        let explanation = compared.explain(charge.amount, alarm);
        Some(Finding {
            kind: Kind::Amount,
            key: format!("amount:{}", charge.id),
            severity,
            description: format!(
                "Charge {} of {} {} is {} times the median of {}.",
                charge.id,
                charge.amount,
                series.currency,
                explanation["times"],
                if compared.own { "its seller" } else { "all sellers" },
            ),
            score: compared.surprise,
            user: Some(series.owner),
            charge: Some(charge.id),
            payout: None,
            currency: Some(series.currency.clone()),
            amount: Some(charge.amount),
            explanation,
        })
    };
    compare(&amounts, &asked, all).into_iter().filter_map(describe).collect()
}

/// Too little is never as bad as too much.
pub fn severity(compared: &Comparison, alarm: Alarm) -> Option<Severity> {
    let severity = alarm.severity(compared.surprise)?;
    Some(if compared.distance < 0.0 { severity.min(Severity::Medium) } else { severity })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALARM: Alarm = Alarm { least: 5.0 };

    fn odd(amounts: &[i64], all: Option<&Centre>) -> Vec<usize> {
        let asked = vec![true; amounts.len()];
        let compared = compare(amounts, &asked, all);
        let odd = compared.iter().filter(|(_, compared)| severity(compared, ALARM).is_some());
        odd.map(|(at, _)| *at).collect()
    }

    #[test]
    fn far_from_the_own_amounts_on_either_side() {
        let mut amounts: Vec<i64> = (0..40).map(|n| 2000 + 50 * n).collect();
        assert_eq!(odd(&amounts, None), [0; 0]);
        amounts.push(90_000);
        assert_eq!(odd(&amounts, None), [40]);
        amounts[40] = 50;
        assert_eq!(odd(&amounts, None), [40]);
        let asked = vec![true; 41];
        let compared = compare(&amounts, &asked, None);
        let (_, low) = compared.iter().find(|(at, _)| *at == 40).unwrap();
        assert_eq!(severity(low, ALARM), Some(Severity::Medium));
    }

    #[test]
    fn one_price_and_some_others_are_no_reason() {
        let mut amounts = vec![2000; 60];
        amounts.extend([12_000; 8]);
        assert_eq!(odd(&amounts, None), [0; 0]);
        amounts.push(400_000);
        assert_eq!(odd(&amounts, None), [68]);
    }

    #[test]
    fn who_has_little_history_is_compared_with_everybody() {
        let few = [1000, 1100, 900_000];
        assert_eq!(odd(&few, None), [0; 0]);
        let all: Vec<i64> = (0..200).map(|n| 1000 + 10 * n).collect();
        let all = everybody(&all).unwrap();
        assert_eq!(odd(&few, Some(&all)), [2]);
        assert!(everybody(&[1000; 5]).is_none());
    }

    #[test]
    fn amounts_of_nothing_and_the_largest_do_no_harm() {
        let mut amounts = vec![i64::MAX; 30];
        amounts.extend([0, 1]);
        assert_eq!(odd(&amounts, None).len(), 2);
        assert_eq!(odd(&[], None), [0; 0]);
    }

    proptest! {
        /// Other units of money change nothing.
        #[test]
        fn the_scale_does_not_matter(
            amounts in prop::collection::vec(500_i64..5000, 15..80), odd_one in 1_i64..5_000_000
        ) {
            let mut one = amounts;
            one.push(odd_one);
            let other: Vec<i64> = one.iter().map(|amount| amount * 1000).collect();
            prop_assert_eq!(odd(&one, None), odd(&other, None));
        }

        #[test]
        fn what_is_not_asked_for_is_not_said(
            amounts in prop::collection::vec(1_i64..i64::MAX, 0..50)
        ) {
            prop_assert!(compare(&amounts, &vec![false; amounts.len()], None).is_empty());
        }
    }
}
