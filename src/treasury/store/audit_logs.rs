//! SQL of the audit log.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};

/// Id, who, action, details, time.
pub type Row = (i64, Option<Uuid>, String, JsonB, TimestampWithTimeZone);

// Ids sort by time, so the newest are found from the end of the key.
static READ: Query = Query::read(
    "select ('x' || substr(md5(a.id::text), 1, 16))::bit(64)::bigint & 9007199254740991,
            a.actor_id, a.action,
            jsonb_strip_nulls(jsonb_build_object('table', a.table_name, 'record_id', a.record_id,
                'actor_role', a.actor_role, 'request_id', a.request_id))
              || jsonb_build_object('old', a.old_values, 'new', a.new_values),
            a.at
       from ops.audit_history a
      where (a.table_name like 'treasury.%' or a.table_name = 'treasury'
             or (a.table_name = 'backoffice.settings' and a.record_id like 'treasury,%'))
        and a.at < coalesce($1, 'infinity')
      order by a.id desc limit $2",
);

pub fn read(before: Option<TimestampWithTimeZone>, most: i64) -> Result<Vec<Row>> {
    READ.all(&[before.into(), most.into()], |row| {
        Ok((row.get(1)?, row.opt(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    })
}
