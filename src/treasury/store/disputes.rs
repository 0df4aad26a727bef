//! SQL of disputes. Whoever changes one has its charge locked.

use crate::kernel::clock::from_unix;
use crate::kernel::error::{Error, Result};
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::dispute::{Described, Status};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

static FIND: Query = Query::write(
    "select id, status, event_at from treasury.disputes
      where stripe_dispute_id = $1 for no key update",
);
static INSERT: Query = Query::write(
    "insert into treasury.disputes
        (stripe_dispute_id, charge_id, status, amount_cents, currency, reason, due_by, event_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
);
// What is told of an earlier time than what is known changes the status at most.
static TELL: Query = Query::write(
    "update treasury.disputes
        set status = $2,
            amount_cents = case when $6 >= event_at then $3 else amount_cents end,
            reason = case when $6 >= event_at then coalesce($4, reason) else reason end,
            due_by = case when $6 >= event_at then coalesce($5, due_by) else due_by end,
            event_at = greatest(event_at, $6), updated_at = now()
      where id = $1",
);
static CLAIM: Query = Query::write(
    "update treasury.balance_transactions set dispute_id = $1
      where id = $2 and dispute_id is null",
);
static TAKE: Query = Query::write(
    "update treasury.disputes
        set withdrawn_cents = withdrawn_cents + $2, fee_cents = fee_cents + $3,
            updated_at = now()
      where id = $1",
);
static OF: Query = Query::read(
    "select id from treasury.disputes
      where stripe_dispute_id = $1 or id = case when $1 ~ '^[0-9]{1,18}$' then $1::bigint end
      limit 1",
);
static COMMENT: Query = Query::write(
    "insert into treasury.dispute_comments (dispute_id, kind, body, author_id)
     values ($1, $2, $3, $4) returning id",
);
static COMMENT_ROW: Query =
    Query::read_latest("select c from treasury.dispute_comments c where c.id = $1");
static OPEN: Query = Query::read(
    "select d from treasury.disputes d
      where d.status in ('warning_needs_response', 'warning_under_review', 'needs_response',
                         'under_review')
      order by d.due_by nulls last, d.id",
);

/// What is known of a dispute.
pub struct Known {
    pub id: i64,
    pub status: Status,
    /// When something was last told of it, in PostgreSQL's microseconds.
    pub told_at: Option<i64>,
}

pub fn find(stripe_id: &str) -> Result<Option<Known>> {
    FIND.first(&[stripe_id.into()], |row| {
        let status: String = row.get(2)?;
        let unknown = || Error::internal(format!("a dispute is {status}"));
        Ok(Known {
            id: row.get(1)?,
            status: Status::parse(&status).ok_or_else(unknown)?,
            told_at: row.opt::<TimestampWithTimeZone>(3)?.map(i64::from),
        })
    })
}

pub fn insert(charge: &str, new: &Described<'_>, at: TimestampWithTimeZone) -> Result<i64> {
    INSERT.one(
        &[
            new.id.into(),
            charge.into(),
            new.status.unwrap_or(Status::NeedsResponse).as_str().into(),
            new.amount.into(),
            new.currency.code().into(),
            new.reason.into(),
            new.due_by.map(from_unix).into(),
            at.into(),
        ],
        |row| row.get(1),
    )
}

pub fn tell(
    id: i64,
    told: &Described<'_>,
    status: Status,
    at: TimestampWithTimeZone,
) -> Result<()> {
    TELL.run(&[
        id.into(),
        status.as_str().into(),
        told.amount.into(),
        told.reason.into(),
        told.due_by.map(from_unix).into(),
        at.into(),
    ])?;
    Ok(())
}

/// Whether the money of a balance transaction has not been moved yet; from now on it has.
pub fn claim(id: i64, transaction: &str) -> Result<bool> {
    Ok(CLAIM.run(&[id.into(), transaction.into()])? > 0)
}

/// Adds to what a dispute took and to what Stripe charged for it.
pub fn take(id: i64, amount: i64, fee: i64) -> Result<()> {
    TAKE.run(&[id.into(), amount.into(), fee.into()])?;
    Ok(())
}

/// The dispute of a number or an id at Stripe.
pub fn of(id: &str) -> Result<Option<i64>> {
    OF.first(&[id.into()], |row| row.get(1))
}

/// The id of the note.
pub fn comment(id: i64, kind: &str, body: &str, author: Option<Uuid>) -> Result<i64> {
    COMMENT.one(&[id.into(), kind.into(), body.into(), author.into()], |row| row.get(1))
}

pub fn comment_row(id: i64) -> Result<Record> {
    COMMENT_ROW.one(&[id.into()], |row| row.get(1))
}

/// Those that are not over, the most urgent first.
pub fn open() -> Result<Vec<Record>> {
    OPEN.all(&[], |row| row.get(1))
}
