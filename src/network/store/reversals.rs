//! SQL of cancelled customers, reversed commissions, and what is on hold.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::numeric;
use crate::kernel::spi::Query;
use pgrx::Uuid;

static LOCK_CUSTOMER: Query =
    Query::write("select promoter_id from network.customers where id = $1 for update");
// Written as a statement that writes, so that it sees what was committed while we
// waited for the customer.
static IS_CANCELLED: Query =
    Query::write("select exists (select from network.cancellations where customer_id = $1)");
static STANDING: Query = Query::write(
    "select c.id, case when c.recipient_type = 'promoter' then c.recipient_id end, c.amount
       from network.commission_history c
      where c.customer_id = $1 and c.status = 'credited' and c.reverses_id is null
      order by c.level",
);
static INSERT: Query = Query::write(
    "insert into network.affiliate_commissions (customer_id, initiator_promoter_id, recipient_id,
        recipient_type, level, amount, status, transaction_id, note, payable_at, reverses_id)
     select c.customer_id, c.initiator_promoter_id, c.recipient_id, c.recipient_type, c.level,
            - c.amount, 'credited', n.transaction_id,
            'Reversal of ' || c.transaction_id || ', customer cancelled', c.payable_at, c.id
       from unnest($1::bigint[], $2::text[]) as n (id, transaction_id)
       join network.commission_history c on c.id = n.id
      order by c.level",
);
static INSERT_CANCELLATION: Query = Query::write(
    "insert into network.cancellations
        (customer_id, reason, reversal_id, pin_transaction_id, cancelled_by)
     values ($1, $2, $3, $4, $5)",
);
// A reversal is payable when what it reverses is, so that both cancel out.
static ON_HOLD: Query = Query::write(
    "select coalesce(sum(amount), 0)
       from network.affiliate_commissions
      where recipient_id = $1 and recipient_type = 'promoter' and status = 'credited'
        and payable_at > now() and customer_id is distinct from $2",
);

/// A commission that stands, in minor units.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub id: i64,
    /// None where the admin wallet got it.
    pub promoter: Option<Uuid>,
    pub amount: i64,
}

pub struct Cancellation<'a> {
    pub customer: Uuid,
    pub reason: &'a str,
    pub reversal: Option<Uuid>,
    pub pin_transaction: Option<Uuid>,
    pub by: Option<Uuid>,
}

/// Locks a customer; the promoter who brought them.
pub fn lock_customer(customer: Uuid) -> Result<Option<Uuid>> {
    LOCK_CUSTOMER.one(&[customer.into()], |row| row.opt(1))
}

pub fn is_cancelled(customer: Uuid) -> Result<bool> {
    IS_CANCELLED.one(&[customer.into()], |row| row.get(1))
}

/// What was earned for a customer.
pub fn standing(customer: Uuid, currency: Currency) -> Result<Vec<Standing>> {
    STANDING.all(&[customer.into()], |row| {
        let amount = numeric::money(&row.get(3)?, currency, "amount")?.minor;
        Ok(Standing { id: row.get(1)?, promoter: row.opt(2)?, amount })
    })
}

/// Writes the negative row of each commission, with its transaction id.
pub fn insert(rows: Vec<(i64, String)>) -> Result<()> {
    let (ids, numbers): (Vec<i64>, Vec<String>) = rows.into_iter().unzip();
    INSERT.run(&[ids.into(), numbers.into()])?;
    Ok(())
}

pub fn insert_cancellation(new: &Cancellation<'_>) -> Result<()> {
    INSERT_CANCELLATION.run(&[
        new.customer.into(),
        new.reason.into(),
        new.reversal.into(),
        new.pin_transaction.into(),
        new.by.into(),
    ])?;
    Ok(())
}

/// What a promoter earned that is not payable yet, but for a customer; minor units.
pub fn on_hold(promoter: Uuid, but_for: Option<Uuid>, currency: Currency) -> Result<i64> {
    ON_HOLD.one(&[promoter.into(), but_for.into()], |row| {
        Ok(numeric::money(&row.get(1)?, currency, "amount")?.minor)
    })
}
