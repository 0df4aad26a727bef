//! So many events a second for one person, and what goes over is folded into one.

use pgrx::Uuid;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// A promise for each second of the reader, so the window has a little more.
const WINDOW_US: i64 = 1_100_000;
const MOST: usize = 10;

/// What has been sent to each person lately. Times are microseconds of any clock
/// that does not go back.
#[derive(Default)]
pub struct Throttle {
    people: HashMap<Option<Uuid>, Window>,
}

#[derive(Default)]
struct Window {
    sent: VecDeque<i64>,
    /// Sources of which something was held back.
    folded: BTreeSet<usize>,
}

impl Window {
    fn take(&mut self, now: i64) -> bool {
        while self.sent.front().is_some_and(|at| now - at >= WINDOW_US) {
            self.sent.pop_front();
        }
        if self.sent.len() >= MOST {
            return false;
        }
        self.sent.push_back(now);
        true
    }
}

impl Throttle {
    /// Whether an event may be sent now. If not, the person will be told later
    /// that there was more of this source.
    pub fn admit(&mut self, now: i64, person: Option<Uuid>, source: usize) -> bool {
        let window = self.people.entry(person).or_default();
        // One that waits already says that something changed.
        if window.folded.contains(&source) {
            return false;
        }
        let admitted = window.take(now);
        if !admitted {
            window.folded.insert(source);
        }
        admitted
    }

    /// Who may be told now that there was more, and of which source.
    pub fn due(&mut self, now: i64) -> Vec<(Option<Uuid>, usize)> {
        let mut due = Vec::new();
        for (person, window) in &mut self.people {
            while let Some(&source) = window.folded.first() {
                if !window.take(now) {
                    break;
                }
                window.folded.pop_first();
                due.push((*person, source));
            }
        }
        self.people.retain(|_, window| {
            !window.folded.is_empty() || window.sent.back().is_some_and(|at| now - at < WINDOW_US)
        });
        due
    }

    /// Whether anybody still has to be told that there was more.
    #[cfg(test)]
    fn owes(&self) -> bool {
        self.people.values().any(|window| !window.folded.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(n: u8) -> Option<Uuid> {
        Some(Uuid::from_bytes([n; 16]))
    }

    #[test]
    fn a_burst_is_ten_events_and_one_that_says_more() {
        let mut throttle = Throttle::default();
        let admitted = (0..50).filter(|_| throttle.admit(0, person(1), 0)).count();
        assert_eq!(admitted, 10);
        assert!(throttle.due(WINDOW_US - 1).is_empty());
        assert_eq!(throttle.due(WINDOW_US), [(person(1), 0)]);
        assert!(!throttle.owes());
    }

    #[test]
    fn each_source_has_its_own_more() {
        let mut throttle = Throttle::default();
        for n in 0..30 {
            throttle.admit(0, person(1), n % 3);
        }
        let mut due = throttle.due(WINDOW_US);
        due.sort_by_key(|(_, source)| *source);
        assert_eq!(due, [(person(1), 0), (person(1), 1), (person(1), 2)]);
    }

    #[test]
    fn one_persons_burst_is_nobody_elses() {
        let mut throttle = Throttle::default();
        for _ in 0..20 {
            throttle.admit(0, person(1), 0);
        }
        assert!(throttle.admit(0, person(2), 0));
        assert!(throttle.admit(0, None, 0));
    }

    #[test]
    fn a_person_who_is_quiet_is_forgotten() {
        let mut throttle = Throttle::default();
        throttle.admit(0, person(1), 0);
        throttle.due(WINDOW_US);
        assert!(throttle.people.is_empty());
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_ten_and_nothing_is_forgotten(
            gaps in prop::collection::vec(0i64..200_000, 1..300)
        ) {
            let (mut throttle, mut now) = (Throttle::default(), 0);
            let mut sent: Vec<i64> = Vec::new();
            let mut last_change = 0;
            for gap in gaps {
                now += gap;
                sent.extend(throttle.due(now).iter().map(|_| now));
                last_change = now;
                if throttle.admit(now, person(1), 0) {
                    sent.push(now);
                }
            }
            while throttle.owes() {
                now += 100_000;
                sent.extend(throttle.due(now).iter().map(|_| now));
            }
            prop_assert!(sent.windows(11).all(|w| w[10] - w[0] >= 1_000_000));
            prop_assert!(*sent.last().unwrap() >= last_change);
        }
    }
}
