//! Statements on holds.

use crate::kernel::error::Result;
use crate::kernel::money::Money;
use crate::kernel::spi::{Query, Row};
use crate::ledger::account::{AccountId, Side};
use crate::ledger::hold::{Due, Hold, NewHold, Status};
use crate::ledger::store::accounts::currency;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};

static EXPIRED: Query = Query::read(
    "select debit_account_id, true, sum(amount - settled_amount)::bigint
       from ledger.holds
      where debit_account_id = any($1) and status = 'open' and expires_at <= $2
      group by debit_account_id
     union all
     select credit_account_id, false, sum(amount - settled_amount)::bigint
       from ledger.holds
      where credit_account_id = any($1) and status = 'open' and expires_at <= $2
      group by credit_account_id",
);
static INSERT: Query = Query::write(
    "insert into ledger.holds (id, debit_account_id, credit_account_id, amount, created_at,
        expires_at, kind_id, description, metadata)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (id) do nothing",
);
static FIND: Query = Query::read(
    "select h.id, h.debit_account_id, h.credit_account_id, h.amount, a.currency,
            h.settled_amount, h.status, h.expires_at, k.system, k.kind, h.description, h.metadata
       from ledger.holds h
       join ledger.transfer_kinds k on k.id = h.kind_id
       join ledger.accounts a on a.id = h.debit_account_id
      where h.id = $1",
);
static CHANGE: Query = Query::write(
    "update ledger.holds
        set settled_amount = settled_amount + $2, status = $3,
            closed_at = case when $3 = 'open' then null else $4 end
      where id = $1 and status = 'open'",
);

static DUE: Query = Query::read(
    "select id, debit_account_id, credit_account_id from ledger.holds
      where status = 'open' and expires_at <= $2
      order by expires_at
      limit $1",
);
static DUE_OF: Query = Query::read(
    "select id, debit_account_id, credit_account_id from ledger.holds
      where debit_account_id = any($1) and status = 'open' and expires_at <= $2
     union
     select id, debit_account_id, credit_account_id from ledger.holds
      where credit_account_id = any($1) and status = 'open' and expires_at <= $2",
);
static CLOSE_EXPIRED: Query = Query::write(
    "update ledger.holds
        set status = 'expired', closed_at = $2
      where id = any($1) and status = 'open' and expires_at <= $2
     returning debit_account_id, credit_account_id, amount - settled_amount",
);

/// What expired holds still count for, by account and side of the hold.
pub fn expired(
    ids: &[AccountId],
    now: TimestampWithTimeZone,
) -> Result<Vec<(AccountId, Side, i64)>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    EXPIRED.all(&[ids.into(), now.into()], |row| {
        // A hold takes from an account that grows on the other side.
        let side = if row.get(2)? { Side::Credit } else { Side::Debit };
        Ok((AccountId(row.get(1)?), side, row.get(3)?))
    })
}

/// Whether the hold was stored: false where its id is taken.
pub fn insert(
    id: Uuid,
    new: &NewHold<'_>,
    kind: i16,
    created_at: TimestampWithTimeZone,
) -> Result<bool> {
    let rows = INSERT.run(&[
        id.into(),
        new.debit.0.into(),
        new.credit.0.into(),
        new.amount.minor.into(),
        created_at.into(),
        new.expires_at.into(),
        kind.into(),
        new.description.into(),
        new.metadata.clone().map(JsonB).into(),
    ])?;
    Ok(rows > 0)
}

pub fn find(id: Uuid) -> Result<Option<Hold>> {
    FIND.first(&[id.into()], hold)
}

fn hold(row: &Row<'_>) -> Result<Hold> {
    Ok(Hold {
        id: row.get(1)?,
        debit: AccountId(row.get(2)?),
        credit: AccountId(row.get(3)?),
        amount: Money::new(row.get(4)?, currency(row, 5)?),
        settled: row.get(6)?,
        status: Status::parse(row.get::<&str>(7)?),
        expires_at: row.opt(8)?,
        system: row.get(9)?,
        kind: row.get(10)?,
        description: row.opt(11)?,
        metadata: row.opt::<JsonB>(12)?.map(|json| json.0),
    })
}

/// Settles a part of an open hold, or closes it, or both; whether it was open.
pub fn change(id: Uuid, settled: i64, status: Status, now: TimestampWithTimeZone) -> Result<bool> {
    let args = [id.into(), settled.into(), status.as_str().into(), now.into()];
    Ok(CHANGE.run(&args)? > 0)
}

/// Up to `most` open holds whose time has come, the oldest first.
pub fn due(most: i64, now: TimestampWithTimeZone) -> Result<Vec<Due>> {
    DUE.all(&[most.into(), now.into()], due_row)
}

/// Open holds of these accounts whose time has come.
pub fn due_of(ids: &[AccountId], now: TimestampWithTimeZone) -> Result<Vec<Due>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    DUE_OF.all(&[ids.into(), now.into()], due_row)
}

fn due_row(row: &Row<'_>) -> Result<Due> {
    Ok(Due { id: row.get(1)?, debit: AccountId(row.get(2)?), credit: AccountId(row.get(3)?) })
}

/// Closes those that are still open; their accounts and what was left of each.
pub fn close_expired(
    ids: &[Uuid],
    now: TimestampWithTimeZone,
) -> Result<Vec<(AccountId, AccountId, i64)>> {
    CLOSE_EXPIRED.all(&[ids.to_vec().into(), now.into()], |row| {
        Ok((AccountId(row.get(1)?), AccountId(row.get(2)?), row.get(3)?))
    })
}
