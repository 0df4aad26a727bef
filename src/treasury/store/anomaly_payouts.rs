//! SQL of the payouts that the detectors look at.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::treasury::anomaly::payout::{Payout, Payouts};
use pgrx::datum::TimestampWithTimeZone;
use std::collections::HashSet;

/// The most history of one person that is looked at, and how many of everybody's payouts
/// say what is usual.
const MOST: i64 = 500;
const SAMPLE: i64 = 2000;

static SEEN: Query = Query::read_latest(
    "select seen_at, coalesce(nullif(seen_id, ''), '0')::bigint from treasury.anomaly_marks where source = $1",
);
static NEXT: Query = Query::read_latest(
    "select id, user_id is not null and amount_cents > 0 from treasury.payouts
      where (initiated_at, id) > ($1, $2)
      order by initiated_at, id limit $3",
);
static MARK: Query = Query::write(
    "update treasury.anomaly_marks m set seen_at = p.initiated_at, seen_id = p.id::text
       from treasury.payouts p where p.id = $2 and m.source = $1",
);
static HISTORY: Query = Query::read(
    "with people as (
        select user_id, currency, max(initiated_at) as last from treasury.payouts where id = any ($1) group by 1, 2)
     select w.user_id, w.currency, h.ids, h.amounts
       from people w
      cross join lateral (
            select array_agg(x.id) as ids, array_agg(x.amount_cents) as amounts
              from (select p.id, p.amount_cents from treasury.payouts p
                     where p.user_id = w.user_id and p.currency = w.currency and p.amount_cents > 0
                       and p.initiated_at <= w.last
                     order by p.id desc limit $2) x) h",
);
static AMOUNTS: Query = Query::read(
    "with looked as (
        select currency, max(initiated_at) as last from treasury.payouts where id = any ($1) group by 1)
     select l.currency, array(
            select p.amount_cents from treasury.payouts p
             where p.currency = l.currency and p.user_id is not null and p.amount_cents > 0
               and p.initiated_at <= l.last
             order by p.initiated_at desc limit $2)
       from looked l",
);

/// The next payouts of a sweep, and whether each pays somebody.
pub fn next(source: &str, most: i64) -> Result<Vec<(i64, bool)>> {
    let (at, id) = SEEN.one(&[source.into()], |row| {
        Ok((row.get::<TimestampWithTimeZone>(1)?, row.get::<i64>(2)?))
    })?;
    let payouts: Vec<(i64, bool)> =
        NEXT.all(&[at.into(), id.into(), most.into()], |row| Ok((row.get(1)?, row.get(2)?)))?;
    if let Some((last, _)) = payouts.last() {
        MARK.run(&[source.into(), (*last).into()])?;
    }
    Ok(payouts)
}

/// What those people were paid whom payouts are of; the payouts themselves are new.
pub fn history(payouts: &[i64]) -> Result<Vec<Payouts>> {
    let new: HashSet<i64> = payouts.iter().copied().collect();
    HISTORY.all(&[payouts.to_vec().into(), MOST.into()], |row| {
        let ids: Vec<i64> = row.get(3)?;
        let amounts: Vec<i64> = row.get(4)?;
        let payout = |(id, amount)| Payout { id, amount, is_new: new.contains(&id) };
        Ok(Payouts {
            user: row.get(1)?,
            currency: row.get(2)?,
            payouts: ids.into_iter().zip(amounts).map(payout).collect(),
        })
    })
}

/// The newest amounts of everybody, by currency.
pub fn amounts(payouts: &[i64]) -> Result<Vec<(String, Vec<i64>)>> {
    AMOUNTS.all(&[payouts.to_vec().into(), SAMPLE.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}
