//! SQL of PINs and PIN requests.

use crate::kernel::clock::transaction_start;
use crate::kernel::error::Result;
use crate::kernel::rows::{self, Columns, Decision, Insert, Row, Table};
use crate::kernel::spi::Query;
use crate::network::store::profiles::Record;
use pgrx::Uuid;

static CHANGE: Query = Query::write(
    "update network.profiles set pins = pins + $2, updated_at = now()
      where id = $1 and role = 'promoter' and pins::bigint + $2 between 0 and 2147483647
     returning pins, status = 'Active'",
);
static INSERT: Insert = Insert::into(
    c"network",
    c"pin_transactions",
    &[
        "id",
        "transaction_id",
        "user_id",
        "action_type",
        "pin_change_value",
        "balance_before",
        "balance_after",
        "note",
        "created_by",
        "related_entity_id",
        "created_at",
        "updated_at",
    ],
)
.vouching(&["pin_transactions_balance_check", "pin_transactions_sign_check"]);
static PROFILES: Table = Table { schema: c"network", name: c"profiles", vouched: &[] };
static TRANSACTIONS: Table = Table { schema: c"network", name: c"pin_transactions", vouched: &[] };
static BALANCE: Columns = Columns(&["role", "status", "pins", "updated_at"]);
/// The places in [`BALANCE`] of what a change sets.
const CHANGED: [usize; 2] = [2, 3];
static ROW: Query = Query::read(
    "select row(t.*)::network.pin_transactions from network.pin_history t where id = $1",
);
static FOR_CUSTOMER: Query = Query::read(
    "select id, user_id from network.pin_transactions
      where related_entity_id = $1 and action_type = 'customer_creation'",
);
static PAID_FOR: Query = Query::read(
    "select - pin_change_value from network.pin_history
      where related_entity_id = $1 and action_type = 'customer_creation'",
);
static INSERT_REQUEST: Query = Query::write(
    "insert into network.pin_requests (id, request_id, promoter_id, pins, note)
     values ($1, $2, $3, $4, $5)",
);
static LOCK_REQUEST: Query = Query::write(
    "select id, promoter_id, pins, status::text from network.pin_requests
      where id = case when $1 ~ '^[0-9a-fA-F-]{36}$' then $1::uuid end
         or request_id = upper($1)
        for update",
);
static DECIDE_REQUEST: Query = Query::write(
    "update network.pin_requests
        set status = $2::text::network.request_status, admin_notes = coalesce($3, admin_notes),
            processed_by = $4, processed_at = now(), updated_at = now()
      where id = $1",
);
static REQUEST_ROW: Query = Query::read("select r from network.pin_requests r where id = $1");

/// The balance afterwards and whether the promoter is active; `None` where there
/// is no such promoter or the balance would leave its range.
pub fn change(promoter: Uuid, by: i32) -> Result<Option<(i32, bool)>> {
    if rows::sees_latest()
        && let Some(mut profiles) = PROFILES.open()?.changer(&BALANCE, &CHANGED)?
    {
        let outcome = profiles.change(&[promoter.into()], |row| changed(row, by))?;
        if let Some(balance) = outcome {
            return Ok(balance);
        }
    }
    CHANGE.first(&[promoter.into(), by.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

fn changed<'a>(row: &Row<'_>, by: i32) -> Result<Decision<'a, Option<(i32, bool)>>> {
    let pins: i32 = row.get(2)?;
    let Some(sum) = pins.checked_add(by).filter(|sum| *sum >= 0) else {
        return Ok(Decision::Keep(None));
    };
    if row.label(0)? != "promoter" {
        return Ok(Decision::Keep(None));
    }
    let active = row.get::<&str>(1)? == "Active";
    Ok(Decision::Set(Some((sum, active)), vec![sum.into(), transaction_start().into()]))
}

/// How many PINs a customer cost.
pub fn paid_for(customer: Uuid) -> Result<Option<i32>> {
    PAID_FOR.first(&[customer.into()], |row| row.get(1))
}

/// A change of a balance, as it is recorded.
pub struct NewTransaction<'a> {
    pub id: Uuid,
    pub transaction_id: String,
    pub promoter: Uuid,
    pub action: &'a str,
    pub change: i32,
    pub balance_after: i32,
    pub note: String,
    pub created_by: Option<Uuid>,
    pub related: Option<Uuid>,
}

pub fn insert(new: &NewTransaction<'_>) -> Result<()> {
    let now = transaction_start();
    INSERT.run([[
        new.id.into(),
        new.transaction_id.as_str().into(),
        new.promoter.into(),
        new.action.into(),
        new.change.into(),
        (new.balance_after - new.change).into(),
        new.balance_after.into(),
        new.note.as_str().into(),
        new.created_by.into(),
        new.related.into(),
        now.into(),
        now.into(),
    ]])
}

pub fn row(id: Uuid) -> Result<Record> {
    if rows::may_write()
        && let Some(row) = TRANSACTIONS.open()?.record(&[id.into()])?
    {
        return Ok(row);
    }
    ROW.one(&[id.into()], |row| row.get(1))
}

/// The transaction that paid for a customer, and whose PINs it took.
pub fn for_customer(customer: Uuid) -> Result<Option<(Uuid, Uuid)>> {
    FOR_CUSTOMER.first(&[customer.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn insert_request(
    id: Uuid,
    number: &str,
    promoter: Uuid,
    pins: i32,
    note: Option<&str>,
) -> Result<()> {
    INSERT_REQUEST.run(&[id.into(), number.into(), promoter.into(), pins.into(), note.into()])?;
    Ok(())
}

/// A PIN request, locked.
pub struct PinRequest {
    pub id: Uuid,
    pub promoter: Uuid,
    pub pins: i32,
    pub status: String,
}

/// Finds a request by id or by its number.
pub fn lock_request(key: &str) -> Result<Option<PinRequest>> {
    LOCK_REQUEST.first(&[key.into()], |row| {
        Ok(PinRequest {
            id: row.get(1)?,
            promoter: row.get(2)?,
            pins: row.get(3)?,
            status: row.get(4)?,
        })
    })
}

pub fn decide_request(id: Uuid, status: &str, notes: Option<&str>, by: Option<Uuid>) -> Result<()> {
    DECIDE_REQUEST.run(&[id.into(), status.into(), notes.into(), by.into()])?;
    Ok(())
}

pub fn request_row(id: Uuid) -> Result<Record> {
    REQUEST_ROW.one(&[id.into()], |row| row.get(1))
}
