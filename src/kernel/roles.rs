//! Roles inside a product: rows of `backoffice.role_grants`, looked up at the
//! time of the call, so that a role that is taken away is gone at once.

use crate::kernel::caller::{self, Caller};
use crate::kernel::error::{Error, Result};
use crate::kernel::spi::Query;
use pgrx::Uuid;

static GRANT: Query = Query::write(
    "insert into backoffice.role_grants (person_id, system, role, scope, granted_by)
     values ($1, $2, $3, $4, $5) on conflict do nothing",
);
static REVOKE: Query = Query::write(
    "delete from backoffice.role_grants
      where person_id = $1 and system = $2 and role = $3 and scope = $4",
);
static KNOWN: Query = Query::read(
    "select exists (select from backoffice.role_definitions
      where system = $1 and role = $2)",
);

/// Gives a person a role; twice is the same as once.
pub fn grant(person: Uuid, system: &str, role: &str, scope: &str, by: Option<Uuid>) -> Result<()> {
    GRANT.run(&[person.into(), system.into(), role.into(), scope.into(), by.into()])?;
    Ok(())
}

/// Takes a role away; whether the person had it.
pub fn revoke(person: Uuid, system: &str, role: &str, scope: &str) -> Result<bool> {
    Ok(REVOKE.run(&[person.into(), system.into(), role.into(), scope.into()])? > 0)
}

/// The caller, if they may give or take `role` in `system`.
pub fn require_grantor(system: &str, role: &str) -> Result<Caller> {
    let caller = caller::current();
    caller.require_admin(system)?;
    if !KNOWN.one(&[system.into(), role.into()], |row| row.get::<bool>(1))? {
        return Err(Error::invalid("p_role", format!("{system} has no role {role:?}")));
    }
    Ok(caller)
}
