//! Second factors and their challenges.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::spi::Query;
use pgrx::Uuid;

static INSERT: Query = Query::write(
    "insert into identity.factors (id, user_id, friendly_name, secret_id) values ($1, $2, $3, $4)
     on conflict (user_id, friendly_name) where friendly_name <> '' do nothing",
);
static LOCK: Query = Query::write(
    "select status = 'verified', secret_id, last_step from identity.factors
      where id = $1 and user_id = $2 for update",
);
static COUNT: Query = Query::read(
    "select count(*), count(*) filter (where status = 'verified')
       from identity.factors where user_id = $1",
);
static DELETE: Query = Query::write("delete from identity.factors where id = $1");
// A person who gave up enrolling does not keep the place or the name taken.
static DELETE_UNVERIFIED: Query = Query::write(
    "delete from identity.factors
      where user_id = $1 and status = 'unverified'
        and created_at <= now() - make_interval(secs => $2)
     returning secret_id",
);
static VERIFY: Query = Query::write(
    "update identity.factors
        set updated_at = case when status = 'verified' then updated_at else now() end,
            status = 'verified', last_step = $2
      where id = $1",
);
static MARK_CHALLENGED: Query =
    Query::write("update identity.factors set last_challenged_at = now() where id = $1");
static INSERT_CHALLENGE: Query = Query::write(
    "insert into identity.challenges (id, factor_id, expires_at)
     values ($1, $2, now() + make_interval(secs => $3))
     returning floor(extract(epoch from expires_at))::bigint",
);
static PURGE_CHALLENGES: Query = Query::write(
    "delete from identity.challenges where factor_id = $1 and expires_at < now() - interval '1 day'",
);
static PURGE_EXPIRED: Query = Query::write(
    "delete from identity.challenges where id in (
        select id from identity.challenges where expires_at < now() - interval '1 day'
         limit $1 for update skip locked)",
);
static TAKE_CHALLENGE: Query = Query::write(
    "update identity.challenges set verified_at = now()
      where id = $1 and factor_id = $2 and verified_at is null and expires_at > now()",
);

/// The id of the new factor; `None` where the person has one of that name.
pub fn insert(person: Uuid, name: &str, secret: Uuid) -> Result<Option<Uuid>> {
    let id = new_id();
    let rows = INSERT.run(&[id.into(), person.into(), name.into(), secret.into()])?;
    Ok((rows > 0).then_some(id))
}

pub struct Factor {
    pub verified: bool,
    pub secret: Uuid,
    pub last_step: i64,
}

/// A factor of the person, which nobody else uses until the transaction ends.
pub fn lock(factor: Uuid, person: Uuid) -> Result<Option<Factor>> {
    LOCK.first(&[factor.into(), person.into()], |row| {
        Ok(Factor { verified: row.get(1)?, secret: row.get(2)?, last_step: row.get(3)? })
    })
}

/// How many factors a person has, and how many of them are verified.
pub fn count(person: Uuid) -> Result<(i64, i64)> {
    COUNT.one(&[person.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn delete(factor: Uuid) -> Result<()> {
    DELETE.run(&[factor.into()])?;
    Ok(())
}

/// Deletes factors that were not verified within so many seconds; their secrets.
pub fn delete_unverified(person: Uuid, seconds: i64) -> Result<Vec<Uuid>> {
    DELETE_UNVERIFIED.all(&[person.into(), (seconds as f64).into()], |row| row.get(1))
}

/// A right code of `step` was given.
pub fn verify(factor: Uuid, step: i64) -> Result<()> {
    VERIFY.run(&[factor.into(), step.into()])?;
    Ok(())
}

/// A new challenge: its id, and when it expires in seconds since 1970.
pub fn challenge(factor: Uuid, seconds: i64) -> Result<(Uuid, i64)> {
    let id = new_id();
    PURGE_CHALLENGES.run(&[factor.into()])?;
    MARK_CHALLENGED.run(&[factor.into()])?;
    let args = [id.into(), factor.into(), (seconds as f64).into()];
    Ok((id, INSERT_CHALLENGE.one(&args, |row| row.get(1))?))
}

/// Uses up a challenge of the factor; whether it was still good.
pub fn take_challenge(challenge: Uuid, factor: Uuid) -> Result<bool> {
    Ok(TAKE_CHALLENGE.run(&[challenge.into(), factor.into()])? > 0)
}

/// Deletes up to `most` challenges that expired days ago; how many.
pub fn purge_challenges(most: i64) -> Result<usize> {
    PURGE_EXPIRED.run(&[most.into()])
}
