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

static OWNER: Query =
    Query::read("select user_id, kind from identity.one_time_tokens where token_hash = $1");
static LOCK_GOOD: Query = Query::write(
    "select token_hash, code_hash, recipient from identity.one_time_tokens
      where user_id = $1 and kind = $2 and used_at is null and expires_at > now() and attempts < 5
        for update",
);
static MARK_USED: Query = Query::write(
    "update identity.one_time_tokens set used_at = now() where user_id = $1 and kind = $2",
);
static COUNT_ATTEMPT: Query = Query::write(
    "update identity.one_time_tokens set attempts = attempts + 1
      where user_id = $1 and kind = $2",
);

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

/// Whose token it is, and of which kind.
pub fn owner(token_hash: &[u8]) -> Result<Option<(Uuid, String)>> {
    OWNER.first(&[token_hash.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// A token that can still be used.
pub struct Token {
    pub token_hash: Vec<u8>,
    pub code_hash: Vec<u8>,
    /// The address it was sent to.
    pub recipient: String,
}

/// The token of this kind, if it is still good, which nobody else uses meanwhile.
/// Lock the person first: whoever makes a new one does so too.
pub fn lock_good(person: Uuid, kind: &str) -> Result<Option<Token>> {
    LOCK_GOOD.first(&[person.into(), kind.into()], |row| {
        Ok(Token { token_hash: row.get(1)?, code_hash: row.get(2)?, recipient: row.get(3)? })
    })
}

pub fn mark_used(person: Uuid, kind: &str) -> Result<()> {
    MARK_USED.run(&[person.into(), kind.into()])?;
    Ok(())
}

/// Counts a wrong code; a few of them make the token void.
pub fn count_attempt(person: Uuid, kind: &str) -> Result<()> {
    COUNT_ATTEMPT.run(&[person.into(), kind.into()])?;
    Ok(())
}
