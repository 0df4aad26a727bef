//! Alerts: raised by code and checks, sent through the outbox, resolved by admins.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::registry::Registry;
use crate::kernel::settings::Settings;
use crate::ops::outbox::{self, Channel, Message};
use crate::ops::watch::store::{self, Record};
use pgrx::Uuid;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// What somebody should look at.
pub struct Alert {
    pub severity: Severity,
    /// What it is about; for those of a check its name.
    pub kind: &'static str,
    /// What it happened to, where the same kind can be open more than once.
    pub of: Option<String>,
    pub message: String,
    /// Numbers and ids, no personal data.
    pub detail: Value,
}

impl Alert {
    /// What makes two alerts the same.
    pub fn key(&self) -> String {
        match &self.of {
            Some(of) => format!("{}:{of}", self.kind),
            None => self.kind.to_owned(),
        }
    }
}

/// An alert that was raised, maybe again.
pub struct Raised<'a> {
    pub id: Uuid,
    /// The highest since it was opened.
    pub severity: Severity,
    pub alert: &'a Alert,
    /// By what and to whom ops sends it, if it does.
    pub sent_to: Option<(Channel, String)>,
}

/// Sends alerts of a module above by a way of its own. It is asked at every raise, so its
/// messages need a key of the alert's id and severity.
pub type Route = fn(&Raised<'_>) -> Result<()>;

static ROUTES: Registry<Route> = Registry::new();

/// Called once for each route when the library is loaded.
pub fn register_route(route: Route) {
    ROUTES.register(route);
}

/// Raises an alert. While one with its key is open, that one is raised again, and
/// sent again only if it became more severe.
pub fn raise(alert: &Alert) -> Result<Uuid> {
    let (id, severity) = store::raise(alert)?;
    let severity = Severity::parse(&severity)
        .ok_or_else(|| Error::internal(format!("unknown severity {severity}")))?;
    let sent_to = send(id, severity, alert)?;
    let raised = Raised { id, severity, alert, sent_to };
    ROUTES.all().iter().try_for_each(|route| route(&raised))?;
    Ok(id)
}

/// By what and to whom it was sent.
fn send(id: Uuid, severity: Severity, alert: &Alert) -> Result<Option<(Channel, String)>> {
    let settings = Settings::of("ops")?;
    let channel: Option<String> = settings.get("alert_channel")?;
    let recipient: Option<String> = settings.get("alert_recipient")?;
    let least = Severity::parse(&settings.get::<String>("alert_severity")?);
    let (Some(channel), Some(recipient)) = (channel, recipient) else { return Ok(None) };
    if least.is_none_or(|least| severity < least) {
        return Ok(None);
    }
    let channel = Channel::parse(&channel)?;
    outbox::enqueue(&Message {
        system: "ops",
        channel,
        template: "alert",
        recipient: &recipient,
        payload: json!({
            "id": id.to_string(),
            "severity": severity.as_str(),
            "kind": alert.kind,
            "message": alert.message,
            "detail": alert.detail,
        }),
        idempotency_key: Some(&format!("alert:{id}:{}", severity.as_str())),
    })?;
    Ok(Some((channel, recipient)))
}

/// Ends the open alert of a key, if there is one: what it was about is settled elsewhere.
pub fn settle(key: &str, by: Option<Uuid>, note: &str) -> Result<()> {
    store::settle(key, by, note)
}

/// Resolves an alert on behalf of an admin, with a note.
pub fn resolve(id: Uuid, note: &str) -> Result<Record> {
    let caller = caller::current();
    caller.require_admin("ops")?;
    let note = note.trim();
    if note.is_empty() || note.len() > 2000 {
        return Err(Error::invalid("p_note", "must have 1 to 2000 characters"));
    }
    if store::resolve(id, caller.person(), note)? {
        return store::alert(id);
    }
    match store::alert_exists(id)? {
        true => Err(Error::conflict("the alert is resolved already")),
        false => Err(Error::not_found("alert", id)),
    }
}
