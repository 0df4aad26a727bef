//! Rows as JSON, for the audit log and for triggers that compare: only the columns
//! that changed, straight from the tuple, without a round through SQL.

use crate::kernel::jsonb::{self, Jsonb};
use crate::kernel::personal::REDACTED;
use pgrx::{FromDatum, PgTupleDesc, Uuid, pg_sys};
use serde_json::{Map, Value};
use std::ffi::CStr;

/// All values of a tuple that are set.
///
/// # Safety
/// `tuple` must be a live tuple of the relation that `desc` describes.
pub unsafe fn present(
    tuple: pg_sys::HeapTuple,
    desc: &PgTupleDesc<'_>,
    secret: &[String],
) -> Jsonb {
    let mut object = jsonb::Object::begin();
    for attribute in desc.iter().filter(|attribute| !attribute.attisdropped) {
        let (mut is_null, number) = (false, i32::from(attribute.attnum));
        // SAFETY: names and values live as long as the tuple or this call of the trigger.
        unsafe {
            let datum = pg_sys::heap_getattr(tuple, number, desc.as_ptr(), &mut is_null);
            if is_null {
                continue;
            }
            object.key(attribute.name());
            if secret.iter().any(|name| name == attribute.name()) {
                object.text(REDACTED.as_bytes());
            } else {
                put(&mut object, datum, attribute.atttypid);
            }
        }
    }
    object.end()
}

/// Numbers, booleans and JSON keep their type; everything else is its text.
unsafe fn put(object: &mut jsonb::Object, datum: pg_sys::Datum, type_oid: pg_sys::Oid) {
    unsafe {
        match type_oid {
            pg_sys::BOOLOID => object.boolean(datum.value() != 0),
            pg_sys::INT2OID => object.integer(i64::from(datum.value() as i16)),
            pg_sys::INT4OID => object.integer(i64::from(datum.value() as i32)),
            pg_sys::INT8OID => object.integer(datum.value() as i64),
            pg_sys::TEXTOID => object.text(jsonb::bytes_of_text(datum)),
            pg_sys::JSONBOID => object.jsonb(datum),
            _ => match pg_sys::getBaseType(type_oid) {
                base if base != type_oid => put(object, datum, base),
                _ => {
                    let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
                    pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena);
                    let text = pg_sys::OidOutputFunctionCall(output, datum);
                    object.text(CStr::from_ptr(text).to_bytes());
                }
            },
        }
    }
}

/// The values of some columns of a tuple, joined with commas: the key of the row.
///
/// # Safety
/// As for [`present`].
pub unsafe fn key(
    tuple: pg_sys::HeapTuple,
    desc: &PgTupleDesc<'_>,
    numbers: &[i32],
) -> Option<String> {
    let mut parts = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let attribute = desc.get((number - 1) as usize)?;
        let mut is_null = false;
        // SAFETY: the caller's.
        let value = unsafe {
            let datum = pg_sys::heap_getattr(tuple, number, desc.as_ptr(), &mut is_null);
            (!is_null).then(|| to_json(datum, attribute.atttypid))
        };
        parts.push(text(&value?));
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// A row's columns by name, as they print.
pub struct Columns(Map<String, Value>);

impl Columns {
    /// Reads a tuple.
    ///
    /// # Safety
    /// `tuple` must be a live tuple of the relation that `desc` describes.
    pub unsafe fn read(tuple: pg_sys::HeapTuple, desc: &PgTupleDesc<'_>) -> Self {
        let mut columns = Map::new();
        for attribute in desc.iter().filter(|attribute| !attribute.attisdropped) {
            let mut is_null = false;
            let number = i32::from(attribute.attnum);
            let value = unsafe {
                let datum = pg_sys::heap_getattr(tuple, number, desc.as_ptr(), &mut is_null);
                if is_null { Value::Null } else { to_json(datum, attribute.atttypid) }
            };
            columns.insert(attribute.name().to_owned(), value);
        }
        Columns(columns)
    }

    /// The values that differ from `other`'s.
    pub fn changed_from(&self, other: &Columns, secret: &[String]) -> Map<String, Value> {
        self.select(secret, |name, value| other.0.get(name) != Some(value))
    }

    fn select(
        &self,
        secret: &[String],
        wanted: impl Fn(&str, &Value) -> bool,
    ) -> Map<String, Value> {
        let shown = |name: &String, value: &Value| {
            let hide = !value.is_null() && secret.contains(name);
            if hide { Value::from(REDACTED) } else { value.clone() }
        };
        self.0
            .iter()
            .filter(|(name, value)| wanted(name, value))
            .map(|(name, value)| (name.clone(), shown(name, value)))
            .collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Numbers, booleans and JSON keep their type; everything else is its text.
///
/// # Safety
/// `datum` must be a value of the type.
unsafe fn to_json(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Value {
    // The types of most columns, without a look-up of their output function.
    unsafe {
        match type_oid {
            pg_sys::BOOLOID => bool::from_datum(datum, false).into(),
            pg_sys::INT2OID => i16::from_datum(datum, false).into(),
            pg_sys::INT4OID => i32::from_datum(datum, false).into(),
            pg_sys::INT8OID => i64::from_datum(datum, false).into(),
            pg_sys::TEXTOID => String::from_datum(datum, false).into(),
            pg_sys::UUIDOID => Uuid::from_datum(datum, false).map(|id| id.to_string()).into(),
            pg_sys::JSONOID | pg_sys::JSONBOID => {
                let text = printed(datum, type_oid);
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            _ => match pg_sys::getBaseType(type_oid) {
                base if base != type_oid => to_json(datum, base),
                _ => Value::String(printed(datum, type_oid)),
            },
        }
    }
}

/// A value as it prints.
unsafe fn printed(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> String {
    unsafe {
        let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena);
        let raw = pg_sys::OidOutputFunctionCall(output, datum);
        let text = CStr::from_ptr(raw).to_string_lossy().into_owned();
        pg_sys::pfree(raw.cast());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn columns(values: Value) -> Columns {
        Columns(values.as_object().unwrap().clone())
    }

    #[test]
    fn only_what_changed_is_kept() {
        let (old, new) = (columns(json!({"a": 1, "b": 2})), columns(json!({"a": 1, "b": 3})));
        assert_eq!(Value::from(new.changed_from(&old, &[])), json!({"b": 3}));
        assert_eq!(Value::from(old.changed_from(&new, &[])), json!({"b": 2}));
    }

    #[test]
    fn a_secret_shows_that_it_changed_and_nothing_else() {
        let (old, new) = (columns(json!({"s": null})), columns(json!({"s": "x"})));
        let secret = ["s".to_owned()];
        assert_eq!(Value::from(new.changed_from(&old, &secret)), json!({"s": REDACTED}));
        assert_eq!(Value::from(old.changed_from(&new, &secret)), json!({"s": null}));
    }
}
