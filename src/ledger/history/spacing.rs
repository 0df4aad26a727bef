//! Where checkpoints go along the transfers of an account.

use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;

/// One side of a transfer. Times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was recorded.
    pub at: i64,
    pub is_debit: bool,
    pub amount: i64,
    /// The time it counts for, where that is its own.
    pub effective: Option<i64>,
}

/// What an account was debited and credited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub debits: i64,
    pub credits: i64,
}

impl Tally {
    pub fn add(&mut self, account: AccountId, entry: &Entry) -> Result<(), LedgerError> {
        let sum = if entry.is_debit { &mut self.debits } else { &mut self.credits };
        *sum = sum.checked_add(entry.amount).ok_or(LedgerError::OutOfRange { account })?;
        Ok(())
    }
}

/// The sums of everything up to and with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub at: i64,
    pub all: Tally,
    /// The part that counts for a time of its own.
    pub dated: Tally,
    /// How many entries: since the beginning of the account in the order of effect,
    /// since the last checkpoint in that of recording.
    pub entries: i64,
}

impl Checkpoint {
    /// Before the first transfer.
    pub const START: Checkpoint = Checkpoint {
        at: i64::MIN,
        all: Tally { debits: 0, credits: 0 },
        dated: Tally { debits: 0, credits: 0 },
        entries: 0,
    };

    fn add(&mut self, account: AccountId, entry: &Entry) -> Result<(), LedgerError> {
        self.at = entry.at;
        self.entries += 1;
        self.all.add(account, entry)?;
        if entry.effective.is_some() { self.dated.add(account, entry) } else { Ok(()) }
    }
}

/// Checkpoints along `entries`, which are in the order of their times and follow `start`.
///
/// Each comes behind all of its time. From one to the next there are at least `spacing`
/// entries, and fewer than twice as many but for those of one time, which stay together;
/// `closing` is how many share the time that follows the entries.
pub fn space(
    account: AccountId,
    start: &Checkpoint,
    entries: &[Entry],
    closing: usize,
    spacing: usize,
) -> Result<Vec<Checkpoint>, LedgerError> {
    let mut checkpoints = Vec::new();
    let (mut sums, mut since) = (*start, 0);
    for together in entries.chunk_by(|a, b| a.at == b.at) {
        // So many of one time get two checkpoints to themselves.
        if together.len() >= spacing && since > 0 {
            checkpoints.push(sums);
            since = 0;
        }
        for entry in together {
            sums.add(account, entry)?;
        }
        since += together.len();
        if since >= spacing {
            checkpoints.push(sums);
            since = 0;
        }
    }
    if closing >= spacing && since > 0 {
        checkpoints.push(sums);
    }
    Ok(checkpoints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: AccountId = AccountId(1);

    fn entry(at: i64, amount: i64) -> Entry {
        Entry { at, is_debit: amount > 0, amount: amount.abs(), effective: None }
    }

    fn times(entries: &[Entry], closing: usize) -> Vec<i64> {
        let checkpoints = space(ACCOUNT, &Checkpoint::START, entries, closing, 3).unwrap();
        checkpoints.iter().map(|checkpoint| checkpoint.at).collect()
    }

    fn at(times: &[i64]) -> Vec<Entry> {
        times.iter().map(|at| entry(*at, 1)).collect()
    }

    #[test]
    fn a_checkpoint_comes_after_so_many_entries_and_all_of_its_time() {
        assert_eq!(times(&at(&[1, 2]), 0), [0; 0]);
        assert_eq!(times(&at(&[1, 2, 3, 4, 5, 6, 7]), 0), [3, 6]);
        assert_eq!(times(&at(&[1, 2, 3, 3, 4, 5]), 0), [3]);
    }

    #[test]
    fn many_entries_of_one_time_stand_between_two_checkpoints() {
        assert_eq!(times(&at(&[1, 2, 2, 2, 2, 3]), 0), [1, 2]);
        assert_eq!(times(&at(&[1, 2]), 3), [2]);
        assert_eq!(times(&at(&[1, 2]), 2), [0; 0]);
    }

    #[test]
    fn sums_beyond_63_bits_are_refused() {
        let entries = [entry(1, i64::MAX), entry(2, 1)];
        let outcome = space(ACCOUNT, &Checkpoint::START, &entries, 0, 3);
        assert_eq!(outcome, Err(LedgerError::OutOfRange { account: ACCOUNT }));
    }

    proptest! {
        #[test]
        fn each_checkpoint_is_the_sum_up_to_its_time(
            mut parts in prop::collection::vec((0..40i64, -9..9i64, any::<bool>()), 0..120),
            spacing in 1..12usize,
        ) {
            parts.sort_by_key(|part| part.0);
            let entries: Vec<Entry> = parts
                .iter()
                .map(|(at, amount, dated)| Entry { effective: dated.then_some(7), ..entry(*at, *amount) })
                .collect();
            let checkpoints = space(ACCOUNT, &Checkpoint::START, &entries, 0, spacing).unwrap();
            let mut before = 0;
            for checkpoint in &checkpoints {
                let upto: Vec<_> = entries.iter().filter(|e| e.at <= checkpoint.at).collect();
                let sum = |debit: bool, dated: bool| upto.iter()
                    .filter(|e| e.is_debit == debit && (!dated || e.effective.is_some()))
                    .map(|e| e.amount).sum::<i64>();
                prop_assert_eq!(checkpoint.all, Tally { debits: sum(true, false), credits: sum(false, false) });
                prop_assert_eq!(checkpoint.dated, Tally { debits: sum(true, true), credits: sum(false, true) });
                prop_assert_eq!(checkpoint.entries, upto.len() as i64);
                let of_its_time = upto.iter().filter(|e| e.at == checkpoint.at).count();
                prop_assert!(upto.len() - before < spacing + of_its_time);
                before = upto.len();
            }
            prop_assert!(entries.len() - before < spacing);
            prop_assert!(checkpoints.windows(2).all(|pair| pair[0].at < pair[1].at));
        }
    }
}
