//! The network's scheduled work, for whoever wants it done now.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::network::{SYSTEM, archive};
use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Moves PIN transactions, commissions and finished withdrawals that are older than
/// the setting network.archive_months to their archives, at most 10,000 of each:
/// `{pin_transactions, affiliate_commissions, withdrawal_requests, more}`. Safe to
/// repeat, and to run twice at once. For admins; 42501 otherwise.
#[pg_extern(
    schema = "network",
    name = "archive_old_rows",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_archive_old_rows() -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        archive::archive_old_rows().map(JsonB)
    })
}
