//! Checkpoints in the order of effect, over the transfers that count for their own time.
//!
//! The last one, at infinity, holds all of them. A transfer that comes late is added to
//! every checkpoint behind its time; where too many lie between two, new ones are made.

use crate::kernel::error::Result;
use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;
use crate::ledger::history::spacing::{Checkpoint, Entry, space};
use crate::ledger::store::checkpoints as store;

/// The time of the checkpoint that holds everything.
pub const END: i64 = i64::MAX;

/// Adds transfers recorded up to and with `until`, the account's last checkpoint; how
/// many checkpoints that made.
pub fn add(account: AccountId, late: Vec<Entry>, until: i64, spacing: usize) -> Result<usize> {
    let mut late = by_effect(late);
    late.sort_by_key(|entry| entry.at);
    let Some(first) = late.first() else { return Ok(0) };
    let (before, mut behind) = store::dated_from(account, first.at)?;
    let started = behind.is_empty();
    if started {
        behind.push(Checkpoint { at: END, ..Checkpoint::START });
    }
    merge(account, &mut behind, &late)?;
    store::put_dated(account, &behind)?;
    let mut made = usize::from(started);
    for (lower, upper) in crowded(&before, &behind, spacing) {
        let between = upper.entries - lower.entries;
        let entries = store::dated_entries(account, (lower.at, upper.at), until, between)?;
        let inside = by_effect(entries);
        let closing = between - inside.len() as i64;
        let closing = if upper.at == END { 0 } else { closing.max(0) as usize };
        let new = space(account, &lower, &inside, closing, spacing)?;
        store::put_dated(account, &new)?;
        made += new.len();
    }
    Ok(made)
}

/// The entries with the time that they count for in the place of that of recording.
fn by_effect(entries: Vec<Entry>) -> Vec<Entry> {
    let moved = |entry: Entry| entry.effective.map(|at| Entry { at, effective: None, ..entry });
    entries.into_iter().filter_map(moved).collect()
}

/// Adds entries, in the order of their times, to all checkpoints behind them.
fn merge(
    account: AccountId,
    checkpoints: &mut [Checkpoint],
    entries: &[Entry],
) -> Result<(), LedgerError> {
    let mut sums = Checkpoint::START;
    let mut rest = entries.iter().peekable();
    for checkpoint in checkpoints {
        while let Some(entry) = rest.next_if(|entry| entry.at <= checkpoint.at) {
            sums.all.add(account, entry)?;
            sums.entries += 1;
        }
        let plus = |a: i64, b: i64| a.checked_add(b).ok_or(LedgerError::OutOfRange { account });
        checkpoint.all.debits = plus(checkpoint.all.debits, sums.all.debits)?;
        checkpoint.all.credits = plus(checkpoint.all.credits, sums.all.credits)?;
        checkpoint.entries += sums.entries;
    }
    Ok(())
}

/// Neighbours with twice as many entries between them as there should be.
fn crowded(
    before: &Checkpoint,
    behind: &[Checkpoint],
    spacing: usize,
) -> Vec<(Checkpoint, Checkpoint)> {
    let lower = std::iter::once(before).chain(behind);
    let too_many = |(lower, upper): &(&Checkpoint, &Checkpoint)| {
        upper.entries - lower.entries >= 2 * spacing as i64
    };
    lower.zip(behind).filter(too_many).map(|(lower, upper)| (*lower, *upper)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::history::spacing::Tally;

    const ACCOUNT: AccountId = AccountId(1);

    fn debit(at: i64, amount: i64) -> Entry {
        Entry { at, is_debit: true, amount, effective: None }
    }

    fn checkpoint(at: i64, debits: i64, entries: i64) -> Checkpoint {
        Checkpoint { at, all: Tally { debits, credits: 0 }, entries, ..Checkpoint::START }
    }

    #[test]
    fn a_late_entry_is_added_to_every_checkpoint_behind_it() {
        let mut checkpoints =
            [checkpoint(10, 100, 4), checkpoint(20, 200, 8), checkpoint(END, 250, 9)];
        merge(ACCOUNT, &mut checkpoints, &[debit(10, 1), debit(11, 2), debit(99, 4)]).unwrap();
        assert_eq!(
            checkpoints,
            [checkpoint(10, 101, 5), checkpoint(20, 203, 10), checkpoint(END, 257, 12)]
        );
    }

    #[test]
    fn sums_beyond_63_bits_are_refused() {
        let mut checkpoints = [checkpoint(END, i64::MAX, 1)];
        let outcome = merge(ACCOUNT, &mut checkpoints, &[debit(1, 1)]);
        assert_eq!(outcome, Err(LedgerError::OutOfRange { account: ACCOUNT }));
    }

    #[test]
    fn neighbours_with_twice_too_many_between_them_are_crowded() {
        let behind = [checkpoint(10, 0, 9), checkpoint(20, 0, 15), checkpoint(END, 0, 20)];
        let found = crowded(&checkpoint(5, 0, 4), &behind, 3);
        assert_eq!(found, [(behind[0], behind[1])]);
    }

    #[test]
    fn entries_stand_at_the_time_that_they_count_for() {
        let plain = debit(5, 1);
        let dated = Entry { effective: Some(2), ..debit(6, 1) };
        assert_eq!(by_effect(vec![plain, dated]), [debit(2, 1)]);
    }
}
