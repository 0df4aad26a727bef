//! One-time tokens.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::Uuid;

static PUT: Query = Query::write(
    "insert into identity.one_time_tokens
        (user_id, kind, token_hash, code_hash, system, recipient, expires_at)
     values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
     on conflict (user_id, kind) do update
        set token_hash = excluded.token_hash, code_hash = excluded.code_hash,
            system = excluded.system, recipient = excluded.recipient, created_at = now(),
            expires_at = excluded.expires_at, used_at = null, attempts = 0",
);
static VOID_ALL: Query = Query::write("delete from identity.one_time_tokens where user_id = $1");

pub struct NewToken<'a> {
    pub person: Uuid,
    pub kind: &'a str,
    pub token_hash: Vec<u8>,
    pub code_hash: Vec<u8>,
    pub system: &'a str,
    pub recipient: &'a str,
    pub seconds: i64,
}

/// Keeps a token in place of an earlier one of the same kind.
pub fn put(new: &NewToken<'_>) -> Result<()> {
    PUT.run(&[
        new.person.into(),
        new.kind.into(),
        new.token_hash.clone().into(),
        new.code_hash.clone().into(),
        new.system.into(),
        new.recipient.into(),
        (new.seconds as f64).into(),
    ])?;
    Ok(())
}

/// Makes every token of a person void.
pub fn void_all(person: Uuid) -> Result<()> {
    VOID_ALL.run(&[person.into()])?;
    Ok(())
}
