//! History without adding it up from the beginning.
//!
//! A job keeps, for each account, what it was debited and credited up to some of
//! its transfers: a checkpoint about every [`SPACING`] of them. A balance as of a
//! time is then the last checkpoint before it and the few transfers since. There
//! are two orders, by the time of recording and by that of effect:
//!
//! * Nothing is recorded in the past, so a checkpoint in the order of recording
//!   never changes. It is made once everything before it is [complete](horizon).
//! * Transfers that count for their own time ("dated") may come late. Their
//!   checkpoints hold those recorded up to the account's last checkpoint, and a
//!   reader adds those recorded since. The job moves both forward together.
//!
//! Either way an answer is exact at once, whether or not the job has run: it only
//! says how much has to be added up.

mod dated;
pub(in crate::ledger) mod horizon;
pub(in crate::ledger) mod spacing;

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::ledger::account::AccountId;
use crate::ledger::history::horizon::{Mark, SLACK_US};
use crate::ledger::history::spacing::{Checkpoint, Entry, space};
use crate::ledger::store::checkpoints as store;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use serde_json::{Value, json};

/// Transfers of an account from one checkpoint to the next.
pub const SPACING: usize = 128;
/// The most transfers that are read at once.
const PASS: i64 = 50_000;
/// One batch of the job ends after so many accounts or transfers.
const BATCH_ACCOUNTS: i64 = 10_000;
const BATCH_ENTRIES: usize = 1_000_000;
/// All accounts are looked through once a day, for rows that came another way than
/// by a posting, such as a load of old books.
const WHOLE_US: i64 = 24 * 3_600_000_000;

/// A time as microseconds; the infinities are the ends of the range.
pub fn micros(at: TimestampWithTimeZone) -> i64 {
    at.into_inner()
}

/// The time of so many microseconds.
pub fn time(micros: i64) -> TimestampWithTimeZone {
    match micros {
        i64::MIN => TimestampWithTimeZone::negative_infinity(),
        _ => TimestampWithTimeZone::try_from(micros)
            .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity()),
    }
}

/// How far the job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Becomes `complete_until` once the transactions below it have ended.
    pub mark: Option<Mark>,
    pub complete_until: Option<i64>,
    pub sweep: Option<Sweep>,
    /// When a sweep over all accounts began last.
    pub whole_at: Option<i64>,
}

/// A way through the accounts, in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Accounts with transfers recorded after this; all accounts where there is none.
    pub after: Option<i64>,
    /// Transfers recorded up to and with this.
    pub until: i64,
    /// Accounts beyond this one are still to come.
    pub account: i64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub accounts: usize,
    pub checkpoints: usize,
    entries: usize,
}

/// One batch of the job: makes the checkpoints that are due, of all accounts where
/// `whole` says so. The result counts accounts and checkpoints, and says whether there
/// is more to do.
pub fn checkpoint(whole: bool) -> Result<Value> {
    let now = micros(clock());
    // SAFETY: reads a counter of the server. After the clock: whatever has recorded
    // something before `now` has taken its number already.
    let next_xid = unsafe { pg_sys::ReadNextFullTransactionId() }.value;
    let fresh = Mark { at: now - SLACK_US, xid: next_xid };
    let oldest = store::oldest_running()?;
    let mut progress = store::lock_progress()?;
    if progress.sweep.is_none() || whole {
        progress = begin(&progress, fresh, oldest, whole, now);
    }
    let Some(sweep) = progress.sweep else {
        store::save_progress(&progress)?;
        return Ok(json!({"accounts": 0, "checkpoints": 0}));
    };
    let (made, next) = sweep_on(&sweep)?;
    progress.sweep = next;
    if next.is_none() {
        progress.complete_until = Some(sweep.until);
    }
    store::save_progress(&progress)?;
    let mut result = json!({"accounts": made.accounts, "checkpoints": made.checkpoints});
    if next.is_some() {
        result["more"] = Value::Bool(true);
    }
    Ok(result)
}

/// All batches of [`checkpoint`].
pub fn checkpoint_all(whole: bool) -> Result<Value> {
    let (mut total, mut whole) = (Made::default(), whole);
    loop {
        let batch = checkpoint(whole)?;
        let count = |key: &str| batch[key].as_u64().unwrap_or(0) as usize;
        total.accounts += count("accounts");
        total.checkpoints += count("checkpoints");
        if batch.get("more").is_none() {
            return Ok(json!({"accounts": total.accounts, "checkpoints": total.checkpoints}));
        }
        whole = false;
    }
}

/// The next sweep, if more has become complete since the last one.
fn begin(progress: &Progress, fresh: Mark, oldest: u64, whole: bool, now: i64) -> Progress {
    let (until, mark) = horizon::advance(progress.mark, fresh, oldest);
    let newer = until.filter(|until| progress.complete_until.is_none_or(|last| *until > last));
    let due = progress.whole_at.is_none_or(|last| now - last >= WHOLE_US);
    let after = progress.complete_until.filter(|_| !whole && !due);
    let again = progress.complete_until.filter(|_| whole);
    let sweep = newer.or(again).map(|until| Sweep { after, until, account: i64::MIN });
    let whole_at = if sweep.is_some() && after.is_none() { Some(now) } else { progress.whole_at };
    Progress { mark, sweep, whole_at, ..*progress }
}

/// Looks at the next accounts; what is left of the sweep.
fn sweep_on(sweep: &Sweep) -> Result<(Made, Option<Sweep>)> {
    let accounts = store::accounts(sweep, BATCH_ACCOUNTS)?;
    let mut made = Made::default();
    for (n, &account) in accounts.iter().enumerate() {
        let of_account = checkpoint_account(account, sweep.until, SPACING, PASS)?;
        made.accounts += 1;
        made.checkpoints += of_account.checkpoints;
        made.entries += of_account.entries;
        let last = n + 1 == accounts.len();
        if made.entries >= BATCH_ENTRIES && !last {
            return Ok((made, Some(Sweep { account: account.0, ..*sweep })));
        }
    }
    let next = match accounts.last() {
        Some(account) if accounts.len() as i64 == BATCH_ACCOUNTS => {
            Some(Sweep { account: account.0, ..*sweep })
        }
        _ => None,
    };
    Ok((made, next))
}

/// Makes the checkpoints of an account over what was recorded up to and with `until`,
/// which must be complete: one about every `spacing` transfers, of which at most about
/// `pass` are read at once.
pub fn checkpoint_account(
    account: AccountId,
    until: i64,
    spacing: usize,
    pass: i64,
) -> Result<Made> {
    let mut made = Made::default();
    let mut last = store::last(account)?;
    loop {
        let entries = store::entries(account, last.at, until, pass)?;
        made.entries += entries.len();
        let new = space(account, &last, &entries, 0, spacing)?;
        let Some(newest) = new.last().copied() else { return Ok(made) };
        store::add(account, &new)?;
        made.checkpoints += new.len();
        let covered = |entry: &&Entry| entry.at <= newest.at && entry.effective.is_some();
        let late: Vec<Entry> = entries.iter().filter(covered).copied().collect();
        made.checkpoints += dated::add(account, late, newest.at, spacing)?;
        if (entries.len() as i64) < pass {
            return Ok(made);
        }
        last = Checkpoint { entries: 0, ..newest };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = WHOLE_US;

    fn progress(complete_until: Option<i64>, whole_at: Option<i64>) -> Progress {
        Progress { complete_until, whole_at, ..Progress::default() }
    }

    fn mark(at: i64, xid: u64) -> Mark {
        Mark { at, xid }
    }

    #[test]
    fn the_first_sweep_goes_through_all_accounts() {
        let next = begin(&progress(None, None), mark(10, 5), 5, false, 10);
        assert_eq!(next.sweep, Some(Sweep { after: None, until: 10, account: i64::MIN }));
        assert_eq!(next.whole_at, Some(10));
    }

    #[test]
    fn later_ones_look_at_what_was_recorded_since() {
        let next = begin(&progress(Some(10), Some(10)), mark(20, 5), 5, false, 20);
        assert_eq!(next.sweep.map(|sweep| sweep.after), Some(Some(10)));
        assert_eq!(next.whole_at, Some(10));
        let next = begin(&progress(Some(10), Some(10)), mark(20, 5), 5, false, 10 + DAY);
        assert_eq!(next.sweep.map(|sweep| sweep.after), Some(None), "a day later");
        assert_eq!(next.whole_at, Some(10 + DAY));
    }

    #[test]
    fn while_nothing_more_is_complete_nothing_is_looked_through() {
        let next = begin(&progress(Some(10), Some(10)), mark(20, 5), 4, false, 20);
        assert_eq!((next.sweep, next.mark), (None, Some(mark(20, 5))));
        let whole = begin(&progress(Some(10), Some(10)), mark(20, 5), 4, true, 20);
        assert_eq!(whole.sweep, Some(Sweep { after: None, until: 10, account: i64::MIN }));
        let back = begin(&progress(Some(10), Some(10)), mark(9, 5), 5, false, 20);
        assert_eq!(back.sweep, None, "the clock was set back");
    }

    #[test]
    fn times_survive_the_way_to_microseconds_and_back() {
        for at in [i64::MIN, -1, 0, 1_000_000, i64::MAX] {
            assert_eq!(micros(time(at)), at);
        }
    }
}
