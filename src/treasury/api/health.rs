//! How the treasury is.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::treasury::health;
use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// How the treasury is: `status` is ok, warning or critical, `reasons` say why, the worst
/// first, and each part has its numbers: books, webhooks, requests, payouts, disputes,
/// jobs, anomalies, approvals, reconciliation. Amounts are minor units. For admins and
/// servers. 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "health",
    stable,
    security_definer,
    requires = ["treasury_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_health() -> Result<JsonB, ErrorReport> {
    entry(|| Ok(JsonB(health::report(&caller::current())?)))
}
