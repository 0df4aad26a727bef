//! What the policies of the tables ask.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::network::store::promoters;
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Every promoter of the line below the signed-in person; nobody for anybody else.
/// As one array, which a policy compares by index instead of asking for each row.
#[pg_extern(
    schema = "network",
    name = "promoters_below",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_promoters_below() -> Result<Vec<Uuid>, ErrorReport> {
    entry(|| match caller::current().person() {
        Some(person) => promoters::below(person),
        None => Ok(Vec::new()),
    })
}
