//! SQL of how far the detectors have looked.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

static OPEN: Query =
    Query::write("insert into treasury.anomaly_marks (source) values ($1) on conflict do nothing");
// Whoever else looks waits here, so that nothing is looked at twice at once.
static LOCK: Query =
    Query::write("select seen_at is null from treasury.anomaly_marks where source = $1 for update");
// A row is made at the time at which its transaction began, so none that is not visible yet can be older than the oldest
// transaction that runs now. Those of other roles may be hidden where the owner may not read statistics: five minutes
// more are left for them. A prepared transaction began before it was prepared.
static BEGIN: Query = Query::write(
    "update treasury.anomaly_marks
        set seen_at = since, seen_id = '',
            next_since = greatest(since, least(now(),
                (select min(a.xact_start) from pg_catalog.pg_stat_activity a where a.datname = current_database()),
                (select min(p.prepared) - interval '1 hour' from pg_catalog.pg_prepared_xacts p
                  where p.database = current_database())) - interval '5 minutes')
      where source = $1",
);
static CHARGES: Query = Query::read_latest(
    "select c.id, c.status = 'captured'
       from treasury.charges c
      where (c.created_at, c.id) > ($1, $2)
      order by c.created_at, c.id limit $3",
);
static SEEN: Query =
    Query::read_latest("select seen_at, seen_id from treasury.anomaly_marks where source = $1");
static CHARGE_SEEN: Query = Query::write(
    "update treasury.anomaly_marks m set seen_at = c.created_at, seen_id = c.id::text
       from treasury.charges c where c.id = $2 and m.source = $1",
);
static END: Query = Query::write(
    "update treasury.anomaly_marks
        set since = next_since, seen_at = null, seen_id = null, next_since = null
      where source = $1",
);
static WAIT: Query = Query::write(
    "insert into treasury.anomaly_waiting (charge_id) select unnest($1::uuid[]) on conflict do nothing",
);
// What has not been captured for so long never will be.
static WOKEN: Query = Query::write(
    "delete from treasury.anomaly_waiting w using treasury.charges c
      where c.id = w.charge_id
        and (c.status = 'captured' or c.charged_at < now() - interval '60 days')
     returning c.id, c.status = 'captured'",
);
static DUE: Query = Query::write(
    "insert into treasury.anomaly_marks as m (source, since) values ($1, now())
     on conflict (source) do update set since = now()
      where m.since <= now() - make_interval(mins => $2)",
);

/// Locks a mark; whether a sweep has to begin.
pub fn lock(source: &str) -> Result<bool> {
    OPEN.run(&[source.into()])?;
    LOCK.one(&[source.into()], |row| row.get(1))
}

/// Begins a sweep.
pub fn begin(source: &str) -> Result<()> {
    BEGIN.run(&[source.into()])?;
    Ok(())
}

/// The next charges of a sweep, and whether each is captured.
pub fn next_charges(source: &str, most: i64) -> Result<Vec<(Uuid, bool)>> {
    let (at, id) = SEEN.one(&[source.into()], |row| {
        Ok((row.get::<TimestampWithTimeZone>(1)?, row.get::<String>(2)?))
    })?;
    let id = crate::kernel::ids::parse_id(&id, "seen_id").unwrap_or(Uuid::from_bytes([0; 16]));
    let charges: Vec<(Uuid, bool)> =
        CHARGES.all(&[at.into(), id.into(), most.into()], |row| Ok((row.get(1)?, row.get(2)?)))?;
    if let Some((last, _)) = charges.last() {
        CHARGE_SEEN.run(&[source.into(), (*last).into()])?;
    }
    Ok(charges)
}

/// Ends a sweep: the next one begins where this one cannot have seen everything.
pub fn end(source: &str) -> Result<()> {
    END.run(&[source.into()])?;
    Ok(())
}

/// Keeps charges that are not captured yet.
pub fn wait(charges: Vec<Uuid>) -> Result<()> {
    WAIT.run(&[charges.into()])?;
    Ok(())
}

/// Those that have been captured since.
pub fn woken() -> Result<Vec<Uuid>> {
    let woken: Vec<(Uuid, bool)> = WOKEN.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(woken.into_iter().filter(|(_, captured)| *captured).map(|(id, _)| id).collect())
}

/// Whether something was done so many minutes ago or longer; from now on it is done now.
pub fn is_due(source: &str, minutes: i32) -> Result<bool> {
    Ok(DUE.run(&[source.into(), minutes.into()])? > 0)
}
