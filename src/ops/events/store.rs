//! SQL of the events' worker and of the publication.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Row};
use crate::ops::events::horizon::Transaction;
use crate::ops::events::{Order, Source};
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::{Spi, Uuid};
use std::collections::HashSet;

/// Microseconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH_US: i64 = 946_684_800_000_000;

static INSTALLED: Query = Query::read(
    "select oid::bigint, extversion from pg_catalog.pg_extension where extname = 'backoffice'",
);
static TABLE_EXISTS: Query =
    Query::read("select pg_catalog.to_regclass($1 || '.' || $2) is not null");
static SNAPSHOT: Query = Query::read(
    "select s::text, (pg_catalog.pg_snapshot_xmin(s)::text::numeric % 4294967296)::bigint,
            (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint
       from pg_catalog.pg_current_snapshot() s",
);
static RUNNING: Query = Query::read(
    "select pid, (extract(epoch from xact_start) * 1000000)::bigint
       from pg_catalog.pg_stat_get_activity(null)
      where datid = (select oid from pg_catalog.pg_database where datname = current_database())
        and xact_start is not null and pid <> pg_catalog.pg_backend_pid()
     union all
     select 0, transaction::text::bigint from pg_catalog.pg_prepared_xacts
      where database = current_database()",
);
static NOTIFY: Query = Query::read("select pg_catalog.pg_notify('backoffice', $1)");
static PUBLICATION: Query = Query::read(
    "select puballtables from pg_catalog.pg_publication where pubname = 'supabase_realtime'",
);
static IS_PUBLISHED: Query = Query::read(
    "select exists (select from pg_catalog.pg_publication_tables
      where pubname = 'supabase_realtime' and schemaname = $1 and tablename = $2)",
);

/// The extension in this database, if it is there: which one, and its version.
pub fn installed() -> Result<Option<(i64, String)>> {
    INSTALLED.first(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn table_exists(source: &Source) -> Result<bool> {
    TABLE_EXISTS.one(&[source.system.into(), source.table.into()], |row| row.get(1))
}

/// What the running transaction sees.
pub struct Snapshot {
    pub text: String,
    /// The oldest transaction that it does not see.
    pub oldest: u32,
    /// The time, in microseconds since 1970.
    pub at: i64,
}

pub fn snapshot() -> Result<Snapshot> {
    SNAPSHOT
        .one(&[], |row| Ok(Snapshot { text: row.get(1)?, oldest: xid(row, 2)?, at: row.get(3)? }))
}

fn xid(row: &Row<'_>, column: usize) -> Result<u32> {
    u32::try_from(row.get::<i64>(column)?).map_err(|_| Error::internal("not a transaction id"))
}

pub fn running() -> Result<HashSet<Transaction>> {
    Ok(RUNNING.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))?.into_iter().collect())
}

/// Where a table ends at time `at`, by its own order.
pub fn end_of(source: &Source, at: i64) -> Result<i64> {
    match &source.order {
        Order::Id | Order::Time => Ok(at),
        Order::Number { last } => last.one(&[], |row| row.get(1)),
    }
}

/// A row that has been written lately.
pub struct Found {
    pub id: String,
    pub person: Option<Uuid>,
    pub xid: u32,
    pub place: i64,
}

pub fn rows(source: &Source, from: i64, since: u32, most: i64) -> Result<Vec<Found>> {
    let from: DatumWithOid<'_> = match source.order {
        Order::Id => uuid_at(from).into(),
        Order::Time => timestamp(from)?.into(),
        Order::Number { .. } => from.into(),
    };
    source.rows.all(&[from, i64::from(since).into(), most.into()], |row| {
        let id: String = row.get(1)?;
        let place = match source.order {
            Order::Id => end_of_id(&id),
            Order::Time => Some(row.get(4)?),
            Order::Number { .. } => id.parse().ok(),
        };
        let place = place.ok_or_else(|| Error::internal("an id that is not as its source says"))?;
        Ok(Found { id, person: row.opt(2)?, xid: xid(row, 3)?, place })
    })
}

/// The last microsecond that the id, a UUID v7, can have been made in.
fn end_of_id(id: &str) -> Option<i64> {
    let id = uuid::Uuid::try_parse(id).ok()?.as_u128();
    Some((id >> 80) as i64 * 1000 + 999)
}

/// The least UUID v7 of a time.
fn uuid_at(us: i64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&(us / 1000).max(0).to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}

fn timestamp(us: i64) -> Result<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(us - EPOCH_US)
        .map_err(|_| Error::internal("a time that PostgreSQL does not know"))
}

pub fn notify(payload: &str) -> Result<()> {
    NOTIFY.one(&[payload.into()], |_| Ok(()))
}

/// Whether the publication is for all tables; `None` where there is none.
pub fn publication() -> Result<Option<bool>> {
    PUBLICATION.first(&[], |row| row.get(1))
}

pub fn is_published(source: &Source) -> Result<bool> {
    IS_PUBLISHED.one(&[source.system.into(), source.table.into()], |row| row.get(1))
}

/// DDL has no parameters and cannot be prepared.
pub fn execute(statement: &str) -> Result<()> {
    Ok(Spi::run(statement)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_time_is_the_least_of_its_millisecond() {
        let now = uuid::Uuid::now_v7();
        let (seconds, nanos) = now.get_timestamp().expect("a v7 id has a time").to_unix();
        let us = seconds as i64 * 1_000_000 + i64::from(nanos) / 1000;
        assert!(uuid_at(us).as_bytes() <= now.as_bytes());
        assert!(uuid_at(us + 1000).as_bytes() > now.as_bytes());
        assert_eq!(end_of_id(&now.to_string()), Some(us + 999));
    }
}
