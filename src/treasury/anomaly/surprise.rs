//! How unlikely something is. Every detector that deals in chance says it in one unit, so
//! that one setting holds for all: the number of zeros of the probability that something
//! harmless looks at least as odd.

use crate::treasury::anomaly::finding::Severity;
use statrs::distribution::{ContinuousCDF, DiscreteCDF, NegativeBinomial, Normal};
use statrs::statistics::{Data, OrderStatistics};

/// What cannot be told from never.
const LEAST: f64 = 1e-300;
/// So many zeros more make it worse.
const MEDIUM: f64 = 2.0;
const HIGH: f64 = 7.0;

/// The zeros of a probability.
pub fn surprise(probability: f64) -> f64 {
    if probability.is_nan() { 0.0 } else { -probability.clamp(LEAST, 1.0).log10() }
}

/// From how many zeros on something is said.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    pub least: f64,
}

impl Alarm {
    /// At most one false alarm in so many harmless things.
    pub fn once_in(things: i64) -> Self {
        Alarm { least: (things.max(2) as f64).log10() }
    }

    pub fn severity(self, surprise: f64) -> Option<Severity> {
        match surprise - self.least {
            above if above >= HIGH => Some(Severity::High),
            above if above >= MEDIUM => Some(Severity::Medium),
            above if above >= 0.0 => Some(Severity::Low),
            _ => None,
        }
    }
}

/// Of a value so many spreads from the middle, on either side.
pub fn of_distance(spreads: f64) -> f64 {
    surprise(2.0 * Normal::standard().sf(spreads.abs()))
}

/// Of at least `count` where `mean` are expected. Counts vary more than by pure chance, by
/// `dispersion` (the squared coefficient of variation of the rate): a negative binomial
/// distribution.
pub fn of_count(count: usize, mean: f64, dispersion: f64) -> f64 {
    let Some(below) = count.checked_sub(1) else { return 0.0 };
    let size = 1.0 / dispersion.max(1e-6);
    match NegativeBinomial::new(size, size / (size + mean.max(0.0))) {
        Ok(counts) => surprise(counts.sf(below as u64)),
        Err(_) => 0.0,
    }
}

/// The middle of values and how far they lie around it; neither is moved by a few that
/// are odd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centre {
    pub median: f64,
    pub spread: f64,
    pub count: usize,
}

/// A spread of normally distributed values is this many times their median deviation.
const DEVIATIONS: f64 = 1.4826;
/// So many values on either side may be odd, and no less than this part of all.
const ODD: f64 = 2.5;
const LEAST_ODD: f64 = 0.05;
const MOST_ODD: f64 = 0.25;

impl Centre {
    /// The median, and as spread the larger of two robust ones. The median absolute
    /// deviation alone is none where more than half of the values are equal, as with a
    /// seller who has one price for most things.
    pub fn of(values: Vec<f64>) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mut values = Data::new(values);
        let median = OrderStatistics::median(&mut values);
        let odd = (ODD / count as f64).clamp(LEAST_ODD, MOST_ODD);
        let range = values.quantile(1.0 - odd) - values.quantile(odd);
        let in_spreads = 2.0 * Normal::standard().inverse_cdf(1.0 - odd);
        let deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
        let deviation = OrderStatistics::median(&mut Data::new(deviations));
        let spread = (DEVIATIONS * deviation).max(range / in_spreads);
        Some(Centre { median, spread, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_zeros_of_a_probability() {
        assert_eq!(surprise(1.0), 0.0);
        assert!((surprise(0.001) - 3.0).abs() < 1e-9);
        assert_eq!((surprise(0.0), surprise(f64::NAN)), (300.0, 0.0));
        // As in the tables of the normal distribution.
        assert!((of_distance(-4.4172) - 5.0).abs() < 0.001);
        // Without dispersion it is Poisson's: 1 - e^-1 (1 + 1 + 1/2).
        assert!((of_count(3, 1.0, 0.0) - surprise(0.080_301)).abs() < 1e-3);
        // One success more: geometric, (m / (1 + m))^k.
        assert!((of_count(4, 0.25, 1.0) - surprise(0.2_f64.powi(4))).abs() < 1e-6);
    }

    #[test]
    fn severity_grows_with_the_zeros() {
        let alarm = Alarm::once_in(100_000);
        for (zeros, severity) in [
            (4.9, None),
            (5.0, Some(Severity::Low)),
            (7.1, Some(Severity::Medium)),
            (12.5, Some(Severity::High)),
        ] {
            assert_eq!(alarm.severity(zeros), severity, "{zeros}");
        }
    }

    #[test]
    fn a_spread_is_found_where_most_values_are_equal() {
        let mut values = vec![3.0; 60];
        values.extend([5.0; 40]);
        let centre = Centre::of(values).unwrap();
        assert_eq!(centre.median, 3.0);
        // 2 from the 5th to the 95th percentile, which are 3.29 spreads.
        assert!((centre.spread - 2.0 / 3.2897).abs() < 1e-4);
        assert_eq!(Centre::of(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn a_few_odd_values_do_not_move_the_centre(
            values in prop::collection::vec(-1.0..1.0_f64, 60..200), odd in 100.0..1e9_f64
        ) {
            let mut more = values.clone();
            more.push(odd);
            let (before, after) = (Centre::of(values).unwrap(), Centre::of(more).unwrap());
            prop_assert!((before.median - after.median).abs() < 0.5);
            prop_assert!(after.spread < 2.0);
        }

        #[test]
        fn more_is_never_less_surprising(
            count in 1_usize..60, mean in 0.001..30.0_f64, dispersion in 0.01..3.0_f64
        ) {
            let (less, more) = (of_count(count, mean, dispersion), of_count(count + 1, mean, dispersion));
            prop_assert!(less.is_finite() && more.is_finite());
            prop_assert!(more >= less - 1e-9);
            prop_assert!(of_count(count, mean * 2.0, dispersion) <= less + 1e-9);
        }
    }
}
