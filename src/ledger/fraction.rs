//! Exact fractions: rates between currencies, and amounts by a rate.
//!
//! 128 bits inside: an amount of 63 bits times a rate of 63 bits fits. What does
//! not fit is nothing here and an error at the caller, never a rounded number.

use crate::kernel::money::Currency;

/// A fraction above zero, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    numerator: i128,
    denominator: i128,
}

/// Which whole number stands for what lies between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
    /// To the nearest, of two equally near ones to the even one.
    Nearest,
}

impl Fraction {
    pub const ONE: Fraction = Fraction { numerator: 1, denominator: 1 };

    /// Nothing unless both numbers are above zero.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if numerator <= 0 || denominator <= 0 {
            return None;
        }
        let divisor = divisor(numerator, denominator);
        Some(Fraction { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    pub fn numerator(self) -> i128 {
        self.numerator
    }

    pub fn denominator(self) -> i128 {
        self.denominator
    }

    pub fn inverse(self) -> Self {
        Fraction { numerator: self.denominator, denominator: self.numerator }
    }

    /// The product, where it fits.
    pub fn times(self, other: Fraction) -> Option<Self> {
        // Crosswise first, so that nothing grows that will be cancelled.
        let (one, two) = (
            Fraction::new(self.numerator, other.denominator)?,
            Fraction::new(other.numerator, self.denominator)?,
        );
        Some(Fraction {
            numerator: one.numerator.checked_mul(two.numerator)?,
            denominator: one.denominator.checked_mul(two.denominator)?,
        })
    }

    /// The rate that two amounts in minor units make, in major units: of the second
    /// currency for one of the first.
    pub fn of_amounts(from: i64, base: Currency, to: i64, quote: Currency) -> Option<Self> {
        Fraction::new(to.into(), from.into())?.times(scale(base, quote)?)
    }

    /// A rate in major units as one in minor units.
    pub fn in_minor_units(self, base: Currency, quote: Currency) -> Option<Self> {
        self.times(scale(quote, base)?)
    }

    /// So much of `amount` as the fraction says, as a whole number; nothing where it
    /// does not fit.
    pub fn of(self, amount: i128, rounding: Rounding) -> Option<i128> {
        let divisor = divisor(amount, self.denominator);
        let (amount, denominator) = (amount / divisor, self.denominator / divisor);
        let product = amount.checked_mul(self.numerator)?;
        let (whole, rest) = (product / denominator, (product % denominator).abs());
        let away = match rounding {
            Rounding::Down => false,
            Rounding::Up => rest > 0,
            // The rest is below the denominator, so the difference does not overflow.
            Rounding::Nearest => match rest.cmp(&(denominator - rest)) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => whole % 2 != 0,
                std::cmp::Ordering::Greater => true,
            },
        };
        whole.checked_add(if away { product.signum() } else { 0 })
    }
}

/// Minor units of `from` in a major one, for those of `to`.
fn scale(from: Currency, to: Currency) -> Option<Fraction> {
    Fraction::new(10_i128.pow(from.exponent()), 10_i128.pow(to.exponent()))
}

/// The greatest common divisor; `b` is above zero.
fn divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    // Not above the smaller of the two that are not zero, of which b was one.
    a as i128
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code, "currency").unwrap()
    }

    fn fraction(numerator: i128, denominator: i128) -> Fraction {
        Fraction::new(numerator, denominator).unwrap()
    }

    #[test]
    fn a_fraction_is_in_lowest_terms_and_above_zero() {
        assert_eq!(fraction(600, 400), fraction(3, 2));
        for (n, d) in [(0, 1), (1, 0), (-1, 1), (1, -1), (i128::MIN, 1)] {
            assert_eq!(Fraction::new(n, d), None, "{n}/{d}");
        }
    }

    #[test]
    fn rates_know_the_decimals_of_their_currencies() {
        // 83.25 rupees for a dollar; 150 yen for a dollar, and a yen has no decimals.
        let rate = Fraction::of_amounts(100, currency("USD"), 8325, currency("INR")).unwrap();
        assert_eq!(rate, fraction(333, 4));
        let yen = Fraction::of_amounts(100, currency("USD"), 150, currency("JPY")).unwrap();
        assert_eq!(yen, fraction(150, 1));
        let minor = yen.in_minor_units(currency("USD"), currency("JPY")).unwrap();
        assert_eq!(minor.of(100, Rounding::Down), Some(150));
        assert_eq!(minor.inverse().of(150, Rounding::Down), Some(100));
    }

    #[test]
    fn halves_go_to_the_even_number() {
        let half = fraction(1, 2);
        let nearest = [-5, -3, -1, 1, 3, 5].map(|n| half.of(n, Rounding::Nearest).unwrap());
        assert_eq!(nearest, [-2, -2, 0, 0, 2, 2]);
        assert_eq!(half.of(-3, Rounding::Down), Some(-1));
        assert_eq!(half.of(-3, Rounding::Up), Some(-2));
        assert_eq!(half.of(0, Rounding::Up), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        let most = fraction(i128::MAX, 1);
        assert_eq!(most.of(2, Rounding::Down), None);
        assert_eq!(most.times(fraction(2, 1)), None);
        // Cancelled before it is multiplied.
        assert_eq!(most.times(fraction(2, i128::MAX)), Some(fraction(2, 1)));
        let large = fraction(i64::MAX.into(), (i64::MAX - 1).into());
        assert_eq!(large.of(i64::MAX.into(), Rounding::Down), Some(i128::from(i64::MAX) + 1));
    }

    proptest! {
        #[test]
        fn a_part_is_the_exact_one_but_for_less_than_a_unit(
            amount in any::<i64>(), n in 1..=i64::MAX, d in 1..=i64::MAX
        ) {
            let (amount, n, d) = (i128::from(amount), i128::from(n), i128::from(d));
            let of = |rounding| fraction(n, d).of(amount, rounding).unwrap();
            let (down, up, near) = (of(Rounding::Down), of(Rounding::Up), of(Rounding::Nearest));
            // Compared by the exact products, in 256 bits as two of 128 where needed.
            let exact_is_whole = (amount % d).unsigned_abs() * n.unsigned_abs() % d.unsigned_abs() == 0;
            prop_assert_eq!(down == up, exact_is_whole);
            prop_assert!((up - down).abs() <= 1 && (near == up || near == down));
            if let (Some(low), Some(high), Some(exact)) =
                (down.abs().checked_mul(d), up.abs().checked_mul(d), amount.abs().checked_mul(n))
            {
                prop_assert!(low <= exact && exact <= high);
                let off = near.abs().checked_mul(d).map(|near| (near - exact).abs());
                if let Some(off) = off {
                    prop_assert!(off <= d - off, "not the nearest");
                }
            }
        }

        #[test]
        fn there_and_back_gives_no_more_than_was_there(
            amount in 1..=1_000_000_000_000_i64, n in 1..=1_000_000_000_i64, d in 1..=1_000_000_000_i64
        ) {
            let rate = fraction(n.into(), d.into());
            let there = rate.of(amount.into(), Rounding::Down).unwrap();
            let back = rate.inverse().of(there, Rounding::Down).unwrap();
            prop_assert!(back <= i128::from(amount));
            let enough = rate.inverse().of(there, Rounding::Up).unwrap();
            prop_assert!(enough <= i128::from(amount));
        }

        #[test]
        fn the_rate_of_two_amounts_gives_them_back_exactly(
            from in 1..=i64::MAX, to in 1..=i64::MAX, pick in 0usize..4, other in 0usize..4
        ) {
            let codes = ["INR", "JPY", "KWD", "CLF"].map(currency);
            let (base, quote) = (codes[pick], codes[other]);
            let rate = Fraction::of_amounts(from, base, to, quote).unwrap();
            let minor = rate.in_minor_units(base, quote).unwrap();
            for rounding in [Rounding::Down, Rounding::Up, Rounding::Nearest] {
                prop_assert_eq!(minor.of(from.into(), rounding), Some(to.into()));
                prop_assert_eq!(minor.inverse().of(to.into(), rounding), Some(from.into()));
            }
        }
    }
}
