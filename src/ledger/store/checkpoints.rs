//! Statements of the job that makes checkpoints.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::AccountId;
use crate::ledger::history::horizon::Mark;
use crate::ledger::history::spacing::{Checkpoint, Entry, Tally};
use crate::ledger::history::{Progress, Sweep, micros, time};
use crate::ledger::store::history::{in_index_order, transfers};
use pgrx::datum::TimestampWithTimeZone;

static OLDEST: Query = Query::read(
    "select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint",
);
static BEGIN: Query = Query::write(
    "insert into ledger.checkpoint_progress default values on conflict (single) do nothing",
);
static PROGRESS: Query = Query::write(
    "select mark_at, mark_xid, complete_until, sweep_after, sweep_until, next_account, whole_at
       from ledger.checkpoint_progress for update",
);
static SAVE: Query = Query::write(
    "update ledger.checkpoint_progress
        set mark_at = $1, mark_xid = $2, complete_until = $3, sweep_after = $4, sweep_until = $5,
            next_account = $6, whole_at = $7",
);
static ALL_ACCOUNTS: Query =
    Query::read("select id from ledger.accounts where id > $1 order by id limit $2");
// Whether an account has anything new is not asked where the range says it already.
static CHANGED_ACCOUNTS: Query = Query::read(concat!(
    "select id
       from (select debit_account_id as id from ",
    transfers!(),
    "         where recorded_at > $1 and recorded_at <= $2 and debit_account_id > $3
             union
             select credit_account_id from ",
    transfers!(),
    "         where recorded_at > $1 and recorded_at <= $2 and credit_account_id > $3) changed
      order by id limit $4",
));
static LAST: Query = Query::read(
    "select at, debits, credits, coalesce(dated_debits, 0), coalesce(dated_credits, 0)
       from ledger.checkpoints where account_id = $1
      order by at desc limit 1",
);
// Both indexes of the account, merged: each side must be in order by itself, or all that
// is left of the account would be sorted. What has one time comes together.
static ENTRIES: Query = Query::read(concat!(
    "select recorded_at, is_debit, amount, effective_at
       from ((select recorded_at, true as is_debit, amount::bigint as amount, effective_at from ",
    transfers!(),
    "         where debit_account_id = $1 and recorded_at > $2 and recorded_at <= $3
               order by recorded_at)
             union all
             (select recorded_at, false, amount::bigint, effective_at from ",
    transfers!(),
    "         where credit_account_id = $1 and recorded_at > $2 and recorded_at <= $3
               order by recorded_at)) entries
      order by recorded_at fetch first ($4) rows with ties",
))
.generic();
static ADD: Query = Query::write(
    "insert into ledger.checkpoints (account_id, at, debits, credits, dated_debits, dated_credits)
     select $1, at, debits, credits, nullif(dated_debits, 0), nullif(dated_credits, 0)
       from unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
            as n (at, debits, credits, dated_debits, dated_credits)",
)
.generic();
static DATED_BEFORE: Query = Query::read(
    "select at, debits, credits, entries from ledger.dated_checkpoints
      where account_id = $1 and at < $2
      order by at desc limit 1",
);
static DATED_FROM: Query = Query::read(
    "select at, debits, credits, entries from ledger.dated_checkpoints
      where account_id = $1 and at >= $2
      order by at",
);
static DATED_ENTRIES: Query = Query::read(concat!(
    "select recorded_at, is_debit, amount, effective_at
       from ((select recorded_at, true as is_debit, amount::bigint as amount, effective_at from ",
    transfers!(),
    "         where debit_account_id = $1 and effective_at > $2 and effective_at < $3
               and recorded_at <= $4
               order by effective_at)
             union all
             (select recorded_at, false, amount::bigint, effective_at from ",
    transfers!(),
    "         where credit_account_id = $1 and effective_at > $2 and effective_at < $3
               and recorded_at <= $4
               order by effective_at)) entries
      order by effective_at limit $5",
))
.generic();
static PUT_DATED: Query = Query::write(
    "insert into ledger.dated_checkpoints as c (account_id, at, debits, credits, entries)
     select $1, at, debits, credits, entries
       from unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
            as n (at, debits, credits, entries)
     on conflict (account_id, at) do update
        set debits = excluded.debits, credits = excluded.credits, entries = excluded.entries",
)
.generic();

/// The number of the oldest transaction that may still run, as this statement sees it.
pub fn oldest_running() -> Result<u64> {
    let oldest: i64 = OLDEST.one(&[], |row| row.get(1))?;
    u64::try_from(oldest).map_err(|_| Error::internal("not a transaction's number"))
}

/// How far the job has come; nobody else runs it until the transaction ends.
pub fn lock_progress() -> Result<Progress> {
    BEGIN.run(&[])?;
    PROGRESS.one(&[], |row| {
        let time = |column| -> Result<Option<i64>> {
            Ok(row.opt::<TimestampWithTimeZone>(column)?.map(micros))
        };
        let mark = match (time(1)?, row.opt::<i64>(2)?) {
            (Some(at), Some(xid)) => Some(Mark { at, xid: xid.cast_unsigned() }),
            _ => None,
        };
        let sweep = match (time(5)?, row.opt(6)?) {
            (Some(until), Some(account)) => Some(Sweep { after: time(4)?, until, account }),
            _ => None,
        };
        Ok(Progress { mark, complete_until: time(3)?, sweep, whole_at: time(7)? })
    })
}

pub fn save_progress(progress: &Progress) -> Result<()> {
    let (mark, sweep) = (progress.mark, progress.sweep);
    SAVE.run(&[
        mark.map(|mark| time(mark.at)).into(),
        mark.map(|mark| mark.xid.cast_signed()).into(),
        progress.complete_until.map(time).into(),
        sweep.and_then(|sweep| sweep.after).map(time).into(),
        sweep.map(|sweep| time(sweep.until)).into(),
        sweep.map(|sweep| sweep.account).into(),
        progress.whole_at.map(time).into(),
    ])?;
    Ok(())
}

/// The next accounts of a sweep, by id.
pub fn accounts(sweep: &Sweep, most: i64) -> Result<Vec<AccountId>> {
    let id = |row: &Row<'_>| Ok(AccountId(row.get(1)?));
    match sweep.after {
        None => ALL_ACCOUNTS.all(&[sweep.account.into(), most.into()], id),
        Some(after) => {
            let args =
                [time(after).into(), time(sweep.until).into(), sweep.account.into(), most.into()];
            CHANGED_ACCOUNTS.all(&args, id)
        }
    }
}

/// The last checkpoint of an account, or its beginning.
pub fn last(account: AccountId) -> Result<Checkpoint> {
    let found = LAST.first(&[account.0.into()], |row| {
        Ok(Checkpoint {
            at: micros(row.get(1)?),
            all: Tally { debits: row.get(2)?, credits: row.get(3)? },
            dated: Tally { debits: row.get(4)?, credits: row.get(5)? },
            entries: 0,
        })
    })?;
    Ok(found.unwrap_or(Checkpoint::START))
}

/// The next transfers of an account in the order of recording, about `most` of them.
pub fn entries(account: AccountId, after: i64, until: i64, most: i64) -> Result<Vec<Entry>> {
    let args = [account.0.into(), time(after).into(), time(until).into(), most.into()];
    in_index_order(|| ENTRIES.all(&args, entry))
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        at: micros(row.get(1)?),
        is_debit: row.get(2)?,
        amount: row.get(3)?,
        effective: row.opt::<TimestampWithTimeZone>(4)?.map(micros),
    })
}

pub fn add(account: AccountId, checkpoints: &[Checkpoint]) -> Result<()> {
    let numbers = |of: fn(&Checkpoint) -> i64| checkpoints.iter().map(of).collect::<Vec<i64>>();
    ADD.run(&[
        account.0.into(),
        times(checkpoints).into(),
        numbers(|checkpoint| checkpoint.all.debits).into(),
        numbers(|checkpoint| checkpoint.all.credits).into(),
        numbers(|checkpoint| checkpoint.dated.debits).into(),
        numbers(|checkpoint| checkpoint.dated.credits).into(),
    ])?;
    Ok(())
}

fn times(checkpoints: &[Checkpoint]) -> Vec<TimestampWithTimeZone> {
    checkpoints.iter().map(|checkpoint| time(checkpoint.at)).collect()
}

/// The checkpoints in the order of effect from a time on, and the one before it.
pub fn dated_from(account: AccountId, at: i64) -> Result<(Checkpoint, Vec<Checkpoint>)> {
    let checkpoint = |row: &Row<'_>| {
        Ok(Checkpoint {
            at: micros(row.get(1)?),
            all: Tally { debits: row.get(2)?, credits: row.get(3)? },
            dated: Tally::default(),
            entries: row.get(4)?,
        })
    };
    let args = [account.0.into(), time(at).into()];
    let before = DATED_BEFORE.first(&args, checkpoint)?.unwrap_or(Checkpoint::START);
    Ok((before, DATED_FROM.all(&args, checkpoint)?))
}

/// The dated transfers between two times of effect, in that order, of those recorded
/// up to and with `until`: `most`, where one knows, so that others are not looked at.
pub fn dated_entries(
    account: AccountId,
    (after, before): (i64, i64),
    until: i64,
    most: i64,
) -> Result<Vec<Entry>> {
    let args = [
        account.0.into(),
        time(after).into(),
        time(before).into(),
        time(until).into(),
        most.into(),
    ];
    in_index_order(|| DATED_ENTRIES.all(&args, entry))
}

/// Writes checkpoints in the order of effect, new ones or with other sums than before.
pub fn put_dated(account: AccountId, checkpoints: &[Checkpoint]) -> Result<()> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Checkpoint) -> i64| checkpoints.iter().map(of).collect::<Vec<i64>>();
    PUT_DATED.run(&[
        account.0.into(),
        times(checkpoints).into(),
        numbers(|checkpoint| checkpoint.all.debits).into(),
        numbers(|checkpoint| checkpoint.all.credits).into(),
        numbers(|checkpoint| checkpoint.entries).into(),
    ])?;
    Ok(())
}
