//! Statements that change what an account may do.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::account::{AccountId, Limit};
use pgrx::datum::TimestampWithTimeZone;

static SET: Query = Query::write(
    "update ledger.accounts
        set max_overdraft = $2, max_balance = $3, updated_at = clock_timestamp()
      where id = $1",
);
static FREEZE: Query = Query::write(
    "update ledger.accounts set frozen_at = $2, updated_at = clock_timestamp() where id = $1",
);

pub fn set(id: AccountId, limit: Limit) -> Result<()> {
    SET.run(&[id.0.into(), limit.max_overdraft().into(), limit.max_balance().into()])?;
    Ok(())
}

/// Freezes an account as of a time, or unfreezes it.
pub fn freeze(id: AccountId, at: Option<TimestampWithTimeZone>) -> Result<()> {
    FREEZE.run(&[id.0.into(), at.into()])?;
    Ok(())
}
