//! Payouts far from what a person is paid.

use crate::treasury::anomaly::amount::{compare, severity};
use crate::treasury::anomaly::finding::{Finding, Kind};
use crate::treasury::anomaly::surprise::{Alarm, Centre};
use pgrx::Uuid;

#[derive(Clone, Copy, Debug)]
pub struct Payout {
    pub id: i64,
    /// Minor units.
    pub amount: i64,
    pub is_new: bool,
}

/// What one person was paid in one currency.
#[derive(Clone, Debug)]
pub struct Payouts {
    pub user: Uuid,
    pub currency: String,
    pub payouts: Vec<Payout>,
}

/// Payouts that are too large. One that is small does no harm.
pub fn find(paid: &Payouts, everybody: Option<&Centre>, alarm: Alarm) -> Vec<Finding> {
    let amounts: Vec<i64> = paid.payouts.iter().map(|payout| payout.amount).collect();
    let asked: Vec<bool> = paid.payouts.iter().map(|payout| payout.is_new).collect();
    let compared = compare(&amounts, &asked, everybody).into_iter();
    let describe = |(at, compared): (usize, crate::treasury::anomaly::amount::Comparison)| {
        let payout = &paid.payouts[at];
        let explanation = compared.explain(payout.amount, alarm);
        Some(Finding {
            kind: Kind::Payout,
            key: format!("payout:{}", payout.id),
            severity: severity(&compared, alarm)?,
            description: format!(
                "Payout {} of {} {} to {} is {} times the median.",
                payout.id, payout.amount, paid.currency, paid.user, explanation["times"]
            ),
            score: compared.surprise,
            user: Some(paid.user),
            charge: None,
            payout: Some(payout.id),
            currency: Some(paid.currency.clone()),
            amount: Some(payout.amount),
            explanation,
        })
    };
    compared.filter(|(_, compared)| compared.distance > 0.0).filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treasury::anomaly::amount::everybody;

    fn paid(amounts: &[i64]) -> Payouts {
        let payouts = amounts.iter().enumerate();
        let payouts = payouts.map(|(id, &amount)| Payout { id: id as i64, amount, is_new: true });
        Payouts {
            user: Uuid::from_bytes([1; 16]),
            currency: "USD".to_owned(),
            payouts: payouts.collect(),
        }
    }

    #[test]
    fn only_what_is_too_large_is_odd() {
        let alarm = Alarm { least: 5.0 };
        let mut amounts: Vec<i64> = (0..20).map(|n| 10_000 + 500 * n).collect();
        amounts.extend([10, 900_000]);
        let found = find(&paid(&amounts), None, alarm);
        assert_eq!(found.iter().map(|one| one.payout).collect::<Vec<_>>(), [Some(21)]);
        let all = everybody(&amounts).unwrap_or(Centre { median: 9.6, spread: 0.5, count: 40 });
        assert_eq!(find(&paid(&[50_000_000]), Some(&all), alarm).len(), 1);
        assert!(find(&paid(&[50_000_000]), None, alarm).is_empty());
    }
}
