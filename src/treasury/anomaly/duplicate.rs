//! The same buyer paid the same seller the same amount again within minutes: mostly a
//! form that was sent twice.

use crate::treasury::anomaly::finding::{Finding, Kind, Severity};
use crate::treasury::anomaly::series::{Charge, Series};
use pgrx::Uuid;
use serde_json::json;
use std::collections::HashMap;

/// From so many on it is no mistake of one click.
const MANY: usize = 4;

/// Groups of charges of one buyer and amount, each at most `seconds` after the one before;
/// such as have a new one in them.
fn groups(charges: &[Charge], seconds: i64) -> Vec<Vec<usize>> {
    let mut open: HashMap<(Uuid, i64), Vec<usize>> = HashMap::new();
    let mut groups = Vec::new();
    for (at, charge) in charges.iter().enumerate() {
        let Some(buyer) = charge.buyer else { continue };
        let group = open.entry((buyer, charge.amount)).or_default();
        if group.last().is_some_and(|&last| charge.at - charges[last].at > seconds) {
            groups.push(std::mem::take(group));
        }
        group.push(at);
    }
    groups.extend(open.into_values());
    groups.retain(|group| group.len() > 1 && group.iter().any(|&at| charges[at].is_new));
    groups.sort_unstable();
    groups
}

/// Charges that seem to be another once more.
pub fn find(series: &Series, minutes: i64) -> Vec<Finding> {
    let charges = &series.charges;
    let describe = |group: Vec<usize>| {
        let (first, last) = (&charges[*group.first()?], &charges[*group.last()?]);
        let count = group.len();
        Some(Finding {
            kind: Kind::Duplicate,
            key: format!("duplicate:{}", first.id),
            severity: if count >= MANY { Severity::High } else { Severity::Medium },
            description: format!(
                "Charge {} repeats {}: {count} of {} {} by one buyer within {} seconds.",
                last.id,
                first.id,
                last.amount,
                series.currency,
                last.at - first.at
            ),
            score: count as f64,
            user: Some(series.owner),
            charge: Some(last.id),
            payout: None,
            currency: Some(series.currency.clone()),
            amount: Some(last.amount),
            explanation: json!({
                "value": count,
                "seconds": last.at - first.at,
                "threshold": minutes * 60,
                "charges": group.iter().take(20).map(|&at| charges[at].id.to_string())
                    .collect::<Vec<_>>(),
            }),
        })
    };
    groups(charges, minutes * 60).into_iter().filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;
    use proptest::prelude::*;

    fn charge(at: i64, amount: i64, buyer: Option<Uuid>) -> Charge {
        Charge { id: new_id(), at, amount, buyer, is_new: true }
    }

    fn found(charges: Vec<Charge>) -> Vec<(usize, i64)> {
        let series = Series { owner: new_id(), currency: "USD".to_owned(), charges };
        let of = |finding: Finding| {
            let last = series.charges.iter().find(|one| Some(one.id) == finding.charge).unwrap();
            (finding.score as usize, last.at)
        };
        find(&series, 10).into_iter().map(of).collect()
    }

    #[test]
    fn the_same_again_within_minutes() {
        let (one, other) = (Some(new_id()), Some(new_id()));
        assert_eq!(found(vec![charge(0, 500, one), charge(600, 500, one)]), [(2, 600)]);
        assert_eq!(found(vec![charge(0, 500, one), charge(601, 500, one)]), []);
        assert_eq!(found(vec![charge(0, 500, one), charge(5, 501, one)]), []);
        assert_eq!(found(vec![charge(0, 500, one), charge(5, 500, other)]), []);
        assert_eq!(found(vec![charge(0, 500, None), charge(5, 500, None)]), []);
        // Each within minutes of the one before is one group; later ones are another.
        let times = [0, 500, 1000, 5000, 5001];
        let charges = times.map(|at| charge(at, 500, one)).to_vec();
        assert_eq!(found(charges), [(3, 1000), (2, 5001)]);
    }

    #[test]
    fn four_are_no_mistake_and_history_is_not_told_again() {
        let one = Some(new_id());
        let mut charges: Vec<Charge> = (0..4).map(|at| charge(at, 500, one)).collect();
        let series = |charges| Series { owner: new_id(), currency: "USD".to_owned(), charges };
        assert_eq!(find(&series(charges.clone()), 10)[0].severity, Severity::High);
        charges.iter_mut().for_each(|charge| charge.is_new = false);
        assert!(find(&series(charges), 10).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_in_two_groups(
            mut times in prop::collection::vec((0_i64..5000, 1_i64..4, 0_u8..3), 0..60)
        ) {
            times.sort_unstable();
            let buyers = [1, 2, 3].map(|n| Uuid::from_bytes([n; 16]));
            let charges: Vec<Charge> = times.iter()
                .map(|&(at, amount, buyer)| charge(at, amount, Some(buyers[buyer as usize])))
                .collect();
            let mut members: Vec<usize> = groups(&charges, 300).into_iter().flatten().collect();
            let count = members.len();
            members.sort_unstable();
            members.dedup();
            prop_assert_eq!(members.len(), count);
        }
    }
}
