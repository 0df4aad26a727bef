//! SQL of adjustments.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::adjustment::Adjustment;
use crate::treasury::second::{Requester, Waiting};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

static INSERT: Query = Query::write(
    "insert into treasury.adjustments
        (id, user_id, type, amount_cents, currency, reason, reference_id, status, requested_by,
         requested_as, journal_id, expires_at, decided_at)
     values ($1, $2, $3, $4, $5, $6, $7, case when $10 is null then 'waiting' else 'posted' end,
             $8, $9, $10, $11, case when $10 is not null then now() end)",
);
static LOCK: Query = Query::write(
    "select user_id, type = 'credit', amount_cents, currency, reference_id, status, requested_by,
            coalesce(expires_at <= now(), false), created_at
       from treasury.adjustments where id = $1 for update",
);
static DECIDE: Query = Query::write(
    "update treasury.adjustments
        set status = case when $2 is null then 'rejected' else 'posted' end, journal_id = $2,
            decided_by = $3, note = $4, decided_at = now()
      where id = $1",
);
static EXPIRE: Query = Query::write(
    "update treasury.adjustments set status = 'expired', decided_at = now()
      where id in (select id from treasury.adjustments
                    where status = 'waiting' and expires_at <= now()
                    limit $1 for update skip locked)",
);
static ROW: Query = Query::read_latest("select a from treasury.adjustments a where id = $1");

/// Stores one that is posted as `journal`, or waits.
pub fn insert(
    id: Uuid,
    new: &Adjustment,
    reason: &str,
    asks: &Requester,
    journal: Option<Uuid>,
    expires_at: Option<TimestampWithTimeZone>,
) -> Result<()> {
    INSERT.run(&[
        id.into(),
        new.user.into(),
        new.kind().into(),
        new.money.minor.into(),
        new.money.currency.code().into(),
        reason.into(),
        new.reference.as_deref().into(),
        asks.person.into(),
        asks.kind.into(),
        journal.into(),
        expires_at.into(),
    ])?;
    Ok(())
}

pub fn lock(id: Uuid) -> Result<Option<(Adjustment, Waiting)>> {
    LOCK.first(&[id.into()], |row| {
        let user: Uuid = row.get(1)?;
        let currency = Currency::parse(&row.get::<String>(4)?, "currency")?;
        let adjustment = Adjustment {
            user,
            is_credit: row.get(2)?,
            money: Money::new(row.get(3)?, currency),
            reference: row.opt(5)?,
        };
        let waiting = Waiting {
            status: row.get(6)?,
            requested_by: row.opt(7)?,
            concerns: Some(user),
            is_late: row.get(8)?,
            asked_at: row.get(9)?,
        };
        Ok((adjustment, waiting))
    })
}

/// It is posted as `journal`, or without one rejected.
pub fn decide(id: Uuid, journal: Option<Uuid>, by: Option<Uuid>, note: Option<&str>) -> Result<()> {
    DECIDE.run(&[id.into(), journal.into(), by.into(), note.into()])?;
    Ok(())
}

/// Up to `most` that nobody decided in time; how many.
pub fn expire(most: i64) -> Result<usize> {
    EXPIRE.run(&[most.into()])
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}
