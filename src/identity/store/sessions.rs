//! Sessions and their refresh tokens.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::spi::Query;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

static INSERT: Query = Query::write(
    "insert into identity.sessions (id, user_id, system, not_after, amr, ip_address, user_agent)
     values ($1, $2, $3, now() + make_interval(days => $4), $5, $6::inet, $7)",
);
static STANDING: Query = Query::read(
    "select s.ended_at is null and s.not_after > now()
            and (s.aal = 'aal2' or not $3)
            and u.erased_at is null and coalesce(u.banned_until <= now(), true),
            not $3 and exists (select from identity.factors f
                                where f.user_id = u.id and f.status = 'verified')
       from identity.sessions s join identity.users u on u.id = s.user_id
      where s.id = $1 and s.user_id = $2",
);
static STATE: Query = Query::read(
    "select ended_at is null and not_after > now(), aal = 'aal2',
            created_at < now() - interval '1 day'
       from identity.sessions where id = $1 and user_id = $2",
);
static FOR_TOKEN: Query = Query::read(
    "select user_id, aal, amr, floor(extract(epoch from not_after))::bigint
       from identity.sessions where id = $1",
);
static INSERT_REFRESH_TOKEN: Query = Query::write(
    "insert into identity.refresh_tokens (token_hash, session_id, parent_hash)
     values ($1, $2, $3)",
);
static SESSION_OF: Query =
    Query::read("select session_id from identity.refresh_tokens where token_hash = $1");
static LOCK: Query = Query::write("select from identity.sessions where id = $1 for update");
static TOKEN_STATE: Query = Query::read(
    "select s.user_id, extract(epoch from clock_timestamp() - t.used_at)::float8,
            s.ended_at is not null, s.not_after <= clock_timestamp(),
            coalesce(u.banned_until > now(), false) or u.erased_at is not null
       from identity.refresh_tokens t
       join identity.sessions s on s.id = t.session_id
       join identity.users u on u.id = s.user_id
      where t.token_hash = $1",
);
static MARK_USED: Query = Query::write(
    "update identity.refresh_tokens set used_at = clock_timestamp() where token_hash = $1",
);
static MARK_REFRESHED: Query =
    Query::write("update identity.sessions set refreshed_at = now() where id = $1");
static SPEND: Query = Query::write(
    "update identity.refresh_tokens set used_at = clock_timestamp()
      where session_id = $1 and used_at is null",
);
static RAISE: Query = Query::write(
    "update identity.sessions set aal = 'aal2', factor_id = $2,
            amr = jsonb_path_query_array(amr, '$[*] ? (@.method != \"totp\")') || $3
      where id = $1",
);
static LOWER: Query = Query::write(
    "with raised as (
        select id from identity.sessions where factor_id = $1 order by id for update)
     update identity.sessions s set aal = 'aal1', factor_id = null,
            amr = jsonb_path_query_array(s.amr, '$[*] ? (@.method != \"totp\")')
       from raised where s.id = raised.id",
);
static END: Query = Query::write(
    "update identity.sessions set ended_at = now(), end_reason = $2
      where id = $1 and ended_at is null",
);
// In the order of ids, so that two of them never wait for each other.
static END_ALL: Query = Query::write(
    "with open as (
        select id from identity.sessions
         where user_id = $1 and ended_at is null and id is distinct from $2
           and (aal = 'aal1' or not $4)
         order by id for update)
     update identity.sessions s set ended_at = now(), end_reason = $3
       from open where s.id = open.id",
);
// Kept for a while after their end, so that a stolen token is still recognised.
static PURGE_OF: Query = Query::write(
    "delete from identity.sessions
      where user_id = $1
        and coalesce(ended_at, not_after) < now() - make_interval(days => $2)",
);
static PURGE: Query = Query::write(
    "delete from identity.sessions where id in (
        select id from identity.sessions
         where coalesce(ended_at, not_after) < now() - make_interval(days => $1)
         limit $2 for update skip locked)",
);

pub struct NewSession<'a> {
    pub person: Uuid,
    pub system: &'a str,
    pub days: i64,
    /// How long the person's former sessions are kept after their end.
    pub keep_days: i64,
    pub amr: Value,
    pub address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
}

/// The id of the new session.
pub fn insert(new: &NewSession<'_>) -> Result<Uuid> {
    let id = new_id();
    PURGE_OF.run(&[new.person.into(), days(new.keep_days).into()])?;
    INSERT.run(&[
        id.into(),
        new.person.into(),
        new.system.into(),
        days(new.days).into(),
        JsonB(new.amr.clone()).into(),
        new.address.into(),
        new.user_agent.into(),
    ])?;
    Ok(id)
}

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// The person has a second factor, and the token was given without it.
    LacksSecondFactor,
    Ended,
}

/// What a token of this person, session and assurance level is still worth.
pub fn standing(session: Uuid, person: Uuid, second_factor: bool) -> Result<Standing> {
    let args = [session.into(), person.into(), second_factor.into()];
    let found = STANDING.first(&args, |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(match found {
        Some((true, false)) => Standing::Good,
        Some((true, true)) => Standing::LacksSecondFactor,
        _ => Standing::Ended,
    })
}

/// A session of a person as the rules look at it.
pub struct State {
    pub open: bool,
    pub second_factor: bool,
    pub older_than_a_day: bool,
}

pub fn state(session: Uuid, person: Uuid) -> Result<Option<State>> {
    STATE.first(&[session.into(), person.into()], |row| {
        Ok(State { open: row.get(1)?, second_factor: row.get(2)?, older_than_a_day: row.get(3)? })
    })
}

/// What an access token says of its session.
pub struct ForToken {
    pub person: Uuid,
    pub aal: String,
    pub amr: Value,
    /// Seconds since 1970.
    pub not_after: i64,
}

pub fn for_token(session: Uuid) -> Result<ForToken> {
    FOR_TOKEN.one(&[session.into()], |row| {
        Ok(ForToken {
            person: row.get(1)?,
            aal: row.get(2)?,
            amr: row.get::<JsonB>(3)?.0,
            not_after: row.get(4)?,
        })
    })
}

pub fn insert_refresh_token(hash: &[u8], session: Uuid, parent: Option<&[u8]>) -> Result<()> {
    INSERT_REFRESH_TOKEN.run(&[hash.into(), session.into(), parent.into()])?;
    Ok(())
}

/// The session that a refresh token belongs to.
pub fn session_of(hash: &[u8]) -> Result<Option<Uuid>> {
    SESSION_OF.first(&[hash.into()], |row| row.get(1))
}

/// Makes others who want to change the session wait.
pub fn lock(session: Uuid) -> Result<()> {
    LOCK.run(&[session.into()])?;
    Ok(())
}

/// A refresh token and its session as they are at this moment.
pub struct TokenState {
    pub person: Uuid,
    /// `None` for a token that was not used yet.
    pub used_seconds_ago: Option<f64>,
    pub ended: bool,
    pub expired: bool,
    pub banned: bool,
}

pub fn token_state(hash: &[u8]) -> Result<Option<TokenState>> {
    TOKEN_STATE.first(&[hash.into()], |row| {
        Ok(TokenState {
            person: row.get(1)?,
            used_seconds_ago: row.opt(2)?,
            ended: row.get(3)?,
            expired: row.get(4)?,
            banned: row.get(5)?,
        })
    })
}

pub fn mark_used(hash: &[u8]) -> Result<()> {
    MARK_USED.run(&[hash.into()])?;
    Ok(())
}

pub fn mark_refreshed(session: Uuid) -> Result<()> {
    MARK_REFRESHED.run(&[session.into()])?;
    Ok(())
}

/// Spends all refresh tokens of a session that were not used yet.
pub fn spend_refresh_tokens(session: Uuid) -> Result<()> {
    SPEND.run(&[session.into()])?;
    Ok(())
}

/// Raises a session to the second assurance level.
pub fn raise(session: Uuid, factor: Uuid, proof: Value) -> Result<()> {
    RAISE.run(&[session.into(), factor.into(), JsonB(proof).into()])?;
    Ok(())
}

/// Lowers the sessions that a factor raised.
pub fn lower(factor: Uuid) -> Result<()> {
    LOWER.run(&[factor.into()])?;
    Ok(())
}

pub fn end(session: Uuid, reason: &str) -> Result<()> {
    END.run(&[session.into(), reason.into()])?;
    Ok(())
}

/// Ends all sessions of a person but `except`; how many.
pub fn end_all(person: Uuid, except: Option<Uuid>, reason: &str) -> Result<usize> {
    END_ALL.run(&[person.into(), except.into(), reason.into(), false.into()])
}

/// Ends the sessions of a person that were not confirmed with a second factor.
pub fn end_unraised(person: Uuid, except: Uuid, reason: &str) -> Result<usize> {
    END_ALL.run(&[person.into(), except.into(), reason.into(), true.into()])
}

/// Deletes up to `most` sessions that ended so many days ago, with their tokens; how many.
pub fn purge(keep_days: i64, most: i64) -> Result<usize> {
    PURGE.run(&[days(keep_days).into(), most.into()])
}

fn days(days: i64) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}
