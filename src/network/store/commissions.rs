//! SQL of commissions.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::network::commission::{InactiveShare, Upline};
use pgrx::Uuid;

// The creator and the line above in its order: all of it where inactive promoters
// are passed over, else as many as there are levels.
static LINE_ABOVE: Query = Query::read(
    "select line.id,
            (select p.status = 'Active' from network.profiles p where p.id = line.id),
            (select r.wallet_account_id from network.promoters r where r.id = line.id)
       from (select unnest(c.id || c.ancestors[1:
                    case when $3 then cardinality(c.ancestors) else $2 - 1 end]) as id
               from network.promoters c where c.id = $1) line",
)
.generic();
static INSERT: Query = Query::write(
    "insert into network.affiliate_commissions (customer_id, initiator_promoter_id, recipient_id,
        recipient_type, level, amount, status, transaction_id, note)
     select $1, $2, s.recipient,
            case when s.is_promoter then 'promoter' else 'admin' end::network.recipient_type,
            s.level, backoffice.major(s.amount, $3), 'credited', s.transaction_id, s.note
       from unnest($4, $5, $6, $7, $8, $9)
            as s (recipient, is_promoter, level, amount, transaction_id, note)",
)
.generic();
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

/// A promoter and the line above, long enough for `levels`.
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
