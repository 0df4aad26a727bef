//! SQL of commissions.

use crate::kernel::clock::transaction_start;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::kernel::numeric;
use crate::kernel::rows::{self, Columns, Insert, Table};
use crate::kernel::spi::Query;
use crate::ledger::AccountId;
use crate::network::commission::{InactiveShare, Upline};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

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
static INSERT: Insert = Insert::into(
    c"network",
    c"affiliate_commissions",
    &[
        "id",
        "customer_id",
        "initiator_promoter_id",
        "recipient_id",
        "recipient_type",
        "level",
        "amount",
        "status",
        "transaction_id",
        "note",
        "payable_at",
        "created_at",
        "updated_at",
    ],
)
.vouching(&["affiliate_commissions_level_check", "affiliate_commissions_amount_check"]);
static PROMOTERS: Table = Table { schema: c"network", name: c"promoters", vouched: &[] };
static LINE: Columns = Columns(&["ancestors", "wallet_account_id"]);
static PROFILES: Table = Table { schema: c"network", name: c"profiles", vouched: &[] };
static STATUS: Columns = Columns(&["status"]);
static MARK: Query =
    Query::write("update network.customers set commission_status = 'distributed' where id = $1");
static LOCK_CUSTOMER: Query = Query::write(
    "select promoter_id, commission_status from network.customers where id = $1 for update",
);

/// A row to be written.
pub struct NewCommission {
    pub id: i64,
    pub recipient: Uuid,
    pub is_promoter: bool,
    pub level: i32,
    pub amount: Money,
    pub transaction_id: String,
    pub note: String,
}

/// A promoter and the line above, long enough for `levels`.
pub fn line_above(promoter: Uuid, levels: i64, inactive: InactiveShare) -> Result<Vec<Upline>> {
    let by_active = inactive == InactiveShare::NextActive;
    if rows::may_write() {
        return line_now(promoter, (!by_active).then_some(levels as usize));
    }
    LINE_ABOVE.all(&[promoter.into(), (levels as i32).into(), by_active.into()], |row| {
        Ok(Upline { id: row.get(1)?, active: row.get(2)?, wallet: AccountId(row.get(3)?) })
    })
}

/// A promoter and the line above, of no more than `most`.
fn line_now(promoter: Uuid, most: Option<usize>) -> Result<Vec<Upline>> {
    let (promoters, profiles) = (PROMOTERS.open()?, PROFILES.open()?);
    let (mut lines, mut statuses) = (promoters.reader(&LINE)?, profiles.reader(&STATUS)?);
    let first = lines
        .get(&[promoter.into()], |row| Ok((row.get::<Vec<Uuid>>(0)?, AccountId(row.get(1)?))))?;
    let Some((ancestors, wallet)) = first else { return Ok(Vec::new()) };
    let mut active = |id: Uuid| {
        let status = statuses.get(&[id.into()], |row| Ok(row.get::<&str>(0)? == "Active"));
        status.map(|active| active.unwrap_or(false))
    };
    let mut line = vec![Upline { id: promoter, active: active(promoter)?, wallet }];
    for id in ancestors.into_iter().take(most.unwrap_or(usize::MAX).saturating_sub(1)) {
        let wallet = lines.get(&[id.into()], |row| Ok(AccountId(row.get(1)?)))?;
        let wallet = wallet.ok_or_else(|| Error::internal("an ancestor is no promoter"))?;
        line.push(Upline { id, active: active(id)?, wallet });
    }
    Ok(line)
}

/// Writes all rows of one customer.
pub fn insert(
    customer: Uuid,
    initiator: Uuid,
    payable_at: Option<TimestampWithTimeZone>,
    rows: &[NewCommission],
) -> Result<()> {
    let now = transaction_start();
    let amounts: Vec<_> =
        rows.iter().map(|row| numeric::major(row.amount)).collect::<Result<_>>()?;
    INSERT.run(rows.iter().zip(amounts).map(|(row, amount)| {
        [
            row.id.into(),
            customer.into(),
            initiator.into(),
            row.recipient.into(),
            if row.is_promoter { "promoter" } else { "admin" }.into(),
            row.level.into(),
            amount.into(),
            "credited".into(),
            row.transaction_id.as_str().into(),
            row.note.as_str().into(),
            payable_at.into(),
            now.into(),
            now.into(),
        ]
    }))
}

pub fn mark_distributed(customer: Uuid) -> Result<()> {
    MARK.run(&[customer.into()])?;
    Ok(())
}

/// The customer's promoter and commission status, locked.
pub fn lock_customer(customer: Uuid) -> Result<Option<(Option<Uuid>, String)>> {
    LOCK_CUSTOMER.first(&[customer.into()], |row| Ok((row.opt(1)?, row.get(2)?)))
}
