//! The audit log of the treasury.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::treasury::audit_log;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};

/// What the view treasury.audit_logs shows: the newest 10,000 changes in the treasury and
/// of its settings, from before `p_before` (now). None to who is no admin.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "read_audit_logs",
    stable,
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
pub fn treasury_read_audit_logs(
    p_before: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, i64),
            name!(user_id, Option<Uuid>),
            name!(action, String),
            name!(details, JsonB),
            name!(created_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    entry(|| Ok(TableIterator::new(audit_log::read(&caller::current(), p_before)?)))
}
