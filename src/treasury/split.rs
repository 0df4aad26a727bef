//! The arithmetic of splitting and giving back. Whole minor units in and out, exact
//! in between, and no cent lost or made: the parts always sum to the whole.

use std::cmp::Reverse;

/// 100 per cent, in millionths of a per cent.
pub const WHOLE: i64 = 100_000_000;

/// What one recipient gets by a rule; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// In millionths of a per cent, of what fixed amounts leave.
    pub percent: i64,
    pub fixed: i64,
    pub minimum: i64,
}

/// What the platform keeps before anything is split.
#[derive(Clone, Copy, Debug)]
pub struct Fee {
    pub basis_points: i64,
    pub fixed: i64,
}

impl Fee {
    /// Rounded to the nearest unit, half up; never more than the amount.
    pub fn of(self, amount: i64) -> i64 {
        let part = (i128::from(amount) * i128::from(self.basis_points) + 5_000) / 10_000;
        narrow((part + i128::from(self.fixed)).min(amount.into()))
    }
}

/// The parts of a sum in proportion to weights: each rounded down, and the units left
/// over one each to those who lost most by it (the largest remainder), of equals to the
/// first. All zero where no weight is above zero.
fn by_weight(sum: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().copied().map(i128::from).sum();
    if total == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &i64| i128::from(sum) * i128::from(*weight);
    let mut parts: Vec<i64> = weights.iter().map(|w| narrow(exact(w) / total)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // The sort is stable: equals stay in their order.
    order.sort_by_key(|&at| Reverse(exact(&weights[at]) % total));
    let left_over = sum - parts.iter().sum::<i64>();
    for &at in order.iter().take(left_over as usize) {
        parts[at] += 1;
    }
    parts
}

/// The shares of an amount: fixed amounts first (in proportion, where they exceed it),
/// then percentages of the rest, and then whoever is below a minimum is lifted to it by
/// the others, in proportion to what they have.
pub fn split(amount: i64, terms: &[Terms]) -> Vec<i64> {
    let fixed: Vec<i64> = terms.iter().map(|term| term.fixed).collect();
    let asked: i128 = fixed.iter().copied().map(i128::from).sum();
    let shares = if asked >= i128::from(amount) {
        by_weight(amount, &fixed)
    } else {
        let percents: Vec<i64> = terms.iter().map(|term| term.percent).collect();
        let parts = by_weight(amount - narrow(asked), &percents);
        fixed.iter().zip(parts).map(|(fixed, part)| fixed + part).collect()
    };
    let minimums: Vec<i64> = terms.iter().map(|term| term.minimum).collect();
    lift(amount, shares, &minimums)
}

/// Whoever is lifted pays nothing for others; paying may bring somebody else below their
/// minimum, who is lifted in turn. Where the amount is not enough for all minimums it is
/// shared in proportion to them.
fn lift(amount: i64, shares: Vec<i64>, minimums: &[i64]) -> Vec<i64> {
    let asked: i128 = minimums.iter().copied().map(i128::from).sum();
    if asked > 0 && asked >= i128::from(amount) {
        return by_weight(amount, minimums);
    }
    let mut weights = shares.clone();
    let mut lifted = shares;
    // Ends at the latest when each was lifted once.
    loop {
        let short: Vec<usize> = (0..lifted.len()).filter(|&i| lifted[i] < minimums[i]).collect();
        if short.is_empty() {
            return lifted;
        }
        short.iter().for_each(|&at| weights[at] = LIFTED);
        let is_lifted = |at: usize| weights[at] == LIFTED;
        let given: i64 = (0..lifted.len()).filter(|&at| is_lifted(at)).map(|at| minimums[at]).sum();
        let others: Vec<i64> = weights.iter().map(|&weight| weight.max(0)).collect();
        lifted = by_weight(amount - given, &others);
        for at in (0..lifted.len()).filter(|&at| is_lifted(at)) {
            lifted[at] = minimums[at];
        }
    }
}

/// In place of a share: the recipient gets the minimum and is out of the sharing.
const LIFTED: i64 = -1;

/// How much of each share has been given back once `refunded` of their sum has been. It
/// depends on that total alone and never falls as it grows, so what a refund takes from
/// each is the difference before and after it, however many refunds there are; no share
/// is ever exceeded, and all of the sum takes all of each.
///
/// The largest remainder will not do: with it somebody's part can fall when the total
/// grows. Instead every unit of a share has its turn. The k-th unit of a share s comes at
/// the moment (k - 1/2) / s, of equals the first share's; a refund takes units in turn.
pub fn returned(shares: &[i64], refunded: i64) -> Vec<i64> {
    let total: i64 = shares.iter().sum();
    if total == 0 {
        return vec![0; shares.len()];
    }
    // Every unit whose turn is at or before refunded / total: right but for a unit or
    // less for each share. Below 2^127, as no product is above the square of total.
    let until = |share: &i64| {
        let (share, whole) = (i128::from(*share), i128::from(total));
        narrow((2 * share * i128::from(refunded) + whole) / (2 * whole))
    };
    let mut parts: Vec<i64> = shares.iter().map(until).collect();
    let mut taken: i64 = parts.iter().sum();
    // Later turns compare as larger: (2k - 1) / s, by cross-multiplication.
    let later = |(a, k): (usize, i64), (b, l): (usize, i64)| {
        let one = (2 * i128::from(k) - 1) * i128::from(shares[b]);
        let other = (2 * i128::from(l) - 1) * i128::from(shares[a]);
        one.cmp(&other).then(a.cmp(&b))
    };
    let indexes = 0..shares.len();
    while taken > refunded {
        let with_some = indexes.clone().filter(|&at| parts[at] > 0);
        let Some(last) = with_some.max_by(|&a, &b| later((a, parts[a]), (b, parts[b]))) else {
            break;
        };
        parts[last] -= 1;
        taken -= 1;
    }
    while taken < refunded {
        let with_more = indexes.clone().filter(|&at| parts[at] < shares[at]);
        let next = with_more.min_by(|&a, &b| later((a, parts[a] + 1), (b, parts[b] + 1)));
        let Some(next) = next else { break };
        parts[next] += 1;
        taken += 1;
    }
    parts
}

/// A part of an `i64`, which always fits.
fn narrow(part: i128) -> i64 {
    part.clamp(0, i128::from(i64::MAX)) as i64
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
