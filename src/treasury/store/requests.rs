//! SQL of requests to Stripe.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::Record;
use crate::kernel::spi::{Query, Row};
use crate::treasury::request::{NewRequest, Subject};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};

static INSERT: Query = Query::write(
    "insert into treasury.stripe_requests
        (id, subject, subject_id, method, path, stripe_account_id, params)
     values ($1, $2, $3, $4, $5, $6, $7)",
);
// All of them for the platform's own account.
static INSERT_ALL: Query = Query::write(
    "insert into treasury.stripe_requests (id, subject, subject_id, method, path, params)
     select u.id, $3, u.subject_id, 'POST', $4, u.params::jsonb
       from unnest($1::uuid[], $2::bigint[], $5::text[]) as u (id, subject_id, params)",
)
.generic();
// A first transfer waits while its account cannot be paid to, whatever it was when it was asked
// for. One whose turn is not yet because another of its subject is before it waits, also for
// one that is dead: an admin says what becomes of that. What is asked first in a
// subject's requests has the smaller id.
static CLAIM: Query = Query::write(concat!(
    "with due as (
        select r.id from treasury.stripe_requests r
         where r.status = 'pending' and r.available_at <= now()
           and (r.leased_until is null or r.leased_until <= now())
           and not exists (select from treasury.stripe_requests e
                            where e.subject = r.subject and e.subject_id = r.subject_id
                              and e.id < r.id and e.status in ('pending', 'dead'))
           and not (r.path = '/v1/transfers' and r.first_claimed_at is null
                    and exists (select from treasury.payouts p
                                  join treasury.stripe_accounts a on a.id = p.user_id
                                 where p.id = r.subject_id and not ",
    is_ready!(),
    "))
         order by r.available_at, r.id
         limit $1
           for update skip locked)
     update treasury.stripe_requests r
        set leased_by = $3, leased_until = now() + make_interval(secs => $2),
            attempts = r.attempts + 1, first_claimed_at = coalesce(r.first_claimed_at, now())
       from due where r.id = due.id
     returning r.id, r.method, r.path, r.stripe_account_id, r.params, r.attempts, r.created_at,
               r.available_at",
));
// What a worker never said anything of, time and again; and what Stripe may have done a
// day ago and forgotten the key of. A GET changes nothing, so it is never too late for it.
static LOST: Query = Query::write(
    "select id from treasury.stripe_requests
      where status = 'pending' and leased_until <= now()
        and (attempts >= $1
             or method <> 'GET' and first_claimed_at <= now() - make_interval(hours => $2))
      order by leased_until
      limit 100
        for update skip locked",
);
static STALE: Query = Query::write(
    "select id from treasury.stripe_requests
      where status = 'pending' and leased_until is null and method <> 'GET'
        and first_claimed_at <= now() - make_interval(hours => $1)
      order by first_claimed_at
      limit 100
        for update skip locked",
);
static LOCK: Query = Query::write(
    "select id, subject, subject_id, path, status, attempts, leased_by,
            leased_until is not null,
            method <> 'GET' and first_claimed_at <= now() - make_interval(hours => $2), response_status
       from treasury.stripe_requests where id = $1 for update",
);
static FINISH: Query = Query::write(
    "update treasury.stripe_requests
        set status = $2, response_status = $3, last_error = $4, leased_until = null,
            finished_at = now()
      where id = $1",
);
static WAIT: Query = Query::write(
    "update treasury.stripe_requests
        set response_status = $2, last_error = $3, leased_until = null,
            available_at = now() + make_interval(secs => $4)
      where id = $1",
);
static DIE: Query = Query::write(
    "update treasury.stripe_requests
        set status = 'dead', response_status = coalesce($2, response_status),
            last_error = coalesce($3, last_error), leased_until = null
      where id = $1",
);
static REVIVE: Query = Query::write(
    "update treasury.stripe_requests
        set status = 'pending', attempts = 0, available_at = now(), leased_by = null,
            leased_until = null
      where id = $1",
);
// Only what no worker has ever had in hands.
static LOCK_UNCLAIMED: Query = Query::write(
    "select status = 'pending' and attempts = 0 and first_claimed_at is null
       from treasury.stripe_requests
      where subject = $1 and subject_id = $2
      order by id
        for update",
);
static LOCK_OF: Query = Query::write(
    "select id from treasury.stripe_requests
      where subject = $1 and subject_id = $2 and path = $3 order by id desc limit 1 for update",
);
static CANCEL: Query = Query::write(
    "update treasury.stripe_requests set status = 'canceled', finished_at = now()
      where subject = $1 and subject_id = $2 and status = 'pending'",
);
static ROW: Query = Query::read_latest("select r from treasury.stripe_requests r where id = $1");
// As long as money has not been brought back its person is not paid, and this says so.
static PURGE: Query = Query::write(
    "delete from treasury.stripe_requests where id in (
        select id from treasury.stripe_requests
         where finished_at < now() - make_interval(days => $1)
           and not (status = 'refused' and path like '%/reversals')
         order by finished_at limit $2 for update skip locked)",
);
static DEAD: Query = Query::read(
    "select id::text, subject, subject_id from treasury.stripe_requests
      where status = 'dead' order by id limit 1000",
);
static LATE: Query = Query::read(
    "select count(*) from treasury.stripe_requests
      where status = 'pending' and available_at <= now() - make_interval(secs => $1)
        and (leased_until is null or leased_until <= now())",
);
static COUNTS: Query = Query::read(
    "select status, count(*) from treasury.stripe_requests
      where status in ('pending', 'dead') group by status order by status",
);

pub fn insert(id: Uuid, new: &NewRequest<'_>) -> Result<()> {
    INSERT.run(&[
        id.into(),
        new.subject.name().into(),
        new.subject.id().into(),
        new.method.into(),
        new.path.into(),
        new.account.into(),
        JsonB(new.params.clone()).into(),
    ])?;
    Ok(())
}

/// Many calls of one path for the platform's own account: id, subject and parameters.
pub fn insert_all(
    subject: &str,
    path: &str,
    ids: Vec<Uuid>,
    subjects: Vec<i64>,
    params: Vec<String>,
) -> Result<()> {
    INSERT_ALL.run(&[ids.into(), subjects.into(), subject.into(), path.into(), params.into()])?;
    Ok(())
}

/// What a worker is to do.
pub struct Claimed {
    pub id: Uuid,
    pub method: String,
    pub path: String,
    pub account: Option<String>,
    pub params: JsonB,
    pub attempts: i32,
    pub created_at: TimestampWithTimeZone,
    available_at: TimestampWithTimeZone,
}

/// In the order in which they are due.
pub fn claim(most: i64, seconds: f64, worker: &str) -> Result<Vec<Claimed>> {
    let mut claimed = CLAIM.all(&[most.into(), seconds.into(), worker.into()], |row| {
        Ok(Claimed {
            id: row.get(1)?,
            method: row.get(2)?,
            path: row.get(3)?,
            account: row.opt(4)?,
            params: row.get(5)?,
            attempts: row.get(6)?,
            created_at: row.get(7)?,
            available_at: row.get(8)?,
        })
    })?;
    claimed.sort_by(|one, other| {
        let key = |it: &Claimed| (it.available_at, *it.id.as_bytes());
        key(one).partial_cmp(&key(other)).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(claimed)
}

/// What is to be given up, locked: claimed too often without a word, or first so long ago.
pub fn lost(most_attempts: i32, hours: i32) -> Result<Vec<Uuid>> {
    let mut lost = LOST.all(&[most_attempts.into(), hours.into()], |row| row.get(1))?;
    lost.extend(STALE.all(&[hours.into()], |row| row.get::<Uuid>(1))?);
    Ok(lost)
}

/// A request as it stands.
pub struct Request {
    pub id: Uuid,
    pub subject: Subject,
    pub path: String,
    pub status: String,
    pub attempts: i32,
    pub worker: Option<String>,
    /// Whether the worker has not answered yet.
    pub leased: bool,
    /// Whether Stripe may have forgotten its key.
    pub stale: bool,
    /// The HTTP status of the last answer.
    pub response: Option<i32>,
}

/// Keeps the row as it is until the transaction ends.
pub fn lock(id: Uuid, hours: i32) -> Result<Option<Request>> {
    LOCK.first(&[id.into(), hours.into()], request)
}

fn request(row: &Row<'_>) -> Result<Request> {
    let subject: String = row.get(2)?;
    let unknown = || Error::internal(format!("a request about {subject}"));
    Ok(Request {
        id: row.get(1)?,
        subject: Subject::of(&subject, row.opt(3)?).ok_or_else(unknown)?,
        path: row.get(4)?,
        status: row.get(5)?,
        attempts: row.get(6)?,
        worker: row.opt(7)?,
        leased: row.get(8)?,
        stale: row.opt(9)?.unwrap_or(false),
        response: row.opt(10)?,
    })
}

pub fn finish(id: Uuid, status: &str, response: Option<i32>, error: Option<&str>) -> Result<()> {
    FINISH.run(&[id.into(), status.into(), response.into(), error.into()])?;
    Ok(())
}

pub fn wait(id: Uuid, response: Option<i32>, error: Option<&str>, seconds: f64) -> Result<()> {
    WAIT.run(&[id.into(), response.into(), error.into(), seconds.into()])?;
    Ok(())
}

pub fn die(id: Uuid, response: Option<i32>, error: Option<&str>) -> Result<()> {
    DIE.run(&[id.into(), response.into(), error.into()])?;
    Ok(())
}

pub fn revive(id: Uuid) -> Result<()> {
    REVIVE.run(&[id.into()])?;
    Ok(())
}

/// Locks the requests of a subject; whether no worker has ever claimed any. Nothing where
/// there are none.
pub fn lock_unclaimed(subject: Subject) -> Result<Option<bool>> {
    let found =
        LOCK_UNCLAIMED.all(&[subject.name().into(), subject.id().into()], |row| row.get(1))?;
    Ok(found.into_iter().reduce(|one: bool, other| one && other))
}

/// Locks the call of this path that was made for a subject; its id.
pub fn lock_of(subject: Subject, path: &str) -> Result<Option<Uuid>> {
    LOCK_OF.first(&[subject.name().into(), subject.id().into(), path.into()], |row| row.get(1))
}

/// Nobody wants what has not been asked yet for a subject.
pub fn cancel(subject: Subject) -> Result<()> {
    CANCEL.run(&[subject.name().into(), subject.id().into()])?;
    Ok(())
}

pub fn row(id: Uuid) -> Result<Record> {
    ROW.one(&[id.into()], |row| row.get(1))
}

/// Forgets up to `most` that were finished so many days ago; how many.
pub fn purge(days: i32, most: i64) -> Result<usize> {
    PURGE.run(&[days.into(), most.into()])
}

/// Id, subject and its number of those of which nobody knows what became.
pub fn dead() -> Result<Vec<(String, String, Option<i64>)>> {
    DEAD.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.opt(3)?)))
}

/// How many have been due for longer than this without a worker.
pub fn late(seconds: i64) -> Result<i64> {
    LATE.one(&[(seconds as f64).into()], |row| row.get(1))
}

/// How many are not finished, by status.
pub fn counts() -> Result<Vec<(String, i64)>> {
    COUNTS.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}
