//! Taking a person out of what somebody wrote.

use serde_json::Value;
use std::collections::BTreeSet;

/// What stands in the place of what was taken out.
pub const REDACTED: &str = "[redacted]";

/// A shorter name than this is redacted only where it is the whole text.
const SHORT_NAME: usize = 4;

/// What somebody can be found by.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    /// E-mail addresses and phones, in lower case.
    pub addresses: BTreeSet<String>,
    /// Names, in lower case.
    pub names: BTreeSet<String>,
}

impl Identifiers {
    /// Whether a text names the person; `about` says that it is in a row about them.
    pub fn found_in(&self, text: &str, about: bool) -> bool {
        let text = text.to_lowercase();
        let named = |name: &String| {
            text == *name || (name.chars().count() >= SHORT_NAME && text.contains(name.as_str()))
        };
        self.addresses.iter().any(|address| text.contains(address.as_str()))
            || (about && self.names.iter().any(named))
    }
}

/// The value without texts and numbers that name the person.
pub fn without(value: Value, known: &Identifiers, about: bool) -> Value {
    match value {
        Value::String(text) if known.found_in(&text, about) => Value::from(REDACTED),
        Value::Number(number) if known.addresses.contains(&number.to_string()) => {
            Value::from(REDACTED)
        }
        Value::Array(items) => items.into_iter().map(|item| without(item, known, about)).collect(),
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .map(|(key, value)| {
                    let key = if known.found_in(&key, about) { REDACTED.to_owned() } else { key };
                    (key, without(value, known, about))
                })
                .collect(),
        ),
        other => other,
    }
}

/// The text of a column without texts that name the person.
pub fn cleaned(text: &str, is_json: bool, known: &Identifiers) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if is_json => without(value, known, false).to_string(),
        // A number that only PostgreSQL can read: all of it goes.
        Err(_) if is_json => "{}".to_owned(),
        _ => REDACTED.to_owned(),
    }
}
