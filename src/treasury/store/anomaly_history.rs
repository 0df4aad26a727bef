//! SQL of what the detectors look at: each statement gives all of it for many sellers,
//! buyers or people at once.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Row};
use crate::treasury::anomaly::drift::{Position, Returned};
use crate::treasury::anomaly::refunds::Record;
use crate::treasury::anomaly::series::{Charge, Purchases, Series};
use pgrx::Uuid;
use std::collections::HashSet;

/// The most history of one seller or buyer that is looked at.
const MOST: i64 = 2000;
/// How many charges of everybody say what is usual.
const SAMPLE: i64 = 2000;

// A subquery that is ordered gives an aggregate its order.
static SERIES: Query = Query::read(
    "with looked as materialized (
        select id, owner_id, currency, charged_at, amount_cents, buyer_id from treasury.charges
         where id = any ($1) and owner_id is not null),
     sellers as (
        select owner_id, currency, min(charged_at) as first, max(charged_at) as last from looked group by 1, 2)
     select s.owner_id, s.currency, h.ids, h.times, h.amounts, h.buyers
       from sellers s
      cross join lateral (
            select array_agg(x.id) as ids, array_agg(extract(epoch from x.charged_at)::bigint) as times,
                   array_agg(x.amount_cents) as amounts, array_agg(x.buyer_id) as buyers
              from (select * from (
                        (select c.id, c.charged_at, c.amount_cents, c.buyer_id from treasury.charges c
                          where c.owner_id = s.owner_id and c.currency = s.currency and c.status = 'captured'
                            and c.charged_at between s.first - make_interval(days => $2) and s.last
                          order by c.charged_at desc limit $3)
                         union
                        select l.id, l.charged_at, l.amount_cents, l.buyer_id from looked l
                         where l.owner_id = s.owner_id and l.currency = s.currency) y
                     order by y.charged_at, y.id) x) h",
);
// Buyers who have so many charges at all in the time that is looked at.
static PURCHASES: Query = Query::read(
    "with looked as materialized (
        select id, buyer_id, charged_at, amount_cents from treasury.charges
         where id = any ($1) and buyer_id is not null),
     buyers as (
        select buyer_id, min(charged_at) as first, max(charged_at) as last from looked group by 1)
     select b.buyer_id, h.ids, h.times, h.amounts
       from buyers b
      cross join lateral (
            select array_agg(x.id) as ids, array_agg(extract(epoch from x.charged_at)::bigint) as times,
                   array_agg(x.amount_cents) as amounts
              from (select * from (
                        (select c.id, c.charged_at, c.amount_cents from treasury.charges c
                          where c.buyer_id = b.buyer_id and c.status = 'captured'
                            and c.charged_at between b.first - make_interval(days => $2) and b.last
                          order by c.charged_at desc limit $3)
                         union
                        select l.id, l.charged_at, l.amount_cents from looked l where l.buyer_id = b.buyer_id) y
                     order by y.charged_at, y.id) x) h
      where cardinality(h.ids) >= $4",
);
static AMOUNTS: Query = Query::read(
    "with looked as (
        select currency, max(charged_at) as last from treasury.charges where id = any ($1) group by 1)
     select l.currency, array(
            select c.amount_cents from treasury.charges c
             where c.currency = l.currency and c.status = 'captured' and c.charged_at <= l.last
             order by c.charged_at desc limit $2)
       from looked l",
);
// Of the newest charges up to those that are looked at.
static RATES: Query = Query::read(
    "select count(*), count(distinct c.owner_id), count(distinct c.buyer_id),
            coalesce(extract(epoch from max(c.charged_at) - min(c.charged_at)) / 86400, 0)::float8
       from (select owner_id, buyer_id, charged_at from treasury.charges
              where status = 'captured'
                and charged_at <= (select max(charged_at) from treasury.charges where id = any ($1))
              order by charged_at desc limit 10 * $2) c",
);
static REFUNDS: Query = Query::read(
    "select owner_id, count(*), count(*) filter (where refunded_cents > 0)
       from treasury.charges
      where status = 'captured' and owner_id is not null and charged_at >= now() - make_interval(days => $1)
      group by 1",
);
static MONTH: Query = Query::read("select to_char(now() at time zone 'utc', 'YYYY-MM')");
// One statement, so that all sides are of one moment: each user's shares, payouts that are not undone, and what the
// ledger has of both; and then the charges of which something was given back.
static EARNINGS: Query = Query::read(
    "with accounts as (
        select id, owner_id, currency from ledger.accounts
         where system = 'treasury' and owner_id is not null and code = 'earnings:' || owner_id || ':' || currency),
     kinds as (
        select id from ledger.transfer_kinds
         where system = 'treasury' and kind in ('stripe_charge', 'refund', 'dispute', 'payout')),
     parts as (
        select s.user_id, c.currency, s.amount_cents::numeric as shares, 0::numeric as paid, 0::numeric as booked
          from treasury.charge_shares s join treasury.charges c on c.id = s.charge_id
         where s.user_id is not null
         union all
        select p.user_id, p.currency, 0, p.amount_cents, 0 from treasury.payouts p
         where p.user_id is not null and p.status not in ('canceled', 'failed')
         union all
        select a.owner_id, a.currency, 0, 0, t.amount
          from accounts a join ledger.all_transfers t on t.credit_account_id = a.id
         where t.kind_id in (select id from kinds)
         union all
        select a.owner_id, a.currency, 0, 0, -t.amount::numeric
          from accounts a join ledger.all_transfers t on t.debit_account_id = a.id
         where t.kind_id in (select id from kinds))
     select user_id, currency, sum(shares)::text, sum(paid)::text, sum(booked)::text,
            null::bigint, null::uuid[], null::bigint[]
       from parts group by 1, 2
     union all
     select null, c.currency, null, null, null, c.refunded_cents + c.disputed_cents,
            array_agg(s.user_id order by s.position), array_agg(s.amount_cents order by s.position)
       from treasury.charges c join treasury.charge_shares s on s.charge_id = c.id
      where c.refunded_cents + c.disputed_cents > 0
      group by c.id",
);
static BOOKS: Query = Query::read(
    "select currency, sum(case when class in ('asset', 'expense') then posted else -posted end)::text
       from ledger.balances where system = 'treasury' group by 1 order by 1",
);

/// The charges of those sellers and currencies that charges are of, in the order of time;
/// the charges themselves are new.
pub fn series(charges: &[Uuid], days: i32) -> Result<Vec<Series>> {
    let new: HashSet<Uuid> = charges.iter().copied().collect();
    SERIES.all(&[charges.to_vec().into(), days.into(), MOST.into()], |row| {
        Ok(Series {
            owner: row.get(1)?,
            currency: row.get(2)?,
            charges: read_charges(row, 3, row.get(6)?, &new)?,
        })
    })
}

/// The charges of those buyers, as many as have at least so many.
pub fn purchases(charges: &[Uuid], days: i32, least: i32) -> Result<Vec<Purchases>> {
    let new: HashSet<Uuid> = charges.iter().copied().collect();
    PURCHASES.all(&[charges.to_vec().into(), days.into(), MOST.into(), least.into()], |row| {
        let buyer = row.get(1)?;
        Ok(Purchases { buyer, charges: read_charges(row, 2, Vec::new(), &new)? })
    })
}

/// Ids, times and amounts from a column on.
fn read_charges(
    row: &Row<'_>,
    column: usize,
    buyers: Vec<Option<Uuid>>,
    new: &HashSet<Uuid>,
) -> Result<Vec<Charge>> {
    let ids: Vec<Uuid> = row.get(column)?;
    let times: Vec<i64> = row.get(column + 1)?;
    let amounts: Vec<i64> = row.get(column + 2)?;
    let mut buyers = buyers.into_iter();
    Ok(ids
        .into_iter()
        .zip(times)
        .zip(amounts)
        .map(|((id, at), amount)| Charge {
            id,
            at,
            amount,
            buyer: buyers.next().flatten(),
            is_new: new.contains(&id),
        })
        .collect())
}

/// The newest amounts of everybody, by currency.
pub fn amounts(charges: &[Uuid]) -> Result<Vec<(String, Vec<i64>)>> {
    AMOUNTS.all(&[charges.to_vec().into(), SAMPLE.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// How many charges, sellers and buyers there were in how many days.
pub struct Activity {
    pub charges: i64,
    pub sellers: i64,
    pub buyers: i64,
    pub days: f64,
}

pub fn activity(charges: &[Uuid]) -> Result<Activity> {
    RATES.one(&[charges.to_vec().into(), SAMPLE.into()], |row| {
        Ok(Activity {
            charges: row.get(1)?,
            sellers: row.get(2)?,
            buyers: row.get(3)?,
            days: row.get(4)?,
        })
    })
}

/// What became of every seller's charges of the last days.
pub fn refunds(days: i32) -> Result<Vec<Record>> {
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    REFUNDS.all(&[days.into()], |row| {
        Ok(Record { owner: row.get(1)?, charges: count(row.get(2)?), refunded: count(row.get(3)?) })
    })
}

/// The month that it is, such as 2026-01.
pub fn month() -> Result<String> {
    MONTH.one(&[], |row| row.get(1))
}

/// Everybody's earnings by charges and by the ledger, and the charges of which something
/// was given back.
pub fn earnings() -> Result<(Vec<Position>, Vec<Returned>)> {
    let (mut positions, mut returned) = (Vec::new(), Vec::new());
    EARNINGS.all(&[], |row| {
        let currency: String = row.get(2)?;
        match row.opt::<Uuid>(1)? {
            Some(user) => positions.push(Position {
                user,
                currency,
                shares: number(&row.get::<String>(3)?)?,
                paid: number(&row.get::<String>(4)?)?,
                ledger: number(&row.get::<String>(5)?)?,
            }),
            None => returned.push(Returned {
                currency,
                gone: row.get(6)?,
                shares: row
                    .get::<Vec<Option<Uuid>>>(7)?
                    .into_iter()
                    .zip(row.get::<Vec<i64>>(8)?)
                    .collect(),
            }),
        }
        Ok(())
    })?;
    Ok((positions, returned))
}

/// What the treasury's accounts sum to, by currency: debits less credits.
pub fn books() -> Result<Vec<(String, i128)>> {
    BOOKS.all(&[], |row| Ok((row.get(1)?, number(&row.get::<String>(2)?)?)))
}

fn number(text: &str) -> Result<i128> {
    text.parse().map_err(|_| Error::internal(format!("{text} is no whole number")))
}
