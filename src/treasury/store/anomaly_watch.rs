//! SQL for those who watch the treasury.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;

static DISPUTES_DUE: Query = Query::read(
    "select id, stripe_dispute_id, floor(extract(epoch from due_by - now()) / 3600)::bigint,
            to_char(due_by at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
       from treasury.disputes
      where status in ('warning_needs_response', 'needs_response')
        and due_by > now() and due_by <= now() + make_interval(hours => $1)
      order by due_by, id limit 1000",
);
static OPEN_ANOMALIES: Query = Query::read(
    "select s.severity, count(a.id)
       from unnest(array['low', 'medium', 'high']) as s (severity)
       left join treasury.anomalies a on a.severity = s.severity and a.resolved_at is null
      group by 1",
);

/// A dispute that waits for evidence.
pub struct Due {
    pub id: i64,
    pub stripe_id: String,
    /// Whole hours that are left.
    pub hours: i64,
    pub due_by: String,
}

/// Disputes whose evidence is due within so many hours.
pub fn disputes_due(hours: i64) -> Result<Vec<Due>> {
    DISPUTES_DUE.all(&[i32::try_from(hours).unwrap_or(i32::MAX).into()], |row| {
        Ok(Due { id: row.get(1)?, stripe_id: row.get(2)?, hours: row.get(3)?, due_by: row.get(4)? })
    })
}

/// How many anomalies of each severity are open.
pub fn open_anomalies() -> Result<Vec<(String, i64)>> {
    OPEN_ANOMALIES.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}
