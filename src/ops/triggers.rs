//! The audit trigger.

use crate::kernel::archive::is_moving;
use crate::kernel::error::{Error, Result, trigger_entry};
use crate::kernel::restore::is_restoring;
use crate::kernel::rows::hook::{self, Hook};
use crate::kernel::triggers::changes_only;
use crate::kernel::values::{self, Columns};
use crate::ops::audit::{self, Change, Values};
use crate::ops::personal::is_redacting;
use pgrx::prelude::*;
use pgrx::{PgRelation, pg_sys};
use std::convert::Infallible;

/// `ops.audit_row('column', …)`: put it AFTER INSERT OR UPDATE OR DELETE FOR
/// EACH ROW on a table that matters. The arguments name columns whose values
/// are secret: the log shows that they changed, never what they hold.
#[pg_trigger(sql = false)]
fn ops_audit_row<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        if !is_restoring()
            && let Some(change) = change(trigger)?
        {
            audit::record(change)?;
        }
        Ok(None)
    })
}

/// What the trigger does for a row that came in.
unsafe fn inserted(
    relation: pg_sys::Relation,
    row: pg_sys::HeapTuple,
    secret: &[String],
) -> Result<()> {
    if is_restoring() {
        return Ok(());
    }
    // SAFETY: the table is open while its rows are written.
    let relation = unsafe { PgRelation::from_pg(relation) };
    let (schema, name) = (relation.namespace(), relation.name());
    if is_moving(schema, name) || audit::is_covered(schema, name) {
        return Ok(());
    }
    let (desc, key) = (relation.tuple_desc(), key_columns(&relation));
    // SAFETY: the row is of this table.
    let (record_id, new) = unsafe {
        (values::key(row, &desc, &key), Values::Made(values::present(row, &desc, secret)))
    };
    let table = format!("{schema}.{name}");
    audit::record(Change {
        action: "INSERT".to_owned(),
        table,
        record_id,
        old: None,
        new: Some(new),
    })
}

/// Runs once in every backend: rows that are written without the executor are logged
/// without the trigger.
pub fn init() {
    hook::set(Hook { schema: c"ops", function: c"audit_row", run: inserted });
}

/// `ops.keep_log()`: BEFORE UPDATE OR DELETE ON ops.audit_logs and its archive. Nobody, the owner
/// included, changes a row, but for erasing a person: that takes values, address
/// and user agent out of it, and leaves what happened, when and to which record.
/// The archive takes old rows along.
#[pg_trigger(sql = false)]
fn ops_keep_log<'a>(
    trigger: &'a pgrx::PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    trigger_entry(|| {
        let misused = |_| Error::internal("ops.keep_log: misused");
        let relation = trigger.relation().map_err(misused)?;
        let (schema, table) = (relation.namespace(), relation.name());
        let refused = || Error::forbidden(format!("rows of {table} are never changed or deleted"));
        let op = trigger.op().map_err(misused)?;
        if matches!(op, PgTriggerOperation::Delete) && is_moving(schema, table) {
            return Ok(trigger.old());
        }
        if !is_redacting() || !matches!(op, PgTriggerOperation::Update) {
            return Err(refused());
        }
        let redacted = ["old_values", "new_values", "ip_address", "user_agent"].map(str::to_owned);
        if !changes_only(trigger, &redacted)? {
            return Err(refused());
        }
        Ok(trigger.new())
    })
}

/// What the trigger saw; `None` for an UPDATE that changed nothing.
fn change(trigger: &pgrx::PgTrigger<'_>) -> Result<Option<Change>> {
    let misused = |_| Error::internal("ops.audit_row: misused");
    let secret = trigger.extra_args().map_err(misused)?;
    let relation = trigger.relation().map_err(misused)?;
    let desc = relation.tuple_desc();
    let data = trigger.trigger_data();
    // A row that moves to the archive is neither changed nor gone; the move has a line of its own.
    let (schema, name) = (relation.namespace(), relation.name());
    let op = trigger.op().map_err(misused)?;
    let covered = !matches!(op, PgTriggerOperation::Update) && audit::is_covered(schema, name);
    if is_moving(schema, name) || covered {
        return Ok(None);
    }
    let key = key_columns(&relation);
    let table = format!("{schema}.{name}");
    // SAFETY: the trigger manager keeps the tuples alive while we run.
    let (record_id, old, new) = unsafe {
        let first = data.tg_trigtuple;
        match op {
            PgTriggerOperation::Update => {
                let (old, new) =
                    (Columns::read(first, &desc), Columns::read(data.tg_newtuple, &desc));
                let changed = new.changed_from(&old, &secret);
                if changed.is_empty() {
                    return Ok(None);
                }
                let former = old.changed_from(&new, &secret);
                (
                    values::key(data.tg_newtuple, &desc, &key),
                    Some(former.into()),
                    Some(changed.into()),
                )
            }
            _ => {
                let row = Some(Values::Made(values::present(first, &desc, &secret)));
                let (old, new) = if matches!(op, PgTriggerOperation::Insert) {
                    (None, row)
                } else {
                    (row, None)
                };
                (values::key(first, &desc, &key), old, new)
            }
        }
    };
    let action = match op {
        PgTriggerOperation::Insert => "INSERT",
        PgTriggerOperation::Update => "UPDATE",
        _ => "DELETE",
    };
    Ok(Some(Change { action: action.to_owned(), table, record_id, old, new }))
}

/// The numbers of the primary key's columns, from PostgreSQL's own cache.
fn key_columns(relation: &PgRelation) -> Vec<i32> {
    // SAFETY: the relation is open; the set is a copy that ends with the call.
    unsafe {
        let set = pg_sys::RelationGetIndexAttrBitmap(
            relation.as_ptr(),
            pg_sys::IndexAttrBitmapKind::INDEX_ATTR_BITMAP_PRIMARY_KEY,
        );
        let mut numbers = Vec::new();
        let mut member = -1;
        loop {
            member = pg_sys::bms_next_member(set, member);
            if member < 0 {
                return numbers;
            }
            numbers.push(member + pg_sys::FirstLowInvalidHeapAttributeNumber);
        }
    }
}
