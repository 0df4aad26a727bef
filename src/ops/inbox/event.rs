//! What a webhook says, and what makes two of them the same.

use crate::ops::inbox::source::Source;
use pgrx::Uuid;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The envelope of a webhook whose signature was good.
#[derive(Clone, Debug)]
pub struct Event {
    /// The row of `ops.webhook_events`.
    pub id: Uuid,
    pub source: Source,
    /// What makes two deliveries the same.
    pub key: String,
    /// As the provider calls it: `charge.refunded`, `payment.captured`.
    pub kind: String,
    /// Whether it is about real money.
    pub live: bool,
    /// The provider's account that it is about, where there are several.
    pub account: Option<String>,
    /// When it happened, in seconds since 1970, as the provider says. Several happen in
    /// the same second, and they come in any order.
    pub created: Option<i64>,
    pub body: Value,
}

impl Event {
    /// What happened to: Stripe's `data.object`; Razorpay's `payload`, where each thing
    /// is the `entity` below its name.
    pub fn object(&self) -> &Value {
        match self.source {
            Source::Stripe => &self.body["data"]["object"],
            Source::Razorpay => &self.body["payload"],
        }
    }
}

/// Why a body that was signed is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not the JSON of an envelope.
    Content,
    /// A live event under a secret of the test mode, or the reverse.
    Mode,
}

/// A name or id of a provider fits into this many bytes.
const MOST_BYTES: usize = 255;

/// Reads the body of a request that was verified with a secret of this mode.
pub fn read(source: Source, id: Uuid, body: &[u8], live: bool) -> Result<Event, Unfit> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Unfit::Content)?;
    let event = match source {
        Source::Stripe => stripe(id, body, live),
        Source::Razorpay => razorpay(id, body, live),
    }?;
    let names = [Some(&event.key), Some(&event.kind), event.account.as_ref()];
    let fit = names.into_iter().flatten().all(|name| is_name(name));
    if fit { Ok(event) } else { Err(Unfit::Content) }
}

fn stripe(id: Uuid, body: Value, live: bool) -> Result<Event, Unfit> {
    let key = text(&body, "id").ok_or(Unfit::Content)?;
    let kind = text(&body, "type").ok_or(Unfit::Content)?;
    if body["livemode"].as_bool().ok_or(Unfit::Content)? != live {
        return Err(Unfit::Mode);
    }
    let (account, created) = (text(&body, "account"), seconds(&body["created"]));
    Ok(Event { id, source: Source::Stripe, key, kind, live, account, created, body })
}

/// Razorpay says nothing of the mode; each has a secret of its own.
fn razorpay(id: Uuid, body: Value, live: bool) -> Result<Event, Unfit> {
    let kind = text(&body, "event").ok_or(Unfit::Content)?;
    let created = seconds(&body["created_at"]);
    let account = text(&body, "account_id");
    let key = content_key(&kind, account.as_deref(), &body);
    Ok(Event { id, source: Source::Razorpay, key, kind, live, account, created, body })
}

/// What a body without a signed id says: which event of which things in which state.
///
/// The header with the event's id is not signed: who recorded a request could send it
/// again under any number of ids. A thing that can be updated more than once without
/// another status is told apart by the time.
fn content_key(kind: &str, account: Option<&str>, body: &Value) -> String {
    let mut things: Vec<String> = body["payload"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, thing)| {
            let entity = &thing["entity"];
            let word = |key: &str| entity[key].as_str().unwrap_or_default().to_owned();
            match entity["id"].as_str() {
                Some(id) => format!("{name} {id} {}", word("status")),
                None => format!("{name} {thing}"),
            }
        })
        .collect();
    things.sort();
    if things.is_empty() || kind.ends_with(".updated") {
        things.push(body["created_at"].to_string());
    }
    let content = [kind, account.unwrap_or_default(), &things.join("\n")].join("\n");
    let hash: String =
        Sha256::digest(content).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}:{hash}")
}

fn text(body: &Value, key: &str) -> Option<String> {
    body[key].as_str().map(str::to_owned)
}

/// A time between 1970 and 9999.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().filter(|seconds| (0..253_402_300_800).contains(seconds))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MOST_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(source: Source, body: &Value) -> Result<Event, Unfit> {
        read(source, new_id(), body.to_string().as_bytes(), true)
    }

    fn charge() -> Value {
        json!({"id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000, "livemode": true,
               "account": "acct_1", "data": {"object": {"id": "ch_1"}}})
    }

    fn payment(event: &str, status: &str) -> Value {
        json!({"entity": "event", "account_id": "acc_1", "event": event, "contains": ["payment"],
               "payload": {"payment": {"entity": {"id": "pay_1", "status": status, "amount": 100}}},
               "created_at": 1_700_000_000})
    }

    #[test]
    fn an_envelope_of_stripe_is_known_by_its_id() {
        let event = of(Source::Stripe, &charge()).unwrap();
        assert_eq!((event.key.as_str(), event.kind.as_str()), ("evt_1", "charge.succeeded"));
        assert_eq!(
            (event.account.as_deref(), event.created),
            (Some("acct_1"), Some(1_700_000_000))
        );
        assert_eq!(event.object()["id"], "ch_1");
        assert!(event.live);
    }

    #[test]
    fn the_mode_must_be_that_of_the_secret() {
        let mut body = charge();
        body["livemode"] = json!(false);
        assert_eq!(of(Source::Stripe, &body).unwrap_err(), Unfit::Mode);
        let read = read(Source::Stripe, new_id(), body.to_string().as_bytes(), false);
        assert!(!read.unwrap().live);
    }

    #[test]
    fn what_is_no_envelope_is_no_event() {
        for (field, value) in [
            ("id", json!(null)),
            ("id", json!("")),
            ("id", json!("evt\u{0}1")),
            ("id", json!("x".repeat(300))),
            ("type", json!(7)),
            ("livemode", json!("true")),
            ("account", json!("a b")),
        ] {
            let mut body = charge();
            body[field] = value.clone();
            assert_eq!(of(Source::Stripe, &body).unwrap_err(), Unfit::Content, "{field} {value}");
        }
        for body in ["", "[]", "null", "\"x\"", "{", "{\"id\": 1e999}"] {
            for source in Source::ALL {
                let read = read(source, new_id(), body.as_bytes(), true);
                assert_eq!(read.unwrap_err(), Unfit::Content, "{body}");
            }
        }
    }

    #[test]
    fn a_time_that_makes_no_sense_is_left_out() {
        for created in [json!(null), json!(-1), json!("2024-01-01T00:00:00Z"), json!(i64::MAX)] {
            let mut body = charge();
            body["created"] = created;
            assert_eq!(of(Source::Stripe, &body).unwrap().created, None);
        }
    }

    #[test]
    fn the_same_content_is_the_same_event_of_razorpay() {
        let key = |body: &Value| of(Source::Razorpay, body).unwrap().key;
        let first = payment("payment.captured", "captured");
        let mut again = first.clone();
        again["created_at"] = json!(1_700_000_100);
        again["payload"]["payment"]["entity"]["amount"] = json!(101);
        assert_eq!(key(&first), key(&again));
        assert!(key(&first).starts_with("payment.captured:"));
        let mut other = first.clone();
        other["payload"]["payment"]["entity"]["id"] = json!("pay_2");
        let mut account = first.clone();
        account["account_id"] = json!("acc_2");
        let mut more = first.clone();
        more["payload"]["order"] = json!({"entity": {"id": "order_1", "status": "paid"}});
        for different in [
            other,
            account,
            more,
            payment("payment.captured", "refunded"),
            payment("payment.authorized", "captured"),
        ] {
            assert_ne!(key(&first), key(&different), "{different}");
        }
    }

    #[test]
    fn updates_of_razorpay_are_told_apart_by_their_time() {
        let first = payment("subscription.updated", "active");
        let mut second = first.clone();
        second["created_at"] = json!(1_700_000_100);
        let key = |body: &Value| of(Source::Razorpay, body).unwrap().key;
        assert_ne!(key(&first), key(&second));
    }

    proptest! {
        #[test]
        fn no_body_ends_badly(body in prop::collection::vec(any::<u8>(), 0..300)) {
            for source in Source::ALL {
                let _ = read(source, new_id(), &body, true);
            }
        }

        #[test]
        fn what_is_read_can_be_stored(id in "\\PC{0,40}", kind in "\\PC{0,40}") {
            let mut body = charge();
            body["id"] = json!(id);
            body["type"] = json!(kind);
            if let Ok(event) = of(Source::Stripe, &body) {
                prop_assert!(is_name(&event.key) && is_name(&event.kind));
                prop_assert_eq!((event.key, event.kind), (id, kind));
            }
        }
    }
}
