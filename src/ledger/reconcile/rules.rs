//! By which rules lines and transfers are matched: the argument p_rules.

use crate::kernel::error::{Error, Result};
use crate::ledger::reconcile::fields::Fields;
use serde_json::Value;

const KEYS: [&str; 8] = [
    "amount_tolerance",
    "days",
    "reference",
    "reference_keys",
    "minimum_score",
    "max_group",
    "ambiguous",
    "suggestions",
];

/// The most lines or transfers that are tried as a sum.
pub const MAX_GROUP: usize = 6;
const MOST_DAYS: i64 = 60;
const MOST_REFERENCE_KEYS: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// It speaks for a match.
    Prefer,
    /// Without it there is no match, only a suggestion.
    Require,
    Ignore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How far amounts may differ, in minor units.
    pub tolerance: u64,
    /// How many days dates may be apart.
    pub days: i32,
    pub reference: Reference,
    /// Keys of a transfer's metadata that name the payment.
    pub reference_keys: Vec<String>,
    /// From which score on a match is one, of 100.
    pub minimum_score: u8,
    /// How many lines or transfers may be one.
    pub max_group: usize,
    /// Of several that fit equally well take the first; else only suggest.
    pub take_first: bool,
    /// How many suggestions a line gets.
    pub suggestions: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            tolerance: 0,
            days: 3,
            reference: Reference::Prefer,
            reference_keys: vec!["reference".to_owned()],
            minimum_score: 50,
            max_group: 4,
            take_first: false,
            suggestions: 3,
        }
    }
}

impl Rules {
    /// 22023 naming the key that is unknown or has a value that is not allowed.
    pub fn read(value: &Value) -> Result<Self> {
        let fields = Fields::new("p_rules", value, &KEYS)?;
        let usual = Rules::default();
        let number = |key: &str, least: i64, most: i64, otherwise: i64| {
            fields.number(key, least, most, otherwise)
        };
        Ok(Rules {
            tolerance: number("amount_tolerance", 0, i64::MAX, 0)?.unsigned_abs(),
            days: number("days", 0, MOST_DAYS, i64::from(usual.days))? as i32,
            reference: match fields.choice("reference", &["prefer", "require", "ignore"])? {
                Some("require") => Reference::Require,
                Some("ignore") => Reference::Ignore,
                _ => Reference::Prefer,
            },
            reference_keys: match fields.get("reference_keys") {
                Some(list) => reference_keys(list)?,
                None => usual.reference_keys,
            },
            minimum_score: number("minimum_score", 0, 100, usual.minimum_score.into())? as u8,
            max_group: number("max_group", 1, MAX_GROUP as i64, usual.max_group as i64)? as usize,
            take_first: fields.choice("ambiguous", &["suggest", "first"])? == Some("first"),
            suggestions: number("suggestions", 0, 10, usual.suggestions as i64)? as usize,
        })
    }
}

fn reference_keys(list: &Value) -> Result<Vec<String>> {
    let rule = format!("must be an array of at most {MOST_REFERENCE_KEYS} names");
    let wrong = || Error::invalid("p_rules.reference_keys", &rule);
    let list = list.as_array().filter(|list| list.len() <= MOST_REFERENCE_KEYS);
    let name = |value: &Value| {
        let name = value.as_str().filter(|name| !name.is_empty() && name.len() <= 100);
        name.map(str::to_owned).ok_or_else(wrong)
    };
    list.ok_or_else(wrong)?.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_rules_are_the_usual_ones() {
        assert_eq!(Rules::read(&json!({})).unwrap(), Rules::default());
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        for bad in [
            json!({"amount_tolerance": -1}),
            json!({"amount_tolerance": 1.5}),
            json!({"days": 61}),
            json!({"reference": "maybe"}),
            json!({"reference_keys": "reference"}),
            json!({"reference_keys": [1]}),
            json!({"reference_keys": vec!["x"; 11]}),
            json!({"minimum_score": 101}),
            json!({"max_group": 7}),
            json!({"max_group": 0}),
            json!({"ambiguous": "last"}),
            json!({"suggestions": 11}),
            json!({"tolerance": 1}),
            json!([]),
        ] {
            assert!(Rules::read(&bad).is_err(), "{bad}");
        }
    }
}
