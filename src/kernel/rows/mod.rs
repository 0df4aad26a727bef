//! Rows that are found, changed and written without a statement: for hot paths.
//!
//! A posting changes two rows and writes a third. Planning nothing, PostgreSQL still
//! spends most of such a transaction on starting and ending executors. Here rows are
//! reached as the executor reaches them itself: through the index of the primary key,
//! the heap and the indexes, under the same locks, with the same log records.
//!
//! What an executor does besides must then have nothing to do. A [`Shape`] says so of a
//! table: no trigger that such a change would fire, no CHECK but those that the store
//! vouches for, only plain indexes. Wherever somebody has added more, and in
//! transactions of another isolation level than READ COMMITTED, the callers take the
//! long way, through statements ([`Query`]) or the executor's own insert ([`general`]).
//! Nobody's rights are asked, so only functions that have checked their caller may use
//! any of it.
//!
//! [`Query`]: crate::kernel::spi::Query

mod change;
mod find;
mod general;
pub mod hook;
mod indexes;
mod insert;
mod open;
mod shape;

pub use change::Decision;
pub use find::{Record, Row, Version};
pub use insert::{Insert, Stored};
pub use open::{Columns, OpenTable, Table};

use crate::kernel::spi::require_writable;
use pgrx::pg_sys;

/// Runs once in every backend.
pub fn init() {
    shape::init();
}

/// Makes what was written seen by what comes next in the same statement.
pub fn command_done() {
    // SAFETY: a transaction is open, and nothing of ours is half done.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// Whether a table may be opened here at all, and its newest rows are what is wanted:
/// in a transaction that only reads they come from its snapshot.
pub fn may_write() -> bool {
    sees_latest() && require_writable().is_ok()
}

/// Whether rows may be changed as they are now: other isolation levels must refuse a
/// row that is newer than their snapshot, which statements do.
pub fn sees_latest() -> bool {
    // SAFETY: plain reads of the state of this backend.
    unsafe {
        pg_sys::XactIsoLevel == pg_sys::XACT_READ_COMMITTED as i32 && !pg_sys::IsInParallelMode()
    }
}
