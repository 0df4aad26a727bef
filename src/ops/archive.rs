//! Archiving: old rows of a record move to a table beside it, in bounded batches.

use crate::kernel::archive::{before_moving, moving};
use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::kernel::spi::Query;
use crate::ops::audit::{self, Change};
use serde_json::{Value, json};

/// The most rows of one table that one run moves, so that it never takes long.
pub const BATCH: i64 = 10_000;

// Two runs at once share the work: each skips what the other has taken.
static MOVE_AUDIT: Query = Query::write(
    "with moved as (
        delete from ops.audit_logs
         where id in (select id from ops.audit_logs
                       where at < now() - make_interval(months => $1)
                       limit $2 for update skip locked)
        returning *)
     insert into ops.audit_logs_archive select * from moved",
);

/// The tables that a statement moves old rows of: `$1` months, `$2` how many.
pub struct Source {
    /// `schema.table`; the first is the one whose rows are counted.
    pub tables: &'static [&'static str],
    pub statement: &'static Query,
}

static AUDIT_LOGS: Source = Source { tables: &["ops.audit_logs"], statement: &MOVE_AUDIT };

/// Moves rows older than `months`, at most [`BATCH`]; how many. The audit log gets
/// one line for all of them.
pub fn move_rows(source: &Source, months: i64) -> Result<usize> {
    let args = [(months as i32).into(), BATCH.into()];
    before_moving()?;
    let rows = moving(source.tables, || source.statement.run(&args))?;
    if rows > 0 {
        let details = json!({"rows": rows, "older_than_months": months});
        audit::record(Change {
            action: "archive".to_owned(),
            table: source.tables.first().copied().unwrap_or_default().to_owned(),
            record_id: None,
            old: None,
            new: details.as_object().cloned().map(Into::into),
        })?;
    }
    Ok(rows)
}

/// The job: moves old rows of the audit log, if `ops.audit_archive_months` says from when on.
/// `more` is true where a further run would find more.
pub fn archive_audit_logs() -> Result<Value> {
    let months: Option<i64> = settings::get("ops", "audit_archive_months")?;
    let Some(months) = months else { return Ok(json!({"audit_logs": 0, "more": false})) };
    let rows = move_rows(&AUDIT_LOGS, months)?;
    Ok(json!({"audit_logs": rows, "more": rows as i64 == BATCH}))
}
