//! Statements on the keys of journals.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::keyed::Key;
use pgrx::Uuid;

static FIND: Query = Query::read_latest(
    "select fingerprint, journal_id from ledger.journal_keys where system = $1 and key = $2",
);
static INSERT: Query = Query::write(
    "insert into ledger.journal_keys (system, key, fingerprint, journal_id)
     values ($1, $2, $3, $4)
     on conflict (system, key) do nothing",
);

/// A key that is taken.
pub struct Kept {
    pub fingerprint: Vec<u8>,
    pub journal: Uuid,
}

pub fn find(system: &str, key: &str) -> Result<Option<Kept>> {
    FIND.first(&[system.into(), key.into()], |row| {
        Ok(Kept { fingerprint: row.get(1)?, journal: row.get(2)? })
    })
}

/// Whether the key was free. Waits for whoever is storing it.
pub fn insert(system: &str, key: &Key<'_>, journal: Uuid) -> Result<bool> {
    let fingerprint = key.fingerprint.to_vec();
    let args = [system.into(), key.text.into(), fingerprint.into(), journal.into()];
    Ok(INSERT.run(&args)? > 0)
}
