//! JSON objects that callers send as options: known keys only, each of the right type.

use crate::kernel::error::{Error, Result};
use serde_json::{Map, Value};

/// The longest text of an option.
const LONGEST: usize = 200;

/// An object whose keys have been checked.
pub struct Fields<'j> {
    /// How the caller calls it.
    name: String,
    values: &'j Map<String, Value>,
}

impl<'j> Fields<'j> {
    /// 22023 unless `value` is an object with no keys but `allowed`.
    pub fn new(name: &str, value: &'j Value, allowed: &[&str]) -> Result<Self> {
        let values = value.as_object().ok_or_else(|| Error::invalid(name, "must be an object"))?;
        if let Some(unknown) = values.keys().find(|key| !allowed.contains(&key.as_str())) {
            let unknown: String = unknown.chars().take(60).collect();
            let rule = format!("unknown key; allowed are {}", allowed.join(", "));
            return Err(Error::invalid(&format!("{name}.{unknown}"), rule));
        }
        Ok(Fields { name: name.to_owned(), values })
    }

    /// How the caller calls a key.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    pub fn invalid(&self, key: &str, rule: &str) -> Error {
        Error::invalid(&self.at(key), rule)
    }

    /// The value of a key; null is the same as left out.
    pub fn get(&self, key: &str) -> Option<&'j Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub fn text(&self, key: &str) -> Result<Option<&'j str>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.invalid(key, "must be a text"))?;
        if text.is_empty() || text.len() > LONGEST {
            return Err(self.invalid(key, &format!("must have 1 to {LONGEST} bytes")));
        }
        Ok(Some(text))
    }

    /// One of a few texts.
    pub fn choice(&self, key: &str, allowed: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let found = allowed.iter().copied().find(|one| *one == text);
        let rule = || self.invalid(key, &format!("must be one of {}", allowed.join(", ")));
        found.map(Some).ok_or_else(rule)
    }

    /// A text of exactly one character.
    pub fn character(&self, key: &str) -> Result<Option<char>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) => Ok(Some(one)),
            _ => Err(self.invalid(key, "must be one character")),
        }
    }

    pub fn flag(&self, key: &str, otherwise: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| self.invalid(key, "must be true or false"))
    }

    /// A whole number in a range.
    pub fn number(&self, key: &str, least: i64, most: i64, otherwise: i64) -> Result<i64> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        let number = value.as_i64().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            self.invalid(key, &format!("must be a whole number from {least} to {most}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Result<Fields<'_>> {
        Fields::new("p", value, &["a", "b"])
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = fields(&json!({"a": 1, "c": 2})).err().unwrap();
        assert!(error.message.starts_with("p.c:"), "{}", error.message);
        assert!(fields(&json!([])).is_err());
    }

    #[test]
    fn null_is_the_same_as_left_out() {
        let value = json!({"a": null});
        let fields = fields(&value).unwrap();
        assert_eq!(fields.number("a", 1, 5, 3).unwrap(), 3);
        assert_eq!(fields.text("a").unwrap(), None);
        assert!(fields.flag("b", true).unwrap());
    }

    #[test]
    fn values_of_another_type_or_out_of_range_are_refused() {
        let value = json!({"a": 6, "b": "xy"});
        let fields = fields(&value).unwrap();
        assert!(fields.number("a", 1, 5, 3).is_err());
        assert!(fields.text("a").is_err());
        assert!(fields.flag("a", false).is_err());
        assert!(fields.character("b").is_err());
        assert!(fields.choice("b", &["x", "y"]).is_err());
    }
}
