//! Events that came before what they are about.

use crate::kernel::error::Result;
use crate::ops::inbox::process::process_kept;
use crate::ops::inbox::store;

/// Says that what events may wait for is there now, such as `charge:ch_123`: those that
/// do are processed, in their order, in this transaction. One that fails is kept as
/// failed, and undoes nothing but what itself did. How many there were.
///
/// To be called after the thing was written.
pub fn arrived(key: &str) -> Result<usize> {
    lock(key)?;
    let waiting = store::parked_for(key)?;
    for id in &waiting {
        // What was processed before may have brought this one along.
        if let Some(kept) = store::take(*id)?
            && kept.status == "parked"
        {
            process_kept(&kept)?;
        }
    }
    Ok(waiting.len())
}

/// Whether events wait for this; until the transaction ends no other begins to. Whoever
/// finds none need not say that it has [`arrived`].
pub fn is_awaited(key: &str) -> Result<bool> {
    lock(key)?;
    store::is_awaited(key)
}

/// Held by whoever parks an event for the key, and by whoever brings it.
pub(super) fn lock(key: &str) -> Result<()> {
    store::lock(&format!("parent {key}"))
}
