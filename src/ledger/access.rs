//! Who may do what in the ledger.
//!
//! Money is moved by products in Rust, by servers with the service key, and by
//! psql. An admin of the ledger corrects; whoever owns an account reads it.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;
use crate::ledger::store;

/// The system whose admins may read every account and correct.
const SYSTEM: &str = "ledger";

/// 42501 unless the caller is a server of the business or psql.
pub fn require_service() -> Result<()> {
    caller::current().require_service()
}

/// 42501 unless the caller is an admin of the ledger, a server or psql.
pub fn require_admin() -> Result<()> {
    caller::current().require_admin(SYSTEM)
}

/// 42501 unless the caller may read the books of a system, or of all: an admin of the
/// system or of the ledger, a server or psql.
pub fn require_books(system: Option<&str>) -> Result<()> {
    let caller = caller::current();
    if caller.is_admin(SYSTEM)? {
        return Ok(());
    }
    match system {
        Some(system) if caller.is_admin(system)? => Ok(()),
        _ => {
            Err(Error::forbidden("only an admin of the system or of the ledger may read its books"))
        }
    }
}

/// 42501 unless the caller owns the account or is an admin of its system or of
/// the ledger; PT404 where there is no such account and the caller may know.
pub fn require_reader(id: AccountId) -> Result<()> {
    let caller = caller::current();
    let refused = || Error::forbidden("only the account's owner or an admin may read it");
    let Some(account) = store::accounts::describe(id)? else {
        let knows = caller.is_admin(SYSTEM)?;
        return Err(if knows { LedgerError::UnknownAccount(id).into() } else { refused() });
    };
    let owns = caller.person().is_some_and(|person| account.owner == Some(person));
    if owns || caller.is_admin(SYSTEM)? || caller.is_admin(&account.system)? {
        return Ok(());
    }
    Err(refused())
}

/// The systems whose accounts the caller may read as an admin of theirs.
pub fn systems() -> Result<Vec<String>> {
    let caller = caller::current();
    let Some(person) = caller.person() else { return Ok(Vec::new()) };
    let mut systems = store::reports::systems_of_admin(person)?;
    let mut allowed = Vec::new();
    for system in systems.drain(..) {
        if caller.is_admin(&system)? {
            allowed.push(system);
        }
    }
    Ok(allowed)
}
