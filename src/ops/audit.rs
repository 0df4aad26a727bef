//! The audit log: one row for each change, written in the same transaction.
//!
//! A function of ours changes many rows. What they have for the log waits until
//! the function is done, and is then written at once: opening the log and its
//! indexes costs more than a row.

use crate::kernel::caller::{self, Kind};
use crate::kernel::clock::clock;
use crate::kernel::error::{self, Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::jsonb::Jsonb;
use crate::kernel::request::Headers;
use crate::ops::store;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{Uuid, pg_sys};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// What changed.
pub struct Change {
    /// INSERT, UPDATE, DELETE, or the name of an action.
    pub action: String,
    /// `schema.table`, or the schema of the action.
    pub table: String,
    pub record_id: Option<String>,
    pub old: Option<Values>,
    pub new: Option<Values>,
}

/// Values of columns by name.
pub enum Values {
    Listed(Map<String, Value>),
    Made(Jsonb),
}

impl From<Map<String, Value>> for Values {
    fn from(map: Map<String, Value>) -> Self {
        Values::Listed(map)
    }
}

/// Writes a change with whoever is calling and from where.
pub fn record(change: Change) -> Result<()> {
    let caller = caller::current();
    record_as(change, caller.person(), role_name(caller.kind))
}

thread_local! {
    static COVERED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Ends with its scope, however that is left.
struct Cover;

impl Drop for Cover {
    fn drop(&mut self) {
        COVERED.set(None);
    }
}

/// Writes one change for all rows of `change.table` that `body` inserts or deletes, where they
/// are parts of one thing: the table's own trigger does not log them again.
pub fn record_as_one<T>(
    table: &'static str,
    change: Change,
    body: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let value = {
        COVERED.set(Some(table));
        let _cover = Cover;
        body()?
    };
    record(change)?;
    Ok(value)
}

/// Whether rows of this table have a line together.
pub fn is_covered(schema: &str, table: &str) -> bool {
    COVERED.get().and_then(|covered| covered.split_once('.')) == Some((schema, table))
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
        new: Some(details.into()),
    };
    let role = if person.is_some() { "person" } else { "anonymous" };
    record_as(change, person, role)
}

fn record_as(change: Change, actor: Option<Uuid>, role: &'static str) -> Result<()> {
    // SAFETY: reads a counter of the transaction.
    let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
    let entry = Entry { subtransaction, id: new_id(), at: clock(), change, actor, role };
    let full = WAITING.with_borrow_mut(|waiting| {
        waiting.push(entry);
        // Rows of an outer subtransaction must not go down with this one.
        waiting.len() >= MOST_WAITING
            && waiting.iter().all(|entry| entry.subtransaction == subtransaction)
    });
    if error::is_inside() && !full { Ok(()) } else { write() }
}

/// So many rows are written together, so that a long function does not eat memory.
const MOST_WAITING: usize = 1000;
const MOST_ROUNDS: usize = 100;

/// A row of the log that waits to be written.
pub struct Entry {
    subtransaction: pg_sys::SubTransactionId,
    pub id: Uuid,
    pub at: TimestampWithTimeZone,
    pub change: Change,
    pub actor: Option<Uuid>,
    pub role: &'static str,
}

thread_local! {
    static WAITING: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// Writes what waits, before the function that caused it is done.
pub fn write() -> Result<()> {
    // A trigger that somebody put on the log may change more that is to be logged.
    for _ in 0..MOST_ROUNDS {
        let entries = WAITING.take();
        if entries.is_empty() {
            return Ok(());
        }
        store::insert_audit(&entries, &Headers::current())?;
    }
    Err(Error::internal("a trigger of ops.audit_logs makes ever more rows of it"))
}

/// Runs once in every backend: what was undone is no change.
pub fn init() {
    error::at_end(write);
    // SAFETY: the callbacks live as long as the backend and need no argument.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction_end), std::ptr::null_mut());
    }
}

unsafe extern "C-unwind" fn at_transaction_end(event: pg_sys::XactEvent::Type, _: *mut c_void) {
    let over = [
        pg_sys::XactEvent::XACT_EVENT_ABORT,
        pg_sys::XactEvent::XACT_EVENT_COMMIT,
        pg_sys::XactEvent::XACT_EVENT_PREPARE,
    ];
    // After a commit nothing waits any more; what does is of memory that goes now.
    if over.contains(&event) {
        WAITING.with_borrow_mut(Vec::clear);
    }
}

unsafe extern "C-unwind" fn at_subtransaction_end(
    event: pg_sys::SubXactEvent::Type,
    ended: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _: *mut c_void,
) {
    WAITING.with_borrow_mut(|waiting| match event {
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => {
            waiting.retain(|entry| entry.subtransaction != ended);
        }
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => {
            let of_ended = waiting.iter_mut().filter(|entry| entry.subtransaction == ended);
            of_ended.for_each(|entry| entry.subtransaction = parent);
        }
        _ => (),
    });
}

/// How the log and other records name a kind of caller.
pub fn role_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Trusted => "database",
        Kind::Service => "service",
        Kind::Person(_) => "person",
        Kind::Anonymous => "anonymous",
    }
}
