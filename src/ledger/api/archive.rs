//! The archive in SQL.

use crate::kernel::error::{entry, required};
use crate::ledger::{access, archive};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Moves sealed transfers recorded before `p_before`, and their journals, to the archive;
/// how many of each, and whether there are `more`. For admins of the ledger and the
/// service role; the job `archive_ledger` does it by `ledger.archive_months`.
///
/// One call moves about 20000 transfers. Everything that is asked of the ledger stays the
/// same. 22023 for a time less than 31 days ago.
#[pg_extern(schema = "ledger", name = "archive", security_definer, requires = ["ledger_seal"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_archive(
    p_before: Option<TimestampWithTimeZone>,
) -> Result<
    TableIterator<'static, (name!(transfers, i64), name!(journals, i64), name!(more, bool))>,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let moved = archive::archive_before(required(p_before, "p_before")?)?;
        Ok(TableIterator::once((moved.transfers, moved.journals, moved.more)))
    })
}
