//! The inbox: what providers tell us by webhook.
//!
//! A request comes in with its raw bytes ([`receive`]). Its [`signature`] is verified
//! against the [`secret`]s of its source, and what it says becomes an [`event`], which
//! is kept once and processed at once by whoever registered for the source
//! ([`process`]). An event that fails is kept as failed and tried again ([`job`]) or
//! replayed by an admin ([`replay`]); one whose parent is not there yet is parked until
//! a product says that it has [`arrived`]. All of it runs in the transaction of the
//! request, under a lock on the event.

mod api;
pub mod event;
mod job;
mod park;
mod process;
mod receive;
mod replay;
mod secret;
mod signature;
mod source;
mod store;
mod watch;

pub use event::Event;
pub use park::{arrived, is_awaited, lock as lock_parent};
pub use replay::for_product as replay;
pub use source::Source;
pub use watch::{FAILED, PARKED};

use crate::kernel::error::Result;
use crate::kernel::registry::Registry;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Processed,
    /// The system needs nothing of it.
    Ignored,
    /// It is about something that is not there yet, such as `charge:ch_123`. What the
    /// handlers wrote is undone; [`arrived`] with the same key has them called again.
    Parked {
        waits_for: String,
    },
}

/// A system that wants the events of a source.
///
/// `handle` runs in a subtransaction: an error undoes what it did, is kept, and has it
/// called again later. It is called for every type of event, in whatever order they
/// come, and for what one fact caused more than once: what it posts must have a key of
/// its own. The caller is whoever happens to be it, mostly nobody: the signature has said
/// who sent the event, and there is nothing to ask about rights.
#[derive(Clone, Copy)]
pub struct Handler {
    pub source: Source,
    pub system: &'static str,
    pub handle: fn(&Event) -> Result<Outcome>,
}

static HANDLERS: Registry<Handler> = Registry::new();

/// Called once for each product and source when the library is loaded.
pub fn register(handler: Handler) {
    HANDLERS.register(handler);
}

fn handlers_of(source: Source) -> Vec<Handler> {
    HANDLERS.all().into_iter().filter(|handler| handler.source == source).collect()
}

/// Runs once in every process that loads the library.
pub fn init() {
    job::init();
    watch::init();
}
