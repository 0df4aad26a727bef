//! Sessions and their refresh tokens.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::Uuid;

// In the order of ids, so that two of them never wait for each other.
static END_ALL: Query = Query::write(
    "with open as (
        select id from identity.sessions
         where user_id = $1 and ended_at is null and id is distinct from $2
         order by id for update)
     update identity.sessions s set ended_at = now(), end_reason = $3
       from open where s.id = open.id",
);

/// Ends all sessions of a person but `except`; how many.
pub fn end_all(person: Uuid, except: Option<Uuid>, reason: &str) -> Result<usize> {
    END_ALL.run(&[person.into(), except.into(), reason.into()])
}
