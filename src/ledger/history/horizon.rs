//! Up to when everything recorded is there to be seen.
//!
//! Whoever posts locks accounts first, which gives his transaction its number, and
//! reads the clock for `recorded_at` after that. So of all that was recorded before
//! a moment, the transaction had a number by then: once every transaction with a
//! lower number than the next one at that moment has ended, nothing can appear below
//! it any more. Prepared transactions count as running, as they do for PostgreSQL.

/// How far a clock may be set back without harm.
pub const SLACK_US: i64 = 5_000_000;

/// A moment, and the number that the next transaction had at it (or later).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: i64,
    pub xid: u64,
}

/// Up to when everything is complete, if that is known of a mark, and the mark to keep
/// for the next time. `oldest` is the number of the oldest transaction that may run.
pub fn advance(kept: Option<Mark>, fresh: Mark, oldest: u64) -> (Option<i64>, Option<Mark>) {
    let complete = |mark: &Mark| mark.xid <= oldest;
    if complete(&fresh) {
        return (Some(fresh.at), None);
    }
    match kept {
        // A new one each time would never become complete where always something runs.
        Some(mark) if !complete(&mark) => (None, kept),
        Some(mark) => (Some(mark.at), Some(fresh)),
        None => (None, Some(fresh)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn with_nothing_running_everything_is_complete_at_once() {
        let fresh = Mark { at: 50, xid: 7 };
        assert_eq!(advance(None, fresh, 7), (Some(50), None));
        assert_eq!(advance(Some(Mark { at: 40, xid: 5 }), fresh, 7), (Some(50), None));
    }

    #[test]
    fn a_mark_waits_for_what_ran_at_its_time_only() {
        let first = Mark { at: 10, xid: 5 };
        let (until, kept) = advance(None, first, 4);
        assert_eq!((until, kept), (None, Some(first)));
        // 4 still runs, then 4 has ended and 6 runs.
        let second = Mark { at: 20, xid: 7 };
        assert_eq!(advance(kept, second, 4), (None, Some(first)));
        assert_eq!(advance(kept, second, 6), (Some(10), Some(second)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin(u8),
        Record(u8),
        End(u8),
        Look,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..5u8).prop_map(Step::Begin),
            4 => (0..5u8).prop_map(Step::Record),
            3 => (0..5u8).prop_map(Step::End),
            2 => Just(Step::Look),
        ]
    }

    proptest! {
        #[test]
        fn nothing_appears_below_what_was_called_complete(
            steps in prop::collection::vec(step(), 1..200)
        ) {
            let (mut now, mut next) = (0, 1);
            // Number and times recorded of each running transaction.
            let mut running: BTreeMap<u8, (u64, Vec<i64>)> = BTreeMap::new();
            let (mut kept, mut complete) = (None, i64::MIN);
            for step in steps {
                now += 1;
                match step {
                    Step::Begin(n) => {
                        running.entry(n).or_insert_with(|| {
                            next += 1;
                            (next - 1, Vec::new())
                        });
                    }
                    Step::Record(n) => {
                        if let Some((_, times)) = running.get_mut(&n) {
                            times.push(now);
                        }
                    }
                    Step::End(n) => {
                        for at in running.remove(&n).map_or(Vec::new(), |(_, times)| times) {
                            prop_assert!(at > complete, "{} below {}", at, complete);
                        }
                    }
                    Step::Look => {
                        let oldest = running.values().map(|(xid, _)| *xid).min().unwrap_or(next);
                        let (until, mark) = advance(kept, Mark { at: now, xid: next }, oldest);
                        kept = mark;
                        complete = complete.max(until.unwrap_or(i64::MIN));
                    }
                }
            }
        }
    }
}
