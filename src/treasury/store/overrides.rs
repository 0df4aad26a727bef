//! SQL of overrides, and of what they are done to.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::overriding::{Action, Found, Override};
use crate::treasury::second::{Requester, Waiting};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

static INSERT: Query = Query::write(
    "insert into treasury.overrides
        (id, action, target, arguments, reason, requested_by, requested_as, amount_cents, currency,
         before, after, expires_at, status, decided_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
             case when $11 is null then 'waiting' else 'applied' end,
             case when $11 is not null then now() end)",
);
static LOCK: Query = Query::write(
    "select o.action, o.target, o.arguments ->> 'currency', o.reason, o.status, o.requested_by,
            coalesce(o.expires_at <= now(), false), (o.arguments ->> 'owner_id')::uuid,
            o.created_at
       from treasury.overrides o where o.id = $1 for update",
);
static AMOUNT: Query = Query::read("select amount_cents from treasury.overrides where id = $1");
static APPROVE: Query = Query::write(
    "update treasury.overrides
        set status = 'applied', amount_cents = $2, currency = $3, before = $4, after = $5,
            approved_by = $6, note = $7, decided_at = now()
      where id = $1",
);
static REJECT: Query = Query::write(
    "update treasury.overrides
        set status = 'rejected', approved_by = $2, note = $3, decided_at = now() where id = $1",
);
static EXPIRE: Query = Query::write(
    "update treasury.overrides set status = 'expired', decided_at = now()
      where id in (select id from treasury.overrides
                    where status = 'waiting' and expires_at <= now()
                    limit $1 for update skip locked)",
);
static ROW: Query = Query::read_latest("select o from treasury.overrides o where id = $1");

// What overrides are done to. A charge is locked before its refund, as everybody does.
static LOCK_REFUND: Query = Query::write(
    "select jsonb_build_object('status', r.status, 'charge_id', r.original_charge_id,
                               'decided_by', r.decided_by),
            r.amount_cents, r.currency
       from treasury.refunds r
       join treasury.charges c on c.stripe_charge_id = r.original_charge_id
      where r.id = $1 for update of c",
);
static BUYER_OF_REFUND: Query = Query::read(
    "select c.buyer_id from treasury.refunds r
       join treasury.charges c on c.stripe_charge_id = r.original_charge_id where r.id = $1",
);
static LOCK_DISPUTE: Query = Query::write(
    "select status from treasury.disputes where stripe_dispute_id = $1 for no key update",
);
static COUNT_COMMENTS: Query = Query::read_latest(
    "select count(*) from treasury.dispute_comments c
       join treasury.disputes d on d.id = c.dispute_id where d.stripe_dispute_id = $1",
);
static COMMENT: Query = Query::write(
    "insert into treasury.dispute_comments (dispute_id, kind, body, author_id)
     select id, 'comment', $2, $3 from treasury.disputes where stripe_dispute_id = $1",
);
static LOCK_WEBHOOK: Query = Query::write(
    "select jsonb_build_object('status', status, 'type', event_type, 'attempts', attempts,
                               'error', error_code, 'parked_for', parked_for)
       from ops.webhook_events where id = $1 and source = 'stripe' for update",
);
static LOCK_REQUEST: Query = Query::write(
    "select jsonb_build_object('status', status, 'path', path, 'subject', subject,
                               'subject_id', subject_id, 'attempts', attempts)
       from treasury.stripe_requests where id = $1 for update",
);
static PAYOUT: Query = Query::read_latest(
    "select jsonb_build_object('status', status, 'risk_score', risk_score), amount_cents, currency,
            user_id
       from treasury.payouts where id = $1",
);

fn insert(
    id: Uuid,
    new: &Override,
    asks: &Requester,
    found: &Found,
    after: Option<Value>,
    expires_at: Option<TimestampWithTimeZone>,
) -> Result<()> {
    let (minor, code) = money(&found.money);
    INSERT.run(&[
        id.into(),
        new.action.as_str().into(),
        new.target.as_str().into(),
        JsonB(new.arguments()).into(),
        new.reason.as_str().into(),
        asks.person.into(),
        asks.kind.into(),
        minor.into(),
        code.into(),
        JsonB(found.before.clone()).into(),
        after.map(JsonB).into(),
        expires_at.into(),
    ])?;
    Ok(())
}

fn money(money: &Option<Money>) -> (Option<i64>, Option<&str>) {
    let code = money.as_ref().map(|money| money.currency.code());
    (money.as_ref().map(|money| money.minor), code)
}

pub fn insert_waiting(
    id: Uuid,
    new: &Override,
    asks: &Requester,
    found: &Found,
    expires_at: TimestampWithTimeZone,
) -> Result<()> {
    insert(id, new, asks, found, None, Some(expires_at))
}

pub fn insert_applied(
    id: Uuid,
    new: &Override,
    asks: &Requester,
    found: &Found,
    after: Value,
) -> Result<()> {
    insert(id, new, asks, found, Some(after), None)
}

pub fn lock(id: Uuid) -> Result<Option<(Override, Waiting)>> {
    LOCK.first(&[id.into()], |row| {
        let action: String = row.get(1)?;
        let code: Option<String> = row.opt(3)?;
        let of = Override {
            action: Action::find(&action)
                .ok_or_else(|| Error::internal(format!("unknown action {action}")))?,
            target: row.get(2)?,
            currency: code.map(|code| Currency::parse(&code, "currency")).transpose()?,
            owner: row.opt(8)?,
            reason: row.opt(4)?.unwrap_or_default(),
        };
        let waiting = Waiting {
            status: row.get(5)?,
            requested_by: row.opt(6)?,
            concerns: None,
            is_late: row.get(7)?,
            asked_at: row.get(9)?,
        };
        Ok((of, waiting))
    })
}

/// What it was asked for.
pub fn amount(id: Uuid) -> Result<Option<i64>> {
    AMOUNT.one(&[id.into()], |row| row.opt(1))
}

pub fn approve(
    id: Uuid,
    found: &Found,
    after: Value,
    by: Option<Uuid>,
    note: Option<&str>,
) -> Result<()> {
    let (minor, code) = money(&found.money);
    APPROVE.run(&[
        id.into(),
        minor.into(),
        code.into(),
        JsonB(found.before.clone()).into(),
        JsonB(after).into(),
        by.into(),
        note.into(),
    ])?;
    Ok(())
}

pub fn reject(id: Uuid, by: Option<Uuid>, note: Option<&str>) -> Result<()> {
    REJECT.run(&[id.into(), by.into(), note.into()])?;
    Ok(())
}

/// Up to `most` that nobody decided in time; how many.
pub fn expire(most: i64) -> Result<usize> {
    EXPIRE.run(&[most.into()])
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

/// A refund and what it is of, its charge being locked.
pub fn lock_refund(id: i64) -> Result<Option<(Value, Money)>> {
    LOCK_REFUND.first(&[id.into()], |row| {
        let currency = Currency::parse(&row.get::<String>(3)?, "currency")?;
        Ok((row.get::<JsonB>(1)?.0, Money::new(row.get(2)?, currency)))
    })
}

/// Who gets a refund, where somebody is known.
pub fn buyer_of_refund(id: i64) -> Result<Option<Uuid>> {
    Ok(BUYER_OF_REFUND.first(&[id.into()], |row| row.opt(1))?.flatten())
}

/// The status of a dispute at Stripe, which is locked.
pub fn lock_dispute(stripe_id: &str) -> Result<Option<String>> {
    LOCK_DISPUTE.first(&[stripe_id.into()], |row| row.get(1))
}

pub fn count_comments(stripe_id: &str) -> Result<i64> {
    COUNT_COMMENTS.one(&[stripe_id.into()], |row| row.get(1))
}

pub fn comment(stripe_id: &str, body: &str, by: Option<Uuid>) -> Result<()> {
    COMMENT.run(&[stripe_id.into(), body.into(), by.into()])?;
    Ok(())
}

/// An event of Stripe in the inbox, locked.
pub fn lock_webhook(id: Uuid) -> Result<Option<Value>> {
    LOCK_WEBHOOK.first(&[id.into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

/// A request to Stripe, locked.
pub fn lock_request(id: Uuid) -> Result<Option<Value>> {
    LOCK_REQUEST.first(&[id.into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

/// A payout, and what it is of.
pub fn payout(id: i64) -> Result<Option<(Value, Money)>> {
    PAYOUT.first(&[id.into()], |row| {
        let currency = Currency::parse(&row.get::<String>(3)?, "currency")?;
        Ok((row.get::<JsonB>(1)?.0, Money::new(row.get(2)?, currency)))
    })
}

/// Who gets a payout; nobody for one of the platform.
pub fn user_of_payout(id: i64) -> Result<Option<Uuid>> {
    Ok(PAYOUT.first(&[id.into()], |row| row.opt(4))?.flatten())
}
