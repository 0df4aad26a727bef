//! What operators do about events.

use crate::kernel::error::entry;
use crate::ops::events::publication;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Puts the tables of the subscriptions into the publication `supabase_realtime`,
/// which it creates where it is missing; the tables of ours in it. Twice is the same
/// as once. From psql only, as the owner of the database and of the publication.
#[pg_extern(schema = "ops", name = "enable_realtime", requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_enable_realtime() -> Result<Vec<String>, ErrorReport> {
    entry(publication::enable)
}
