//! Lines or transfers that are still free, found by amount, by reference or by day.

use crate::ledger::reconcile::words::Names;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A line or a transfer as far as matching sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Days since 2000-01-01.
    pub day: i32,
    /// What it adds to the balance.
    pub amount: i64,
    pub names: Names,
}

/// Items in the order of their days.
type Days = BTreeSet<(i32, u32)>;

/// What is free of a list of items.
pub struct Pool {
    free: Vec<bool>,
    by_amount: BTreeMap<i64, Days>,
    by_name: HashMap<u32, Days>,
    /// Those that add to the balance, and those that take away.
    by_day: [Days; 2],
}

fn sign(amount: i64) -> usize {
    usize::from(amount < 0)
}

impl Pool {
    pub fn new(items: &[Item]) -> Self {
        let mut pool = Pool {
            free: vec![true; items.len()],
            by_amount: BTreeMap::new(),
            by_name: HashMap::new(),
            by_day: Default::default(),
        };
        for (n, item) in items.iter().enumerate() {
            let place = (item.day, n as u32);
            pool.by_amount.entry(item.amount).or_default().insert(place);
            pool.by_day[sign(item.amount)].insert(place);
            for name in item.names.all() {
                pool.by_name.entry(name).or_default().insert(place);
            }
        }
        pool
    }

    pub fn is_free(&self, n: u32) -> bool {
        self.free[n as usize]
    }

    pub fn take(&mut self, n: u32, item: &Item) {
        let place = (item.day, n);
        self.free[n as usize] = false;
        self.by_day[sign(item.amount)].remove(&place);
        if let Some(days) = self.by_amount.get_mut(&item.amount) {
            days.remove(&place);
            if days.is_empty() {
                self.by_amount.remove(&item.amount);
            }
        }
        for name in item.names.all() {
            if let Some(days) = self.by_name.get_mut(&name) {
                days.remove(&place);
            }
        }
    }

    /// Those of about an amount, the nearest amounts and days first; at most so many.
    pub fn of_amount(&self, amount: i64, off: u64, day: i32, within: i32, most: usize) -> Vec<u32> {
        let least = amount.saturating_sub_unsigned(off);
        let largest = amount.saturating_add_unsigned(off);
        let below = self.by_amount.range(least..amount).rev();
        let above = self.by_amount.range(amount..=largest);
        let distance = |other: &i64| other.abs_diff(amount);
        let mut found = Vec::new();
        for (_, days) in outward(below, above, |(other, _)| distance(other)).take(most) {
            found.extend(near(days, day, within).take(most - found.len()));
            if found.len() >= most {
                break;
            }
        }
        found
    }

    /// Those that bear or mention a reference, the nearest days first.
    pub fn of_name(&self, name: u32, day: i32, within: i32) -> impl Iterator<Item = u32> + '_ {
        self.by_name.get(&name).into_iter().flat_map(move |days| near(days, day, within))
    }

    /// Those that go in the same direction, the nearest days first.
    pub fn of_day(&self, amount: i64, day: i32, within: i32) -> impl Iterator<Item = u32> + '_ {
        near(&self.by_day[sign(amount)], day, within)
    }
}

/// The items of the days within a distance, the nearest first, of two as near the later.
fn near(days: &Days, day: i32, within: i32) -> impl Iterator<Item = u32> + '_ {
    let before = days.range((day.saturating_sub(within), 0)..(day, 0)).rev();
    let after = days.range((day, 0)..=(day.saturating_add(within), u32::MAX));
    outward(before, after, move |(other, _)| other.abs_diff(day)).map(|(_, n)| *n)
}

/// Two runs that each lead away from a point, as one in the order of the distance.
fn outward<T, D: Ord>(
    first: impl Iterator<Item = T>,
    second: impl Iterator<Item = T>,
    distance: impl Fn(&T) -> D,
) -> impl Iterator<Item = T> {
    let (mut first, mut second) = (first.peekable(), second.peekable());
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some(one), Some(other)) if distance(one) < distance(other) => first.next(),
        (Some(_), None) => first.next(),
        _ => second.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(day: i32, amount: i64) -> Item {
        Item { day, amount, names: Names::default() }
    }

    #[test]
    fn the_nearest_come_first() {
        let items: Vec<_> = [3, 9, 10, 11, 10, 20].map(|day| item(day, 5)).into();
        let pool = Pool::new(&items);
        assert_eq!(pool.of_amount(5, 0, 10, 7, 10), [2, 4, 3, 1, 0]);
        assert_eq!(pool.of_amount(5, 0, 10, 7, 2), [2, 4]);
        assert_eq!(pool.of_day(1, 10, 0).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(pool.of_day(-1, 10, 9).count(), 0);
    }

    #[test]
    fn amounts_within_the_tolerance() {
        let items: Vec<_> = [-5, 95, 99, 100, 102, 106].map(|amount| item(0, amount)).into();
        let pool = Pool::new(&items);
        assert_eq!(pool.of_amount(100, 5, 0, 0, 10), [3, 2, 4, 1]);
        assert_eq!(pool.of_amount(i64::MAX, u64::MAX, 0, 0, 1), [5]);
    }

    #[test]
    fn what_is_taken_is_gone() {
        let items = [item(0, 5), item(0, 5)];
        let mut pool = Pool::new(&items);
        pool.take(0, &items[0]);
        assert_eq!(pool.of_amount(5, 0, 0, 0, 9), [1]);
        assert_eq!(pool.of_day(5, 0, 0).collect::<Vec<_>>(), [1]);
        assert!(!pool.is_free(0) && pool.is_free(1));
    }
}
