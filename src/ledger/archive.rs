//! The archive: old transfers and their journals move to tables beside their own.
//!
//! Whatever reads history reads both (`ledger.all_transfers`, `ledger.all_journals`).
//! What posts must know whether an id is taken by an archived row, and pays for that only
//! where it can be: a row moves when it is at least [`LEAST_DAYS`] old and its id, where
//! that is a UUID v7 and so says when it was made, does not say that it is younger than
//! [`MOVE_AFTER_DAYS`]. An id made within [`FRESH_DAYS`] is therefore in no archive, now
//! or at any time before. Any other id is looked up once the archive has rows at all.

use crate::kernel::archive::{before_moving, moving};
use crate::kernel::clock::{clock, days_after_start};
use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::ledger::journal::Request;
use crate::ledger::store::{archive as store, seals};
use crate::ops::audit::{self, Change};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

/// About how many transfers one call moves, so that it never takes long.
const BATCH: i64 = 20_000;
/// And the very first, while postings with old ids wait.
const FIRST_BATCH: i64 = 100;
/// A transfer that is younger never moves.
const LEAST_DAYS: i64 = 31;
/// Nor does one whose id says that it is younger, whatever clock made it.
const MOVE_AFTER_DAYS: i64 = 2;
/// A day less than that: the clock may be set back by so much.
const FRESH_DAYS: i64 = 1;

const DAY_MS: i64 = 86_400_000;
/// Milliseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_MS: i64 = 946_684_800_000;

/// What one call moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub transfers: i64,
    pub journals: i64,
    /// Whether a further call would move more.
    pub more: bool,
}

/// Moves sealed transfers recorded before a time, a batch of them.
pub fn archive_before(before: TimestampWithTimeZone) -> Result<Moved> {
    if before.into_inner() > days_after_start(-LEAST_DAYS).into_inner() {
        return Err(Error::invalid("p_before", format!("must be at least {LEAST_DAYS} days ago")));
    }
    move_before(before.into_inner())
}

/// The job: moves what the setting `ledger.archive_months` says.
pub fn archive_old_months() -> Result<Value> {
    let months: Option<i64> = settings::get("ledger", "archive_months")?;
    let Some(months) = months else {
        return Ok(json!({"transfers": 0, "journals": 0, "more": false}));
    };
    let was_empty = store::is_empty()?;
    let moved = archive_before(store::month_start(months)?)?;
    // The job is one transaction: the lock of the very first move shall not last.
    let more = moved.more && !was_empty;
    Ok(json!({"transfers": moved.transfers, "journals": moved.journals, "more": more}))
}

/// [`archive_before`] without asking for an age: only what is sealed moves.
pub fn move_before(before: i64) -> Result<Moved> {
    let nothing = Moved { transfers: 0, journals: 0, more: false };
    before_moving()?;
    store::lock()?;
    let Some(last) = seals::last()? else { return Ok(nothing) };
    let end = last.until.0.min(before.saturating_sub(1));
    let young = first_id_of(unix_ms(clock()) - MOVE_AFTER_DAYS * DAY_MS);
    let batch = if store::is_empty()? { FIRST_BATCH } else { BATCH };
    let Some((until, is_full)) = store::end_of_batch(end, young, batch)? else {
        return Ok(nothing);
    };
    if batch == FIRST_BATCH {
        store::lock_first()?;
    }
    let (transfers, journals) =
        moving(&["ledger.transfers", "ledger.journals"], || store::move_until(until, young))?;
    if transfers > 0 {
        record(transfers, journals, until)?;
    }
    Ok(Moved { transfers, journals, more: transfers > 0 && is_full })
}

/// The audit log gets one line for all of them.
fn record(transfers: i64, journals: i64, until: i64) -> Result<()> {
    let until = seals::time(until);
    let details = json!({"transfers": transfers, "journals": journals, "recorded_until": until});
    audit::record(Change {
        action: "archive".to_owned(),
        table: "ledger.transfers".to_owned(),
        record_id: None,
        old: None,
        new: details.as_object().cloned().map(Into::into),
    })
}

/// Whether a row with this id may be in the archive: false for ids made of late, without
/// a look, and for all while nothing was ever archived.
pub fn may_hold(id: Uuid) -> Result<bool> {
    Ok(!is_fresh(id, unix_ms(clock())) && !store::is_empty()?)
}

/// Whether an id that the caller chose for a request is taken by something archived, or
/// by what was archived a moment ago. To be asked before anything is posted.
pub fn is_repeated(request: &Request<'_>) -> Result<bool> {
    let keyed = request.lines.iter().filter(|line| line.keyed).map(|line| line.id);
    is_any_taken(request.journal_key.into_iter().chain(keyed))
}

/// [`is_repeated`] for ids of whatever many requests.
pub fn is_any_taken(ids: impl Iterator<Item = Uuid>) -> Result<bool> {
    let now = unix_ms(clock());
    let old: Vec<Uuid> = ids.filter(|id| !is_fresh(*id, now)).collect();
    // In one snapshot a row is in exactly one of both tables; what came after it is
    // too young to be archived, so that the table's own key finds it.
    Ok(!old.is_empty() && !store::is_empty()? && store::is_any_taken(old)?)
}

fn unix_ms(at: TimestampWithTimeZone) -> i64 {
    at.into_inner() / 1000 + EPOCH_MS
}

/// When a UUID v7 says that it was made.
fn made_at(id: Uuid) -> Option<i64> {
    let bytes = id.as_bytes();
    let ms = bytes[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    (bytes[6] >> 4 == 7).then_some(ms)
}

fn is_fresh(id: Uuid, now: i64) -> bool {
    made_at(id).is_some_and(|made| made > now - FRESH_DAYS * DAY_MS)
}

/// The least UUID v7 that is made at a time.
fn first_id_of(ms: i64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&ms.max(0).to_be_bytes()[2..]);
    bytes[6] = 0x70;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;

    fn id_made(ms: i64) -> Uuid {
        let mut bytes = *first_id_of(ms).as_bytes();
        bytes[15] = 9;
        Uuid::from_bytes(bytes)
    }

    #[test]
    fn an_id_made_here_says_when() {
        let system_now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
        assert!((made_at(new_id()).unwrap() - system_now).abs() < 60_000);
        assert_eq!(made_at(Uuid::from_bytes(*uuid::Uuid::new_v4().as_bytes())), None);
    }

    #[test]
    fn only_ids_of_the_last_day_and_the_future_are_fresh() {
        assert!(is_fresh(id_made(NOW), NOW));
        assert!(is_fresh(id_made(NOW + 400 * DAY_MS), NOW));
        assert!(is_fresh(id_made(NOW - DAY_MS + 1), NOW));
        assert!(!is_fresh(id_made(NOW - DAY_MS), NOW));
        assert!(!is_fresh(Uuid::from_bytes([0x4f; 16]), NOW));
    }

    proptest! {
        #[test]
        fn no_id_that_may_have_moved_is_fresh(
            made in 0..2 * NOW,
            moved in 0..NOW,
            later in 0..NOW,
        ) {
            // What the statement that moves rows compares.
            let may_move = id_made(made).as_bytes() <= first_id_of(moved - MOVE_AFTER_DAYS * DAY_MS).as_bytes();
            prop_assert!(!may_move || !is_fresh(id_made(made), moved + later));
        }
    }
}
