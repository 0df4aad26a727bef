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
static IS_ASKED_FOR: Query = Query::write(
    "select id from treasury.stripe_requests
      where subject = 'balance_transactions' and status = 'pending' for key share",
);
static LAST_LISTED: Query = Query::read_latest(
    "select id from treasury.balance_transactions where listed is not null
      order by listed desc limit 1",
);
// The newest of a page comes first, and gets the highest number.
static MARK_LISTED: Query = Query::write(
    "update treasury.balance_transactions t
        set listed = l.number + (select coalesce(max(listed), 0)
                                   from treasury.balance_transactions)
       from (select id, row_number() over (order by n desc) as number
               from unnest($1::text[]) with ordinality as u (id, n)) l
      where t.id = l.id and t.listed is null",
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

/// Whether a worker has been asked for more of them, and has not answered.
pub fn is_asked_for() -> Result<bool> {
    Ok(IS_ASKED_FOR.first(&[], |row| row.get::<pgrx::Uuid>(1))?.is_some())
}

/// The newest that Stripe listed.
pub fn last_listed() -> Result<Option<String>> {
    LAST_LISTED.first(&[], |row| row.get(1))
}

/// Notes down that Stripe listed these, the newest first.
pub fn mark_listed(ids: Vec<String>) -> Result<()> {
    MARK_LISTED.run(&[ids.into()])?;
    Ok(())
}
