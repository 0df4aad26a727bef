//! Statements that change what an account may do, and those that sweeps need.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::account::{AccountId, Limit};
use crate::ledger::journal::MAX_LEGS;
use pgrx::datum::TimestampWithTimeZone;

static SET: Query = Query::write(
    "update ledger.accounts
        set max_overdraft = $2, max_balance = $3, updated_at = clock_timestamp()
      where id = $1",
);
static FREEZE: Query = Query::write(
    "update ledger.accounts set frozen_at = $2, updated_at = clock_timestamp() where id = $1",
);

static PARTS: Query = Query::read(
    "select a.id from ledger.accounts a
       join ledger.accounts t on t.id = $2 and t.currency = a.currency
      where a.parent_id = $1 and a.id <> $2
      order by a.id
      limit $3",
);

/// The accounts directly below another that have the currency of `to`; one more than a
/// journal has transfers where there are more.
pub fn parts(parent: AccountId, to: AccountId) -> Result<Vec<AccountId>> {
    let most = MAX_LEGS as i64 + 1;
    PARTS.all(&[parent.0.into(), to.0.into(), most.into()], |row| Ok(AccountId(row.get(1)?)))
}

pub fn set(id: AccountId, limit: Limit) -> Result<()> {
    SET.run(&[id.0.into(), limit.max_overdraft().into(), limit.max_balance().into()])?;
    Ok(())
}

/// Freezes an account as of a time, or unfreezes it.
pub fn freeze(id: AccountId, at: Option<TimestampWithTimeZone>) -> Result<()> {
    FREEZE.run(&[id.0.into(), at.into()])?;
    Ok(())
}
