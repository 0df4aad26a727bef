//! SQL of refunds. Whoever changes one has its charge locked.

use crate::kernel::error::Result;
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::charge::Charge;
use crate::treasury::refund::{Described, Status};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

// A request of ours is found by its number until Stripe's id is known. One that was given up
// here, and that Stripe made all the same, is another refund: that money has gone.
static FIND: Query = Query::write(
    "select id, status from treasury.refunds
      where stripe_refund_id = $1
         or (id = $3 and original_charge_id = $2 and stripe_refund_id is null
             and status in ('requested', 'pending'))
      order by stripe_refund_id nulls last limit 1 for no key update",
);
static INSERT_TOLD: Query = Query::write(
    "insert into treasury.refunds
        (stripe_refund_id, original_charge_id, status, amount_cents, currency, failure_reason,
         event_at)
     values ($1, $2, $3, $4, $5, $6, $7)",
);
static TELL: Query = Query::write(
    "update treasury.refunds
        set stripe_refund_id = $2, status = $3, amount_cents = $4,
            failure_reason = coalesce($5, failure_reason), event_at = greatest(event_at, $6),
            updated_at = now()
      where id = $1",
);
static SUMS: Query = Query::read(
    "select coalesce(sum(amount_cents), 0)::bigint,
            coalesce(sum(amount_cents) filter (where status in ('failed', 'canceled')), 0)::bigint
       from treasury.refunds where original_charge_id = $1 and stripe_refund_id is not null",
);
static ASKED_FOR: Query = Query::read(
    "select coalesce(sum(amount_cents), 0)::bigint from treasury.refunds
      where original_charge_id = $1 and stripe_refund_id is null
        and status in ('requested', 'pending')",
);
static INSERT_OURS: Query = Query::write(
    "insert into treasury.refunds
        (original_charge_id, status, amount_cents, currency, reason, requested_by)
     values ($1, $2, $3, $4, $5, $6) returning id",
);
static CHARGE_OF: Query =
    Query::read("select original_charge_id from treasury.refunds where id = $1");
static LOCK: Query = Query::write(
    "select status, amount_cents from treasury.refunds where id = $1 for no key update",
);
// What an admin refused never came to Stripe.
static DECISION: Query = Query::read_latest(
    "select case when decided_at is not null
                 then not (status = 'canceled' and stripe_refund_id is null) end
       from treasury.refunds where id = $1",
);
static DECIDE: Query = Query::write(
    "update treasury.refunds
        set status = $2, decided_by = $3, decided_at = now(), failure_reason = $4,
            updated_at = now()
      where id = $1",
);
static REFUSE: Query = Query::write(
    "update treasury.refunds set status = 'failed', failure_reason = $2, updated_at = now()
      where id = $1 and stripe_refund_id is null and status in ('requested', 'pending')",
);
static ROW: Query = Query::read_latest("select r from treasury.refunds r where r.id = $1");

/// The row of a refund at Stripe, or of our request for it, and its status.
pub fn find(stripe_id: &str, charge: &str, ours: Option<i64>) -> Result<Option<(i64, Status)>> {
    FIND.first(&[stripe_id.into(), charge.into(), ours.into()], |row| {
        Ok((row.get(1)?, status(row, 2)?))
    })
}

fn status(row: &Row<'_>, column: usize) -> Result<Status> {
    Status::stored(&row.get::<String>(column)?)
}

/// A refund that was made at Stripe.
pub fn insert_told(charge: &str, new: &Described<'_>, at: TimestampWithTimeZone) -> Result<()> {
    INSERT_TOLD.run(&[
        new.id.into(),
        charge.into(),
        new.status.as_str().into(),
        new.amount.into(),
        new.currency.code().into(),
        new.failure.into(),
        at.into(),
    ])?;
    Ok(())
}

/// What Stripe says of a refund that we know.
pub fn tell(
    row: i64,
    told: &Described<'_>,
    status: Status,
    at: TimestampWithTimeZone,
) -> Result<()> {
    TELL.run(&[
        row.into(),
        told.id.into(),
        status.as_str().into(),
        told.amount.into(),
        told.failure.into(),
        at.into(),
    ])?;
    Ok(())
}

/// The sum of a charge's refunds at Stripe, and of those among them that failed.
pub fn sums(charge: &str) -> Result<(i64, i64)> {
    SUMS.one(&[charge.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// What was asked for and Stripe has not answered.
pub fn asked_for(charge: &str) -> Result<i64> {
    ASKED_FOR.one(&[charge.into()], |row| row.get(1))
}

pub fn insert_ours(
    charge: &Charge,
    amount: i64,
    reason: Option<&str>,
    status: Status,
    by: Option<Uuid>,
) -> Result<i64> {
    INSERT_OURS.one(
        &[
            charge.stripe_id.as_str().into(),
            status.as_str().into(),
            amount.into(),
            charge.currency.code().into(),
            reason.into(),
            by.into(),
        ],
        |row| row.get(1),
    )
}

pub fn charge_of(row: i64) -> Result<Option<String>> {
    CHARGE_OF.first(&[row.into()], |row| row.get(1))
}

/// Status and amount of a refund, locked.
pub fn lock(row: i64) -> Result<Option<(Status, i64)>> {
    LOCK.first(&[row.into()], |row| Ok((status(row, 1)?, row.get(2)?)))
}

/// Whether an admin let it go or refused it; `None` where none decided.
pub fn decision(row: i64) -> Result<Option<bool>> {
    DECISION.one(&[row.into()], |row| row.opt(1))
}

pub fn decide(row: i64, status: Status, by: Option<Uuid>, why: Option<&str>) -> Result<()> {
    DECIDE.run(&[row.into(), status.as_str().into(), by.into(), why.into()])?;
    Ok(())
}

/// Stripe refused a request, for which it has no refund.
pub fn refuse(row: i64, reason: &str) -> Result<()> {
    REFUSE.run(&[row.into(), reason.into()])?;
    Ok(())
}

pub fn row(id: i64) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}
