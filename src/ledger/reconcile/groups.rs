//! Sums: which few of many amounts add up to another.
//!
//! The number of ways is exponential, so everything is bounded: how many amounts are
//! tried, how many make a sum, and how many steps a search may take.

/// What a search for sums gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Sums {
    /// Places of the amounts of each sum found; fewer amounts come first.
    pub found: Vec<Vec<usize>>,
    /// Whether there are no others: neither the steps nor the number of sums ran out.
    pub complete: bool,
}

/// Finds sums of 2 to `most` of `amounts`, all above zero, that are `target` but for
/// `tolerance`. At most `enough` of them, in at most `steps` steps, which are counted down.
pub fn sums(
    target: u64,
    tolerance: u64,
    amounts: &[u64],
    most: usize,
    enough: usize,
    steps: &mut u64,
) -> Sums {
    // Large amounts first: what is left is soon too small to reach the target.
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    order.sort_by_key(|n| (std::cmp::Reverse(amounts[*n]), *n));
    let mut search = Search {
        sorted: order.iter().map(|n| i128::from(amounts[*n])).collect(),
        least: i128::from(target) - i128::from(tolerance),
        largest: i128::from(target) + i128::from(tolerance),
        chosen: Vec::with_capacity(most),
        found: Vec::new(),
        enough,
        steps,
    };
    let mut complete = true;
    for size in 2..=most.min(amounts.len()) {
        if !search.choose(0, size, 0) {
            complete = false;
            break;
        }
    }
    let place = |sum: Vec<usize>| {
        let mut places: Vec<usize> = sum.into_iter().map(|n| order[n]).collect();
        places.sort_unstable();
        places
    };
    Sums { found: search.found.into_iter().map(place).collect(), complete }
}

struct Search<'a> {
    /// From the largest down.
    sorted: Vec<i128>,
    least: i128,
    largest: i128,
    chosen: Vec<usize>,
    found: Vec<Vec<usize>>,
    enough: usize,
    steps: &'a mut u64,
}

impl Search<'_> {
    /// Tries every choice of `more` amounts from `start` on; false when it gave up.
    fn choose(&mut self, start: usize, more: usize, sum: i128) -> bool {
        if more == 0 {
            if sum >= self.least {
                self.found.push(self.chosen.clone());
            }
            return self.found.len() < self.enough;
        }
        for n in start..=self.sorted.len().saturating_sub(more) {
            let Some(left) = self.steps.checked_sub(1) else { return false };
            *self.steps = left;
            let amount = self.sorted[n];
            // Neither this nor any that comes after is large enough.
            if sum + amount * (more as i128) < self.least {
                return true;
            }
            if sum + amount > self.largest {
                continue;
            }
            self.chosen.push(n);
            let go_on = self.choose(n + 1, more - 1, sum + amount);
            self.chosen.pop();
            if !go_on {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(target: u64, tolerance: u64, amounts: &[u64], most: usize) -> Sums {
        sums(target, tolerance, amounts, most, 10, &mut 1_000_000)
    }

    #[test]
    fn finds_every_sum_with_fewer_amounts_first() {
        let found = find(100, 0, &[60, 40, 30, 10, 70], 4).found;
        assert_eq!(found, [vec![2, 4], vec![0, 1], vec![0, 2, 3]]);
        assert!(find(100, 0, &[60, 40, 30, 10, 70], 4).complete);
        assert_eq!(find(101, 0, &[60, 40], 2).found, Vec::<Vec<usize>>::new());
        assert_eq!(find(101, 1, &[60, 40], 2).found, [vec![0, 1]]);
    }

    #[test]
    fn says_when_it_gave_up() {
        let same = [1_u64; 24];
        let few = sums(6, 0, &same, 6, 2, &mut 1_000_000);
        assert_eq!((few.found.len(), few.complete), (2, false));
        let mut steps = 1000;
        let odd: Vec<u64> = (0..24).map(|n| 1000 + 2 * n).collect();
        let none = sums(6001, 0, &odd, 6, 2, &mut steps);
        assert_eq!((none.found.len(), none.complete, steps), (0, false, 0));
    }

    #[test]
    fn amounts_near_the_largest_do_not_overflow() {
        let huge = [u64::MAX, u64::MAX - 1, 7];
        assert_eq!(find(u64::MAX, 7, &huge, 3).found, [vec![0, 2], vec![1, 2]]);
    }

    proptest! {
        #[test]
        fn as_good_as_trying_everything(
            amounts in prop::collection::vec(1u64..60, 0..9), target in 1u64..200, tolerance in 0u64..4,
        ) {
            let mut all = 0;
            for choice in 0u32..(1 << amounts.len()) {
                let chosen: Vec<u64> = (0..amounts.len())
                    .filter(|n| choice & (1 << n) != 0)
                    .map(|n| amounts[n])
                    .collect();
                let fits = chosen.iter().sum::<u64>().abs_diff(target) <= tolerance;
                all += usize::from((2..=4).contains(&chosen.len()) && fits);
            }
            let got = sums(target, tolerance, &amounts, 4, usize::MAX, &mut u64::MAX.clone());
            prop_assert_eq!(got.found.len(), all);
            prop_assert!(got.complete);
        }
    }
}
