//! A request from a provider: believed or refused, kept once, processed at once.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::jwt::unix_now;
use crate::kernel::request::{Headers, set_local, set_response_status};
use crate::kernel::settings;
use crate::ops::inbox::event::{self, Event, Unfit};
use crate::ops::inbox::process::process_new;
use crate::ops::inbox::signature::{self, Refused};
use crate::ops::inbox::source::Source;
use crate::ops::inbox::{secret, store};
use serde_json::{Map, Value, json};

/// The gateway refuses longer ones before anybody reads them.
const MOST_BODY_BYTES: usize = 1024 * 1024;
/// Longer values of headers are cut.
const MOST_HEADER_BYTES: usize = 2000;

/// Headers that tell something about a delivery; the others are not kept.
const USEFUL: [(&str, &str); 6] = [
    ("x-orig-content-type", "content-type"),
    ("user-agent", "user-agent"),
    ("x-request-id", "x-request-id"),
    ("stripe-signature", "stripe-signature"),
    ("x-razorpay-signature", "x-razorpay-signature"),
    ("x-razorpay-event-id", "x-razorpay-event-id"),
];

/// Why a request is refused: counted, and not told to the sender.
enum Reason {
    Secret,
    Signature,
    Time,
    Mode,
    Content,
}

impl Reason {
    fn as_str(&self) -> &'static str {
        match self {
            Reason::Secret => "secret",
            Reason::Signature => "signature",
            Reason::Time => "time",
            Reason::Mode => "mode",
            Reason::Content => "content",
        }
    }
}

impl From<Refused> for Reason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Signature => Reason::Signature,
            Refused::Time => Reason::Time,
        }
    }
}

impl From<Unfit> for Reason {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Content => Reason::Content,
            Unfit::Mode => Reason::Mode,
        }
    }
}

/// The answer to a request.
pub fn receive(body: &[u8]) -> Result<Value> {
    let headers = Headers::current();
    // The gateway writes this header, so the function answers at no other path.
    let name = headers.get("x-orig-path").and_then(|path| path.strip_prefix("webhooks/"));
    let Some(source) = name.and_then(Source::find) else {
        return Ok(refusal(404, "not_found", "There is nothing at this path."));
    };
    if body.len() > MOST_BODY_BYTES {
        return Ok(refusal(413, "payload_too_large", "The body is too large."));
    }
    match believe(source, body, &headers)? {
        Ok(event) => accept(&event, body, &headers),
        Err(reason) => {
            // Nothing is lost with a count, and nobody is to wait for the disk for it.
            set_local(c"synchronous_commit", "off");
            store::count_refusal(source, reason.as_str())?;
            Ok(refusal(400, "webhook_refused", "This is no webhook that is taken here."))
        }
    }
}

fn believe(source: Source, body: &[u8], headers: &Headers) -> Result<Result<Event, Reason>> {
    let Some(header) = headers.get(source.signature_header()) else {
        return Ok(Err(Reason::Signature));
    };
    let secrets = secret::valid(source)?;
    if secrets.is_empty() {
        return Ok(Err(Reason::Secret));
    }
    let keys: Vec<&[u8]> = secrets.iter().map(|secret| secret.plain.as_slice()).collect();
    let made_by = match source {
        Source::Stripe => {
            let tolerance = settings::get("ops", "webhook_tolerance_seconds")?;
            signature::stripe(header, body, &keys, unix_now(), tolerance)
        }
        Source::Razorpay => signature::razorpay(header, body, &keys),
    };
    Ok(made_by
        .map_err(Reason::from)
        .and_then(|at| event::read(source, new_id(), body, secrets[at].live).map_err(Reason::from)))
}

/// Of two deliveries at once the second waits here, and then finds the first.
fn accept(event: &Event, body: &[u8], headers: &Headers) -> Result<Value> {
    let mode = if event.live { "live" } else { "test" };
    store::lock(&format!("event {} {mode} {}", event.source.as_str(), event.key))?;
    if store::is_known(event)? {
        return Ok(json!({"received": true, "duplicate": true}));
    }
    Ok(json!({"received": true, "status": process_new(event, body, useful(headers))?}))
}

fn useful(headers: &Headers) -> Value {
    let kept = USEFUL.iter().filter_map(|(name, as_what)| {
        let value = headers.get(name)?;
        let value = &value[..value.floor_char_boundary(MOST_HEADER_BYTES)];
        Some(((*as_what).to_owned(), Value::from(value)))
    });
    Value::Object(kept.collect::<Map<_, _>>())
}

/// An answer, not an error: the count stays.
fn refusal(status: u16, code: &str, message: &str) -> Value {
    set_response_status(status);
    json!({"code": code, "message": message, "details": null, "hint": null})
}
