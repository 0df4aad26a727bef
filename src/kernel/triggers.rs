//! Triggers that any module may put on its tables.

use crate::kernel::archive::is_moving;
use crate::kernel::error::{Error, Result, sqlstate, trigger_entry};
use crate::kernel::kept;
use crate::kernel::personal::erasable;
use crate::kernel::values::Columns;
use pgrx::prelude::*;
use std::convert::Infallible;

/// `backoffice.refuse_change()`: put it BEFORE UPDATE, DELETE or TRUNCATE on a
/// table whose rows are a record. Nobody, the owner included, gets past it; only
/// the archive takes rows along ([`crate::kernel::archive`]), and erasing a person
/// empties the columns that are registered for it ([`crate::kernel::personal`]).
/// `sql/finalize.sql` puts it on views that cannot be written.
#[pg_trigger(sql = false)]
fn backoffice_refuse_change<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        let schema = trigger.table_schema().unwrap_or_default();
        let table = trigger.table_name().unwrap_or_default();
        if matches!(trigger.op(), Ok(PgTriggerOperation::Delete)) && is_moving(&schema, &table) {
            return Ok(trigger.old());
        }
        if matches!(trigger.op(), Ok(PgTriggerOperation::Update)) {
            let columns = erasable(&schema, &table);
            if !columns.is_empty() && changes_only(trigger, &columns)? {
                return Ok(trigger.new());
            }
        }
        Err(Error::forbidden(format!("rows of {table} are never changed or deleted")))
    })
}

/// `backoffice.refuse_row('rule')`: put it BEFORE INSERT OR UPDATE, WHEN a row breaks
/// the rule. 23514, as from a CHECK.
#[pg_trigger(sql = false)]
fn backoffice_refuse_row<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        let table = trigger.table_name().unwrap_or_default();
        let rule = trigger.extra_args().unwrap_or_default().join("; ");
        Err(Error::new(sqlstate::CHECK_VIOLATION, format!("{table}: {rule}")))
    })
}

/// Whether an UPDATE leaves every other column as it is.
pub fn changes_only(trigger: &pgrx::PgTrigger<'_>, columns: &[String]) -> Result<bool> {
    let relation = trigger.relation().map_err(|_| Error::internal("a trigger without a table"))?;
    let desc = relation.tuple_desc();
    let data = trigger.trigger_data();
    // SAFETY: the trigger manager keeps both tuples of an UPDATE alive.
    let (old, new) = unsafe {
        (Columns::read(data.tg_trigtuple, &desc), Columns::read(data.tg_newtuple, &desc))
    };
    Ok(new.changed_from(&old, &[]).keys().all(|name| columns.contains(name)))
}

/// `backoffice.forget_kept()`: put it AFTER any change, for each row and TRUNCATE,
/// ENABLE ALWAYS, on a table whose rows backends keep ([`kept`]).
#[pg_trigger(sql = false)]
fn backoffice_forget_kept<'a>(
    _trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        kept::forget();
        Ok(None)
    })
}
