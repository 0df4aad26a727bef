//! What a split rule says: who gets which part. Read from JSON and written to it in one
//! form, so that the same rule is the same JSON.

use crate::kernel::error::{Error, Result};
use crate::kernel::ids::parse_id;
use crate::kernel::input::Object;
use crate::kernel::money::Currency;
use crate::treasury::split::{Terms, WHOLE};
use pgrx::Uuid;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};

/// The most recipients of one rule.
const MOST: usize = 50;
/// The largest fixed amount or minimum, in minor units.
const LARGEST: i64 = 1_000_000_000_000_000;
/// How `recipient_id` names whoever owns the revenue.
const OWNER: &str = "owner";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    Person(Uuid),
    /// Whoever owns the revenue: for rules that hold for several owners.
    Owner,
}

impl Recipient {
    pub fn person(self) -> Option<Uuid> {
        match self {
            Recipient::Person(id) => Some(id),
            Recipient::Owner => None,
        }
    }
}

/// A rule that has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<(Recipient, Terms)>);

impl Rules {
    /// From the JSON of a caller or a table; `field` is how errors name it. Amounts need
    /// the currency that the rule is for.
    pub fn parse(field: &str, value: &Value, currency: Option<Currency>) -> Result<Self> {
        let list = value.as_array().ok_or_else(|| Error::invalid(field, "must be a list"))?;
        if list.is_empty() || list.len() > MOST {
            return Err(Error::invalid(field, format!("must have 1 to {MOST} entries")));
        }
        let mut shares: Vec<(Recipient, Terms)> = Vec::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            let field = format!("{field}[{at}]");
            let share = share(&field, item, currency)?;
            if shares.iter().any(|(recipient, _)| *recipient == share.0) {
                let rule = "must not be in the list twice";
                return Err(Error::invalid(&format!("{field}.recipient_id"), rule));
            }
            shares.push(share);
        }
        if shares.iter().map(|(_, terms)| terms.percent).sum::<i64>() != WHOLE {
            return Err(Error::invalid(field, "the percentages must sum to exactly 100"));
        }
        Ok(Rules(shares))
    }

    pub fn to_json(&self) -> Value {
        self.0.iter().map(|(recipient, terms)| write(*recipient, terms)).collect()
    }

    pub fn recipients(&self) -> impl Iterator<Item = Recipient> {
        self.0.iter().map(|(recipient, _)| *recipient)
    }

    pub fn terms(&self) -> Vec<Terms> {
        self.0.iter().map(|(_, terms)| *terms).collect()
    }
}

fn share(field: &str, item: &Value, currency: Option<Currency>) -> Result<(Recipient, Terms)> {
    let item = Object::new(field, item, &["recipient_id", "percent", "fixed", "minimum"])?;
    let recipient = match item.required_text("recipient_id")? {
        OWNER => Recipient::Owner,
        id => Recipient::Person(parse_id(id, &format!("{field}.recipient_id"))?),
    };
    let amount = |key: &str| match item.positive(key, LARGEST)? {
        Some(_) if currency.is_none() => {
            Err(item.wrong(key, "needs a rule that is for one currency"))
        }
        amount => Ok(amount.unwrap_or(0)),
    };
    let percent = item.value("percent").map(|value| {
        units(value).ok_or_else(|| {
            let rule = "must be an exact number above 0, at most 100, of at most 6 decimals";
            item.wrong("percent", rule)
        })
    });
    let terms = Terms {
        percent: percent.transpose()?.unwrap_or(0),
        fixed: amount("fixed")?,
        minimum: amount("minimum")?,
    };
    if terms.percent == 0 && terms.fixed == 0 {
        return Err(Error::missing(&format!("{field}.percent or {field}.fixed")));
    }
    Ok((recipient, terms))
}

/// Millionths of a per cent.
fn units(percent: &Value) -> Option<i64> {
    let text = match percent {
        Value::String(text) => text.clone(),
        // A number with a fraction prints as it was written, and without an exponent.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64()?.to_string(),
        },
        _ => return None,
    };
    let percent = Decimal::from_str_exact(&text).ok()?.normalize();
    let units = percent.mantissa().checked_mul(10_i128.pow(6_u32.checked_sub(percent.scale())?))?;
    i64::try_from(units).ok().filter(|units| (1..=WHOLE).contains(units))
}

fn write(recipient: Recipient, terms: &Terms) -> Value {
    let mut item = Map::new();
    let id = recipient.person().map_or_else(|| OWNER.to_owned(), |id| id.to_string());
    item.insert("recipient_id".to_owned(), id.into());
    let percent = Decimal::new(terms.percent, 6).normalize();
    if percent.scale() == 0 {
        put(&mut item, "percent", percent.mantissa() as i64);
    } else {
        // At most nine digits, which a double keeps.
        let number = percent.to_string().parse().ok().and_then(Number::from_f64);
        item.insert("percent".to_owned(), number.map_or(Value::Null, Value::Number));
    }
    put(&mut item, "fixed", terms.fixed);
    put(&mut item, "minimum", terms.minimum);
    Value::Object(item)
}

fn put(item: &mut Map<String, Value>, key: &str, number: i64) {
    if number > 0 {
        item.insert(key.to_owned(), number.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ONE: &str = "00000000-0000-7000-8000-000000000001";
    const TWO: &str = "00000000-0000-7000-8000-000000000002";

    fn usd() -> Option<Currency> {
        Currency::parse("USD", "currency").ok()
    }

    fn code(rules: Value, currency: Option<Currency>) -> Option<String> {
        Rules::parse("rules", &rules, currency).err().map(|error| error.sqlstate.code())
    }

    #[test]
    fn percentages_are_numbers_or_texts_and_written_in_one_form() {
        let rules = json!([{"recipient_id": ONE, "percent": "70.50"}, {"recipient_id": TWO, "percent": 29.5}]);
        let read = Rules::parse("rules", &rules, None).unwrap();
        let written =
            json!([{"recipient_id": ONE, "percent": 70.5}, {"recipient_id": TWO, "percent": 29.5}]);
        assert_eq!(read.to_json(), written);
        assert_eq!(Rules::parse("rules", &written, None).unwrap(), read);
        assert_eq!(units(&json!(0.000001)), Some(1));
    }

    #[test]
    fn anything_but_exactly_100_is_refused() {
        for (one, two) in [("70", "29.999999"), ("70", "30.000001"), ("70.0000001", "29.9999999")] {
            let rules = json!([{"recipient_id": ONE, "percent": one}, {"recipient_id": TWO, "percent": two}]);
            assert_eq!(code(rules, None).as_deref(), Some("22023"), "{one} {two}");
        }
        for bad in
            [json!(0), json!(-1), json!(101), json!("x"), json!(1e300), json!(true), json!("1e2")]
        {
            assert_eq!(units(&bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_need_a_currency() {
        for key in ["fixed", "minimum"] {
            let rules = json!([{"recipient_id": ONE, "percent": 100, key: 5}]);
            assert_eq!(code(rules.clone(), None).as_deref(), Some("22023"));
            assert_eq!(code(rules, usd()), None);
            for bad in [json!(0), json!(-5), json!(1.5), json!("5"), json!(LARGEST + 1)] {
                let rules = json!([{"recipient_id": ONE, "percent": 100, key: bad}]);
                assert_eq!(code(rules, usd()).as_deref(), Some("22023"));
            }
        }
    }

    #[test]
    fn a_list_of_nobody_twice_or_nothing_is_refused() {
        let all = |id: &str| json!({"recipient_id": id, "percent": 100});
        let many: Vec<Value> = (0..=MOST).map(|_| all(ONE)).collect();
        let half = json!({"recipient_id": ONE, "percent": 50});
        for bad in
            [json!([]), json!({}), json!(null), many.into(), json!([half, half]), json!(["x"])]
        {
            assert_eq!(code(bad, None).as_deref(), Some("22023"));
        }
        assert_eq!(code(json!([{"recipient_id": ONE}]), None).as_deref(), Some("22004"));
        assert_eq!(code(json!([{"percent": 100}]), None).as_deref(), Some("22004"));
        assert_eq!(code(json!([all("x")]), None).as_deref(), Some("22023"));
        assert_eq!(code(json!([all(OWNER)]), None), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(percent in 1..WHOLE, fixed in 0..LARGEST, minimum in 0..LARGEST) {
            let id = Recipient::Person(Uuid::from_bytes([7; 16]));
            let rest = Terms { percent: WHOLE - percent, fixed: 0, minimum };
            let rules = Rules(vec![(id, Terms { percent, fixed, minimum: 0 }), (Recipient::Owner, rest)]);
            // Through text, as PostgreSQL keeps it.
            let text = rules.to_json().to_string();
            let back = Rules::parse("rules", &serde_json::from_str(&text).unwrap(), usd()).unwrap();
            prop_assert_eq!(back, rules);
        }
    }
}
