//! The counters behind the human numbers.

use crate::kernel::caller;
use crate::kernel::error::{Result, entry};
use crate::network::SYSTEM;
use crate::network::store::numbers;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The counters behind the human numbers and how far they have come: what the view
/// network.transaction_counters shows. To anybody but an admin: no rows.
#[pg_extern(
    schema = "network",
    name = "read_counters",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_read_counters() -> Result<
    TableIterator<
        'static,
        (
            name!(counter, String),
            name!(prefix, String),
            name!(sequence_name, String),
            name!(last_number, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let is_admin = caller::current().is_admin(SYSTEM)?;
        let counters = if is_admin { numbers::counters()? } else { Vec::new() };
        Ok(TableIterator::new(counters))
    })
}
