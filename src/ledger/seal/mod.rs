//! Sealing: a chain of SHA-256 hashes over everything that was posted.
//!
//! It runs off the write path. A block takes in the transfers of a stretch of time, up
//! to where no running transaction can still add one, and holds the hash of the block
//! before. Of every transfer it keeps a few bytes, so that [`verify`] names the first
//! one that is not as it was. Whoever can rewrite the whole chain is found out by a
//! head that was published before.

mod block;
pub mod horizon;
mod record;
mod rows;
mod verify;
mod window;

pub use block::{Block, Place, hex};
pub use record::{Account, Id, Journal, Kind, Transfer};
pub use verify::{Finding, verify};

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::ledger::seal::block::{LAST_ID, START};
use crate::ledger::seal::rows::Reader;
use crate::ledger::store::seals as store;

/// The most transfers that one call seals, so that it never takes long.
const BATCH: i64 = 50_000;

/// What one call did.
pub struct Outcome {
    pub transfers: usize,
    pub blocks: usize,
    /// Whether a further call would seal more.
    pub more: bool,
}

/// Seals what has been posted since the last block and will not get any more.
pub fn seal() -> Result<Outcome> {
    store::lock()?;
    seal_until(horizon::find()?)
}

/// [`seal`] up to and with a time, where the caller knows that nothing is still to come.
pub fn seal_until(horizon: i64) -> Result<Outcome> {
    let last = store::last()?;
    let nothing = Outcome { transfers: 0, blocks: 0, more: false };
    let from = match &last {
        Some(block) => block.until,
        None => match store::first_recorded(horizon)? {
            Some(at) => (at.saturating_sub(1), LAST_ID),
            None => return Ok(nothing),
        },
    };
    if from.0 >= horizon {
        return Ok(nothing);
    }
    let end = window::end(from.0, horizon, BATCH, |to| store::count(from.0, to, BATCH + 1))?;
    let start = last.as_ref().map_or(START, |block| block.until);
    let (transfers, blocks) = append(last, start, (end, LAST_ID))?;
    Ok(Outcome { transfers, blocks, more: end < horizon })
}

/// Adds blocks for the transfers of a stretch; how many of both.
fn append(mut last: Option<Block>, from: Place, to: Place) -> Result<(usize, usize)> {
    let rows = Reader::new()?.read(from, to)?;
    let places: Vec<Place> = rows.iter().map(|row| row.place).collect();
    let sealed: Vec<_> = rows.iter().map(|row| row.sealed).collect();
    let cuts = block::cut(&places, to);
    let blocks = cuts.len();
    for (range, until) in cuts {
        let now = clock().into_inner();
        let (block, entries) = Block::after(last.as_ref(), &sealed[range], until, now);
        store::append(&block, &entries)?;
        last = Some(block);
    }
    Ok((sealed.len(), blocks))
}

/// The last block: what is to be published elsewhere.
pub fn head() -> Result<Option<Block>> {
    store::last()
}
