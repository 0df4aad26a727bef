//! The SQL of the inbox.

use crate::kernel::clock::{from_unix, seconds_after_start, transaction_start};
use crate::kernel::error::{Error, Result};
use crate::kernel::rows::{self, Insert};
use crate::kernel::spi::Query;
use crate::ops::inbox::event::Event;
use crate::ops::inbox::process::End;
use crate::ops::inbox::source::Source;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, IntoDatum, JsonB, Uuid, direct_function_call_as_datum, pg_sys};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A row of a table.
pub type Record = PgHeapTuple<'static, AllocatedByRust>;

static IS_KNOWN: Query = Query::read_latest(
    "select exists (select from ops.webhook_events
                     where source = $1 and live = $2 and event_key = $3)",
);
static APPEND: Insert = Insert::into(
    c"ops",
    c"webhook_events",
    &[
        "id",
        "source",
        "live",
        "event_key",
        "event_type",
        "account",
        "occurred_at",
        "body",
        "headers",
        "verified",
        "status",
        "handled_by",
        "attempts",
        "error_code",
        "error_message",
        "parked_for",
        "received_at",
        "processed_at",
        "next_attempt_at",
    ],
)
.vouching(&[
    "webhook_events_status_check",
    "webhook_events_processed_check",
    "webhook_events_failed_check",
    "webhook_events_parked_check",
    "webhook_events_attempt_check",
]);
// What was processed and no system took can be taken yet, such as one of the other mode.
static TAKE: Query = Query::write(
    "select id, source, live, event_key, body,
            case when status = 'processed' and coalesce(cardinality(handled_by), 0) = 0
                 then 'ignored' else status end
       from ops.webhook_events where id = $1 for update",
);
static BEGIN: Query = Query::write(
    "update ops.webhook_events
        set status = 'received', attempts = attempts + 1, parked_for = null, error_code = null,
            error_message = null, next_attempt_at = null, processed_at = null
      where id = $1",
);
static FINISH: Query = Query::write(
    "update ops.webhook_events
        set status = $2, handled_by = $3, parked_for = $4, error_code = $5,
            error_message = $6,
            processed_at = case when $2 = 'processed' then now() end,
            next_attempt_at = case when $2 = 'failed' and attempts < $7 then
                now() + make_interval(secs => least($8 * 2 ^ least(attempts - 1, 20), $9)) end
      where id = $1",
);
static RECORD: Query = Query::read("select e from ops.webhook_events e where id = $1");
// One that another session has in hand is asked again there, after the lock on what it waits for.
static PARKED_FOR: Query = Query::write(
    "select id from ops.webhook_events where parked_for = $1 and body is not null
      order by occurred_at, id limit $2 for update skip locked",
);
static PUT_OFF: Query = Query::write(
    "update ops.webhook_events
        set status = 'failed', parked_for = null, next_attempt_at = now(),
            error_code = 'PT409', error_message = 'more came before it than one transaction takes'
      where id in (select id from ops.webhook_events
                    where parked_for = $1 and body is not null for update skip locked)",
);
static IS_AWAITED: Query =
    Query::read_latest("select exists (select from ops.webhook_events where parked_for = $1)");
static DUE: Query = Query::write(
    "select id from ops.webhook_events
      where next_attempt_at <= now() and body is not null
      order by occurred_at, id limit $1 for update skip locked",
);
static OPEN: Query = Query::write(
    "select id from ops.webhook_events
      where source = $1 and status in ('failed', 'received') and body is not null
        and received_at >= $2
      order by occurred_at, id limit $3 for update skip locked",
);
static EMPTY: Query = Query::write(
    "update ops.webhook_events set body = null, headers = '{}'
      where id in (select id from ops.webhook_events
                    where body is not null and processed_at < now() - make_interval(days => $1)
                    limit $2)",
);
static REFUSED: Query = Query::write(
    "insert into ops.webhook_refusals as r (source, hour, reason)
     values ($1, date_trunc('hour', now(), 'UTC'), $2)
     on conflict (source, hour, reason) do update set count = r.count + 1",
);
static PURGE_REFUSALS: Query = Query::write(
    "delete from ops.webhook_refusals
      where (source, hour, reason) in (
            select source, hour, reason from ops.webhook_refusals
             where hour < now() - make_interval(days => $1) limit $2)",
);
static SECRETS: Query = Query::write(
    "select id, live, coalesce(not_after > now(), true) from ops.webhook_secrets
      where source = $1 order by created_at desc, id desc",
);
static ADD_SECRET: Query = Query::write(
    "insert into ops.webhook_secrets (id, source, live, last_four, not_after, created_by)
     values ($1, $2, $3, $4, $5, $6)",
);
static END_SECRET: Query =
    Query::write("update ops.webhook_secrets set not_after = $2 where id = $1");
static DELETE_SECRET: Query = Query::write("delete from ops.webhook_secrets where id = $1");
static SECRET: Query = Query::read("select s from ops.webhook_secrets s where id = $1");
static ENDED_SECRETS: Query = Query::write(
    "select id from ops.webhook_secrets where not_after < now() - interval '1 day'
      limit $1 for update skip locked",
);
static GIVEN_UP: Query = Query::read(
    "select source, count(*) from ops.webhook_events
      where status = 'failed' and next_attempt_at is null group by source order by source",
);
static LONG_PARKED: Query = Query::read(
    "select source, count(*) from ops.webhook_events
      where status = 'parked' and received_at < now() - make_interval(hours => $1)
      group by source order by source",
);
static OPEN_COUNTS: Query = Query::read(
    "select source, status, count(*) from ops.webhook_events
      where status <> 'processed' group by source, status order by source, status",
);
static REFUSAL_COUNTS: Query = Query::read(
    "select source, sum(count)::bigint from ops.webhook_refusals
      where hour >= date_trunc('hour', now(), 'UTC') group by source order by source",
);

/// Waits for whoever holds the lock of this name, and holds it to the end of the transaction.
pub fn lock(name: &str) -> Result<()> {
    let digest = Sha256::digest(format!("backoffice webhook {name}"));
    let mut key = [0; 8];
    key.copy_from_slice(&digest[..8]);
    // Every webhook takes two: without a statement that costs next to nothing.
    // SAFETY: the function takes one bigint, and gives nothing.
    unsafe {
        direct_function_call_as_datum(
            pg_sys::pg_advisory_xact_lock_int8,
            &[i64::from_be_bytes(key).into_datum()],
        )
    };
    Ok(())
}

/// Whether the event came before. Whoever has its lock knows that it does not come now.
pub fn is_known(event: &Event) -> Result<bool> {
    let args = [event.source.as_str().into(), event.live.into(), event.key.as_str().into()];
    IS_KNOWN.one(&args, |row| row.get(1))
}

/// Keeps a new event with what became of it; without an end nobody took it.
pub fn insert(
    event: &Event,
    body: &[u8],
    headers: Value,
    end: Option<&End>,
    tries: &Tries,
) -> Result<()> {
    let Noted { status, systems, parked_for, code, message } = Noted::of(end);
    let attempts = i32::from(end.is_some());
    let next = (code.is_some() && i64::from(attempts) < tries.most)
        .then(|| seconds_after_start(tries.wait.min(LONGEST_WAIT)));
    APPEND.run([[
        event.id.into(),
        event.source.as_str().into(),
        event.live.into(),
        event.key.as_str().into(),
        event.kind.as_str().into(),
        event.account.as_deref().into(),
        event.created.map(from_unix).into(),
        body.into(),
        JsonB(headers).into(),
        true.into(),
        status.into(),
        systems.into(),
        attempts.into(),
        code.into(),
        message.into(),
        parked_for.into(),
        transaction_start().into(),
        (status == "processed").then(transaction_start).into(),
        next.into(),
    ]])?;
    rows::command_done();
    Ok(())
}

/// An event as it was kept.
pub struct Kept {
    pub id: Uuid,
    pub source: String,
    pub live: bool,
    pub key: String,
    pub body: Option<Vec<u8>>,
    /// received, processed, failed, parked; ignored where no system took what was processed.
    pub status: String,
}

/// The event, locked.
pub fn take(id: Uuid) -> Result<Option<Kept>> {
    TAKE.first(&[id.into()], |row| {
        Ok(Kept {
            id: row.get(1)?,
            source: row.get(2)?,
            live: row.get(3)?,
            key: row.get(4)?,
            body: row.opt(5)?,
            status: row.get(6)?,
        })
    })
}

/// Notes down that an event is tried.
pub fn begin(id: Uuid) -> Result<()> {
    BEGIN.run(&[id.into()]).map(drop)
}

/// How often an event is tried, and how long it waits in seconds after its first failure.
pub struct Tries {
    pub most: i64,
    pub wait: i64,
}

/// Waits double, but not beyond a day.
const LONGEST_WAIT: i64 = 86_400;
/// So many characters of an error are kept.
const LONGEST_MESSAGE: usize = 1000;

/// What a row says of how an attempt ended.
struct Noted<'a> {
    status: &'static str,
    systems: Vec<&'static str>,
    parked_for: Option<&'a str>,
    code: Option<String>,
    message: Option<String>,
}

impl<'a> Noted<'a> {
    fn of(end: Option<&'a End>) -> Self {
        let status = end.map_or("received", End::status);
        let (systems, parked_for) = (Vec::new(), None);
        let nothing = Noted { status, systems, parked_for, code: None, message: None };
        match end {
            None => nothing,
            Some(End::Processed(systems)) => Noted { systems: systems.clone(), ..nothing },
            Some(End::Parked(key)) => Noted { parked_for: Some(key), ..nothing },
            Some(End::Failed(error)) => {
                // It may quote the body, and no text of PostgreSQL holds this character.
                let message = error.message.chars().filter(|c| *c != '\0');
                Noted {
                    code: Some(error.sqlstate.code()),
                    message: Some(message.take(LONGEST_MESSAGE).collect()),
                    ..nothing
                }
            }
        }
    }
}

/// Notes down what became of an event that was kept.
pub fn finish(id: Uuid, end: &End, tries: &Tries) -> Result<()> {
    let Noted { status, systems, parked_for, code, message } = Noted::of(Some(end));
    FINISH.run(&[
        id.into(),
        status.into(),
        systems.into(),
        parked_for.into(),
        code.into(),
        message.into(),
        i32::try_from(tries.most).unwrap_or(i32::MAX).into(),
        (tries.wait as f64).into(),
        (LONGEST_WAIT as f64).into(),
    ])?;
    Ok(())
}

pub fn record(id: Uuid) -> Result<Record> {
    RECORD.one(&[id.into()], |row| row.get(1))
}

/// Whether an event is parked for this key.
pub fn is_awaited(key: &str) -> Result<bool> {
    IS_AWAITED.one(&[key.into()], |row| row.get(1))
}

/// Up to `most` events that wait for `key`, in their order, locked.
pub fn parked_for(key: &str, most: i64) -> Result<Vec<Uuid>> {
    PARKED_FOR.all(&[key.into(), most.into()], |row| row.get(1))
}

/// Leaves those that still wait for `key` to the job that tries failed ones again.
pub fn put_off(key: &str) -> Result<()> {
    PUT_OFF.run(&[key.into()])?;
    Ok(())
}

/// Up to `most` failed events whose time to be tried again has come, locked.
pub fn due(most: i64) -> Result<Vec<Uuid>> {
    DUE.all(&[most.into()], |row| row.get(1))
}

/// Up to `most` events of a source since a time that failed or nobody took, locked.
pub fn open(source: Source, since: TimestampWithTimeZone, most: i64) -> Result<Vec<Uuid>> {
    OPEN.all(&[source.as_str().into(), since.into(), most.into()], |row| row.get(1))
}

/// Empties up to `most` events that were processed so many days ago; how many.
pub fn empty(days: i64, most: i64) -> Result<usize> {
    EMPTY.run(&[as_integer(days).into(), most.into()])
}

pub fn count_refusal(source: Source, reason: &str) -> Result<()> {
    REFUSED.run(&[source.as_str().into(), reason.into()]).map(drop)
}

pub fn purge_refusals(days: i64, most: i64) -> Result<usize> {
    PURGE_REFUSALS.run(&[as_integer(days).into(), most.into()])
}

fn as_integer(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The secrets of a source, the newest first: id, mode, and whether it is still good.
pub fn secrets(source: Source) -> Result<Vec<(Uuid, bool, bool)>> {
    SECRETS.all(&[source.as_str().into()], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)))
}

pub fn add_secret(
    id: Uuid,
    source: Source,
    live: bool,
    last_four: &str,
    not_after: Option<TimestampWithTimeZone>,
    by: Option<Uuid>,
) -> Result<()> {
    ADD_SECRET.run(&[
        id.into(),
        source.as_str().into(),
        live.into(),
        last_four.into(),
        not_after.into(),
        by.into(),
    ])?;
    Ok(())
}

/// Whether there is such a secret.
pub fn end_secret(id: Uuid, at: Option<TimestampWithTimeZone>) -> Result<bool> {
    Ok(END_SECRET.run(&[id.into(), at.into()])? > 0)
}

pub fn delete_secret(id: Uuid) -> Result<()> {
    DELETE_SECRET.run(&[id.into()]).map(drop)
}

/// The row of a secret, or PT404.
pub fn secret(id: Uuid) -> Result<Record> {
    SECRET
        .first(&[id.into()], |row| row.get(1))?
        .ok_or_else(|| Error::not_found("webhook secret", id))
}

/// Up to `most` secrets that ended a day ago, locked.
pub fn ended_secrets(most: i64) -> Result<Vec<Uuid>> {
    ENDED_SECRETS.all(&[most.into()], |row| row.get(1))
}

/// Whether a time is still to come.
pub fn is_future(time: &TimestampWithTimeZone) -> bool {
    *time > transaction_start()
}

/// How many failed events of each source wait for an admin.
pub fn given_up() -> Result<Vec<(String, i64)>> {
    GIVEN_UP.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// How many events of each source have been parked for so many hours.
pub fn long_parked(hours: i64) -> Result<Vec<(String, i64)>> {
    LONG_PARKED.all(&[as_integer(hours).into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// How many events of each source are not processed, by status.
pub fn open_counts() -> Result<Vec<(String, String, i64)>> {
    OPEN_COUNTS.all(&[], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)))
}

/// How many requests to each source were refused in this hour.
pub fn refusal_counts() -> Result<Vec<(String, i64)>> {
    REFUSAL_COUNTS.all(&[], |row| Ok((row.get(1)?, row.get(2)?)))
}
