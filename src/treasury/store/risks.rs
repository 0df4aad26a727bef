//! SQL of the risk of payouts.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::treasury::risk::Facts;
use pgrx::Uuid;
use serde_json::Value;

// Disputes are few, so they are found first and then whose they are. Payouts went elsewhere
// where the details are newer than some payout.
static FACTS: Query = Query::read_latest(
    "with disputed as (
        select c.owner_id, count(*) as disputes
          from treasury.disputes d
          join treasury.charges c on c.stripe_charge_id = d.charge_id
         where d.created_at > now() - make_interval(days => $3)
           and d.status not in ('won', 'warning_closed', 'prevented')
           and c.owner_id = any ($1)
         group by c.owner_id)
     select w.n, floor(extract(epoch from now() - a.created_at) / 86400)::bigint, p.largest, r.recent,
            coalesce(d.disputes, 0),
            case when exists (select from treasury.payouts e
                               where e.user_id = w.user_id
                                 and e.initiated_at < a.payout_details_changed_at
                                 and e.status not in ('canceled', 'failed'))
                 then floor(extract(epoch from now() - a.payout_details_changed_at) / 86400)::bigint end
       from unnest($1::uuid[], $2::text[]) with ordinality as w (user_id, currency, n)
       join treasury.stripe_accounts a on a.id = w.user_id
       left join disputed d on d.owner_id = w.user_id
      cross join lateral (
            select max(x.amount_cents) as largest from (
                select o.amount_cents from treasury.payouts o
                 where o.user_id = w.user_id and o.currency = w.currency
                   and o.status in ('pending', 'in_transit', 'paid')
                 order by o.id desc limit 20) x) p
      cross join lateral (
            select count(*) as recent from treasury.payouts o
             where o.user_id = w.user_id and o.run_id is null
               and o.initiated_at > now() - interval '24 hours') r",
)
.generic();
static INSERT: Query = Query::write(
    "insert into treasury.payout_risks (payout_id, reasons)
     select u.id, u.reasons::jsonb from unnest($1::bigint[], $2::text[]) as u (id, reasons)",
)
.generic();
static DECIDE: Query = Query::write(
    "insert into treasury.payout_risks as r
        (payout_id, reasons, decided_by, decided_at, approved, decision_note)
     values ($1, '[]', $2, now(), $3, $4)
     on conflict (payout_id) do update
        set decided_by = excluded.decided_by, decided_at = excluded.decided_at,
            approved = excluded.approved, decision_note = excluded.decision_note",
);
static REVIEW: Query = Query::write(
    "insert into treasury.payout_risks as r (payout_id, reasons)
     select id, jsonb_build_array(jsonb_build_object('reason', $2, 'score', 0))
       from unnest($1::bigint[]) as id
     on conflict (payout_id) do update set reasons = r.reasons || excluded.reasons",
);
static DECISION: Query =
    Query::read_latest("select approved from treasury.payout_risks where payout_id = $1");

/// What is known of each who is to be paid, in their order; they all have an account.
pub fn facts(of: &[(Uuid, Currency)], dispute_days: i64) -> Result<Vec<Facts>> {
    let users: Vec<Uuid> = of.iter().map(|(user, _)| *user).collect();
    let codes: Vec<String> = of.iter().map(|(_, currency)| currency.code().to_owned()).collect();
    let days = i32::try_from(dispute_days).unwrap_or(i32::MAX);
    let mut found = vec![None; of.len()];
    let rows = FACTS.all(&[users.into(), codes.into(), days.into()], |row| {
        let facts = Facts {
            linked_days: row.get(2)?,
            largest: row.opt(3)?,
            recent: row.get(4)?,
            disputes: row.get(5)?,
            details_changed_days: row.opt(6)?,
        };
        Ok((row.get::<i64>(1)?, facts))
    })?;
    for (n, facts) in rows {
        if let Some(place) = usize::try_from(n - 1).ok().and_then(|at| found.get_mut(at)) {
            *place = Some(facts);
        }
    }
    let gone = || Error::internal("nothing is known of somebody who has an account");
    found.into_iter().map(|facts| facts.ok_or_else(gone)).collect()
}

/// Why payouts are risky, each a JSON list.
pub fn insert(of: Vec<i64>, reasons: Vec<Vec<Value>>) -> Result<()> {
    let reasons: Vec<String> =
        reasons.into_iter().map(|reasons| Value::from(reasons).to_string()).collect();
    if !of.is_empty() {
        INSERT.run(&[of.into(), reasons.into()])?;
    }
    Ok(())
}

pub fn decide(payout: i64, by: Option<Uuid>, approved: bool, note: &str) -> Result<()> {
    DECIDE.run(&[payout.into(), by.into(), approved.into(), note.into()])?;
    Ok(())
}

/// Why payouts are looked at again, whatever their score.
pub fn review(of: Vec<i64>, reason: &str) -> Result<()> {
    if !of.is_empty() {
        REVIEW.run(&[of.into(), reason.into()])?;
    }
    Ok(())
}

/// What was decided, if anything was.
pub fn decision(payout: i64) -> Result<Option<bool>> {
    Ok(DECISION.first(&[payout.into()], |row| row.opt(1))?.flatten())
}
