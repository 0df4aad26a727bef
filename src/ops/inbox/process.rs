//! Giving an event to those who want it: all of what they do, or none of it.

use crate::kernel::error::{Error, Result};
use crate::kernel::settings::Settings;
use crate::kernel::spi::subtransaction;
use crate::ops::inbox::event::{self, Event};
use crate::ops::inbox::source::Source;
use crate::ops::inbox::store::{self, Kept, Tries};
use crate::ops::inbox::{Handler, Outcome, handlers_of};
use pgrx::Uuid;
use serde_json::Value;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How an attempt ended.
pub enum End {
    /// By these systems.
    Processed(Vec<&'static str>),
    /// It waits for this.
    Parked(String),
    Failed(Error),
}

impl End {
    pub fn status(&self) -> &'static str {
        match self {
            End::Processed(_) => "processed",
            End::Parked(_) => "parked",
            End::Failed(_) => "failed",
        }
    }
}

/// An event waits for one thing after the other, but not for ever more of them.
const MOST_PARENTS: usize = 8;
/// The longest key that an event may wait for.
const MOST_KEY_BYTES: usize = 500;

/// Has a new event processed by all who registered for its source, and keeps it with what
/// came of that; its status. Without any it waits for somebody.
pub fn process_new(event: &Event, body: &[u8], headers: Value) -> Result<&'static str> {
    let handlers = handlers_of(event.source);
    let end = match handlers.is_empty() {
        true => None,
        false => Some(until_it_need_not_wait(&handlers, event)?),
    };
    store::insert(event, body, headers, end.as_ref(), &tries()?)?;
    Ok(end.as_ref().map_or("received", End::status))
}

/// The same for an event that is there; without anybody it stays as it is.
fn process(event: &Event) -> Result<&'static str> {
    let handlers = handlers_of(event.source);
    if handlers.is_empty() {
        return Ok("received");
    }
    store::begin(event.id)?;
    let end = until_it_need_not_wait(&handlers, event)?;
    settle(event.id, &end)
}

/// The same by its row; PT409 where its content is gone.
pub fn process_kept(kept: &Kept) -> Result<&'static str> {
    let gone = || Error::conflict("the content of this webhook is no longer kept");
    let body = kept.body.as_deref().ok_or_else(gone)?;
    let source = Source::find(&kept.source);
    let read = source.and_then(|source| event::read(source, kept.id, body, kept.live).ok());
    // An earlier version could read it. Whatever brought it up must not fail for it.
    let Some(mut event) = read else {
        store::begin(kept.id)?;
        let unreadable = Error::internal("this webhook cannot be read any more");
        return settle(kept.id, &End::Failed(unreadable));
    };
    // What it was known by when it came, should this version name it otherwise.
    event.key.clone_from(&kept.key);
    process(&event)
}

/// Notes down how an attempt ended.
fn settle(id: Uuid, end: &End) -> Result<&'static str> {
    store::finish(id, end, &tries()?)?;
    Ok(end.status())
}

fn tries() -> Result<Tries> {
    let settings = Settings::of("ops")?;
    Ok(Tries {
        most: settings.get("webhook_max_attempts")?,
        wait: settings.get("webhook_retry_seconds")?,
    })
}

/// Whoever brings what the event waits for may be doing it right now, and see nothing of
/// this event. So it is asked for once more, with the lock that they hold meanwhile.
fn until_it_need_not_wait(handlers: &[Handler], event: &Event) -> Result<End> {
    let mut locked: Vec<String> = Vec::new();
    loop {
        match attempt(handlers, event) {
            End::Parked(key) if key.is_empty() || key.len() > MOST_KEY_BYTES => {
                return Ok(End::Failed(Error::internal("a handler waits for no proper key")));
            }
            End::Parked(key) if !locked.contains(&key) => {
                if locked.len() == MOST_PARENTS {
                    return Ok(End::Failed(Error::conflict("it waits for ever more")));
                }
                super::park::lock(&key)?;
                locked.push(key);
            }
            end => return Ok(end),
        }
    }
}

fn attempt(handlers: &[Handler], event: &Event) -> End {
    let waits_for = RefCell::new(None);
    let all = || {
        let mut handled_by = Vec::new();
        for handler in handlers {
            match (handler.handle)(event)? {
                Outcome::Processed => handled_by.push(handler.system),
                Outcome::Ignored => (),
                Outcome::Parked { waits_for: key } => {
                    waits_for.replace(Some(key));
                    // Undoes what was done so far.
                    return Err(Error::conflict("parked"));
                }
            }
        }
        Ok(handled_by)
    };
    match catch_unwind(AssertUnwindSafe(|| subtransaction(all))) {
        Ok(Ok(handled_by)) => End::Processed(handled_by),
        Ok(Err(error)) => waits_for.take().map_or(End::Failed(error), End::Parked),
        // The subtransaction is rolled back, and the event must not be lost for a bug.
        Err(_) => End::Failed(Error::internal("the handler panicked")),
    }
}
