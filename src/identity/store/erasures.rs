//! What remains of people whose data was erased.

use crate::kernel::error::Result;
use crate::kernel::personal::Identifiers;
use crate::kernel::spi::Query;
use pgrx::{JsonB, Uuid};
use serde_json::Value;
use std::collections::BTreeSet;

static TOMBSTONE: Query = Query::read(
    "select json_build_object('person_id', person_id, 'erased_at', erased_at,
            'erased_by', erased_by, 'reason', reason, 'already_erased', $2, 'rows', rows)::text
       from identity.erasures where person_id = $1",
);
static INSERT: Query = Query::write(
    "insert into identity.erasures (person_id, erased_by, actor_role, reason, rows)
     values ($1, $2, $3, $4, $5)",
);
static MARK: Query = Query::write("update identity.users set erased_at = now() where id = $1");
static ADDRESSES: Query = Query::read(
    "select distinct lower(a.address)
       from identity.users u
      cross join lateral (
            values (u.email), (u.phone), (u.new_email), (u.new_phone)
             union all
            select t.recipient from identity.one_time_tokens t where t.user_id = u.id) a (address)
      where u.id = $1 and a.address is not null",
);
static NAMES: Query = Query::read(
    "select distinct lower(n.name)
       from identity.users u
      cross join lateral (
            values (u.name), (u.user_metadata ->> 'name')
             union all
            select t.name from identity.one_time_tokens t where t.user_id = u.id) n (name)
      where u.id = $1 and n.name <> ''",
);

/// What somebody can be found by now.
pub fn identifiers(person: Uuid) -> Result<Identifiers> {
    let read = |query: &Query| -> Result<BTreeSet<String>> {
        Ok(query.all(&[person.into()], |row| row.get(1))?.into_iter().collect())
    };
    Ok(Identifiers { addresses: read(&ADDRESSES)?, names: read(&NAMES)? })
}

/// The tombstone as JSON, if there is one.
pub fn tombstone(person: Uuid, already: bool) -> Result<Option<String>> {
    TOMBSTONE.first(&[person.into(), already.into()], |row| row.get(1))
}

/// The person is erased from now on, and the tombstone says so.
pub fn insert(person: Uuid, by: Option<Uuid>, role: &str, reason: &str, rows: Value) -> Result<()> {
    INSERT.run(&[person.into(), by.into(), role.into(), reason.into(), JsonB(rows).into()])?;
    Ok(())
}

pub fn mark(person: Uuid) -> Result<()> {
    MARK.run(&[person.into()])?;
    Ok(())
}
