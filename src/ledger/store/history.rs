//! Statements that read history: balances and pages as of a place in an account's order.
//!
//! Both indexes of an account give its transfers in the order of recording; two more
//! give those that count for another time ("dated") in the order of effect and hold
//! nothing else. Each statement starts at a checkpoint ([`history`]), and what it
//! answers is of one snapshot: a checkpoint made meanwhile changes nothing.
//!
//! [`history`]: crate::ledger::history

use crate::kernel::error::Result;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{AccountId, Counters};
use crate::ledger::history::SPACING;
use crate::ledger::report::{Basis, Entry, Page, Place, TrialRow};
use crate::ledger::store::reports::trial_row;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Where transfers are read from.
macro_rules! transfers {
    () => {
        "ledger.all_transfers"
    };
}
pub(in crate::ledger) use transfers;

/// Where journals are read from.
macro_rules! journals {
    () => {
        "ledger.all_journals"
    };
}

/// The last checkpoint at or before a place. One at the time of the place itself is
/// beyond it unless the place is after all of its time.
macro_rules! up_to {
    ($columns:literal, $table:literal, $account:literal, $more:literal) => {
        concat!(
            "(select ",
            $columns,
            " from ",
            $table,
            " c where c.account_id = ",
            $account,
            " and c.at <= $2
                and (c.at < $2 or $3 = 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)",
            $more,
            " order by c.at desc limit 1)"
        )
    };
}

/// The sum of one side's transfers that `$where` names, 0 for none.
macro_rules! sum {
    ($side:literal, $account:literal, $where:literal) => {
        concat!(
            "coalesce((select sum(amount) from ",
            transfers!(),
            " where ",
            $side,
            "_account_id = ",
            $account,
            " and ",
            $where,
            "), 0)"
        )
    };
}

/// Two sums, debits and credits, of everything up to the place $2, $3 in the order of
/// recording.
macro_rules! recorded {
    ($account:literal) => {
        concat!(
            "with base as materialized ",
            up_to!("c.at, c.debits, c.credits", "ledger.checkpoints", $account, ""),
            " select (coalesce((select debits from base), 0) + ",
            sum!(
                "debit",
                $account,
                "recorded_at > coalesce((select at from base), '-infinity') and recorded_at <= $2
                 and (recorded_at < $2 or id <= $3)"
            ),
            ")::bigint as debits, (coalesce((select credits from base), 0) + ",
            sum!(
                "credit",
                $account,
                "recorded_at > coalesce((select at from base), '-infinity') and recorded_at <= $2
                 and (recorded_at < $2 or id <= $3)"
            ),
            ")::bigint as credits"
        )
    };
}

/// One side of [`effective`]: what has no time of its own since its checkpoint, what has
/// one since the checkpoint of those, and what that checkpoint does not know yet.
macro_rules! effective_side {
    ($side:literal, $account:literal) => {
        concat!(
            sum!(
                $side,
                $account,
                "effective_at is null and recorded_at > coalesce((select at from plain), '-infinity')
                 and recorded_at <= $2 and (recorded_at < $2 or id <= $3)"
            ),
            " + ",
            sum!(
                $side,
                $account,
                "effective_at > coalesce((select at from dated), '-infinity')
                 and effective_at <= $2 and (effective_at < $2 or id <= $3)"
            ),
            " + ",
            // coalesce keeps the planner from the index by time of effect, which has no end here.
            sum!(
                $side,
                $account,
                "recorded_at > (select recorded from late) and recorded_at <= 'infinity'
                 and coalesce(effective_at, 'infinity') <= (select effective from late)"
            )
        )
    };
}

/// The same as [`recorded`] in the order of effect.
macro_rules! effective {
    ($account:literal) => {
        concat!(
            "with plain as materialized ",
            up_to!(
                "c.at, c.debits - coalesce(c.dated_debits, 0) as debits,
                 c.credits - coalesce(c.dated_credits, 0) as credits",
                "ledger.checkpoints",
                $account,
                ""
            ),
            ", dated as materialized ",
            up_to!(
                "c.at, c.debits, c.credits",
                "ledger.dated_checkpoints",
                $account,
                " and c.at < 'infinity'"
            ),
            ", late as materialized (select c.at as recorded, dated.at as effective
                 from dated, ledger.checkpoints c where c.account_id = ",
            $account,
            " order by c.at desc limit 1)
             select (coalesce((select debits from plain), 0)
                   + coalesce((select debits from dated), 0) + ",
            effective_side!("debit", $account),
            ")::bigint as debits, (coalesce((select credits from plain), 0)
                   + coalesce((select credits from dated), 0) + ",
            effective_side!("credit", $account),
            ")::bigint as credits"
        )
    };
}

static SUM_RECORDED: Query = Query::read(recorded!("$1")).generic();
static SUM_EFFECTIVE: Query = Query::read(effective!("$1")).generic();

/// The columns of one side of a page; `$at` is the time that orders it.
macro_rules! side {
    ($is_debit:literal, $side:literal, $other:literal, $at:literal, $where:literal) => {
        concat!(
            "(select id, journal_id, ",
            $at,
            " as at, recorded_at, coalesce(effective_at, recorded_at) as effective_at, kind_id,
                description, ",
            $is_debit,
            " as is_debit, amount::bigint as amount, ",
            $other,
            "_account_id as counter_account_id, hold_id, reverses_id from ",
            transfers!(),
            " t where ",
            $side,
            "_account_id = $1 and ",
            $at,
            " >= $2 and ",
            $at,
            " < $4 and ($3::uuid is null or ",
            $at,
            " > $2 or id > $3)",
            $where,
            // The index knows no ids: what has the time of the last row comes with it.
            " order by t.",
            $at,
            " fetch first ($5) rows with ties)"
        )
    };
}

/// What a page's rows have to say, and the sums before the first.
macro_rules! rows {
    () => {
        concat!(
            "select p.id, p.journal_id, p.recorded_at, p.effective_at, p.kind_id, p.description,
                    p.is_debit, p.amount, p.counter_account_id, p.hold_id, p.reverses_id,
                    k.system, k.kind, j.description, opening.debits, opening.credits
               from (select * from merged order by at, id limit $5) p
              cross join opening
               join ledger.transfer_kinds k on k.id = p.kind_id
               left join ",
            journals!(),
            " j on j.id = p.journal_id
              order by p.at, p.id"
        )
    };
}

// $2, $3: after this place; $4: before this time; $5: at most so many. Each side reads
// one index in order and stops early.
static PAGE_RECORDED: Query = Query::read(concat!(
    "with opening as materialized (",
    recorded!("$1"),
    "), merged as (",
    side!("true", "debit", "credit", "recorded_at", ""),
    " union all ",
    side!("false", "credit", "debit", "recorded_at", ""),
    ") ",
    rows!(),
))
.generic();

/// What is without a time of its own is looked for no further than the rows that have
/// one reach, and not where checkpoints say that there is none.
macro_rules! plain_side {
    ($is_debit:literal, $side:literal, $other:literal) => {
        side!(
            $is_debit,
            $side,
            $other,
            "recorded_at",
            " and effective_at is null and recorded_at <= (select at from reach)
              and recorded_at > (select at from gap)"
        )
    };
}

static PAGE_EFFECTIVE: Query = Query::read(concat!(
    "with opening as materialized (",
    effective!("$1"),
    "), dated_rows as materialized (",
    side!("true", "debit", "credit", "effective_at", ""),
    " union all ",
    side!("false", "credit", "debit", "effective_at", ""),
    "), reach as materialized (
        select coalesce((select at from dated_rows order by at offset $5 - 1 limit 1), 'infinity') as at
    ), base as materialized (
        select coalesce(max(c.at), '-infinity') as at,
               coalesce(max(c.debits - coalesce(c.dated_debits, 0)), 0) as debits,
               coalesce(max(c.credits - coalesce(c.dated_credits, 0)), 0) as credits
          from (select * from ledger.checkpoints c where c.account_id = $1 and c.at < $2
                 order by c.at desc limit 1) c
    ), gap as materialized (
        select coalesce((
            select c.at from ledger.checkpoints c
             where c.account_id = $1 and c.at > (select at from base)
               and c.at < coalesce((
                   select n.at from ledger.checkpoints n
                    where n.account_id = $1 and n.at > (select at from base)
                      and (n.debits - coalesce(n.dated_debits, 0) <> (select debits from base)
                           or n.credits - coalesce(n.dated_credits, 0) <> (select credits from base))
                    order by n.at limit 1), 'infinity')
             order by c.at desc limit 1), (select at from base)) as at
    ), merged as (
        select * from dated_rows
        union all ",
    plain_side!("true", "debit", "credit"),
    " union all ",
    plain_side!("false", "credit", "debit"),
    ") ",
    rows!(),
))
.generic();

/// The trial balance over sums of each account; `$sums` gives them as of the place $2, $3.
macro_rules! trial {
    ($sums:expr) => {
        concat!(
            "select t.id, t.system, t.code, t.name, t.class, t.currency, sum(t.debits),
                    sum(t.credits), sum(greatest(t.debits - t.credits, 0)),
                    sum(greatest(t.credits - t.debits, 0))
               from (select a.*, m.debits, m.credits from ledger.accounts a cross join lateral (",
            $sums,
            ") m where $1::text is null or a.system = $1) t
              where t.debits <> 0 or t.credits <> 0
              group by grouping sets
                    ((t.id, t.system, t.code, t.name, t.class, t.currency), (t.currency))
              order by t.currency, t.system, t.code"
        )
    };
}

static TRIAL_RECORDED: Query = Query::read(trial!(recorded!("a.id"))).generic();
static TRIAL_EFFECTIVE: Query = Query::read(trial!(effective!("a.id"))).generic();
static SIZES: Query = Query::read(
    "select coalesce(sum(reltuples) filter (where relname = 'accounts'), 0)::float8,
            coalesce(sum(reltuples) filter (where relname <> 'accounts'), 0)::float8
       from pg_catalog.pg_class
      where relnamespace = 'ledger'::regnamespace
        and relname in ('accounts', 'transfers', 'transfers_archive')",
);

/// Runs a statement whose plan, made when it runs first, must read by indexes: the
/// account that makes a difference is the one with most transfers, not the average that
/// the planner counts with.
pub fn by_index<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    without(&[c"enable_seqscan", c"enable_bitmapscan", c"jit"], run)
}

/// The same for one that takes a part of very many rows in the order of an index.
pub fn in_index_order<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    without(&[c"enable_seqscan", c"enable_bitmapscan", c"enable_sort", c"jit"], run)
}

fn without<T>(settings: &[&CStr], run: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: settings go back to what they were at the end, or when the error that
    // leaves here ends the transaction or subtransaction.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for name in settings {
            set(name, c"off");
        }
        let outcome = run();
        pg_sys::AtEOXact_GUC(true, level);
        outcome
    }
}

unsafe fn set(name: &CStr, value: &CStr) {
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// What was posted to an account up to a place in its order.
pub fn posted_until(id: AccountId, basis: Basis, place: &Place) -> Result<Counters> {
    let query = match basis {
        Basis::Recorded => &SUM_RECORDED,
        Basis::Effective => &SUM_EFFECTIVE,
    };
    let args = [id.0.into(), place.at.into(), place.id.into()];
    by_index(|| query.one(&args, |row| counters(row, 1)))
}

fn counters(row: &Row<'_>, first: usize) -> Result<Counters> {
    Ok(Counters {
        debits_posted: row.get(first)?,
        credits_posted: row.get(first + 1)?,
        ..Counters::default()
    })
}

/// The entries of a page, each with what was posted before the page.
pub fn page(id: AccountId, page: &Page) -> Result<Vec<(Entry, Counters)>> {
    let query = match page.basis {
        Basis::Recorded => &PAGE_RECORDED,
        Basis::Effective => &PAGE_EFFECTIVE,
    };
    let args = [
        id.0.into(),
        page.start.at.into(),
        page.start.id.into(),
        page.until.into(),
        page.limit.into(),
    ];
    by_index(|| query.all(&args, |row| Ok((entry(row)?, counters(row, 15)?))))
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    let transfer_id: pgrx::Uuid = row.get(1)?;
    let own: Option<String> = row.opt(6)?;
    Ok(Entry {
        transfer_id,
        journal_id: row.opt(2)?.unwrap_or(transfer_id),
        recorded_at: row.get(3)?,
        effective_at: row.get(4)?,
        description: if own.is_some() { own } else { row.opt(14)? },
        is_debit: row.get(7)?,
        amount: row.get(8)?,
        counter_account: AccountId(row.get(9)?),
        hold_id: row.opt(10)?,
        reverses_id: row.opt(11)?,
        system: row.get(12)?,
        kind: row.get(13)?,
    })
}

/// Whether looking up every account's sums costs less than adding up all transfers.
pub fn looks_up_accounts() -> Result<bool> {
    SIZES.one(&[], |row| {
        let (accounts, transfers): (f64, f64) = (row.get(1)?, row.get(2)?);
        Ok(accounts * 2.0 * SPACING as f64 <= transfers.max(0.0))
    })
}

/// The trial balance as of a place, account by account.
pub fn trial_balance(system: Option<&str>, basis: Basis, place: &Place) -> Result<Vec<TrialRow>> {
    let query = match basis {
        Basis::Recorded => &TRIAL_RECORDED,
        Basis::Effective => &TRIAL_EFFECTIVE,
    };
    let args = [system.into(), place.at.into(), place.id.into()];
    by_index(|| query.all(&args, trial_row))
}
