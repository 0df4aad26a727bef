//! Statements for batches of transfers.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::account::AccountId;
use std::collections::HashMap;

static CODES: Query =
    Query::read("select code, id from ledger.accounts where system = $1 and code = any($2)")
        .generic();

/// The accounts of a system with these codes.
pub fn by_codes(system: &str, codes: Vec<String>) -> Result<HashMap<String, AccountId>> {
    let row = |row: &crate::kernel::spi::Row<'_>| Ok((row.get(1)?, AccountId(row.get(2)?)));
    Ok(CODES.all(&[system.into(), codes.into()], row)?.into_iter().collect())
}
