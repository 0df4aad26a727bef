//! Triggers that any module may put on its tables.

use crate::kernel::error::{Error, Result, trigger_entry};
use crate::kernel::kept;
use pgrx::prelude::*;
use std::convert::Infallible;

/// `backoffice.refuse_change()`: put it BEFORE UPDATE, DELETE or TRUNCATE on a
/// table whose rows are a record. Nobody, the owner included, gets past it.
/// `sql/finalize.sql` puts it on views that cannot be written.
#[pg_trigger(sql = false)]
fn backoffice_refuse_change<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        let table = trigger.table_name().unwrap_or_default();
        Err(Error::forbidden(format!("rows of {table} are never changed or deleted")))
    })
}

/// `backoffice.forget_kept()`: put it AFTER any change, for each statement, on a table
/// whose rows backends keep ([`kept`]).
#[pg_trigger(sql = false)]
fn backoffice_forget_kept<'a>(
    _trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        kept::forget();
        Ok(None)
    })
}
