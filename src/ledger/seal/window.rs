//! How far one batch reaches: no index has the order of recording, but a BRIN index
//! counts a stretch of time quickly.

use crate::kernel::error::Result;

const HOUR_US: i64 = 3_600_000_000;

/// The end of a stretch after `from`, at most `to`, that holds about `most` rows:
/// no more, unless a single microsecond does. `count` tells how many rows lie after
/// `from` and up to a time, and need not count on beyond `most`.
pub fn end(
    from: i64,
    to: i64,
    most: i64,
    mut count: impl FnMut(i64) -> Result<i64>,
) -> Result<i64> {
    let (mut step, mut shrinking) = (HOUR_US, false);
    loop {
        let end = from.saturating_add(step).min(to);
        let rows = count(end)?;
        if rows > most && end > from.saturating_add(1) {
            step = (end.saturating_sub(from) / 4).max(1);
            shrinking = true;
        } else if rows >= most / 4 || end == to || shrinking {
            return Ok(end);
        } else {
            step = step.saturating_mul(4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(rows: &[i64], from: i64, to: i64, most: i64) -> i64 {
        (rows.iter().filter(|at| **at > from && **at <= to).count() as i64).min(most + 1)
    }

    proptest! {
        #[test]
        fn batches_pass_over_every_row_and_hold_no_more_than_asked(
            steps in prop::collection::vec((0..40_000_000_000i64, 1..4usize), 1..60),
            most in 4..20i64,
        ) {
            let mut at = 0;
            let mut rows = Vec::new();
            for (step, times) in steps {
                at += step + 1;
                rows.extend(std::iter::repeat_n(at, times));
            }
            let (mut from, mut passed) = (0, 0);
            while from < at {
                let to = end(from, at, most, |to| Ok(count(&rows, from, to, most))).unwrap();
                let held = count(&rows, from, to, i64::MAX - 1);
                prop_assert!(to > from && held <= most);
                passed += held;
                from = to;
            }
            prop_assert_eq!(passed, rows.len() as i64);
        }
    }

    #[test]
    fn what_was_recorded_at_once_stays_together() {
        let (rows, mut from, mut held) = (vec![10; 100], 0, Vec::new());
        while from < 50 {
            let to = end(from, 50, 5, |to| Ok(count(&rows, from, to, 5))).unwrap();
            held.push(count(&rows, from, to, 1000));
            from = to;
        }
        assert!(held.contains(&100) && held.iter().sum::<i64>() == 100);
    }

    #[test]
    fn years_without_a_row_are_passed_in_a_few_steps() {
        let mut calls = 0;
        let year = 365 * 24 * HOUR_US;
        let to = end(0, 20 * year, 100, |_| {
            calls += 1;
            Ok(0)
        });
        assert_eq!((to.unwrap(), calls < 12), (20 * year, true));
    }
}
