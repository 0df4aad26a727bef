//! Whose a split rule is, and who may write it: hosts and artists their own, admins
//! everybody's and the platform's.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::input::Object;
use crate::treasury::error::TreasuryError;
use crate::treasury::store::rules as store;
use crate::treasury::{SYSTEM, user};
use pgrx::Uuid;

/// The owner of a rule; `None` is the platform.
pub type Owner = Option<Uuid>;

/// For whom the caller makes a rule: themselves, or whom an admin names with `owner_id`,
/// where null is the platform.
pub fn of_new(caller: &Caller, rule: &Object<'_>) -> Result<Owner> {
    let named = rule.uuid("owner_id")?;
    let owner = match named {
        None if rule.has("owner_id") => None,
        None => Some(caller.person().ok_or_else(|| Error::missing("p_rule.owner_id"))?),
        named => named,
    };
    require_writer(caller, owner)?;
    if let Some(id) = owner {
        user::require(id, "p_rule.owner_id")?;
    }
    Ok(owner)
}

/// The owner of a rule that the caller may change; also of one that was deleted. To
/// anybody but an admin an unknown one looks like somebody else's.
pub fn of_existing(caller: &Caller, rule: i64) -> Result<Owner> {
    let owner = store::owner(rule)?;
    if caller.is_admin(SYSTEM)? {
        return Ok(owner.ok_or(TreasuryError::UnknownRule { id: rule })?);
    }
    match owner.flatten() {
        Some(owner) if caller.person() == Some(owner) => {
            require_seller(caller)?;
            Ok(Some(owner))
        }
        _ => Err(TreasuryError::NotYourRule.into()),
    }
}

fn require_writer(caller: &Caller, owner: Owner) -> Result<()> {
    if caller.is_admin(SYSTEM)? {
        return Ok(());
    }
    if owner.is_none() || caller.person() != owner {
        let rule = "p_rule.owner_id: must be yourself, unless you are an admin";
        return Err(Error::forbidden(rule));
    }
    require_seller(caller)
}

/// 42501 unless the caller is a host, an artist or an admin.
pub fn require_seller(caller: &Caller) -> Result<()> {
    for role in ["host", "artist"] {
        if caller.has_role(SYSTEM, role)? {
            return Ok(());
        }
    }
    if caller.is_admin(SYSTEM)? { Ok(()) } else { Err(TreasuryError::NoSeller.into()) }
}
