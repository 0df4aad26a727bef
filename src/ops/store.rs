//! The SQL of ops.

pub mod cron;
pub mod jobs;

use crate::kernel::clock::transaction_start;
use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::request::Headers;
use crate::kernel::rows::Insert;
use crate::kernel::spi::Query;
use crate::ops::audit::{Entry, Values};
use crate::ops::outbox::Message;
use pgrx::datum::DatumWithOid;
use pgrx::{Inet, JsonB, Uuid};
use serde_json::Value;

static INSERT_AUDIT: Insert = Insert::into(
    c"ops",
    c"audit_logs",
    &[
        "id",
        "at",
        "actor_id",
        "actor_role",
        "action",
        "table_name",
        "record_id",
        "old_values",
        "new_values",
        "request_id",
        "ip_address",
        "user_agent",
    ],
);
static APPEND_MESSAGE: Insert = Insert::into(
    c"ops",
    c"outbox",
    &[
        "id",
        "system",
        "channel",
        "template",
        "recipient",
        "payload",
        "status",
        "attempts",
        "available_at",
        "created_at",
    ],
);
static ENQUEUE: Query = Query::write(
    "insert into ops.outbox (id, system, channel, template, recipient, payload, idempotency_key)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (system, idempotency_key) where idempotency_key is not null do nothing",
);
static CLAIM: Query = Query::write(
    "with due as (
        select id from ops.outbox
         where status = 'pending' and channel = $1 and available_at <= now()
           and (leased_until is null or leased_until <= now())
         order by available_at, id
         limit $2
           for update skip locked)
     update ops.outbox o
        set leased_by = $4, leased_until = now() + make_interval(secs => $3),
            attempts = o.attempts + 1
       from due where o.id = due.id
     returning o.id, o.system, o.template, o.recipient, o.payload, o.attempts, o.created_at",
);
static COMPLETE: Query = Query::write(
    "update ops.outbox
        set status = 'sent', sent_at = now(), payload = '{}', leased_by = null,
            leased_until = null, last_error = null
      where id = $1 and leased_by = $2 and status = 'pending'",
);
// Ids that are forgotten could be used again, so this keeps rows far longer than
// anything is repeated.
static PURGE: Query = Query::write(
    "delete from ops.outbox where id in (
        select id from ops.outbox
         where status <> 'pending'
           and coalesce(sent_at, available_at) < now() - make_interval(days => $1)
         limit $2)",
);
static FAIL: Query = Query::write(
    "update ops.outbox
        set status = case when attempts >= $4 then 'dead' else 'pending' end,
            payload = case when attempts >= $4 then '{}' else payload end,
            given_up_at = case when attempts >= $4 then now() end,
            available_at = now() + make_interval(secs => $5 * (2 ^ least(attempts - 1, 20))),
            last_error = left($3, 1000), leased_by = null, leased_until = null
      where id = $1 and leased_by = $2 and status = 'pending'
     returning status",
);

/// Writes rows of the audit log that all came with one request.
pub fn insert_audit(entries: &[Entry], headers: &Headers) -> Result<()> {
    let address = headers.client_address();
    INSERT_AUDIT.run(entries.iter().map(|entry| {
        let change = &entry.change;
        [
            entry.id.into(),
            entry.at.into(),
            entry.actor.into(),
            entry.role.into(),
            change.action.as_str().into(),
            change.table.as_str().into(),
            change.record_id.as_deref().into(),
            values(change.old.as_ref()),
            values(change.new.as_ref()),
            headers.request_id().into(),
            address.clone().map(Inet).into(),
            headers.user_agent().into(),
        ]
    }))
}

fn values<'a>(values: Option<&Values>) -> DatumWithOid<'a> {
    match values {
        None => DatumWithOid::null::<JsonB>(),
        Some(Values::Listed(map)) => JsonB(Value::Object(map.clone())).into(),
        Some(Values::Made(jsonb)) => jsonb.into(),
    }
}

pub fn enqueue(message: &Message<'_>) -> Result<()> {
    if message.idempotency_key.is_none() {
        return append_message(message);
    }
    ENQUEUE.run(&[
        new_id().into(),
        message.system.into(),
        message.channel.as_str().into(),
        message.template.into(),
        message.recipient.into(),
        JsonB(message.payload.clone()).into(),
        message.idempotency_key.into(),
    ])?;
    Ok(())
}

/// Without a key there is nothing that the message could meet.
fn append_message(message: &Message<'_>) -> Result<()> {
    let now = transaction_start();
    APPEND_MESSAGE.run([[
        new_id().into(),
        message.system.into(),
        message.channel.as_str().into(),
        message.template.into(),
        message.recipient.into(),
        JsonB(message.payload.clone()).into(),
        "pending".into(),
        0.into(),
        now.into(),
        now.into(),
    ]])
}

/// A message that a worker has leased.
pub struct Claimed {
    pub id: Uuid,
    pub system: String,
    pub template: String,
    pub recipient: String,
    pub payload: JsonB,
    pub attempts: i32,
    pub created_at: pgrx::datum::TimestampWithTimeZone,
}

pub fn claim(channel: &str, most: i64, seconds: f64, worker: &str) -> Result<Vec<Claimed>> {
    CLAIM.all(&[channel.into(), most.into(), seconds.into(), worker.into()], |row| {
        Ok(Claimed {
            id: row.get(1)?,
            system: row.get(2)?,
            template: row.get(3)?,
            recipient: row.get(4)?,
            payload: row.get(5)?,
            attempts: row.get(6)?,
            created_at: row.get(7)?,
        })
    })
}

/// Whether the worker held the lease.
pub fn complete(id: Uuid, worker: &str) -> Result<bool> {
    Ok(COMPLETE.run(&[id.into(), worker.into()])? > 0)
}

/// The status afterwards, if the worker held the lease.
pub fn fail(
    id: Uuid,
    worker: &str,
    error: &str,
    max_attempts: i64,
    retry_seconds: i64,
) -> Result<Option<String>> {
    let args = [
        id.into(),
        worker.into(),
        error.into(),
        max_attempts.into(),
        (retry_seconds as f64).into(),
    ];
    FAIL.first(&args, |row| row.get(1))
}

/// Deletes up to `most` messages that were sent or given up so many days ago; how many.
pub fn purge(days: i32, most: i64) -> Result<usize> {
    PURGE.run(&[days.into(), most.into()])
}
