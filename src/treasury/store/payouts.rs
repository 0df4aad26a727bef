//! SQL of payouts.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::books::Side;
use crate::treasury::payout::{Method, Payout, Status};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::HashSet;

static LOCK: Query = Query::write(
    "select id, user_id, status, amount_cents, currency, method, stripe_account_id,
            stripe_payout_id, stripe_transfer_id, sent_at is not null,
            coalesce(scheduled_for <= now(), true)
       from treasury.payouts where id = $1 for no key update",
);
static LOCK_BY_STRIPE_ID: Query = Query::write(
    "select id, user_id, status, amount_cents, currency, method, stripe_account_id,
            stripe_payout_id, stripe_transfer_id, sent_at is not null,
            coalesce(scheduled_for <= now(), true)
       from treasury.payouts where stripe_payout_id = $1 for no key update",
);
static OWNER: Query = Query::read("select user_id from treasury.payouts where id = $1");
static LATEST: Query =
    Query::read("select id from treasury.payouts where user_id = $1 order by id desc limit 1");
static ROW: Query = Query::read_latest("select p from treasury.payouts p where id = $1");
static INSERT: Query = Query::write(
    "insert into treasury.payouts
        (user_id, status, risk_score, amount_cents, currency, method, stripe_account_id,
         scheduled_for, requested_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
);
static INSERT_TOLD: Query = Query::write(
    "insert into treasury.payouts
        (user_id, status, amount_cents, currency, method, stripe_account_id, stripe_payout_id,
         event_at, failure_code, completed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $10 then $8 end)
     on conflict (stripe_payout_id) do nothing",
);
// The view treasury.ledger_entries computes the number of an entry in the same way.
static SET_ENTRY: Query = Query::write(
    "update treasury.payouts
        set ledger_entry_id = ('x' || substr(md5($2::text || ':' || $3), 1, 16))::bit(64)::bigint
                              & 9007199254740991
      where id = $1",
);
static ADVANCE: Query = Query::write(
    "update treasury.payouts
        set status = $2, failure_code = coalesce($4, failure_code), updated_at = now(),
            completed_at = case when $5 then coalesce($3, now()) end
      where id = $1",
);
// Of two news of one status the earlier says when it came about.
static HEARD: Query = Query::write(
    "update treasury.payouts
        set stripe_payout_id = $2, updated_at = now(),
            event_at = greatest(event_at, $4),
            completed_at = case when status = $3 and completed_at is not null
                                then least(completed_at, $4) else completed_at end
      where id = $1
        and (stripe_payout_id is null or event_at is distinct from greatest(event_at, $4)
             or (status = $3 and completed_at > $4))",
);
static SENT: Query =
    Query::write("update treasury.payouts set sent_at = now() where id = any ($1::bigint[])");
static TRANSFERRED: Query = Query::write(
    "update treasury.payouts set stripe_transfer_id = $2, updated_at = now() where id = $1",
);
// Those whose account is not ready any more wait until it is again.
static TAKE_DUE: Query = Query::write(concat!(
    "with due as (
        select p.id from treasury.payouts p
          join treasury.stripe_accounts a on a.id = p.user_id
          left join treasury.payout_risks r on r.payout_id = p.id
         where p.status = 'pending' and p.sent_at is null and p.stripe_payout_id is null
           and p.scheduled_for <= now()
           and ",
    is_ready!(),
    "
           and coalesce(a.payout_details_changed_at <= greatest(p.initiated_at, r.decided_at), true)
         order by p.scheduled_for, p.id limit $1 for no key update of p skip locked)
     update treasury.payouts p set sent_at = now() from due where p.id = due.id
     returning p.id, p.amount_cents, p.currency, p.stripe_account_id",
));
// What would go elsewhere than when it was asked for, or let go, goes to an admin.
static REVIEW_CHANGED: Query = Query::write(
    "with changed as (
        select p.id from treasury.payouts p
          join treasury.stripe_accounts a on a.id = p.user_id
          left join treasury.payout_risks r on r.payout_id = p.id
         where p.status = 'pending' and p.sent_at is null and p.stripe_payout_id is null
           and p.scheduled_for <= now()
           and a.payout_details_changed_at > greatest(p.initiated_at, r.decided_at)
         order by p.scheduled_for, p.id limit $1 for no key update of p skip locked)
     update treasury.payouts p set status = 'review', updated_at = now()
       from changed where p.id = changed.id
     returning p.id",
);
// Somebody may have been paid too much meanwhile: earnings that are below zero, with the
// payout taken off already.
static REVIEW_OWING: Query = Query::write(
    "with owing as (
        select p.id from treasury.payouts p
          join ledger.accounts a on a.system = 'treasury'
           and a.code = 'earnings:' || p.user_id || ':' || p.currency
         where p.status = 'pending' and p.sent_at is null and p.stripe_payout_id is null
           and p.scheduled_for <= now() and a.debits_posted > a.credits_posted
         order by p.scheduled_for, p.id limit $1 for no key update of p skip locked)
     update treasury.payouts p set status = 'review', updated_at = now()
       from owing where p.id = owing.id
     returning p.id",
);
static NOT_BROUGHT_BACK: Query = Query::read_latest(
    "select distinct p.user_id from treasury.payouts p
       join treasury.stripe_requests r on r.subject = 'payout' and r.subject_id = p.id
      where p.user_id = any ($1::uuid[]) and p.status in ('canceled', 'failed')
        and p.stripe_transfer_id is not null
        and r.path like '%/reversals' and r.status not in ('done', 'canceled')",
)
.generic();
static INSTANT_TODAY: Query = Query::read_latest(
    "select count(*) from treasury.payouts
      where user_id = $1 and method = 'instant' and status not in ('canceled', 'failed')
        and initiated_at > now() - interval '24 hours'",
);
static OPEN: Query = Query::read(
    "select status, count(*) from treasury.payouts
      where status in ('review', 'pending', 'in_transit') group by status order by status",
);
// A scheduled one is on its way from its time on.
static OVERDUE: Query = Query::read(
    "select status, count(*) from treasury.payouts
      where status in ('review', 'pending', 'in_transit')
        and greatest(initiated_at, scheduled_for) < now() - make_interval(days => $1)
      group by status order by status",
);

fn payout(row: &Row<'_>) -> Result<Payout> {
    let status: String = row.get(3)?;
    let currency = Currency::parse(&row.get::<String>(5)?, "currency")?;
    let unknown = || Error::internal(format!("a payout that is {status}"));
    Ok(Payout {
        id: row.get(1)?,
        user: row.opt(2)?,
        status: Status::parse(&status).ok_or_else(unknown)?,
        amount: Money::new(row.get(4)?, currency),
        method: Method::parse(&row.get::<String>(6)?),
        account: row.opt(7)?,
        stripe_id: row.opt(8)?,
        transfer: row.opt(9)?,
        sent: row.get(10)?,
        due: row.get(11)?,
    })
}

/// Keeps the row as it is until the transaction ends.
pub fn lock(id: i64) -> Result<Option<Payout>> {
    LOCK.first(&[id.into()], payout)
}

pub fn lock_by_stripe_id(id: &str) -> Result<Option<Payout>> {
    LOCK_BY_STRIPE_ID.first(&[id.into()], payout)
}

/// Whose a payout is, if it is there; nobody's is one of the platform.
pub fn owner(id: i64) -> Result<Option<Option<Uuid>>> {
    OWNER.first(&[id.into()], |row| row.opt(1))
}

/// Somebody's latest.
pub fn latest(user: Uuid) -> Result<Option<i64>> {
    LATEST.first(&[user.into()], |row| row.get(1))
}

pub fn row(id: i64) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

/// A payout that is asked for here.
pub struct Asked<'a> {
    pub user: Uuid,
    pub status: Status,
    pub score: i64,
    pub amount: Money,
    pub method: Method,
    pub account: &'a str,
    pub scheduled_for: Option<TimestampWithTimeZone>,
    pub by: Option<Uuid>,
}

/// Stores a payout; its number.
pub fn insert(new: &Asked<'_>) -> Result<i64> {
    let args = [
        new.user.into(),
        new.status.as_str().into(),
        (new.score as f32).into(),
        new.amount.minor.into(),
        new.amount.currency.code().into(),
        new.method.as_str().into(),
        new.account.into(),
        new.scheduled_for.into(),
        new.by.into(),
    ];
    INSERT.one(&args, |row| row.get(1))
}

/// A payout that only Stripe knew of.
pub struct New<'a> {
    pub user: Option<Uuid>,
    pub status: Status,
    pub amount: Money,
    pub method: Method,
    pub account: Option<&'a str>,
    pub stripe_id: &'a str,
    pub at: TimestampWithTimeZone,
    pub failure: Option<&'a str>,
}

/// Whether it was not there yet.
pub fn insert_told(new: &New<'_>) -> Result<bool> {
    let done = INSERT_TOLD.run(&[
        new.user.into(),
        new.status.as_str().into(),
        new.amount.minor.into(),
        new.amount.currency.code().into(),
        new.method.as_str().into(),
        new.account.into(),
        new.stripe_id.into(),
        new.at.into(),
        new.failure.into(),
        new.status.is_complete().into(),
    ])?;
    Ok(done > 0)
}

/// Which entry took it off the earnings.
pub fn set_entry(id: i64, transfer: Uuid, side: Side) -> Result<()> {
    SET_ENTRY.run(&[id.into(), transfer.into(), side.as_str().into()])?;
    Ok(())
}

pub fn advance(
    id: i64,
    to: Status,
    at: Option<TimestampWithTimeZone>,
    failure: Option<&str>,
) -> Result<()> {
    let complete = to.is_complete();
    ADVANCE.run(&[id.into(), to.as_str().into(), at.into(), failure.into(), complete.into()])?;
    Ok(())
}

/// Stripe has said this of a payout.
pub fn heard(
    id: i64,
    stripe_id: &str,
    status: Status,
    at: Option<TimestampWithTimeZone>,
) -> Result<()> {
    HEARD.run(&[id.into(), stripe_id.into(), status.as_str().into(), at.into()])?;
    Ok(())
}

/// They were handed to the worker.
pub fn sent(ids: Vec<i64>) -> Result<()> {
    SENT.run(&[ids.into()])?;
    Ok(())
}

pub fn transferred(id: i64, transfer: &str) -> Result<()> {
    TRANSFERRED.run(&[id.into(), transfer.into()])?;
    Ok(())
}

/// What has to be known to ask Stripe.
pub struct ToSend {
    pub id: i64,
    pub amount: Money,
    pub account: String,
}

/// Marks scheduled payouts whose time has come as sent.
pub fn take_due(most: i64) -> Result<Vec<ToSend>> {
    TAKE_DUE.all(&[most.into()], |row| {
        let currency = Currency::parse(&row.get::<String>(3)?, "currency")?;
        Ok(ToSend {
            id: row.get(1)?,
            amount: Money::new(row.get(2)?, currency),
            account: row.get(4)?,
        })
    })
}

/// Puts scheduled payouts under review whose time has come and whose account at Stripe has
/// other bank details by now; which.
pub fn review_changed(most: i64) -> Result<Vec<i64>> {
    REVIEW_CHANGED.all(&[most.into()], |row| row.get(1))
}

/// Scheduled payouts whose time has come and whose person owes by now go to an admin.
pub fn review_owing(most: i64) -> Result<Vec<i64>> {
    REVIEW_OWING.all(&[most.into()], |row| row.get(1))
}

/// Those of some people who still have, at Stripe, the money of a payout that came to
/// nothing.
pub fn not_brought_back(users: Vec<Uuid>) -> Result<HashSet<Uuid>> {
    let found = NOT_BROUGHT_BACK.all(&[users.into()], |row| row.get(1))?;
    Ok(found.into_iter().collect())
}

/// How many instant payouts somebody had in 24 hours.
pub fn instant_today(user: Uuid) -> Result<i64> {
    INSTANT_TODAY.one(&[user.into()], |row| row.get(1))
}

/// How many are not complete, by status.
pub fn open() -> Result<Vec<(String, i64)>> {
    OPEN.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// The same of those that have been for more than so many days.
pub fn overdue(days: i32) -> Result<Vec<(String, i64)>> {
    OVERDUE.all(&[days.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}
