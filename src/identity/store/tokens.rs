//! One-time tokens.

use crate::kernel::clock::{seconds_after_start, transaction_start};
use crate::kernel::error::Result;
use crate::kernel::rows::{Insert, Stored};
use crate::kernel::spi::Query;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

// What was chosen at a sign-up stays with a message that is only sent again.
static PUT: Query = Query::write(
    "insert into identity.one_time_tokens as t
        (user_id, kind, token_hash, code_hash, system, recipient, expires_at,
         password_hash, name, user_metadata)
     values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), $8, $9, $10)
     on conflict (user_id, kind) do update
        set token_hash = excluded.token_hash, code_hash = excluded.code_hash,
            system = excluded.system, recipient = excluded.recipient, created_at = now(),
            expires_at = excluded.expires_at, used_at = null, attempts = 0,
            password_hash = coalesce(excluded.password_hash, t.password_hash),
            name = case when excluded.password_hash is null then t.name else excluded.name end,
            user_metadata = coalesce(excluded.user_metadata, t.user_metadata)",
);
static APPEND: Insert = Insert::into(
    c"identity",
    c"one_time_tokens",
    &[
        "user_id",
        "kind",
        "token_hash",
        "code_hash",
        "system",
        "recipient",
        "created_at",
        "expires_at",
        "attempts",
    ],
)
.vouching(&["one_time_tokens_chosen_check"]);
static VOID_ALL: Query = Query::write("delete from identity.one_time_tokens where user_id = $1");
static VOID: Query =
    Query::write("delete from identity.one_time_tokens where user_id = $1 and kind = $2");

static OWNER: Query =
    Query::read("select user_id, kind from identity.one_time_tokens where token_hash = $1");
static LOCK_GOOD: Query = Query::write(
    "select token_hash, code_hash, recipient, password_hash, name, user_metadata,
            attempts < 5
       from identity.one_time_tokens
      where user_id = $1 and kind = $2 and used_at is null and expires_at > now()
        for update",
);
static MARK_USED: Query = Query::write(
    "update identity.one_time_tokens
        set used_at = now(), password_hash = null, name = null, user_metadata = null
      where user_id = $1 and kind = $2",
);
static COUNT_ATTEMPT: Query = Query::write(
    "update identity.one_time_tokens set attempts = attempts + 1
      where user_id = $1 and kind = $2",
);
// Never one that somebody is using or replacing.
static PURGE: Query = Query::write(
    "delete from identity.one_time_tokens where (user_id, kind) in (
        select user_id, kind from identity.one_time_tokens
         where coalesce(used_at, expires_at) < now() - make_interval(days => $1)
         limit $2 for update skip locked)",
);

pub struct NewToken<'a> {
    pub person: Uuid,
    pub kind: &'a str,
    pub token_hash: Vec<u8>,
    pub code_hash: Vec<u8>,
    pub system: &'a str,
    pub recipient: &'a str,
    pub seconds: i64,
    /// What a sign-up chose.
    pub chosen: Option<&'a Chosen>,
}

/// What was chosen at a sign-up, which is the person's only once they prove the
/// address with the very message that this sign-up sent.
pub struct Chosen {
    pub password_hash: String,
    pub name: Option<String>,
    pub user_metadata: Value,
}

/// Keeps a token in place of an earlier one of the same kind.
pub fn put(new: &NewToken<'_>) -> Result<()> {
    if new.chosen.is_none() && append(new)? {
        return Ok(());
    }
    PUT.run(&[
        new.person.into(),
        new.kind.into(),
        new.token_hash.clone().into(),
        new.code_hash.clone().into(),
        new.system.into(),
        new.recipient.into(),
        (new.seconds as f64).into(),
        new.chosen.map(|chosen| chosen.password_hash.as_str()).into(),
        new.chosen.and_then(|chosen| chosen.name.as_deref()).into(),
        new.chosen.map(|chosen| JsonB(chosen.user_metadata.clone())).into(),
    ])?;
    Ok(())
}

/// Whether the token was stored: it is the first of its kind, as that of a new person.
fn append(new: &NewToken<'_>) -> Result<bool> {
    let stored = APPEND.run_unless_taken(&[
        new.person.into(),
        new.kind.into(),
        new.token_hash.as_slice().into(),
        new.code_hash.as_slice().into(),
        new.system.into(),
        new.recipient.into(),
        transaction_start().into(),
        seconds_after_start(new.seconds).into(),
        0.into(),
    ])?;
    Ok(stored == Stored::Yes)
}

/// Makes every token of a person void.
pub fn void_all(person: Uuid) -> Result<()> {
    VOID_ALL.run(&[person.into()])?;
    Ok(())
}

/// Makes the token of one kind void.
pub fn void(person: Uuid, kind: &str) -> Result<()> {
    VOID.run(&[person.into(), kind.into()])?;
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
    /// Whether the code may be tried again; the long token cannot be guessed.
    pub code_good: bool,
    /// The address it was sent to.
    pub recipient: String,
    pub chosen: Option<Chosen>,
}

/// The token of this kind, if it is still good, which nobody else uses meanwhile.
/// Lock the person first: whoever makes a new one does so too.
pub fn lock_good(person: Uuid, kind: &str) -> Result<Option<Token>> {
    LOCK_GOOD.first(&[person.into(), kind.into()], |row| {
        let chosen = match (row.opt(4)?, row.opt::<JsonB>(6)?) {
            (Some(password_hash), Some(JsonB(user_metadata))) => {
                Some(Chosen { password_hash, name: row.opt(5)?, user_metadata })
            }
            _ => None,
        };
        Ok(Token {
            token_hash: row.get(1)?,
            code_hash: row.get(2)?,
            recipient: row.get(3)?,
            chosen,
            code_good: row.get(7)?,
        })
    })
}

pub fn mark_used(person: Uuid, kind: &str) -> Result<()> {
    MARK_USED.run(&[person.into(), kind.into()])?;
    Ok(())
}

/// Counts a wrong code; a few of them make the code void.
pub fn count_attempt(person: Uuid, kind: &str) -> Result<()> {
    COUNT_ATTEMPT.run(&[person.into(), kind.into()])?;
    Ok(())
}

/// Deletes up to `most` tokens that were used or expired so many days ago; how many.
pub fn purge(days: i64, most: i64) -> Result<usize> {
    PURGE.run(&[i32::try_from(days).unwrap_or(i32::MAX).into(), most.into()])
}
