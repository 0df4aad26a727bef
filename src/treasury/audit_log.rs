//! The document's audit_logs: what of the audit log is about the treasury.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::treasury::SYSTEM;
use crate::treasury::store::audit_logs::{self as store, Row};
use pgrx::datum::TimestampWithTimeZone;

/// So many rows are shown at once.
pub const MOST: i64 = 10_000;

/// The newest rows from before a time; none to who is no admin.
pub fn read(caller: &Caller, before: Option<TimestampWithTimeZone>) -> Result<Vec<Row>> {
    if caller.is_admin(SYSTEM)? { store::read(before, MOST) } else { Ok(Vec::new()) }
}
