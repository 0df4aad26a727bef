//! Alerts of the treasury: what is critical goes to a channel on Slack, what is a warning
//! to an address, in the transaction that found it.
//!
//! [`raise`] is the door for all parts. ops keeps the record: the same alert again while
//! it is open is one, and is sent again only if it became more severe. What ops raises by
//! itself about the treasury's checks and jobs is sent the same way.

use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::outbox::{self, Channel, Message};
use crate::ops::watch::alert::{self, Alert, Raised, Severity};
use crate::ops::{inbox, jobs, watch};
use crate::treasury::SYSTEM;
use pgrx::Uuid;
use serde_json::{Value, json};

/// What the names of the treasury's alerts and checks begin with.
const FAMILIES: [&str; 4] = ["treasury_", "stripe_request", "payout", "dispute"];

/// Whose webhooks are the treasury's.
const SOURCE: &str = "stripe";

/// Called once when the library is loaded.
pub fn init() {
    alert::register_route(route);
}

/// Raises an alert of the treasury, or the same one again. `kind` is of one of its families;
/// `of` is what it happened to, where a kind can be open more than once; `message` and
/// `detail` have ids and numbers, no personal data.
pub fn raise(
    severity: Severity,
    kind: &'static str,
    of: Option<String>,
    message: String,
    detail: Value,
) -> Result<Uuid> {
    alert::raise(&Alert { severity, kind, of, message, detail })
}

/// Whether an alert is about the treasury, and how bad it is to it.
fn severity(raised: &Raised<'_>) -> Option<Severity> {
    let Alert { kind, of, .. } = raised.alert;
    let of = of.as_deref().unwrap_or_default();
    let is_ours = |name: &str| FAMILIES.iter().any(|family| name.starts_with(family));
    match *kind {
        // Nobody knows then whether all is well.
        watch::check::FAILED if is_ours(of) => Some(Severity::Critical),
        // Payouts and reports are jobs.
        watch::JOBS_FAILED if jobs::find(of).is_ok_and(|job| job.system == SYSTEM) => {
            Some(Severity::Critical)
        }
        // Money that Stripe told of is not in the books then; what is parked may yet come.
        inbox::FAILED if of == SOURCE => Some(Severity::Critical),
        inbox::PARKED if of == SOURCE => Some(Severity::Warning),
        kind => is_ours(kind).then_some(raised.severity),
    }
}

/// Where alerts of a severity go.
fn address(severity: Severity) -> Result<Option<(Channel, String)>> {
    let settings = Settings::of(SYSTEM)?;
    let (channel, key) = match severity {
        Severity::Critical => (Channel::Slack, "alert_slack_channel"),
        Severity::Warning => (Channel::Email, "alert_email"),
        Severity::Info => return Ok(None),
    };
    let recipient: Option<String> = settings.get(key)?;
    let recipient = recipient.filter(|recipient| !recipient.trim().is_empty());
    Ok(recipient.map(|recipient| (channel, recipient)))
}

/// Sends an alert to where those of the treasury go, unless ops has sent it there.
fn route(raised: &Raised<'_>) -> Result<()> {
    let Some(severity) = severity(raised) else { return Ok(()) };
    let Some((channel, recipient)) = address(severity)? else { return Ok(()) };
    if raised.sent_to.as_ref().is_some_and(|(by, to)| *by == channel && *to == recipient) {
        return Ok(());
    }
    let Alert { kind, message, detail, .. } = raised.alert;
    outbox::enqueue(&Message {
        system: SYSTEM,
        channel,
        template: "alert",
        recipient: &recipient,
        payload: json!({
            "id": raised.id.to_string(),
            "severity": severity.as_str(),
            "kind": kind,
            "message": message,
            "detail": detail,
        }),
        idempotency_key: Some(&format!("alert:{}:{}", raised.id, severity.as_str())),
    })
}
