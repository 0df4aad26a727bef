//! Sellers who give back more of their charges than others do.
//!
//! Three of four refunded says little, thirty of forty much. What is usual is a beta
//! distribution of rates over all sellers, fitted without those who stick out; how
//! unlikely a seller's refunds are is then the tail of a beta-binomial.

use crate::treasury::anomaly::amount::round;
use crate::treasury::anomaly::finding::{Finding, Kind};
use crate::treasury::anomaly::surprise::{Alarm, surprise};
use pgrx::Uuid;
use serde_json::json;
use statrs::function::beta::ln_beta;
use statrs::function::factorial::ln_binomial;

/// Fewer are never too many.
const LEAST: u64 = 3;
/// What is thought to be refunded before anything is known, and of how many charges.
const USUAL_RATE: f64 = 0.02;
const WEIGHT: f64 = 50.0;
/// The concentration of rates, within what is sensible: a beta distribution of so many
/// charges in all.
const CONCENTRATION: (f64, f64) = (10.0, 500.0);
const USUAL_CONCENTRATION: f64 = 50.0;
/// Of how many sellers a concentration follows, and how many charges each must have: one
/// refund of two charges says nothing about rates.
const ENOUGH: usize = 8;
const MANY: u64 = 20;

/// What became of a seller's charges in the time that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub owner: Uuid,
    pub charges: u64,
    pub refunded: u64,
}

impl Record {
    fn rate(&self) -> f64 {
        self.refunded as f64 / self.charges as f64
    }
}

/// How rates of refunds are spread over sellers.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub mean: f64,
    pub concentration: f64,
}

impl Rates {
    /// By the moments of what the sellers have.
    fn of<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> Self {
        let sum = |of: fn(&Record) -> u64| records.clone().map(of).sum::<u64>() as f64;
        let (charges, refunded) = (sum(|one| one.charges), sum(|one| one.refunded));
        let mean = (refunded + USUAL_RATE * WEIGHT) / (charges + WEIGHT);
        let records = records.filter(|one| one.charges >= MANY);
        let sellers = records.clone().count();
        let charges = records.clone().map(|one| one.charges).sum::<u64>() as f64;
        if sellers < ENOUGH {
            return Rates { mean, concentration: USUAL_CONCENTRATION };
        }
        let chance = mean * (1.0 - mean);
        let deviation = |one: &Record| {
            (one.refunded as f64 - one.charges as f64 * mean).powi(2) / one.charges as f64 / chance
        };
        let ratio = records.map(deviation).sum::<f64>() / (sellers as f64 - 1.0);
        // Correlation of what happens to two charges of one seller.
        let shared = (ratio - 1.0) / (charges / sellers as f64 - 1.0).max(1.0);
        let concentration = if shared > 0.0 { 1.0 / shared - 1.0 } else { f64::MAX };
        Rates { mean, concentration: concentration.clamp(CONCENTRATION.0, CONCENTRATION.1) }
    }

    /// Of at least so many refunds.
    pub fn surprise(&self, record: &Record) -> f64 {
        let (alpha, beta) =
            (self.mean * self.concentration, (1.0 - self.mean) * self.concentration);
        let whole = ln_beta(alpha, beta);
        let of = |refunded: u64| {
            let (with, without) = (refunded as f64, (record.charges - refunded) as f64);
            (ln_binomial(record.charges, refunded) + ln_beta(with + alpha, without + beta) - whole)
                .exp()
        };
        let (mut tail, mut refunded) = (0.0, record.refunded);
        while refunded <= record.charges {
            let part = of(refunded);
            tail += part;
            // Above the mean the parts fall, and faster and faster.
            if part < tail * 1e-12 {
                break;
            }
            refunded += 1;
        }
        surprise(tail)
    }

    fn is_above(&self, record: &Record) -> bool {
        record.refunded >= LEAST && record.rate() > self.mean
    }
}

/// What is usual, without a tenth of the sellers of many charges, those who refund most of
/// them, and then without those only who stick out.
pub fn usual(records: &[Record], alarm: Alarm) -> Rates {
    let mut large: Vec<&Record> = records.iter().filter(|one| one.charges >= MANY).collect();
    large.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    large.truncate(large.len() - large.len() / 10);
    let first = Rates::of(large.iter().copied());
    let sticks_out =
        |one: &&Record| first.is_above(one) && alarm.severity(first.surprise(one)).is_some();
    let others: Vec<&Record> = records.iter().filter(|one| !sticks_out(one)).collect();
    Rates::of(others.iter().copied())
}

/// Sellers with too many refunds; `month` (such as 2026-01) makes it one finding a month.
pub fn find(records: &[Record], month: &str, days: i64, alarm: Alarm) -> Vec<Finding> {
    let records: Vec<Record> = records
        .iter()
        .filter(|one| one.charges > 0 && one.refunded <= one.charges)
        .copied()
        .collect();
    let usual = usual(&records, alarm);
    let describe = |record: &Record| {
        let surprise = if usual.is_above(record) { usual.surprise(record) } else { 0.0 };
        Some(Finding {
            kind: Kind::Refunds,
            key: format!("refunds:{}:{month}", record.owner),
            severity: alarm.severity(surprise)?,
            description: format!(
                "Seller {} gave back {} of {} charges in {days} days; {} of 100 are usual.",
                record.owner,
                record.refunded,
                record.charges,
                round(usual.mean * 100.0)
            ),
            score: surprise,
            user: Some(record.owner),
            charge: None,
            payout: None,
            currency: None,
            amount: None,
            explanation: json!({
                "value": record.refunded,
                "charges": record.charges,
                "rate": round(record.rate()),
                "usual_rate": round(usual.mean),
                "concentration": round(usual.concentration),
                "days": days,
                "threshold": round(alarm.least),
            }),
        })
    };
    records.iter().filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALARM: Alarm = Alarm { least: 5.0 };

    fn record(n: u8, charges: u64, refunded: u64) -> Record {
        Record { owner: Uuid::from_bytes([n; 16]), charges, refunded }
    }

    fn odd(records: &[Record]) -> Vec<u8> {
        let found = find(records, "2026-01", 90, ALARM);
        found.iter().map(|finding| finding.user.unwrap().as_bytes()[0]).collect()
    }

    #[test]
    fn a_few_refunds_of_few_charges_say_little_and_many_of_many_much() {
        let mut records: Vec<Record> = (0..30).map(|n| record(n, 100, u64::from(n % 5))).collect();
        records.push(record(100, 4, 2));
        records.push(record(101, 3, 3));
        assert_eq!(odd(&records), [0; 0]);
        records.push(record(102, 40, 18));
        assert_eq!(odd(&records), [102]);
        // Another who does it too hides neither.
        records.push(record(103, 60, 30));
        assert_eq!(odd(&records), [102, 103]);
    }

    #[test]
    fn where_all_give_back_much_nobody_sticks_out() {
        let records: Vec<Record> = (0..30).map(|n| record(n, 50, 18 + u64::from(n % 7))).collect();
        assert_eq!(odd(&records), [0; 0]);
        assert_eq!(odd(&[]), [0; 0]);
        assert_eq!(odd(&[record(1, 0, 0), record(2, 1, 1), record(3, 5, 9)]), [0; 0]);
    }

    #[test]
    fn a_seller_alone_is_held_to_what_is_usual_elsewhere() {
        assert_eq!(odd(&[record(1, 200, 6)]), [0; 0]);
        let rates = Rates { mean: 0.02, concentration: 50.0 };
        assert!(rates.surprise(&record(1, 200, 100)) > 5.0);
    }

    #[test]
    fn the_tail_is_that_of_the_beta_binomial() {
        // Alpha 1, beta 1: every count is as likely.
        let rates = Rates { mean: 0.5, concentration: 2.0 };
        assert!((rates.surprise(&record(1, 9, 9)) - 1.0).abs() < 1e-6);
        assert!((rates.surprise(&record(1, 9, 0))).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn more_refunds_are_never_less_surprising(
            charges in 1_u64..400, refunded in 0_u64..399, mean in 0.001..0.5_f64
        ) {
            let refunded = refunded.min(charges - 1);
            let rates = Rates { mean, concentration: 40.0 };
            let less = rates.surprise(&record(1, charges, refunded));
            let more = rates.surprise(&record(1, charges, refunded + 1));
            prop_assert!(less.is_finite() && more >= less - 1e-6);
        }
    }
}
