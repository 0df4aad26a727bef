//! Events: who listens learns at once that something changed, and only that.
//!
//! A product names what it has to tell as a [`Source`]. A background process
//! ([`worker`]) looks several times a second for rows that became visible since
//! its last look ([`horizon`]), and sends each as a NOTIFY with ids and nothing
//! else, not too many for one person ([`throttle`]). Writers pay nothing for it:
//! a NOTIFY of their own would hold a lock of the whole database until their
//! commit is on disk, so that they would queue.
//!
//! Consumers of logical replication get the same tables by a publication
//! ([`publication`]).

pub mod api;
mod horizon;
mod publication;
mod store;
mod throttle;
pub mod worker;

use crate::kernel::registry::Registry;
use crate::kernel::spi::Query;

/// How the rows of a source are found without an index of their own.
pub enum Order {
    /// By an id that is a UUID v7. `rows` gets a uuid.
    Id,
    /// By a column that holds when the writing transaction began. `rows` gets a timestamptz.
    Time,
    /// By a number from a sequence. `rows` gets a bigint; `last` gives the greatest there is.
    Number { last: Query },
}

/// A table whose changes are told.
pub struct Source {
    pub system: &'static str,
    pub table: &'static str,
    /// What has happened to a row that `rows` finds: INSERT or UPDATE.
    pub event: &'static str,
    pub order: Order,
    /// Rows from `$1` on that were written since transaction `$2`, in order, at most
    /// `$3`: id (text), the person it is for (uuid or NULL), xmin (bigint), and with an
    /// order by time that time in microseconds since 1970 (bigint).
    pub rows: Query,
    /// What of a row is published for logical replication: its id and the person.
    /// `None`: nothing.
    pub published: Option<&'static [&'static str]>,
}

static SOURCES: Registry<&'static Source> = Registry::new();

/// Called once for each table when the library is loaded.
pub fn register(source: &'static Source) {
    SOURCES.register(source);
}
