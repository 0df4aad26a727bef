//! A request as the gateway hands it over: the body's bytes, and in headers the
//! path and the query that the client used.

use crate::identity::auth_api::answer::{Failure, Refusal};
use crate::kernel::request::Headers;
use serde_json::{Map, Value};

const BODY_MOST: usize = 64 * 1024;
const TEXT_MOST: usize = 1000;

/// A request to an auth endpoint.
pub struct Request {
    body: Map<String, Value>,
    query: Vec<(String, String)>,
    /// Which system's client is asking.
    pub system: String,
    /// What follows `/auth/v1/`, such as `factors/<uuid>/verify`.
    pub path: String,
    pub method: String,
    pub address: Option<String>,
}

impl Request {
    /// Reads the request that PostgREST is serving.
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        let headers = Headers::current();
        let text = |name: &str| headers.get(name).unwrap_or_default().to_owned();
        Ok(Request {
            body: parse_body(body)?,
            query: parse_query(&text("x-orig-query"))?,
            system: system_name(headers.get("x-system")),
            path: text("x-orig-path"),
            method: text("x-orig-method"),
            address: headers.client_address(),
        })
    }

    /// A text of the body; `None` where it is absent, null or empty.
    pub fn text(&self, field: &str) -> Result<Option<&str>, Failure> {
        text_of(&self.body, field)
    }

    /// A text of the body that must be there.
    pub fn required(&self, field: &str) -> Result<&str, Failure> {
        self.text(field)?.ok_or_else(|| invalid(format!("{field}: a value is required")))
    }

    /// An object of the body; `None` where it is absent or null.
    pub fn object(&self, field: &str) -> Result<Option<&Map<String, Value>>, Failure> {
        object_of(&self.body, field)
    }

    /// A parameter of the query that is not empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }
}

/// A text of an object; `None` where it is absent, null or empty.
fn text_of<'a>(object: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Failure> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() > TEXT_MOST => {
            Err(invalid(format!("{field}: must have at most {TEXT_MOST} bytes")))
        }
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(invalid(format!("{field}: must be a string"))),
    }
}

fn object_of<'a>(
    object: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a Map<String, Value>>, Failure> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(invalid(format!("{field}: must be an object"))),
    }
}

/// 400 validation_failed.
pub fn invalid(message: impl Into<String>) -> Failure {
    Refusal::new(400, "validation_failed", message).into()
}

fn parse_body(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    if body.len() > BODY_MOST {
        return Err(invalid(format!("the body must have at most {BODY_MOST} bytes")));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) if object.iter().any(|(k, v)| has_nul(k, v)) => {
            Err(invalid("the body must not contain the character U+0000"))
        }
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(invalid("the body must be a JSON object")),
        // The error says where, and never quotes what it read.
        Err(error) => Err(invalid(format!(
            "the body is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

/// PostgreSQL's text cannot hold it.
fn has_nul(key: &str, value: &Value) -> bool {
    key.contains('\0')
        || match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(|item| has_nul("", item)),
            Value::Object(object) => object.iter().any(|(k, v)| has_nul(k, v)),
            _ => false,
        }
}

fn parse_query(text: &str) -> Result<Vec<(String, String)>, Failure> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, Failure> {
    let malformed = || invalid("the query is malformed");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(), digit());
                let (high, low) = (high.ok_or_else(malformed)?, low.ok_or_else(malformed)?);
                (high * 16 + low) as u8
            }
            _ => byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    if text.contains('\0') { Err(malformed()) } else { Ok(text) }
}

/// The gateway sends a system's name; a call past the gateway has none.
pub fn system_name(header: Option<&str>) -> String {
    let good =
        |name: &&str| name.len() <= 63 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    header.filter(good).unwrap_or("identity").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused<T>(outcome: Result<T, Failure>) -> bool {
        matches!(outcome, Err(Failure::Refused(refusal)) if refusal.status == 400)
    }

    #[test]
    fn a_body_is_an_object_or_nothing() {
        assert!(parse_body(b"").is_ok_and(|body| body.is_empty()));
        assert!(parse_body(b" \r\n").is_ok_and(|body| body.is_empty()));
        assert!(parse_body(br#"{"email":"a"}"#).is_ok());
        for bad in [&b"[]"[..], b"null", b"\"x\"", b"{", b"\xff", b"{\"a\":1e999}"] {
            assert!(refused(parse_body(bad)));
        }
        assert!(refused(parse_body("[".repeat(60_000).as_bytes())));
        assert!(refused(parse_body(&vec![b' '; BODY_MOST + 1])));
    }

    #[test]
    fn the_character_that_postgresql_cannot_hold_is_refused_wherever_it_is() {
        for bad in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, r#"{"a":[{"b":"x\u0000"}]}"#] {
            assert!(refused(parse_body(bad.as_bytes())), "{bad}");
        }
    }

    #[test]
    fn a_field_has_the_type_it_must_have() {
        let body = parse_body(br#"{"n":1,"s":"x","e":"","z":null,"o":{}}"#).ok().unwrap();
        assert!(refused(text_of(&body, "n")));
        assert!(refused(text_of(&body, "o")));
        assert!(refused(object_of(&body, "s")));
        assert_eq!(text_of(&body, "s").ok().flatten(), Some("x"));
        for absent in ["e", "z", "nothing"] {
            assert_eq!(text_of(&body, absent).ok().flatten(), None);
        }
    }

    #[test]
    fn a_query_is_decoded() {
        let query = parse_query("a=b%20c+d&e&&f=%C3%A4").ok().unwrap();
        let pairs: Vec<_> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("a", "b c d"), ("e", ""), ("f", "ä")]);
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00"] {
            assert!(refused(parse_query(bad)), "{bad}");
        }
    }

    #[test]
    fn a_system_is_a_plain_name() {
        assert_eq!(system_name(Some("network")), "network");
        for odd in [None, Some("../x"), Some("A b")] {
            assert_eq!(system_name(odd), "identity");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_body(&body);
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(text in "[^\\x00]{0,40}") {
            let encoded = crate::identity::mail::encode(&text);
            prop_assert_eq!(decode(&encoded).ok(), Some(text));
        }
    }
}
