//! Statements of sealing. What posts is never waited for, nor made to wait. Rows that are
//! sealed never change, so each statement may read what is committed when it runs; one
//! that read less than the one before would miss what belongs to those rows.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Row};
use crate::ledger::seal::{Account, Block, Id, Journal, Kind, Place, Transfer};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::HashMap;

static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('backoffice ledger seal', 0))",
);
// A backend keeps what it once read of the others until the transaction ends.
static CLEAR: Query = Query::read_latest("select pg_catalog.pg_stat_clear_snapshot() is null");
// Locks that postings take on accounts, or stronger ones. Who has no transaction, or is
// gone, has ended since its lock was seen; who does not say what it does may have one.
static OLDEST_WRITER: Query = Query::read_latest(
    "select min(case when l.pid is null then '-infinity'
                     when a.pid is null then null
                     when a.xact_start is null and coalesce(a.state, 'disabled') = 'disabled'
                         then '-infinity'
                     else a.xact_start end)
       from pg_catalog.pg_locks l
       left join pg_catalog.pg_stat_get_activity(null) a on a.pid = l.pid
      where l.locktype = 'relation' and l.granted
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        and l.relation in ('ledger.accounts'::regclass, 'ledger.account_stripes'::regclass,
                           'ledger.transfers'::regclass)
        and l.mode in ('RowShareLock', 'RowExclusiveLock', 'ShareRowExclusiveLock',
                       'ExclusiveLock', 'AccessExclusiveLock')
        and l.pid is distinct from pg_catalog.pg_backend_pid()",
);
static LAST: Query = Query::read_latest(
    "select height, until_at, until_id, transfers, sealed_at, previous_hash, root, entries_hash, hash
       from ledger.seal_blocks order by height desc limit 1",
);
static CHAIN: Query = Query::read_latest(
    "select height, until_at, until_id, transfers, sealed_at, previous_hash, root, entries_hash, hash
       from ledger.seal_blocks order by height",
);
static ENTRIES: Query = Query::read_latest(
    "select height, entries from ledger.seal_blocks where height between $1 and $2",
);
static APPEND: Query = Query::write(
    "insert into ledger.seal_blocks (height, until_at, until_id, transfers, sealed_at,
        previous_hash, root, entries_hash, hash, entries)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);
static FIRST_RECORDED: Query =
    Query::read_latest("select min(recorded_at) from ledger.all_transfers where recorded_at <= $1");
static COUNT: Query = Query::read_latest(
    "select count(*) from (select from ledger.all_transfers
                            where recorded_at > $1 and recorded_at <= $2 limit $3) t",
);
static TRANSFERS: Query = Query::read_latest(
    "select id, debit_account_id, credit_account_id, amount::bigint,
            recorded_at, effective_at, kind_id, journal_id, hold_id, reverses_id, description,
            case when metadata is not null
                 then sha256(convert_to(metadata::text, 'UTF8')) end
       from ledger.all_transfers
      where recorded_at >= $1 and recorded_at <= $3
        and (recorded_at > $1 or id > $2) and (recorded_at < $3 or id <= $4)
      order by recorded_at, id",
);
static JOURNALS: Query = Query::read_latest(
    "select id, kind_id, recorded_at, effective_at, reverses_id, description,
            case when metadata is not null
                 then sha256(convert_to(metadata::text, 'UTF8')) end
       from ledger.all_journals where id = any($1)",
)
.generic();
static ACCOUNTS: Query = Query::read_latest(
    "select id, system, code, currency, class, created_at from ledger.accounts where id = any($1)",
)
.generic();
static KINDS: Query = Query::read_latest("select id, system, kind from ledger.transfer_kinds");
static EXISTS: Query =
    Query::read_latest("select exists (select from ledger.all_transfers where id = $1)");
static SEALED_ELSEWHERE: Query = Query::read_latest(
    "select exists (select from ledger.seal_blocks
                     where height <> $2 and position(uuid_send($1) in entries) > 0)",
);

/// Two never seal at once; the second waits.
pub fn lock() -> Result<()> {
    LOCK.run(&[]).map(drop)
}

/// When the oldest transaction began that may be posting; `i64::MIN` where nobody knows.
pub fn oldest_writer() -> Result<Option<i64>> {
    CLEAR.one(&[], |_| Ok(()))?;
    OLDEST_WRITER.one(&[], |row| Ok(row.opt::<TimestampWithTimeZone>(1)?.map(micros)))
}

pub fn last() -> Result<Option<Block>> {
    LAST.first(&[], block)
}

/// All blocks in order, without what they keep of transfers.
pub fn chain() -> Result<Vec<Block>> {
    CHAIN.all(&[], block)
}

/// What blocks keep of their transfers, by height.
pub fn entries(heights: (i64, i64)) -> Result<HashMap<i64, Vec<u8>>> {
    let rows = ENTRIES.all(&[heights.0.into(), heights.1.into()], |row| {
        Ok((row.get(1)?, row.get::<&[u8]>(2)?.to_vec()))
    })?;
    Ok(rows.into_iter().collect())
}

pub fn append(block: &Block, entries: &[u8]) -> Result<()> {
    APPEND.run(&[
        block.height.into(),
        time(block.until.0).into(),
        Uuid::from_bytes(block.until.1).into(),
        block.transfers.into(),
        time(block.sealed_at).into(),
        block.previous.as_slice().into(),
        block.root.as_slice().into(),
        block.entries_hash.as_slice().into(),
        block.hash.as_slice().into(),
        entries.into(),
    ])?;
    Ok(())
}

/// The time of the first transfer up to a time.
pub fn first_recorded(until: i64) -> Result<Option<i64>> {
    FIRST_RECORDED
        .one(&[time(until).into()], |row| Ok(row.opt::<TimestampWithTimeZone>(1)?.map(micros)))
}

/// How many transfers were recorded after a time and up to another; counts to `most`.
pub fn count(after: i64, until: i64, most: i64) -> Result<i64> {
    COUNT.one(&[time(after).into(), time(until).into(), most.into()], |row| row.get(1))
}

/// The transfers after a place and up to another, in order, as one snapshot shows them.
pub fn transfers(after: Place, until: Place) -> Result<Vec<Transfer>> {
    let args = [
        time(after.0).into(),
        Uuid::from_bytes(after.1).into(),
        time(until.0).into(),
        Uuid::from_bytes(until.1).into(),
    ];
    TRANSFERS.all(&args, |row| {
        Ok(Transfer {
            id: id(row, 1)?,
            debit: row.get(2)?,
            credit: row.get(3)?,
            amount: row.get(4)?,
            recorded_at: micros(row.get(5)?),
            effective_at: row.opt(6)?.map(micros),
            kind: row.get(7)?,
            journal: opt_id(row, 8)?,
            hold: opt_id(row, 9)?,
            reverses: opt_id(row, 10)?,
            description: row.opt(11)?,
            metadata: row.opt(12)?,
        })
    })
}

pub fn journals(ids: Vec<Id>) -> Result<Vec<Journal>> {
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from_bytes).collect();
    JOURNALS.all(&[ids.into()], |row| {
        Ok(Journal {
            id: id(row, 1)?,
            kind: row.get(2)?,
            recorded_at: micros(row.get(3)?),
            effective_at: row.opt(4)?.map(micros),
            reverses: opt_id(row, 5)?,
            description: row.opt(6)?,
            metadata: row.opt(7)?,
        })
    })
}

pub fn accounts(ids: Vec<i64>) -> Result<Vec<Account>> {
    ACCOUNTS.all(&[ids.into()], |row| {
        Ok(Account {
            id: row.get(1)?,
            system: row.get(2)?,
            code: row.get(3)?,
            currency: row.get(4)?,
            class: row.get(5)?,
            created_at: micros(row.get(6)?),
        })
    })
}

pub fn kinds() -> Result<HashMap<i16, Kind>> {
    let kind = |row: &Row<'_>| Ok((row.get(1)?, Kind { system: row.get(2)?, kind: row.get(3)? }));
    Ok(KINDS.all(&[], kind)?.into_iter().collect())
}

/// Whether there is a transfer with this id.
pub fn exists(id: Id) -> Result<bool> {
    EXISTS.one(&[Uuid::from_bytes(id).into()], |row| row.get(1))
}

/// Whether a block other than this one holds a transfer. Reads all of them.
pub fn is_sealed_elsewhere(id: Id, height: i64) -> Result<bool> {
    SEALED_ELSEWHERE.one(&[Uuid::from_bytes(id).into(), height.into()], |row| row.get(1))
}

fn block(row: &Row<'_>) -> Result<Block> {
    let hash = |column| -> Result<[u8; 32]> {
        let bytes: &[u8] = row.get(column)?;
        bytes.try_into().map_err(|_| Error::internal("a hash has another length than 32"))
    };
    Ok(Block {
        height: row.get(1)?,
        until: (micros(row.get(2)?), id(row, 3)?),
        transfers: row.get(4)?,
        sealed_at: micros(row.get(5)?),
        previous: hash(6)?,
        root: hash(7)?,
        entries_hash: hash(8)?,
        hash: hash(9)?,
    })
}

fn id(row: &Row<'_>, column: usize) -> Result<Id> {
    Ok(*row.get::<Uuid>(column)?.as_bytes())
}

fn opt_id(row: &Row<'_>, column: usize) -> Result<Option<Id>> {
    Ok(row.opt::<Uuid>(column)?.map(|id| *id.as_bytes()))
}

fn micros(at: TimestampWithTimeZone) -> i64 {
    at.into_inner()
}

/// Times that no timestamp has are before or after all of them.
pub fn time(micros: i64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(micros).unwrap_or_else(|_| {
        if micros < 0 {
            TimestampWithTimeZone::negative_infinity()
        } else {
            TimestampWithTimeZone::positive_infinity()
        }
    })
}
