//! The publication that Supabase's Realtime, or any other consumer of logical
//! replication, reads.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Error, Result};
use crate::ops::events::{SOURCES, Source, store};

const NAME: &str = "supabase_realtime";

/// Creates the publication where it is missing and adds the tables of all
/// sources that are not in it; which tables of ours it has afterwards.
///
/// Only ids are published: who subscribes past Row Level Security learns that
/// something changed, as a listener does. Updates are found by primary key, which
/// is the replica identity that every table has.
pub fn enable() -> Result<Vec<String>> {
    if caller::current().kind != Kind::Trusted {
        return Err(Error::forbidden("only psql as the database's owner may do this"));
    }
    let for_all_tables = store::publication()?;
    if for_all_tables.is_none() {
        store::execute(&format!("create publication {NAME}"))?;
    }
    let mut tables = Vec::new();
    for source in SOURCES.all() {
        let Some(columns) = source.published else { continue };
        if for_all_tables != Some(true) && !store::is_published(source)? {
            store::execute(&add(source, columns))?;
        }
        tables.push(format!("{}.{}", source.system, source.table));
    }
    Ok(tables)
}

/// Names come from the sources, which are code.
fn add(source: &Source, columns: &[&str]) -> String {
    let Source { system, table, .. } = source;
    format!("alter publication {NAME} add table {system}.{table} ({})", columns.join(", "))
}
