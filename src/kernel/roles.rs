//! Roles inside a product: rows of `backoffice.role_grants`, looked up at the
//! time of the call, so that a role that is taken away is gone at once.

use crate::kernel::caller::{self, Caller};
use crate::kernel::error::{Error, Result};
use crate::kernel::spi::Query;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::sync::{Mutex, PoisonError};

/// What a product does when somebody gets a role: person, system, role.
pub type OnGrant = fn(Uuid, &str, &str) -> Result<()>;

static ON_GRANT: Mutex<Vec<OnGrant>> = Mutex::new(Vec::new());

/// Called once for each product when the library is loaded.
pub fn on_grant(hook: OnGrant) {
    ON_GRANT.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
}

static GRANT: Query = Query::write(
    "insert into backoffice.role_grants (person_id, system, role, scope, granted_by)
     values ($1, $2, $3, $4, $5) on conflict do nothing",
);
static REVOKE: Query = Query::write(
    "delete from backoffice.role_grants
      where person_id = $1 and system = $2 and role = $3 and scope = $4",
);
static HELD_SINCE: Query = Query::read(
    "select exists (select from backoffice.role_grants
      where person_id = $1 and system in ($2, '*') and role = $3 and granted_at <= $4)",
);
static KNOWN: Query = Query::read(
    "select exists (select from backoffice.role_definitions
      where system = $1 and role = $2)",
);

/// Gives a person a role; twice is the same as once.
pub fn grant(person: Uuid, system: &str, role: &str, scope: &str, by: Option<Uuid>) -> Result<()> {
    GRANT.run(&[person.into(), system.into(), role.into(), scope.into(), by.into()])?;
    // A copy, so that no lock is held while a hook runs.
    let hooks = ON_GRANT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    hooks.iter().try_for_each(|hook| hook(person, system, role))
}

/// Gives a role on behalf of the caller, who must administer the system.
pub fn grant_for_caller(person: Uuid, system: &str, role: &str, scope: &str) -> Result<()> {
    let grantor = require_grantor(system, role)?;
    grant(person, system, role, scope, grantor.person())
}

/// Takes a role away on behalf of the caller, who must administer the system;
/// whether the person had it.
pub fn revoke_for_caller(person: Uuid, system: &str, role: &str, scope: &str) -> Result<bool> {
    require_grantor(system, role)?;
    revoke(person, system, role, scope)
}

/// Takes a role away; whether the person had it.
pub fn revoke(person: Uuid, system: &str, role: &str, scope: &str) -> Result<bool> {
    Ok(REVOKE.run(&[person.into(), system.into(), role.into(), scope.into()])? > 0)
}

/// Whether a person has held a role, in the system or in all, since a time.
pub fn held_since(
    person: Uuid,
    system: &str,
    role: &str,
    since: TimestampWithTimeZone,
) -> Result<bool> {
    HELD_SINCE.one(&[person.into(), system.into(), role.into(), since.into()], |row| row.get(1))
}

/// The caller, if they may give or take `role` in `system`.
fn require_grantor(system: &str, role: &str) -> Result<Caller> {
    let caller = caller::current();
    caller.require_admin(system)?;
    if !KNOWN.one(&[system.into(), role.into()], |row| row.get::<bool>(1))? {
        return Err(Error::invalid("p_role", format!("{system} has no role {role:?}")));
    }
    Ok(caller)
}
