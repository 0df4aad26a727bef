//! SQL of commissions.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::network::commission::{InactiveShare, Upline};
use pgrx::Uuid;

// The way up from the creator. Counting either steps or active promoters, it
// ends as soon as there are enough for every level.
static LINE_ABOVE: Query = Query::read(
    "with recursive line as (
        select p.id, p.parent_promoter_id, p.status = 'Active' as active,
               1 as steps, (p.status = 'Active')::integer as actives
          from network.profiles p where p.id = $1
        union all
        select p.id, p.parent_promoter_id, p.status = 'Active',
               l.steps + 1, l.actives + (p.status = 'Active')::integer
          from line l
          join network.profiles p on p.id = l.parent_promoter_id
         where case when $3 then l.actives else l.steps end < $2)
     select line.id, line.active, promoters.wallet_account_id
       from line join network.promoters on promoters.id = line.id
      order by line.steps",
);
static INSERT: Query = Query::write(
    "insert into network.affiliate_commissions (customer_id, initiator_promoter_id, recipient_id,
        recipient_type, level, amount, status, transaction_id, note,
        payable_at)
     select $1, $2, s.recipient,
            case when s.is_promoter then 'promoter' else 'admin' end::network.recipient_type,
            s.level, backoffice.major(s.amount, $3), 'credited', s.transaction_id, s.note,
            case when $10 > 0 then now() + make_interval(days => $10) end
       from unnest($4, $5, $6, $7, $8, $9)
            as s (recipient, is_promoter, level, amount, transaction_id, note)",
);
static MARK: Query =
    Query::write("update network.customers set commission_status = 'distributed' where id = $1");
static LOCK_CUSTOMER: Query = Query::write(
    "select promoter_id, commission_status from network.customers where id = $1 for update",
);

/// A row to be written.
pub struct NewCommission {
    pub recipient: Uuid,
    pub is_promoter: bool,
    pub level: i32,
    /// In minor units.
    pub amount: i64,
    pub transaction_id: String,
    pub note: String,
}

/// The line above a promoter, themselves first, long enough for `levels`.
pub fn line_above(promoter: Uuid, levels: i64, inactive: InactiveShare) -> Result<Vec<Upline>> {
    let by_active = inactive == InactiveShare::NextActive;
    LINE_ABOVE.all(&[promoter.into(), (levels as i32).into(), by_active.into()], |row| {
        Ok(Upline { id: row.get(1)?, active: row.get(2)?, wallet: AccountId(row.get(3)?) })
    })
}

/// Writes all rows of one customer in one statement.
pub fn insert(
    customer: Uuid,
    initiator: Uuid,
    currency: Currency,
    hold_days: i32,
    rows: Vec<NewCommission>,
) -> Result<()> {
    let column = |rows: &[NewCommission], text: fn(&NewCommission) -> &str| -> Vec<String> {
        rows.iter().map(|row| text(row).to_owned()).collect()
    };
    INSERT.run(&[
        customer.into(),
        initiator.into(),
        currency.code().into(),
        rows.iter().map(|row| row.recipient).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.is_promoter).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.level).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.amount).collect::<Vec<_>>().into(),
        column(&rows, |row| &row.transaction_id).into(),
        column(&rows, |row| &row.note).into(),
        hold_days.into(),
    ])?;
    Ok(())
}

pub fn mark_distributed(customer: Uuid) -> Result<()> {
    MARK.run(&[customer.into()])?;
    Ok(())
}

/// The customer's promoter and commission status, locked.
pub fn lock_customer(customer: Uuid) -> Result<Option<(Option<Uuid>, String)>> {
    LOCK_CUSTOMER.first(&[customer.into()], |row| Ok((row.opt(1)?, row.get(2)?)))
}
