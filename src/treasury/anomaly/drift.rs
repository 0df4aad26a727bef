//! Whether the ledger says of everybody's earnings what their charges say. No drift is
//! the rule, so this is no matter of chance: every cent is one too many.

use crate::treasury::anomaly::finding::{Finding, Kind, Severity};
use crate::treasury::split::returned;
use pgrx::Uuid;
use serde_json::json;
use std::collections::BTreeMap;

/// The shares of a charge of which something was given back, in their order.
#[derive(Clone, Debug)]
pub struct Returned {
    pub currency: String,
    /// What refunds and disputes took, which may be more than there was.
    pub gone: i64,
    /// Of whom; `None` for what is nobody's earnings.
    pub shares: Vec<(Option<Uuid>, i64)>,
}

/// Somebody's earnings by their charges and payouts, and by the ledger, in minor units,
/// without corrections by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub user: Uuid,
    pub currency: String,
    /// Their shares of charges.
    pub shares: i128,
    /// Payouts that are not undone.
    pub paid: i128,
    /// What charges, refunds, disputes and payouts posted.
    pub ledger: i128,
}

/// What each user gave back of their shares.
pub fn given_back(charges: &[Returned]) -> BTreeMap<(Uuid, String), i128> {
    let mut given = BTreeMap::new();
    for charge in charges {
        let amounts: Vec<i64> = charge.shares.iter().map(|(_, amount)| *amount).collect();
        let captured: i64 = amounts.iter().sum();
        let back = returned(&amounts, charge.gone.clamp(0, captured));
        for ((user, _), back) in charge.shares.iter().zip(back) {
            if let Some(user) = user {
                *given.entry((*user, charge.currency.clone())).or_insert(0) += i128::from(back);
            }
        }
    }
    given
}

/// Earnings that are not what they should be.
pub fn find(positions: &[Position], charges: &[Returned]) -> Vec<Finding> {
    let given = given_back(charges);
    let describe = |one: &Position| {
        let key = (one.user, one.currency.clone());
        let back = given.get(&key).copied().unwrap_or(0);
        let expected = one.shares - back - one.paid;
        let drift = one.ledger - expected;
        (drift != 0).then(|| Finding {
            kind: Kind::Drift,
            key: format!("drift:{}:{}:{drift}", one.user, one.currency),
            severity: Severity::High,
            description: format!(
                "Earnings of {} in the ledger are {drift} {} off what charges and payouts say.",
                one.user, one.currency
            ),
            score: drift.unsigned_abs() as f64,
            user: Some(one.user),
            charge: None,
            payout: None,
            currency: Some(one.currency.clone()),
            amount: i64::try_from(drift).ok(),
            explanation: json!({
                "value": one.ledger.to_string(),
                "expected": expected.to_string(),
                "shares": one.shares.to_string(),
                "returned": back.to_string(),
                "paid": one.paid.to_string(),
                "drift": drift.to_string(),
                "threshold": 0,
            }),
        })
    };
    positions.iter().filter_map(describe).collect()
}

/// A currency in which the treasury's accounts do not sum to nothing.
pub fn of_books(currency: &str, sum: i128) -> Option<Finding> {
    (sum != 0).then(|| Finding {
        kind: Kind::Drift,
        key: format!("drift:books:{currency}:{sum}"),
        severity: Severity::High,
        description: format!("Accounts of the treasury sum to {sum} {currency} and not to 0."),
        score: sum.unsigned_abs() as f64,
        user: None,
        charge: None,
        payout: None,
        currency: Some(currency.to_owned()),
        amount: i64::try_from(sum).ok(),
        explanation: json!({"value": sum.to_string(), "expected": "0", "threshold": 0}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn position(n: u8, shares: i128, ledger: i128) -> Position {
        Position { user: user(n), currency: "USD".to_owned(), shares, paid: 0, ledger }
    }

    #[test]
    fn every_cent_counts() {
        let returned = |gone| Returned {
            currency: "USD".to_owned(),
            gone,
            shares: vec![(None, 100), (Some(user(1)), 600), (Some(user(2)), 300)],
        };
        let positions = |first, second| [position(1, 600, first), position(2, 300, second)];
        assert!(find(&positions(300, 150), &[returned(500)]).is_empty());
        let found = find(&positions(300, 151), &[returned(500)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].user, found[0].amount), (Some(user(2)), Some(1)));
        // More than there was takes no more than all; less than nothing takes nothing.
        assert!(find(&positions(0, 0), &[returned(5000)]).is_empty());
        assert!(find(&positions(600, 300), &[returned(-5)]).is_empty());
        let paid = Position { paid: 599, ..position(1, 600, 1) };
        assert!(find(&[paid], &[]).is_empty());
        assert_eq!(find(&[Position { paid: 598, ..position(1, 600, 1) }], &[]).len(), 1);
    }

    #[test]
    fn the_books_sum_to_nothing() {
        assert!(of_books("USD", 0).is_none());
        assert_eq!(of_books("USD", -3).unwrap().amount, Some(-3));
    }
}
