//! SQL of payout accounts.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::spi::Query;
use crate::network::bank::BankDetails;
use crate::network::store::profiles::Record;
use pgrx::Uuid;

// The promoter is locked, so nobody notes the same account meanwhile.
static FIND: Query = Query::write(
    "select id from network.payout_accounts where promoter_id = $1 and account_hash = $2",
);
static INSERT: Query = Query::write(
    "insert into network.payout_accounts
        (id, promoter_id, account_hash, account_number, ifsc_code, account_holder_name)
     values ($1, $2, $3, $4, $5, $6)",
);
static VERIFY: Query = Query::write(
    "update network.payout_accounts
        set verified_at = case when $2 then coalesce(verified_at, now()) end,
            verified_by = case when $2 then coalesce(verified_by, $3) end
      where id = $1",
);
static ROW: Query = Query::read("select a from network.payout_accounts a where id = $1");

pub fn note(promoter: Uuid, hash: &[u8], bank: &BankDetails) -> Result<Uuid> {
    if let Some(id) = FIND.first(&[promoter.into(), hash.into()], |row| row.get(1))? {
        return Ok(id);
    }
    let id = new_id();
    INSERT.run(&[
        id.into(),
        promoter.into(),
        hash.into(),
        bank.masked_number().into(),
        bank.ifsc.as_str().into(),
        bank.holder.as_str().into(),
    ])?;
    Ok(id)
}

/// Whether there is such an account.
pub fn verify(id: Uuid, verified: bool, by: Option<Uuid>) -> Result<bool> {
    Ok(VERIFY.run(&[id.into(), verified.into(), by.into()])? > 0)
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}
