//! People of the treasury. Their roles are role grants; a trigger on those makes and
//! keeps the row of `treasury.users`, so there is no other way into it.

use crate::kernel::error::Result;
use crate::kernel::roles;
use crate::treasury::SYSTEM;
use crate::treasury::error::TreasuryError;
use crate::treasury::store::users as store;
use pgrx::Uuid;
use serde_json::Value;

/// Somebody signed up alone: they buy, whatever role they asked for.
pub fn signed_up(person: Uuid, _metadata: &Value) -> Result<()> {
    roles::grant(person, SYSTEM, "buyer", "", None)
}

/// Whoever became an admin without identity knowing them then.
pub fn admin_made(person: Uuid) -> Result<()> {
    store::copy_roles(person, true)
}

/// PT404 naming `field` unless there is or was such a user: the books of whoever was erased
/// are still to be settled.
pub fn require_ever(id: Uuid, field: &str) -> Result<()> {
    match store::is_known(id)? {
        true => Ok(()),
        false => Err(TreasuryError::UnknownUser { field: field.to_owned(), id }.into()),
    }
}

/// PT404 naming `field` unless there is such a user, who has not been erased.
pub fn require(id: Uuid, field: &str) -> Result<()> {
    match store::first_unknown(vec![id])? {
        None => Ok(()),
        Some(id) => Err(TreasuryError::UnknownUser { field: field.to_owned(), id }.into()),
    }
}
