//! Statements on what has been undone of transfers.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::{Uuid, pg_sys};

// Two ids that meet in the hash only wait for each other.
static LOCK: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        'ledger.transfers'::pg_catalog.regclass::oid::integer,
        pg_catalog.hashtext($1::text))",
);
static UNDONE: Query = Query::read_latest(
    "select reverses_id, sum(amount)::bigint, (array_agg(id order by recorded_at desc))[1]
       from ledger.all_transfers where reverses_id = any($1)
      group by reverses_id
      order by reverses_id",
);

/// Keeps others from undoing anything of a journal until the transaction ends: their
/// own accounts may be striped, and would not make them wait for each other.
pub fn lock(journal: Uuid) -> Result<()> {
    LOCK.run(&[journal.into()])?;
    // With a transaction id, what is read from here on is what is committed now.
    // SAFETY: a transaction is open, and it is going to write.
    unsafe { pg_sys::GetCurrentTransactionId() };
    Ok(())
}

/// A transfer of which something was undone.
pub struct Undone {
    pub transfer: Uuid,
    pub amount: i64,
    /// The last transfer that did.
    pub by: Uuid,
}

/// Those of the transfers of which something was undone.
pub fn undone(transfers: &[Uuid]) -> Result<Vec<Undone>> {
    UNDONE.all(&[transfers.to_vec().into()], |row| {
        Ok(Undone { transfer: row.get(1)?, amount: row.get(2)?, by: row.get(3)? })
    })
}
