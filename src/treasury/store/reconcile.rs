//! SQL of the comparison with Stripe.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::treasury::reconcile::{Days, Entry, Line};
use pgrx::{JsonB, Uuid};
use serde_json::Value;
use std::collections::BTreeMap;

static LOCK: Query = Query::write(
    "select pg_advisory_xact_lock(hashtextextended('treasury.reconciliation ' || $1, 0))",
);
static CURRENCIES: Query = Query::read_latest(
    "select distinct currency from (
        select currency from treasury.balance_transactions
        union all
        select currency from ledger.accounts where system = 'treasury') c order by 1",
);
static OLDEST_OPEN: Query = Query::read_latest(
    "select min(booked_on) - date '2000-01-01' from treasury.reconciliation
      where currency = $1 and outcome <> 'matched'",
);
// Days are those of UTC. What is of no amount and no fee moved nothing.
static NEW: Query = Query::read_latest(
    "select b.id, b.type, b.source_id, b.amount_cents, b.fee_cents,
            (coalesce(b.occurred_at, b.created_at) at time zone 'UTC')::date::text
       from treasury.balance_transactions b
      where b.currency = $1 and (b.amount_cents <> 0 or b.fee_cents <> 0)
        and coalesce(b.occurred_at, b.created_at)
            >= (date '2000-01-01' + $2)::timestamp at time zone 'UTC'
        and coalesce(b.occurred_at, b.created_at)
            < (date '2000-01-01' + $3 + 1)::timestamp at time zone 'UTC'
        and not exists (select from treasury.reconciliation_lines l
                         where l.balance_transaction_id = b.id)
      order by coalesce(b.occurred_at, b.created_at), b.id limit $4",
);
static REMEMBER: Query = Query::write(
    "insert into treasury.reconciliation_lines (line_id, balance_transaction_id, part)
     select l.id, p.transaction, p.part
       from unnest($2::text[], $3::text[]) with ordinality as p (transaction, part, n)
       join ledger.external_lines l on l.statement_id = $1 and l.line_no = p.n",
);

/// The lines of statements about account $1 that are of days from $2 to $3, with their
/// balance transactions. Statements lead to their lines; lines by day have no index.
macro_rules! lines {
    () => {
        "ledger.external_statements x
         join ledger.external_lines l on l.statement_id = x.id
         join treasury.reconciliation_lines r on r.line_id = l.id
         join treasury.balance_transactions b on b.id = r.balance_transaction_id
        where x.account_id = $1
          and x.starts_on <= date '2000-01-01' + $3 and x.ends_on >= date '2000-01-01' + $2
          and l.booked_on between date '2000-01-01' + $2 and date '2000-01-01' + $3"
    };
}
static OPEN_STATEMENTS: Query = Query::read_latest(concat!(
    "select distinct l.statement_id from ",
    lines!(),
    " and not exists (select from ledger.match_lines m where m.line_id = l.id and m.active)
      order by 1",
));
// What is open is found first, and each asks for its subject then: the planner, who does not
// know yet what was imported a moment ago, would go through all subjects for each line.
static OPEN_LINES: Query = Query::read_latest(concat!(
    "with open as materialized (
        select l.id, l.statement_id, l.line_no, l.amount, b.id as transaction, b.source_id from ",
    lines!(),
    "      and not exists (select from ledger.match_lines m where m.line_id = l.id and m.active))
     select o.id, o.statement_id, coalesce(s.subject, o.source_id, o.transaction), o.amount
       from open o
       left join lateral (select x.subject from treasury.stripe_subjects x
                           where x.reference = o.transaction offset 0) s on true
      order by o.statement_id, o.line_no",
));

/// The transfers of account $1 from day $2 on, to day $4 if there is one, that are in no
/// match of it.
macro_rules! open_entries {
    () => {
        "select t.id, t.change, t.recorded_at, coalesce(t.metadata, j.metadata) ->> 'reference' as reference
           from (select id, amount::bigint as change, recorded_at, journal_id, metadata
                   from ledger.all_transfers
                  where debit_account_id = $1
                    and recorded_at >= (date '2000-01-01' + $2)::timestamp at time zone 'UTC'
                    and recorded_at < coalesce((date '2000-01-01' + $4 + 1)::timestamp at time zone 'UTC', 'infinity')
                 union all
                 select id, -amount::bigint, recorded_at, journal_id, metadata
                   from ledger.all_transfers
                  where credit_account_id = $1
                    and recorded_at >= (date '2000-01-01' + $2)::timestamp at time zone 'UTC'
                    and recorded_at < coalesce((date '2000-01-01' + $4 + 1)::timestamp at time zone 'UTC', 'infinity')) t
           left join ledger.all_journals j on j.id = t.journal_id
          where not exists (select from ledger.match_transfers m
                             where m.transfer_id = t.id and m.account_id = $1 and m.active)"
    };
}
// $3 says nothing here; the parameters are those of the other statements. Of very many the
// oldest come first, and the others the next time.
static OPEN_ENTRIES: Query = Query::read_latest(concat!(
    "with open as materialized (
        select * from (",
    open_entries!(),
    ") e where e.reference is not null and $3::integer is not null
          order by e.recorded_at, e.id limit 200000)
     select o.id, coalesce(s.subject, o.reference), o.change
       from open o
       left join lateral (select x.subject from treasury.stripe_subjects x
                           where x.reference = o.reference offset 0) s on true
      order by o.recorded_at, o.id",
));
// What is matched adds up to the same on both sides. What is no longer there has been
// found under another name.
static WRITE_DOWN: Query = Query::write(concat!(
    "with lines as (
        select coalesce(b.source_id, b.id) as reference, l.booked_on as day, l.amount,
               exists (select from ledger.match_lines m
                        where m.line_id = l.id and m.active) as matched
          from ",
    lines!(),
    "),
     entries as (
        select coalesce(b.source_id, e.reference, 'transfer:' || e.id) as reference,
               (e.recorded_at at time zone 'UTC')::date as day, e.change
          from (",
    open_entries!(),
    ") e left join treasury.balance_transactions b on b.id = e.reference
         where (e.recorded_at at time zone 'UTC')::date <= date '2000-01-01' + $3
            or coalesce(b.source_id, e.reference) in (select reference from lines)),
     summed as (
        select reference, min(day) as day, sum(stripe)::bigint as stripe, sum(books)::bigint as books,
               sum(line) as lines, sum(open_line) as open_lines, sum(open_entry) as open_entries
          from (select reference, day, amount as stripe, case when matched then amount else 0 end as books,
                       1 as line, (not matched)::integer as open_line, 0 as open_entry from lines
                union all
                select reference, day, 0, change, 0, 0, 1 from entries) x
         group by reference),
     gone as (
        delete from treasury.reconciliation r
         where r.currency = $5
           and r.booked_on between date '2000-01-01' + $2 and date '2000-01-01' + $3
           and r.reference not in (select s.reference from summed s))
     insert into treasury.reconciliation as r
        (currency, reference, outcome, booked_on, stripe_cents, books_cents, difference_cents,
         lines, open_lines, open_entries)
     select $5, reference,
            case when open_lines = 0 and open_entries = 0 then 'matched'
                 when lines = 0 then 'missing_at_stripe'
                 when open_lines = lines and open_entries = 0 then 'missing_in_books'
                 else 'amount_differs' end,
            day, stripe, books, stripe - books, lines, open_lines, open_entries
       from summed
     on conflict (currency, reference) do update
        set outcome = excluded.outcome, booked_on = excluded.booked_on,
            stripe_cents = excluded.stripe_cents, books_cents = excluded.books_cents,
            difference_cents = excluded.difference_cents, lines = excluded.lines,
            open_lines = excluded.open_lines, open_entries = excluded.open_entries,
            updated_at = now()
      where (r.outcome, r.booked_on, r.stripe_cents, r.books_cents, r.lines, r.open_lines, r.open_entries)
            is distinct from (excluded.outcome, excluded.booked_on, excluded.stripe_cents,
                excluded.books_cents, excluded.lines, excluded.open_lines, excluded.open_entries)",
));
static COUNT: Query = Query::read_latest(
    "select jsonb_build_object(
        'matched', count(*) filter (where outcome = 'matched'),
        'missing_in_books', count(*) filter (where outcome = 'missing_in_books'),
        'missing_at_stripe', count(*) filter (where outcome = 'missing_at_stripe'),
        'amount_differs', count(*) filter (where outcome = 'amount_differs'))
       from treasury.reconciliation
      where currency = $1
        and booked_on between date '2000-01-01' + $2 and date '2000-01-01' + $3",
);

static OPEN: Query = Query::read(
    "select outcome, count(*) from treasury.reconciliation where outcome <> 'matched'
      group by outcome order by outcome",
);

/// How many things differ, by outcome.
pub fn open() -> Result<BTreeMap<String, i64>> {
    Ok(OPEN.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))?.into_iter().collect())
}

/// One comparison of a currency at a time.
pub fn lock(currency: Currency) -> Result<()> {
    LOCK.run(&[currency.code().into()])?;
    Ok(())
}

/// Those that Stripe or the books have.
pub fn currencies() -> Result<Vec<Currency>> {
    let codes: Vec<String> = CURRENCIES.all(&[], |row| row.get(1))?;
    codes.iter().map(|code| Currency::parse(code, "currency")).collect()
}

/// A balance transaction that is no line yet.
pub struct Transaction {
    pub id: String,
    pub kind: String,
    pub source: Option<String>,
    pub amount: i64,
    pub fee: i64,
    /// The day as text, such as 2025-01-31.
    pub date: String,
}

pub fn new_transactions(currency: Currency, days: Days, most: i64) -> Result<Vec<Transaction>> {
    let args = [currency.code().into(), days.from.into(), days.to.into(), most.into()];
    NEW.all(&args, |row| {
        Ok(Transaction {
            id: row.get(1)?,
            kind: row.get(2)?,
            source: row.opt(3)?,
            amount: row.get(4)?,
            fee: row.get(5)?,
            date: row.get(6)?,
        })
    })
}

/// Which part of which balance transaction each line of a statement is, in their order.
pub fn remember(statement: Uuid, parts: &[(String, &str)]) -> Result<()> {
    let (ids, parts): (Vec<String>, Vec<String>) =
        parts.iter().map(|(id, part)| (id.clone(), (*part).to_owned())).unzip();
    REMEMBER.run(&[statement.into(), ids.into(), parts.into()])?;
    Ok(())
}

/// Statements about an account with lines of these days that are in no match.
pub fn open_statements(account: AccountId, days: Days) -> Result<Vec<Uuid>> {
    OPEN_STATEMENTS.all(&[account.0.into(), days.from.into(), days.to.into()], |row| row.get(1))
}

pub fn open_lines(account: AccountId, days: Days) -> Result<Vec<Line>> {
    OPEN_LINES.all(&[account.0.into(), days.from.into(), days.to.into()], |row| {
        Ok(Line {
            id: row.get(1)?,
            statement: row.get(2)?,
            subject: row.get(3)?,
            amount: row.get(4)?,
        })
    })
}

/// The account's transfers of these days that bear a reference and are in no match; those
/// that were recorded later as well where `until` is none.
pub fn open_entries(account: AccountId, days: Days, until: Option<i32>) -> Result<Vec<Entry>> {
    let args = [account.0.into(), days.from.into(), days.to.into(), until.into()];
    OPEN_ENTRIES
        .all(&args, |row| Ok(Entry { id: row.get(1)?, subject: row.get(2)?, change: row.get(3)? }))
}

/// Writes down what was found of these days, looking at what was recorded later as well
/// where `until` is none.
pub fn write_down(
    account: AccountId,
    currency: Currency,
    days: Days,
    until: Option<i32>,
) -> Result<()> {
    WRITE_DOWN.run(&[
        account.0.into(),
        days.from.into(),
        days.to.into(),
        until.into(),
        currency.code().into(),
    ])?;
    Ok(())
}

/// How many there are of each outcome in these days.
pub fn count(currency: Currency, days: Days) -> Result<Value> {
    COUNT.one(&[currency.code().into(), days.from.into(), days.to.into()], |row| {
        Ok(row.get::<JsonB>(1)?.0)
    })
}

/// The day of the oldest difference of a currency, in days since 2000.
pub fn oldest_open(currency: Currency) -> Result<Option<i32>> {
    OLDEST_OPEN.one(&[currency.code().into()], |row| row.opt(1))
}
