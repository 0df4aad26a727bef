//! Statements of the archive.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::store::seals::time;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{Uuid, pg_sys};
use std::ffi::c_int;

static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('backoffice ledger archive', 0))",
);
static MONTH_START: Query =
    Query::read("select date_trunc('month', now(), 'UTC') - make_interval(months => $1)");
// $2: ids of version 7 that come after it are too young.
static END_OF_BATCH: Query = Query::read_latest(
    "select max(recorded_at), count(*)
       from (select recorded_at from ledger.transfers
              where recorded_at <= $1
                and not (substr(id::text, 15, 1) = '7' and id > $2)
              order by recorded_at limit $3) t",
);
// What was posted together moves together: a journal and its transfers have one
// recorded_at. Where one of its ids is too young all of it stays.
static MOVE: Query = Query::write(
    "with old as materialized (
        select id, journal_id from ledger.transfers where recorded_at <= $1),
     young as (
        select coalesce(journal_id, id) as id from old
         where substr(id::text, 15, 1) = '7' and id > $2
            or substr(journal_id::text, 15, 1) = '7' and journal_id > $2),
     moved as (
        delete from ledger.transfers
         where id = any (array(select o.id from old o
                                where coalesce(o.journal_id, o.id) not in (select y.id from young y)))
        returning *),
     kept as (
        insert into ledger.transfers_archive select * from moved order by recorded_at, id
        returning journal_id),
     journals as (
        delete from ledger.journals
         where id = any (array(select distinct journal_id from kept where journal_id is not null))
        returning *),
     kept_journals as (
        insert into ledger.journals_archive select * from journals returning id)
     select (select count(*) from kept), (select count(*) from kept_journals)",
);
static LOCK_FIRST: Query = Query::write("lock table ledger.transfers_archive in exclusive mode");
// Gives what was set before.
static LOCK_TIMEOUT: Query = Query::read(
    "select o.value from (select current_setting('lock_timeout') as value offset 0) o,
            lateral set_config('lock_timeout', $1, true) where o.value is not null",
);
static IS_ANY_TAKEN: Query = Query::read_latest(
    "select exists (select from ledger.all_transfers where id = any($1))
         or exists (select from ledger.all_journals where id = any($1))",
)
.generic();

/// Two never move rows at once; the second waits.
pub fn lock() -> Result<()> {
    LOCK.run(&[]).map(drop)
}

/// The beginning of the month so many months before this one, in UTC.
pub fn month_start(months: i64) -> Result<TimestampWithTimeZone> {
    MONTH_START.one(&[(months as i32).into()], |row| row.get(1))
}

/// The time of the last of the first `most` transfers up to a time that may move, and
/// whether there are so many.
pub fn end_of_batch(until: i64, young: Uuid, most: i64) -> Result<Option<(i64, bool)>> {
    END_OF_BATCH.one(&[time(until).into(), young.into(), most.into()], |row| {
        let end = row.opt::<TimestampWithTimeZone>(1)?;
        let is_full = row.get::<i64>(2)? == most;
        Ok(end.map(|end| (end.into_inner(), is_full)))
    })
}

/// Moves everything recorded up to a time that may move; how many transfers and journals.
pub fn move_until(until: i64, young: Uuid) -> Result<(i64, i64)> {
    MOVE.one(&[time(until).into(), young.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Whether a transfer or a journal has one of these ids, wherever it is.
pub fn is_any_taken(ids: Vec<Uuid>) -> Result<bool> {
    IS_ANY_TAKEN.one(&[ids.into()], |row| row.get(1))
}

/// Whether nothing was ever archived, nor will be until the transaction ends: the table's
/// file has no page, and the lock that stays keeps [`lock_first`] waiting.
pub fn is_empty() -> Result<bool> {
    // SAFETY: look-ups in PostgreSQL's caches; the table is opened and closed here.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"ledger".as_ptr(), false);
        let table = pg_sys::get_relname_relid(c"transfers_archive".as_ptr(), schema);
        let relation = pg_sys::table_open(table, pg_sys::RowShareLock as c_int);
        let main = pg_sys::ForkNumber::MAIN_FORKNUM;
        let is_empty = pg_sys::RelationGetNumberOfBlocksInFork(relation, main) == 0;
        let release = if is_empty { pg_sys::NoLock } else { pg_sys::RowShareLock };
        pg_sys::table_close(relation, release as c_int);
        Ok(is_empty)
    }
}

/// Before the very first row moves: waits for those that found the archive empty, but not
/// for long, as others wait behind (55P03). Who only reads is not concerned.
pub fn lock_first() -> Result<()> {
    let before: String = LOCK_TIMEOUT.one(&["2s".into()], |row| row.get(1))?;
    LOCK_FIRST.run(&[])?;
    LOCK_TIMEOUT.one(&[before.as_str().into()], |row| row.get::<String>(1)).map(drop)
}
