//! Writes that a network may repeat: the `Idempotency-Key` header.
//!
//! A function that would do a thing twice when called twice runs its work
//! through [`once`]. With the header, the same key with the same content gives
//! the first answer again; with other content it is PT409. Without the header
//! the work is simply done.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Error, Result};
use crate::kernel::request::Headers;
use crate::kernel::settings;
use crate::kernel::spi::Query;
use pgrx::Uuid;
use serde_json::Value;
use sha2::{Digest, Sha256};

// A second caller with the same key waits here until the first has finished.
static CLAIM: Query = Query::write(
    "insert into backoffice.idempotency_keys (actor, key, function, fingerprint)
     values ($1, $2, $3, $4) on conflict do nothing",
);
static STORED: Query = Query::write(
    "select function, fingerprint, result_id from backoffice.idempotency_keys
      where actor = $1 and key = $2 for share",
);
static FINISH: Query = Query::write(
    "update backoffice.idempotency_keys set result_id = $3 where actor = $1 and key = $2",
);
static PURGE: Query = Query::write(
    "delete from backoffice.idempotency_keys where (actor, key) in (
        select actor, key from backoffice.idempotency_keys
         where created_at < now() - make_interval(days => $1)
         limit $2 for update skip locked)",
);

/// Does `work` once for each key of the caller; the id of the row it made.
/// `arguments` are what the caller sent, in a fixed order.
pub fn once(
    function: &str,
    arguments: &Value,
    work: impl FnOnce() -> Result<Uuid>,
) -> Result<Uuid> {
    let headers = Headers::current();
    let Some(key) = headers.get("idempotency-key") else { return work() };
    if key.len() > 200 {
        return Err(Error::invalid("Idempotency-Key", "must have at most 200 characters"));
    }
    let actor = actor();
    let fingerprint = Sha256::digest(arguments.to_string()).to_vec();
    let args = [actor.as_str().into(), key.into(), function.into(), fingerprint.clone().into()];
    if CLAIM.run(&args)? == 0 {
        return stored(&actor, key, function, &fingerprint);
    }
    let result = work()?;
    FINISH.run(&[actor.as_str().into(), key.into(), result.into()])?;
    Ok(result)
}

/// [`once`] for a row whose id is a number.
pub fn once_numbered(
    function: &str,
    arguments: &Value,
    work: impl FnOnce() -> Result<i64>,
) -> Result<i64> {
    let to_id = |number: i64| Uuid::from_bytes(i128::from(number).to_be_bytes());
    let id = once(function, arguments, || work().map(to_id))?;
    Ok(i128::from_be_bytes(*id.as_bytes()) as i64)
}

fn stored(actor: &str, key: &str, function: &str, fingerprint: &[u8]) -> Result<Uuid> {
    let (of, print, result) = STORED.one(&[actor.into(), key.into()], |row| {
        Ok((row.get::<String>(1)?, row.get::<Vec<u8>>(2)?, row.opt::<Uuid>(3)?))
    })?;
    if of != function || print != fingerprint {
        return Err(Error::conflict("this Idempotency-Key was used for another request")
            .detail(format!("it was used for {of}")));
    }
    result.ok_or_else(|| Error::internal("an idempotency key without a result"))
}

/// Forgets up to `most` keys that are too old to be repeated; how many.
pub fn purge(most: i64) -> Result<usize> {
    let days: i64 = settings::get("backoffice", "idempotency_key_days")?;
    PURGE.run(&[i32::try_from(days).unwrap_or(i32::MAX).into(), most.into()])
}

fn actor() -> String {
    match caller::current().kind {
        Kind::Person(id) => id.to_string(),
        Kind::Service => "service".to_owned(),
        Kind::Trusted => "database".to_owned(),
        Kind::Anonymous => "anonymous".to_owned(),
    }
}
