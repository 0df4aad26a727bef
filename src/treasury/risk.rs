//! How risky a payout is: what is known of whom it goes to, weighed by the settings. Where
//! it adds up to enough, an admin looks before the money goes.

use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::treasury::SYSTEM;
use serde_json::{Value, json};

/// The highest score.
const HIGHEST: i64 = 100;
/// More disputes than this add nothing.
const MOST_DISPUTES: i64 = 3;

/// What is known of somebody who is to be paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// For how many days the account has been linked.
    pub linked_days: i64,
    /// The largest of the last payouts in the currency, in minor units; none where there were
    /// none.
    pub largest: Option<i64>,
    /// Payouts in 24 hours, but those of runs.
    pub recent: i64,
    /// Disputes of their charges in the days that count, unless they were won.
    pub disputes: i64,
    /// How many days ago payouts began to go elsewhere than an earlier one did.
    pub details_changed_days: Option<i64>,
}

/// What the settings say.
pub struct Rules {
    review: i64,
    new_account: i64,
    new_account_days: i64,
    first: i64,
    amount: i64,
    amount_percent: i64,
    velocity: i64,
    velocity_count: i64,
    dispute: i64,
    pub dispute_days: i64,
    details: i64,
    details_days: i64,
}

impl Rules {
    pub fn load() -> Result<Self> {
        let settings = Settings::of(SYSTEM)?;
        let get = |key: &str| settings.get::<i64>(key);
        Ok(Rules {
            review: get("payout_review_score")?,
            new_account: get("payout_risk_new_account")?,
            new_account_days: get("payout_risk_new_account_days")?,
            first: get("payout_risk_first")?,
            amount: get("payout_risk_amount")?,
            amount_percent: get("payout_risk_amount_percent")?,
            velocity: get("payout_risk_velocity")?,
            velocity_count: get("payout_risk_velocity_count")?,
            dispute: get("payout_risk_dispute")?,
            dispute_days: get("payout_risk_dispute_days")?,
            details: get("payout_risk_details")?,
            details_days: get("payout_risk_details_days")?,
        })
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// From 0 to 100.
    pub score: i64,
    pub reasons: Vec<Value>,
    /// Whether an admin must look.
    pub review: bool,
}

/// Weighs what is known of somebody who is to be paid so many minor units.
pub fn assess(facts: &Facts, minor: i64, rules: &Rules) -> Risk {
    let mut reasons = Vec::new();
    let mut score = 0;
    let mut add = |reason: &str, weight: i64, found: Value| {
        if weight > 0 {
            score += weight;
            let mut entry = json!({"reason": reason, "score": weight});
            if let (Some(entry), Some(found)) = (entry.as_object_mut(), found.as_object()) {
                entry.extend(found.clone());
            }
            reasons.push(entry);
        }
    };
    if facts.linked_days < rules.new_account_days {
        add("new_account", rules.new_account, json!({"days": facts.linked_days}));
    }
    match facts.largest {
        None => add("first_payout", rules.first, json!({})),
        Some(largest) => {
            let usual = i128::from(largest) * i128::from(rules.amount_percent) / 100;
            if i128::from(minor) > usual {
                add("unusual_amount", rules.amount, json!({"largest_cents": largest}));
            }
        }
    }
    // This one counts as well.
    if facts.recent >= rules.velocity_count {
        add("velocity", rules.velocity, json!({"in_24_hours": facts.recent + 1}));
    }
    if facts.disputes > 0 {
        let weight = rules.dispute * facts.disputes.min(MOST_DISPUTES);
        add("disputes", weight, json!({"disputes": facts.disputes}));
    }
    if let Some(days) = facts.details_changed_days.filter(|days| *days < rules.details_days) {
        add("details_changed", rules.details, json!({"days": days}));
    }
    let score = score.min(HIGHEST);
    Risk { score, reasons, review: score >= rules.review }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            review: 60,
            new_account: 30,
            new_account_days: 30,
            first: 15,
            amount: 30,
            amount_percent: 300,
            velocity: 25,
            velocity_count: 3,
            dispute: 20,
            dispute_days: 90,
            details: 50,
            details_days: 14,
        }
    }

    /// Of somebody who has long been paid without trouble.
    fn usual() -> Facts {
        Facts { linked_days: 400, largest: Some(1_000), ..Facts::default() }
    }

    fn reasons(facts: &Facts, minor: i64) -> (i64, Vec<String>) {
        let risk = assess(facts, minor, &rules());
        let name = |one: &Value| one["reason"].as_str().unwrap().to_owned();
        (risk.score, risk.reasons.iter().map(name).collect())
    }

    #[test]
    fn who_is_as_always_is_no_risk() {
        assert_eq!(reasons(&usual(), 3_000), (0, vec![]));
    }

    #[test]
    fn each_reason_has_its_edge() {
        let named = |name: &str, score| (score, vec![name.to_owned()]);
        assert_eq!(reasons(&usual(), 3_001), named("unusual_amount", 30));
        let new = Facts { linked_days: 29, ..usual() };
        assert_eq!(reasons(&new, 1), named("new_account", 30));
        assert_eq!(reasons(&Facts { linked_days: 30, ..usual() }, 1).0, 0);
        assert_eq!(reasons(&Facts { largest: None, ..usual() }, 1), named("first_payout", 15));
        assert_eq!(reasons(&Facts { recent: 3, ..usual() }, 1), named("velocity", 25));
        assert_eq!(reasons(&Facts { recent: 2, ..usual() }, 1).0, 0);
        assert_eq!(reasons(&Facts { disputes: 2, ..usual() }, 1), named("disputes", 40));
        assert_eq!(reasons(&Facts { disputes: 9, ..usual() }, 1), named("disputes", 60));
        let changed = |days| Facts { details_changed_days: Some(days), ..usual() };
        assert_eq!(reasons(&changed(13), 1), named("details_changed", 50));
        assert_eq!(reasons(&changed(14), 1).0, 0);
    }

    #[test]
    fn together_they_are_reviewed_and_never_more_than_a_hundred() {
        let facts = Facts { linked_days: 1, largest: None, disputes: 3, ..Facts::default() };
        let risk = assess(&facts, 1, &rules());
        assert_eq!((risk.score, risk.review), (100, true));
        let new = Facts { linked_days: 1, largest: None, ..Facts::default() };
        assert!(!assess(&new, 1, &rules()).review);
        assert!(assess(&new, 1, &Rules { review: 45, ..rules() }).review);
    }

    #[test]
    fn what_weighs_nothing_is_no_reason() {
        let none = Rules { first: 0, ..rules() };
        let risk = assess(&Facts { largest: None, ..usual() }, 1, &none);
        assert!(risk.reasons.is_empty());
    }

    #[test]
    fn huge_amounts_are_compared() {
        let facts = Facts { largest: Some(i64::MAX), ..usual() };
        assert_eq!(reasons(&facts, i64::MAX).0, 0);
    }
}
