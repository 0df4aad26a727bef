//! Settings: typed, with a default, audited when changed.
//!
//! A module declares its settings as rows of `backoffice.setting_definitions`
//! in its `tables.sql`; a row of `backoffice.settings` overrides the default.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::kept::Kept;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use pgrx::JsonB;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

static DEFINITION: Query = Query::read(
    "select kind, minimum, maximum, allowed, nullable
       from backoffice.setting_definitions where system = $1 and key = $2",
);
static WRITE: Query = Query::write(
    "insert into backoffice.settings as s (system, key, value, updated_by, updated_at)
     values ($1, $2, $3, $4, now())
     on conflict (system, key) do update
        set value = excluded.value, updated_by = excluded.updated_by, updated_at = now()
      where s.value is distinct from excluded.value",
);
static ALL: Query = Query::read_latest(
    "select coalesce(jsonb_object_agg(d.key, coalesce(s.value, d.default_value)), '{}')
       from backoffice.setting_definitions d
       left join backoffice.settings s on s.system = d.system and s.key = d.key
      where d.system = $1",
);

/// A type that a setting can be read as.
pub trait FromSetting: Sized {
    fn from_setting(value: &Value) -> Option<Self>;
}

impl FromSetting for i64 {
    fn from_setting(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}
impl FromSetting for bool {
    fn from_setting(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}
impl FromSetting for String {
    fn from_setting(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}
impl<T: FromSetting> FromSetting for Option<T> {
    fn from_setting(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_setting(value).map(Some) }
    }
}
impl FromSetting for Vec<i64> {
    fn from_setting(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(Value::as_i64).collect()
    }
}
impl FromSetting for BTreeMap<String, i64> {
    fn from_setting(value: &Value) -> Option<Self> {
        value.as_object()?.iter().map(|(code, n)| Some((code.clone(), n.as_i64()?))).collect()
    }
}

thread_local! {
    static KEPT: Kept<Value> = Kept::default();
}

/// The value in force of one setting.
pub fn get<T: FromSetting>(system: &str, key: &str) -> Result<T> {
    decode(system, key, all(system)?.get(key))
}

/// The value in force of one setting as JSON, or PT404.
pub fn value(system: &str, key: &str) -> Result<Value> {
    let value = all(system)?.get(key).cloned();
    value.ok_or_else(|| Error::not_found("setting", format!("{system}.{key}")))
}

/// All settings of a system as one JSON object.
pub fn all(system: &str) -> Result<Rc<Value>> {
    let read = || {
        let values = ALL.one(&[system.into()], |row| row.get::<JsonB>(1))?.0;
        // A name that no system has is not kept: anybody can make those up.
        Ok(values.as_object().is_some_and(|values| !values.is_empty()).then_some(values))
    };
    let values = KEPT.with(|kept| kept.get(system, read))?;
    Ok(values.unwrap_or_else(|| Rc::new(json!({}))))
}

/// All settings of a system, as they are now.
pub struct Settings {
    system: &'static str,
    values: Rc<Value>,
}

impl Settings {
    pub fn of(system: &'static str) -> Result<Self> {
        Ok(Settings { system, values: all(system)? })
    }

    pub fn get<T: FromSetting>(&self, key: &str) -> Result<T> {
        decode(self.system, key, self.values.get(key))
    }
}

fn decode<T: FromSetting>(system: &str, key: &str, value: Option<&Value>) -> Result<T> {
    value
        .and_then(T::from_setting)
        .ok_or_else(|| Error::internal(format!("setting {system}.{key} is not declared as read")))
}

/// What a definition says about the values of a setting.
pub struct Rule {
    pub kind: String,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub allowed: Option<Vec<String>>,
    pub nullable: bool,
}

/// Changes a setting for an admin of the system; the value in force afterwards.
pub fn change(system: &str, key: &str, value: &Value) -> Result<Value> {
    let caller = caller::current();
    caller.require_admin(system)?;
    let rule = DEFINITION
        .first(&[system.into(), key.into()], |row| {
            Ok(Rule {
                kind: row.get(1)?,
                minimum: row.opt(2)?,
                maximum: row.opt(3)?,
                allowed: row.opt(4)?,
                nullable: row.get(5)?,
            })
        })?
        .ok_or_else(|| Error::not_found("setting", format!("{system}.{key}")))?;
    rule.check(value).map_err(|allowed| Error::invalid("p_value", allowed))?;
    let by = caller.person();
    WRITE.run(&[system.into(), key.into(), JsonB(value.clone()).into(), by.into()])?;
    Ok(value.clone())
}

impl Rule {
    /// `Err` says which values are allowed.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if value.is_null() && self.nullable {
            return Ok(());
        }
        let good = match self.kind.as_str() {
            "integer" => value.as_i64().is_some_and(|n| self.in_range(n)),
            "integers" => value.as_array().is_some_and(|list| {
                list.iter().all(|item| item.as_i64().is_some_and(|n| self.in_range(n)))
            }),
            "amounts" => value.as_object().is_some_and(|amounts| {
                amounts.iter().all(|(code, amount)| {
                    Currency::parse(code, "p_value").is_ok()
                        && amount.as_i64().is_some_and(|n| self.in_range(n))
                })
            }),
            "boolean" => value.is_boolean(),
            "text" => value.as_str().is_some_and(|text| match &self.allowed {
                Some(allowed) => allowed.iter().any(|one| one == text),
                None => text.len() <= 1000,
            }),
            _ => false,
        };
        if good { Ok(()) } else { Err(self.describe()) }
    }

    fn in_range(&self, n: i64) -> bool {
        self.minimum.is_none_or(|least| n >= least) && self.maximum.is_none_or(|most| n <= most)
    }

    fn describe(&self) -> String {
        let mut text = match self.kind.as_str() {
            "integers" => "must be a list of integers".to_owned(),
            "amounts" => "must be an object of currency codes and minor units".to_owned(),
            kind => format!("must be of type {kind}"),
        };
        if let Some(least) = self.minimum {
            text += &format!(", at least {least}");
        }
        if let Some(most) = self.maximum {
            text += &format!(", at most {most}");
        }
        if let Some(allowed) = &self.allowed {
            text += &format!(", one of {}", allowed.join(", "));
        }
        if self.nullable {
            text += ", or null";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: &str) -> Rule {
        Rule {
            kind: kind.into(),
            minimum: Some(1),
            maximum: Some(4),
            allowed: None,
            nullable: false,
        }
    }

    #[test]
    fn an_integer_keeps_to_its_range() {
        assert!(rule("integer").check(&json!(4)).is_ok());
        for bad in [json!(0), json!(5), json!(1.5), json!("3"), json!(null), json!([1])] {
            assert!(rule("integer").check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn null_is_a_value_only_where_the_definition_says_so() {
        let nullable = Rule { nullable: true, ..rule("integer") };
        assert!(nullable.check(&Value::Null).is_ok());
        assert!(rule("boolean").check(&Value::Null).is_err());
    }

    #[test]
    fn a_text_keeps_to_the_allowed_values() {
        let choice = Rule { allowed: Some(vec!["a".into(), "b".into()]), ..rule("text") };
        assert!(choice.check(&json!("b")).is_ok());
        assert!(choice.check(&json!("c")).is_err());
    }

    #[test]
    fn amounts_are_by_currency_and_keep_to_the_range() {
        assert!(rule("amounts").check(&json!({})).is_ok());
        assert!(rule("amounts").check(&json!({"USD": 1, "JPY": 4})).is_ok());
        for bad in [json!({"USD": 5}), json!({"usd": 1}), json!({"USD": "1"}), json!([1])] {
            assert!(rule("amounts").check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_item_of_a_list_keeps_to_the_range() {
        assert!(rule("integers").check(&json!([1, 4])).is_ok());
        assert!(rule("integers").check(&json!([1, 5])).is_err());
        assert!(rule("integers").check(&json!(["1"])).is_err());
    }
}
