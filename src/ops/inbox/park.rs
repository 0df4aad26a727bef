//! Events that came before what they are about.

use crate::kernel::error::Result;
use crate::ops::inbox::process::process_kept;
use crate::ops::inbox::store;

/// Says that what events may wait for is there now, such as `charge:ch_123`: those that
/// do are processed, in their order, in this transaction. One that fails is kept as
/// failed, and undoes nothing but what itself did. Where many wait, the job that tries
/// failed ones again takes most of them. How many were processed.
///
/// To be called after the thing was written.
pub fn arrived(key: &str) -> Result<usize> {
    lock(key)?;
    let waiting = store::parked_for(key, MOST_AT_ONCE)?;
    for id in &waiting {
        // What was processed before may have brought this one along.
        if let Some(kept) = store::take(*id)?
            && kept.status == "parked"
        {
            process_kept(&kept)?;
        }
    }
    if waiting.len() as i64 == MOST_AT_ONCE {
        store::put_off(key)?;
    }
    Ok(waiting.len())
}

/// What waits for one thing and is processed in the transaction that brings it: so many,
/// because all of it stays locked until then.
const MOST_AT_ONCE: i64 = 100;

/// Whether events wait for this. Whoever finds none need not say that it has [`arrived`]:
/// with the [`lock`] nobody begins to wait until the transaction ends.
pub fn is_awaited(key: &str) -> Result<bool> {
    store::is_awaited(key)
}

/// Held by whoever parks an event for the key, and by whoever brings it: to be taken before
/// it is looked for, so that of two who bring it the second finds what the first wrote.
pub fn lock(key: &str) -> Result<()> {
    store::lock(&format!("parent {key}"))
}
