//! Statements on closed periods.
//!
//! The lock is an advisory one for each system: postings that name an effective time
//! share it, a closing and a reopening take it alone. Whoever has it reads what is
//! committed now, whatever the snapshot of the caller is.

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::period::State;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, Uuid};

// The subquery sorts before any lock is taken: everybody takes them in this order.
static SHARE: Query = Query::write(
    "select s.system, pg_catalog.pg_advisory_xact_lock_shared(
                pg_catalog.hashtextextended('ledger period ' || s.system, 0))
       from (select distinct a.system from ledger.accounts a where a.id = any($1)
              order by a.system) s",
);
// With a transaction id what is read next sees what was committed while this waited.
static TAKE: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
                pg_catalog.hashtextextended('ledger period ' || $1, 0)),
            pg_catalog.pg_current_xact_id()",
);
static FURTHEST: Query = Query::read_latest(
    "select p.system, p.closed_until
       from pg_catalog.unnest($1::text[]) s (system)
      cross join lateral (select x.system, x.closed_until from ledger.periods x
                           where x.system = s.system order by x.number desc limit 1) p
      where p.closed_until is not null
      order by p.closed_until desc
      limit 1",
);
static STATE: Query = Query::read_latest(
    "select number, closed_until, retained_earnings from ledger.periods
      where system = $1 order by number desc limit 1",
);
static ROW: Query =
    Query::write("select p from ledger.periods p where system = $1 and number = $2");
static INSERT: Query = Query::write(
    "insert into ledger.periods
        (system, number, closed_until, retained_earnings, reason, acted_by, acted_at)
     values ($1, $2, $3, $4, $5, $6, $7)",
);
static HAS_ACCOUNTS: Query =
    Query::read("select exists (select from ledger.accounts where system = $1)");
// A session that does not say since when its transaction runs may have run for long.
static OLD_WRITERS: Query = Query::write(
    "select pid::text from pg_catalog.pg_stat_activity
      where datid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
        and backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
        and (xact_start is null or xact_start <= $1)
     union all
     select gid from pg_catalog.pg_prepared_xacts
      where database = pg_catalog.current_database()",
);
static FRESH_ACTIVITY: Query = Query::write("select pg_catalog.pg_stat_clear_snapshot()");
static SLEEP: Query = Query::write("select pg_catalog.pg_sleep(0.05)");
static INSERT_CLOSING: Query = Query::write(
    "insert into ledger.closing_journals (journal_id, system, number, reverses_id)
     values ($1, $2, $3, $4)",
);
static CLOSINGS_FROM: Query = Query::write(
    "select c.journal_id, p.closed_until
       from ledger.closing_journals c
       join ledger.periods p on p.system = c.system and p.number = c.number
      where c.system = $1 and c.reverses_id is null
        and ($2 is null or p.closed_until > $2)
        and not exists (select from ledger.closing_journals r where r.reverses_id = c.journal_id)
      order by p.number desc, c.journal_id",
);
static IS_CLOSING: Query =
    Query::read("select exists (select from ledger.closing_journals where journal_id = $1)");
static LATE: Query = Query::read_latest(
    "select asked_at, effective_at from ledger.late_postings where journal_id = $1",
);
static INSERT_LATE: Query = Query::write(
    "insert into ledger.late_postings (journal_id, asked_at, effective_at) values ($1, $2, $3)",
);

/// Shares the locks of the systems that accounts belong to; these systems.
pub fn share(accounts: Vec<i64>) -> Result<Vec<String>> {
    SHARE.all(&[accounts.into()], |row| row.get(1))
}

/// Waits until no posting that names an effective time is under way in the system, and
/// keeps them out until the transaction ends.
pub fn take(system: &str) -> Result<()> {
    TAKE.run(&[system.into()]).map(drop)
}

/// The system that is closed furthest of some, and the first moment that is open in it.
pub fn furthest(systems: Vec<String>) -> Result<Option<(String, TimestampWithTimeZone)>> {
    FURTHEST.first(&[systems.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn state(system: &str) -> Result<Option<State>> {
    STATE.first(&[system.into()], |row| {
        let closed_until: Option<TimestampWithTimeZone> = row.opt(2)?;
        Ok(State {
            number: row.get(1)?,
            closed_until: closed_until.map(TimestampWithTimeZone::into_inner),
            retained_earnings: row.opt(3)?,
        })
    })
}

pub fn row(system: &str, number: i32) -> Result<PgHeapTuple<'static, AllocatedByRust>> {
    ROW.one(&[system.into(), number.into()], |row| row.get(1))
}

/// A closing or a reopening.
pub struct NewPeriod<'a> {
    pub system: &'a str,
    pub number: i32,
    pub closed_until: Option<TimestampWithTimeZone>,
    pub retained_earnings: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub acted_by: Option<Uuid>,
    pub acted_at: TimestampWithTimeZone,
}

pub fn insert(new: &NewPeriod<'_>) -> Result<()> {
    INSERT.run(&[
        new.system.into(),
        new.number.into(),
        new.closed_until.into(),
        new.retained_earnings.into(),
        new.reason.into(),
        new.acted_by.into(),
        new.acted_at.into(),
    ])?;
    Ok(())
}

pub fn has_accounts(system: &str) -> Result<bool> {
    HAS_ACCOUNTS.one(&[system.into()], |row| row.get(1))
}

/// Transactions of others that write and began at a time or before, or may have: pids,
/// and names of prepared ones.
pub fn old_writers(at: TimestampWithTimeZone) -> Result<Vec<String>> {
    FRESH_ACTIVITY.run(&[])?;
    OLD_WRITERS.all(&[at.into()], |row| row.get(1))
}

/// Sleeps for a twentieth of a second, unless it is interrupted.
pub fn sleep() -> Result<()> {
    SLEEP.run(&[]).map(drop)
}

pub fn insert_closing(
    journal: Uuid,
    system: &str,
    number: i32,
    reverses: Option<Uuid>,
) -> Result<()> {
    INSERT_CLOSING.run(&[journal.into(), system.into(), number.into(), reverses.into()])?;
    Ok(())
}

/// Closing journals that still stand of periods that end after a time, the last first,
/// each with the end of its period.
pub fn closings_from(
    system: &str,
    open_from: Option<TimestampWithTimeZone>,
) -> Result<Vec<(Uuid, TimestampWithTimeZone)>> {
    CLOSINGS_FROM.all(&[system.into(), open_from.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn is_closing(journal: Uuid) -> Result<bool> {
    IS_CLOSING.one(&[journal.into()], |row| row.get(1))
}

/// The time that a late journal was meant for, and the one that it counts for.
pub fn late(journal: Uuid) -> Result<Option<(TimestampWithTimeZone, TimestampWithTimeZone)>> {
    LATE.first(&[journal.into()], times)
}

fn times(row: &Row<'_>) -> Result<(TimestampWithTimeZone, TimestampWithTimeZone)> {
    Ok((row.get(1)?, row.get(2)?))
}

pub fn insert_late(
    journal: Uuid,
    asked: TimestampWithTimeZone,
    effective: TimestampWithTimeZone,
) -> Result<()> {
    INSERT_LATE.run(&[journal.into(), asked.into(), effective.into()])?;
    Ok(())
}
