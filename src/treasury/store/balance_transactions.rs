//! SQL of balance transactions.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::treasury::balance_transaction::Transaction;

static INSERT: Query = Query::write(
    "insert into treasury.balance_transactions
        (id, type, source_id, amount_cents, fee_cents, net_cents, currency, available_at,
         occurred_at)
     values ($1, $2, $3, $4, $5, $4 - $5, $6, $7, $8)
     on conflict do nothing",
);

/// Whether it is new.
pub fn insert(new: &Transaction<'_>) -> Result<bool> {
    let inserted = INSERT.run(&[
        new.id.into(),
        new.kind.into(),
        new.source.into(),
        new.amount.into(),
        new.fee.into(),
        new.currency.code().into(),
        new.available_at.into(),
        new.occurred_at.into(),
    ])?;
    Ok(inserted > 0)
}
