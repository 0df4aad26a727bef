//! What the ledger has to say before a person is erased.

use crate::kernel::error::{Error, Result};
use crate::ledger::store::accounts;
use pgrx::Uuid;

/// PT409 while one of the person's accounts holds money: what the business owes
/// them, what they owe, or what is held. Their books stay when they are gone.
pub fn may_erase(person: Uuid) -> Result<()> {
    match accounts::unsettled(person)? {
        None => Ok(()),
        Some(code) => Err(Error::conflict("the person still has money in the ledger")
            .detail(format!("account {code}"))
            .hint("Pay it out or bring the balance to zero, and close open holds first.")),
    }
}
