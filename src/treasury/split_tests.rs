//! Tests of the arithmetic.

use super::*;
use proptest::prelude::*;

fn percents(parts: &[i64]) -> Vec<Terms> {
    let terms = |percent: &i64| Terms { percent: percent * 1_000_000, ..Terms::default() };
    parts.iter().map(terms).collect()
}

#[test]
fn percentages_share_and_the_largest_remainders_get_what_is_left() {
    assert_eq!(split(100, &percents(&[70, 30])), [70, 30]);
    assert_eq!(split(101, &percents(&[70, 30])), [71, 30]);
    assert_eq!(split(1, &percents(&[30, 70])), [0, 1]);
    let third = Terms { percent: 33_333_333, ..Terms::default() };
    let more = Terms { percent: 33_333_334, ..Terms::default() };
    assert_eq!(split(100, &[third, third, more]), [33, 33, 34]);
}

#[test]
fn of_equal_remainders_the_first_comes_first() {
    assert_eq!(split(1, &percents(&[50, 50])), [1, 0]);
    assert_eq!(split(2, &percents(&[25, 25, 25, 25])), [1, 1, 0, 0]);
}

#[test]
fn fixed_amounts_come_before_percentages() {
    let fixed = Terms { fixed: 200, ..Terms::default() };
    let both = Terms { fixed: 100, percent: WHOLE / 2, ..Terms::default() };
    let rest = Terms { percent: WHOLE / 2, ..Terms::default() };
    assert_eq!(split(1_000, &[fixed, both, rest]), [200, 450, 350]);
    assert_eq!(split(300, &[fixed, both, rest]), [200, 100, 0]);
    // Too little for both: two thirds and one.
    assert_eq!(split(100, &[fixed, both, rest]), [67, 33, 0]);
}

#[test]
fn a_minimum_is_paid_by_the_others_in_proportion() {
    let mut terms = percents(&[10, 60, 30]);
    terms[0].minimum = 190;
    assert_eq!(split(1_000, &terms), [190, 540, 270]);
    // Paying for the first brings the third below their own.
    terms[2].minimum = 280;
    assert_eq!(split(1_000, &terms), [190, 530, 280]);
    // Not enough for both minimums: in proportion to them.
    assert_eq!(split(47, &terms), [19, 0, 28]);
    assert_eq!(split(470, &terms), [190, 0, 280]);
}

#[test]
fn the_fee_is_rounded_to_the_nearest_unit_and_never_above_the_amount() {
    let fee = Fee { basis_points: 250, fixed: 30 };
    assert_eq!(fee.of(1_000), 55);
    assert_eq!(fee.of(1_020), 56);
    assert_eq!(fee.of(1_019), 55);
    assert_eq!(fee.of(20), 20);
    assert_eq!(Fee { basis_points: 10_000, fixed: i64::MAX }.of(i64::MAX), i64::MAX);
}

#[test]
fn the_largest_amounts_are_split() {
    let all = i64::MAX;
    assert_eq!(split(all, &percents(&[50, 50])), [all / 2 + 1, all / 2]);
    let shares = [all / 2 + 1, all / 2];
    assert_eq!(returned(&shares, all), shares);
    assert_eq!(returned(&shares, 1).iter().sum::<i64>(), 1);
}

#[test]
fn what_is_given_back_is_in_proportion() {
    assert_eq!(returned(&[10, 60, 30], 10), [1, 6, 3]);
    assert_eq!(returned(&[10, 60, 30], 0), [0, 0, 0]);
    assert_eq!(returned(&[0, 0], 0), [0, 0]);
    assert_eq!(returned(&[1, 1, 1], 2), [1, 1, 0]);
}

/// Percentages that sum to exactly 100.
fn any_percents() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0..=1_000_000_i64, 1..12).prop_map(|weights| {
        let mut weights = weights;
        weights[0] += 1;
        by_weight(WHOLE, &weights)
    })
}

fn any_terms() -> impl Strategy<Value = Vec<Terms>> {
    let small = prop_oneof![3 => Just(0), 2 => 0..500_i64, 1 => 0..1_000_000_000_000_000_i64];
    (any_percents(), prop::collection::vec((small.clone(), small), 12)).prop_map(
        |(percents, extras)| {
            let both = percents.into_iter().zip(extras);
            both.map(|(percent, (fixed, minimum))| Terms { percent, fixed, minimum }).collect()
        },
    )
}

fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![0..50_i64, 0..100_000_i64, 0..=i64::MAX]
}

fn any_shares() -> impl Strategy<Value = Vec<i64>> {
    let share = prop_oneof![Just(0), 0..10_i64, 0..1_000_000_i64, 0..i64::MAX / 16];
    prop::collection::vec(share, 1..12)
}

proptest! {
    #[test]
    fn shares_sum_to_the_amount_and_none_is_negative(amount in any_amount(), terms in any_terms()) {
        let shares = split(amount, &terms);
        prop_assert_eq!(shares.len(), terms.len());
        prop_assert_eq!(shares.iter().map(|&s| i128::from(s)).sum::<i128>(), i128::from(amount));
        prop_assert!(shares.iter().all(|&share| share >= 0));
    }

    #[test]
    fn every_minimum_is_met_where_there_is_enough(amount in any_amount(), terms in any_terms()) {
        let asked: i128 = terms.iter().map(|t| i128::from(t.minimum)).sum();
        prop_assume!(asked <= i128::from(amount));
        for (share, term) in split(amount, &terms).iter().zip(&terms) {
            prop_assert!(*share >= term.minimum);
        }
    }

    #[test]
    fn a_percentage_is_off_by_less_than_one_unit(amount in any_amount(), parts in any_percents()) {
        let terms: Vec<_> = parts.iter().map(|&percent| Terms { percent, ..Terms::default() }).collect();
        for (share, part) in split(amount, &terms).iter().zip(&parts) {
            let exact = i128::from(amount) * i128::from(*part);
            prop_assert!((i128::from(*share) * i128::from(WHOLE) - exact).abs() < i128::from(WHOLE));
        }
    }

    #[test]
    fn who_has_the_larger_percentage_never_gets_less(amount in any_amount(), parts in any_percents()) {
        let terms: Vec<_> = parts.iter().map(|&percent| Terms { percent, ..Terms::default() }).collect();
        let shares = split(amount, &terms);
        for one in 0..parts.len() {
            for other in 0..parts.len() {
                prop_assert!(parts[one] <= parts[other] || shares[one] >= shares[other]);
            }
        }
    }

    /// Only who comes first among equals depends on the order.
    #[test]
    fn the_order_moves_no_more_than_ties(amount in any_amount(), parts in any_percents()) {
        let terms: Vec<_> = parts.iter().map(|&percent| Terms { percent, ..Terms::default() }).collect();
        let backwards: Vec<_> = terms.iter().rev().copied().collect();
        let by_percent = |terms: &[Terms]| {
            let mut pairs: Vec<_> = split(amount, terms).into_iter().zip(terms.iter().map(|t| t.percent)).collect();
            pairs.sort_unstable();
            pairs.into_iter().map(|(share, _)| share).collect::<Vec<_>>()
        };
        prop_assert_eq!(by_percent(&terms), by_percent(&backwards));
        prop_assert_eq!(split(amount, &terms), split(amount, &terms));
    }

    #[test]
    fn what_is_given_back_sums_and_exceeds_no_share(shares in any_shares(), part in 0.0..=1.0_f64) {
        let total: i64 = shares.iter().sum();
        let refunded = ((total as f64 * part) as i64).clamp(0, total);
        let parts = returned(&shares, refunded);
        prop_assert_eq!(parts.iter().sum::<i64>(), refunded);
        for (part, share) in parts.iter().zip(&shares) {
            prop_assert!((0..=*share).contains(part));
            // Off by at most half a unit, and half a unit for each share.
            let off = i128::from(*part) * i128::from(total) - i128::from(*share) * i128::from(refunded);
            prop_assert!(off.abs() * 2 <= i128::from(total) * (shares.len() as i128 + 1));
        }
        prop_assert_eq!(returned(&shares, total), shares);
    }

    /// However a refund comes in parts, each part takes from everybody, and in the end it
    /// is the same as at once.
    #[test]
    fn each_refund_takes_and_gives_nothing(
        shares in prop::collection::vec(0..40_i64, 1..8),
        steps in prop::collection::vec(1..20_i64, 1..30),
    ) {
        let total: i64 = shares.iter().sum();
        let (mut refunded, mut taken) = (0, vec![0; shares.len()]);
        for step in steps.into_iter().chain([total]) {
            let next = (refunded + step).min(total);
            let (before, after) = (returned(&shares, refunded), returned(&shares, next));
            for ((taken, before), after) in taken.iter_mut().zip(before).zip(&after) {
                prop_assert!(*after >= before);
                *taken += after - before;
            }
            prop_assert_eq!(&taken, &after);
            refunded = next;
        }
        prop_assert_eq!(taken, shares);
    }

    #[test]
    fn one_unit_more_takes_one_unit_more(shares in any_shares(), part in 0.0..1.0_f64) {
        let total: i64 = shares.iter().sum();
        prop_assume!(total > 0);
        let refunded = ((total as f64 * part) as i64).clamp(0, total - 1);
        let (before, after) = (returned(&shares, refunded), returned(&shares, refunded + 1));
        let grown: Vec<_> = before.iter().zip(&after).filter(|(b, a)| b != a).collect();
        prop_assert_eq!(grown.len(), 1);
        prop_assert_eq!(grown[0].0 + 1, *grown[0].1);
    }
}
