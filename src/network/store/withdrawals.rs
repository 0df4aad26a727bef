//! SQL of withdrawals.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::spi::{Query, Row};
use crate::network::payout::Split;
use crate::network::store::profiles::Record;
use crate::network::withdrawal::Status;
use pgrx::{AnyNumeric, JsonB, Uuid};
use serde_json::Value;

static INSERT: Query = Query::write(
    "insert into network.withdrawal_requests (id, request_id, promoter_id, amount, bank_details, expected_by)
     values ($1, $2, $3, $4, $5, (($6 + (now() at time zone $7)::date) + 1)::timestamp at time zone $7)",
);
static INSERT_HOLD: Query = Query::write(
    "insert into network.withdrawal_holds (request_id, hold_id, bank_secret_id)
     values ($1, $2, $3)",
);
static LOCK: Query = Query::write(
    "select r.id, r.status::text, h.hold_id, h.bank_secret_id, r.promoter_id, r.amount
       from network.withdrawal_requests r
       join network.withdrawal_holds h on h.request_id = r.id
      where r.id = case when $1 ~ '^[0-9a-fA-F-]{36}$' then $1::uuid end
         or r.request_id = upper($1)
        for update of r",
);
// What has been archived was decided for good: it is read, not locked.
static ARCHIVED: Query = Query::read(
    "select r.id, r.status::text, h.hold_id, h.bank_secret_id, r.promoter_id, r.amount
       from network.withdrawal_requests_archive r
       join network.withdrawal_holds_archive h on h.request_id = r.id
      where r.id = case when $1 ~ '^[0-9a-fA-F-]{36}$' then $1::uuid end
         or r.request_id = upper($1)",
);
static DECIDE: Query = Query::write(
    "update network.withdrawal_requests
        set status = $2::text::network.withdrawal_status, admin_notes = coalesce($3, admin_notes),
            processed_by = $4, processed_at = now(), updated_at = now()
      where id = $1",
);
static SET_TRANSFER: Query = Query::write(
    "update network.withdrawal_holds set transfer_id = $2, deductions_id = $3 where request_id = $1",
);
// The status with the parts: a constraint wants both or none.
static SET_PAID: Query = Query::write(
    "update network.withdrawal_requests
        set status = 'processed', paid_amount = backoffice.major($2, $5),
            tax_amount = backoffice.major($3, $5), debt_amount = backoffice.major($4, $5)
      where id = $1",
);
static ROW: Query = Query::read(
    "select row(r.*)::network.withdrawal_requests from network.withdrawal_history r where id = $1",
);
static OPEN: Query = Query::read(
    "select request_id from network.withdrawal_requests
      where promoter_id = $1 and status in ('pending', 'approved') order by created_at, id",
);
static HISTORY: Query = Query::read(
    "select row(r.*)::network.withdrawal_requests from network.withdrawal_history r
      where promoter_id = $1 order by created_at desc, id desc",
);

/// The number of a promoter's withdrawal that is not decided yet, if there is one.
pub fn open_number(promoter: Uuid) -> Result<Option<String>> {
    OPEN.first(&[promoter.into()], |row| row.get(1))
}

/// A request to be written.
pub struct NewRequest {
    pub id: Uuid,
    pub number: String,
    pub promoter: Uuid,
    pub amount: AnyNumeric,
    pub bank: Value,
    pub hold: Uuid,
    pub secret: Uuid,
    /// How many days the business gives itself, and where it is.
    pub days: i32,
    pub zone: String,
}

pub fn insert(new: &NewRequest) -> Result<()> {
    INSERT.run(&[
        new.id.into(),
        new.number.as_str().into(),
        new.promoter.into(),
        new.amount.clone().into(),
        JsonB(new.bank.clone()).into(),
        new.days.into(),
        new.zone.as_str().into(),
    ])?;
    INSERT_HOLD.run(&[new.id.into(), new.hold.into(), new.secret.into()])?;
    Ok(())
}

/// A request, locked.
pub struct Request {
    pub id: Uuid,
    pub status: Status,
    pub hold: Uuid,
    pub secret: Uuid,
    pub promoter: Uuid,
    /// In major units.
    pub amount: AnyNumeric,
}

/// Finds a request by id or by its number, in the archive as well.
pub fn lock(key: &str) -> Result<Option<Request>> {
    match LOCK.first(&[key.into()], request)? {
        Some(request) => Ok(Some(request)),
        None => ARCHIVED.first(&[key.into()], request),
    }
}

fn request(row: &Row<'_>) -> Result<Request> {
    let status: String = row.get(2)?;
    let status = Status::parse(&status)
        .ok_or_else(|| Error::internal(format!("unknown status {status}")))?;
    Ok(Request {
        id: row.get(1)?,
        status,
        hold: row.get(3)?,
        secret: row.get(4)?,
        promoter: row.get(5)?,
        amount: row.get(6)?,
    })
}

pub fn decide(id: Uuid, status: &str, notes: Option<&str>, by: Option<Uuid>) -> Result<()> {
    DECIDE.run(&[id.into(), status.into(), notes.into(), by.into()])?;
    Ok(())
}

/// How a withdrawal was paid.
pub struct Paid {
    pub split: Split,
    pub transfer: Option<Uuid>,
    pub deductions: Option<Uuid>,
    pub currency: Currency,
}

pub fn set_paid(id: Uuid, paid: &Paid) -> Result<()> {
    SET_TRANSFER.run(&[id.into(), paid.transfer.into(), paid.deductions.into()])?;
    SET_PAID.run(&[
        id.into(),
        paid.split.paid.into(),
        paid.split.tax.into(),
        paid.split.debt.into(),
        paid.currency.code().into(),
    ])?;
    Ok(())
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

pub fn history(promoter: Uuid) -> Result<Vec<Record>> {
    HISTORY.all(&[promoter.into()], |row| row.get(1))
}
