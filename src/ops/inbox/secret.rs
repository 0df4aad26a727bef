//! The secrets that senders sign with: several at once, so that one can follow another.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::secrets;
use crate::ops::inbox::source::Source;
use crate::ops::inbox::store::{self, Record};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const PURPOSE: &str = "webhook";
/// Four of its characters are shown, so it must have many more.
const LEAST_BYTES: usize = 12;
const MOST_BYTES: usize = 255;
/// Every one is tried with every request.
const MOST_SECRETS: usize = 10;

/// A secret that is good now.
pub struct Secret {
    pub plain: Zeroizing<Vec<u8>>,
    pub live: bool,
}

/// The secrets of a source that are good now, the newest first.
pub fn valid(source: Source) -> Result<Vec<Secret>> {
    store::secrets(source)?
        .into_iter()
        .filter(|(_, _, is_good)| *is_good)
        .map(|(id, live, _)| Ok(Secret { plain: secrets::open(id, PURPOSE)?, live }))
        .collect()
}

/// Adds a secret, or changes the end of one that is there; the row of it.
pub fn add(
    source: &str,
    secret: &str,
    live: bool,
    not_after: Option<TimestampWithTimeZone>,
) -> Result<Record> {
    let caller = caller::current();
    caller.require_admin("ops")?;
    let source = Source::parse(source, "p_source")?;
    let good = (LEAST_BYTES..=MOST_BYTES).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        let rule = "must have 12 to 255 letters, digits and signs, without spaces";
        return Err(Error::invalid("p_secret", rule));
    }
    require_future(not_after.as_ref(), "p_not_after")?;
    store::lock(&format!("secrets {}", source.as_str()))?;
    let there = store::secrets(source)?;
    for (id, mode, _) in &there {
        let plain = secrets::open(*id, PURPOSE)?;
        if !bool::from(plain.as_slice().ct_eq(secret.as_bytes())) {
            continue;
        }
        if *mode != live {
            return Err(
                Error::conflict("this secret is there for the other mode").hint("Remove it first.")
            );
        }
        store::end_secret(*id, not_after)?;
        return store::secret(*id);
    }
    if there.len() >= MOST_SECRETS {
        return Err(Error::conflict(format!("the source has {MOST_SECRETS} secrets already"))
            .hint("Remove one first."));
    }
    let id = secrets::seal(PURPOSE, secret.as_bytes())?;
    let last_four = &secret[secret.len() - 4..];
    store::add_secret(id, source, live, last_four, not_after, caller.person())?;
    store::secret(id)
}

/// Ends a secret at a time, or destroys it now; the row as it is or was.
pub fn remove(id: Uuid, at: Option<TimestampWithTimeZone>) -> Result<Record> {
    caller::current().require_admin("ops")?;
    require_future(at.as_ref(), "p_at")?;
    if at.is_some() {
        store::end_secret(id, at)?;
        return store::secret(id);
    }
    let record = store::secret(id)?;
    destroy(id)?;
    Ok(record)
}

/// Destroys up to `most` secrets that ended long ago; how many.
pub fn purge(most: i64) -> Result<usize> {
    let ended = store::ended_secrets(most)?;
    ended.iter().try_for_each(|id| destroy(*id))?;
    Ok(ended.len())
}

fn destroy(id: Uuid) -> Result<()> {
    store::delete_secret(id)?;
    secrets::destroy(id)
}

fn require_future(time: Option<&TimestampWithTimeZone>, field: &str) -> Result<()> {
    match time {
        Some(time) if !store::is_future(time) => {
            Err(Error::invalid(field, "must be in the future"))
        }
        _ => Ok(()),
    }
}
