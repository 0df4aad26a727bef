//! The audit log: one row for each change, written in the same transaction.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::Result;
use crate::kernel::request::Headers;
use crate::ops::store::{self, AuditRow};
use pgrx::Uuid;
use serde_json::{Map, Value};

/// What changed.
pub struct Change {
    /// INSERT, UPDATE, DELETE, or the name of an action.
    pub action: String,
    /// `schema.table`, or the schema of the action.
    pub table: String,
    pub record_id: Option<String>,
    pub old: Option<Map<String, Value>>,
    pub new: Option<Map<String, Value>>,
}

/// Writes a change with whoever is calling and from where.
pub fn record(change: Change) -> Result<()> {
    let caller = caller::current();
    record_as(change, caller.person(), role_name(caller.kind))
}

/// Writes an action of a person that the token does not name yet, as at sign-in.
pub fn record_action(
    system: &str,
    action: &str,
    person: Option<Uuid>,
    details: Map<String, Value>,
) -> Result<()> {
    let change = Change {
        action: action.to_owned(),
        table: system.to_owned(),
        record_id: person.map(|id| id.to_string()),
        old: None,
        new: Some(details),
    };
    let role = if person.is_some() { "person" } else { "anonymous" };
    record_as(change, person, role)
}

fn record_as(change: Change, actor: Option<Uuid>, role: &str) -> Result<()> {
    let headers = Headers::current();
    store::insert_audit(&AuditRow {
        change,
        actor,
        role,
        request_id: headers.request_id(),
        address: headers.client_address(),
        user_agent: headers.user_agent(),
    })
}

/// What the log calls a kind of caller.
pub fn role_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Trusted => "database",
        Kind::Service => "service",
        Kind::Person(_) => "person",
        Kind::Anonymous => "anonymous",
    }
}
