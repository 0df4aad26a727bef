//! Processing an event again that failed, or that nobody took when it came.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::ops::audit::{self, Change};
use crate::ops::inbox::handlers_of;
use crate::ops::inbox::process::process_kept;
use crate::ops::inbox::source::Source;
use crate::ops::inbox::store::{self, Kept, Record};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::json;

/// So many events are replayed in one call.
const MOST: i64 = 1000;

/// Replays one event, for admins; the row afterwards.
pub fn one(id: Uuid) -> Result<Record> {
    caller::current().require_admin("ops")?;
    let kept = replayable(id)?;
    again(&kept)?;
    store::record(id)
}

/// Replays one event of a source for a product, which has asked who may; its status
/// before and after.
pub fn for_product(source: Source, id: Uuid) -> Result<(String, &'static str)> {
    let kept = replayable(id)?;
    if kept.source != source.as_str() {
        return Err(Error::not_found("webhook", id));
    }
    let status = again(&kept)?;
    Ok((kept.status, status))
}

/// The event, locked; PT409 where there is nothing to be done again.
fn replayable(id: Uuid) -> Result<Kept> {
    let kept = store::take(id)?.ok_or_else(|| Error::not_found("webhook", id))?;
    if kept.status == "processed" {
        return Err(Error::conflict("this webhook was processed already"));
    }
    if Source::find(&kept.source).is_none_or(|source| handlers_of(source).is_empty()) {
        return Err(Error::conflict(format!("no system takes the webhooks of {}", kept.source)));
    }
    Ok(kept)
}

/// Replays what failed or was left since a time, for admins; the rows afterwards.
pub fn since(source: &str, since: TimestampWithTimeZone) -> Result<Vec<Record>> {
    caller::current().require_admin("ops")?;
    let source = Source::parse(source, "p_source")?;
    if handlers_of(source).is_empty() {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    for id in store::open(source, since, MOST)? {
        // What was replayed before may have changed it.
        if let Some(kept) = store::take(id)?
            && ["failed", "received"].contains(&kept.status.as_str())
        {
            again(&kept)?;
            records.push(store::record(id)?);
        }
    }
    Ok(records)
}

/// Tries up to `most` failed events again whose time has come; how many.
pub fn due(most: i64) -> Result<usize> {
    let due = store::due(most)?;
    for id in &due {
        if let Some(kept) = store::take(*id)?
            && kept.status == "failed"
        {
            process_kept(&kept)?;
        }
    }
    Ok(due.len())
}

fn again(kept: &Kept) -> Result<&'static str> {
    let status = process_kept(kept)?;
    let details = json!({"before": kept.status, "after": status});
    audit::record(Change {
        action: "replay".to_owned(),
        table: "ops.webhook_events".to_owned(),
        record_id: Some(kept.id.to_string()),
        old: None,
        new: details.as_object().cloned().map(Into::into),
    })?;
    Ok(status)
}
