//! The business metrics.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::kernel::json::JsonText;
use crate::network::SYSTEM;
use crate::network::store::watch;
use crate::ops::watch::period::Period;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The business metrics from `p_from` (with it) to `p_to` (without it): commissions,
/// PINs, customers, promoters, withdrawals, times of approval, engagement. Amounts in
/// major units. For admins; 22023 where the period is none, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "business_metrics",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_business_metrics(
    p_from: default!(Option<TimestampWithTimeZone>, "now() - interval '1 day'"),
    p_to: default!(Option<TimestampWithTimeZone>, "now()"),
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        watch::business(&Period::new(p_from, p_to)?).map(JsonText)
    })
}
