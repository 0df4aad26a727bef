//! JSON objects that callers send: known keys only, each of the right type.

use crate::kernel::error::{Error, Result};
use serde_json::{Map, Value};

/// The longest text of a name, an address or a note, in characters.
const LONGEST_TEXT: usize = 500;

/// An object whose keys have been checked against the allowed ones.
pub struct Object<'a> {
    field: String,
    values: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// 22023 unless `value` is an object with no keys but `allowed`.
    pub fn new(field: &str, value: &'a Value, allowed: &[&str]) -> Result<Self> {
        let values =
            value.as_object().ok_or_else(|| Error::invalid(field, "must be a JSON object"))?;
        if let Some(unknown) = values.keys().find(|key| !allowed.contains(&key.as_str())) {
            let unknown: String = unknown.chars().take(60).collect();
            let rule = format!("unknown key {unknown:?}; allowed are {}", allowed.join(", "));
            return Err(Error::invalid(field, rule));
        }
        Ok(Object { field: field.to_owned(), values })
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A text without surrounding space; absent, null and blank are `None`.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        let Some(value) = self.values.get(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or_else(|| self.wrong(key, "must be a text"))?.trim();
        if text.chars().count() > LONGEST_TEXT {
            return Err(self.wrong(key, &format!("must have at most {LONGEST_TEXT} characters")));
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &str) -> Result<&'a str> {
        self.text(key)?.ok_or_else(|| Error::missing(&format!("{}.{key}", self.field)))
    }

    /// One of a few texts.
    pub fn choice(&self, key: &str, allowed: &[&str]) -> Result<Option<&'a str>> {
        match self.text(key)? {
            Some(text) if !allowed.contains(&text) => {
                Err(self.wrong(key, &format!("must be one of {}", allowed.join(", "))))
            }
            text => Ok(text),
        }
    }

    /// The value of a key, unless it is null.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// True or false.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let read =
            |value: &Value| value.as_bool().ok_or_else(|| self.wrong(key, "must be true or false"));
        self.value(key).map(read).transpose()
    }

    /// A whole number from 1 to `most`.
    pub fn positive(&self, key: &str, most: i64) -> Result<Option<i64>> {
        let good = |value: &Value| value.as_i64().filter(|number| (1..=most).contains(number));
        let wrong = || self.wrong(key, &format!("must be a whole number from 1 to {most}"));
        self.value(key).map(|value| good(value).ok_or_else(wrong)).transpose()
    }

    /// What names something by a number: the number itself, or its digits as a text.
    pub fn number_of(&self, key: &str) -> Result<Option<i64>> {
        let digits =
            |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok());
        let good = |value: &Value| {
            let number = value.as_i64().or_else(|| digits(value.as_str()?).flatten());
            number.filter(|number| *number > 0)
        };
        let wrong = || self.wrong(key, &format!("must be a whole number from 1 to {}", i64::MAX));
        self.value(key).map(|value| good(value).ok_or_else(wrong)).transpose()
    }

    /// A nested object.
    pub fn object(&self, key: &str) -> Result<Option<&'a Value>> {
        match self.values.get(key).filter(|value| !value.is_null()) {
            Some(value) if !value.is_object() => Err(self.wrong(key, "must be a JSON object")),
            value => Ok(value),
        }
    }

    /// A UUID.
    pub fn uuid(&self, key: &str) -> Result<Option<pgrx::Uuid>> {
        let field = format!("{}.{key}", self.field);
        self.text(key)?.map(|text| crate::kernel::ids::parse_id(text, &field)).transpose()
    }

    /// 22023 naming the key.
    pub fn wrong(&self, key: &str, rule: &str) -> Error {
        Error::invalid(&format!("{}.{key}", self.field), rule)
    }
}

/// A free text of the API: trimmed, blank is `None`, too long is 22023.
pub fn free_text<'a>(value: Option<&'a str>, field: &str) -> Result<Option<&'a str>> {
    let text = value.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
        return Err(Error::invalid(field, format!("must have at most {LONGEST_TEXT} characters")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::sqlstate;
    use serde_json::json;

    fn code<T>(result: Result<T>) -> Option<String> {
        result.err().map(|error| error.sqlstate.code())
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let value = json!({"name": "A", "rolle": "admin"});
        let error = Object::new("p_data", &value, &["name"]).err().unwrap();
        assert_eq!(error.sqlstate, sqlstate::INVALID);
        assert!(error.message.contains("rolle"));
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for value in [json!(null), json!([]), json!("x"), json!(1)] {
            assert_eq!(code(Object::new("p_data", &value, &[])).as_deref(), Some("22023"));
        }
    }

    #[test]
    fn a_text_of_the_wrong_type_or_too_long_is_refused() {
        for value in [json!({"a": 1}), json!({"a": "x".repeat(501)}), json!({"a": []})] {
            let object = Object::new("p_data", &value, &["a"]).unwrap();
            assert_eq!(code(object.text("a")).as_deref(), Some("22023"));
        }
    }

    #[test]
    fn blank_counts_as_absent() {
        let value = json!({"a": "  ", "b": null});
        let object = Object::new("p_data", &value, &["a", "b"]).unwrap();
        assert_eq!(object.text("a").unwrap(), None);
        assert_eq!(code(object.required_text("b")).as_deref(), Some("22004"));
    }
}
