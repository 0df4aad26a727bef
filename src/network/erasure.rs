//! What the network does when a person is erased.

use crate::kernel::error::{Error, Result};
use crate::network::store::profiles::{self, Changes};
use crate::network::store::{platform, withdrawals};
use pgrx::Uuid;

/// PT409 for the platform's own admin, and while a withdrawal is open.
pub fn may_erase(person: Uuid) -> Result<()> {
    if platform::find()?.is_some_and(|platform| platform.admin == person) {
        return Err(Error::conflict("the person stands for the platform of the network"));
    }
    match withdrawals::open_number(person)? {
        None => Ok(()),
        Some(number) => Err(Error::conflict("the person has an open withdrawal")
            .detail(format!("withdrawal {number}"))
            .hint("Process or reject it with process_withdrawal_request first.")),
    }
}

/// Nobody earns any more under a name that is gone: what an inactive promoter
/// would get goes to others.
pub fn erased(person: Uuid) -> Result<()> {
    profiles::update(person, &Changes { status: Some("Inactive"), ..Changes::default() })
}
