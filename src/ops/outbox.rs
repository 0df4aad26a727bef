//! The outbox: what must leave the database, until a worker has sent it.
//!
//! A message is a row, written in the transaction that wants it sent. A worker
//! claims rows with a lease, sends them, and reports back; a lease that runs out
//! makes the row claimable again, so a message is sent at least once.

use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::ops::store::{self, Claimed};
use pgrx::Uuid;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Email,
    Sms,
    Slack,
    Http,
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Slack => "slack",
            Channel::Http => "http",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        [Channel::Email, Channel::Sms, Channel::Slack, Channel::Http]
            .into_iter()
            .find(|channel| channel.as_str() == text)
            .ok_or_else(|| Error::invalid("p_channel", "must be email, sms, slack or http"))
    }
}

/// A message to be sent.
pub struct Message<'a> {
    pub system: &'a str,
    pub channel: Channel,
    /// Which message it is; the worker renders it from the payload.
    pub template: &'a str,
    pub recipient: &'a str,
    pub payload: Value,
    /// A second message with the same key is dropped.
    pub idempotency_key: Option<&'a str>,
}

/// Puts a message into the outbox.
pub fn enqueue(message: &Message<'_>) -> Result<()> {
    store::enqueue(message)
}

/// Leases up to `most` due messages to `worker`.
pub fn claim(channel: &str, most: i32, seconds: i32, worker: &str) -> Result<Vec<Claimed>> {
    let channel = Channel::parse(channel)?;
    within("p_limit", most, 1, 1000)?;
    within("p_lease_seconds", seconds, 1, 3600)?;
    check_worker(worker)?;
    store::claim(channel.as_str(), i64::from(most), f64::from(seconds), worker)
}

/// Marks a leased message as sent.
pub fn complete(id: Uuid, worker: &str) -> Result<()> {
    if store::complete(id, worker)? { Ok(()) } else { Err(not_leased()) }
}

/// Gives a leased message back; its status afterwards.
pub fn fail(id: Uuid, worker: &str, error: &str) -> Result<String> {
    let most = settings::get("ops", "outbox_max_attempts")?;
    let wait = settings::get("ops", "outbox_retry_seconds")?;
    store::fail(id, worker, error, most, wait)?.ok_or_else(not_leased)
}

/// Forgets up to `most` messages that were sent or given up long ago; how many.
pub fn purge(most: i64) -> Result<usize> {
    let days: i64 = settings::get("ops", "outbox_days")?;
    store::purge(i32::try_from(days).unwrap_or(i32::MAX), most)
}

fn not_leased() -> Error {
    Error::conflict("this worker does not hold the message")
        .hint("The lease may have run out and another worker taken it.")
}

fn within(field: &str, value: i32, least: i32, most: i32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be from {least} to {most}")))
}

fn check_worker(worker: &str) -> Result<()> {
    if worker.is_empty() || worker.len() > 200 {
        return Err(Error::invalid("p_worker", "must have 1 to 200 characters"));
    }
    Ok(())
}
