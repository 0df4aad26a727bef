//! SQL of users.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::Uuid;

static FIRST_UNKNOWN: Query = Query::read(
    "select x.id from unnest($1::uuid[]) as x (id)
      where not exists (select from treasury.users t join identity.users u on u.id = t.id
                         where t.id = x.id and u.erased_at is null)
      limit 1",
);
static IS_KNOWN: Query = Query::read("select exists (select from treasury.users where id = $1)");
static COPY_PERSON: Query = Query::write(
    "update treasury.users t set email = u.email
       from identity.users u where u.id = $1 and t.id = u.id",
);
// Whoever identity does not know gets no row.
static COPY_ROLES: Query = Query::write(
    "with highest as (
        select coalesce((select g.role from backoffice.role_grants g
                          where g.person_id = $1 and g.system in ('treasury', '*')
                          order by array_position(array['admin', 'platform', 'artist', 'host', 'buyer'], g.role)
                          limit 1), 'buyer') as role),
     updated as (
        update treasury.users t set role = h.role from highest h where t.id = $1 and t.role <> h.role)
     insert into treasury.users (id, email, role)
     select u.id, u.email, h.role from identity.users u, highest h where u.id = $1 and $2
     on conflict (id) do nothing",
);

/// The first of these who is no user, or was erased.
pub fn first_unknown(ids: Vec<Uuid>) -> Result<Option<Uuid>> {
    FIRST_UNKNOWN.first(&[ids.into()], |row| row.get(1))
}

/// Whether there is such a user, also one who was erased.
pub fn is_known(id: Uuid) -> Result<bool> {
    IS_KNOWN.one(&[id.into()], |row| row.get(1))
}

pub fn copy_person(id: Uuid) -> Result<()> {
    COPY_PERSON.run(&[id.into()])?;
    Ok(())
}

/// The user's role becomes the highest of those granted; with `make` whoever is no user
/// becomes one.
pub fn copy_roles(id: Uuid, make: bool) -> Result<()> {
    COPY_ROLES.run(&[id.into(), make.into()])?;
    Ok(())
}
