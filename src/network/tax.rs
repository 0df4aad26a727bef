//! Tax deducted at source: how much of a payout goes to the tax office.
//!
//! It is deducted when a withdrawal is processed, not when it is asked for: the day
//! of payment decides on the financial year, the rule and the threshold, and a
//! request may be rejected, wait over a change of the rate, or be cut by a debt.
//!
//! The rule is exact to the minor unit: `taxable × rate`, rounded to the nearest
//! unit, halves up. Up to the yearly threshold nothing is taxable; the payout that
//! passes it is taxed together with the earlier ones of the year that were not.
//! Never more is deducted than is paid out; what is missing is still due and comes
//! from the next payouts of the year.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::kernel::numeric;
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::store::tax as store;
use pgrx::{AnyNumeric, Uuid};
use rust_decimal::Decimal;

/// What a rate of 100 per cent is in a [`Rate`]: per cent with four decimals.
const WHOLE: i128 = 1_000_000;

/// A financial year of India, April to March, by the year in which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinancialYear(pub i32);

impl FinancialYear {
    pub fn of(year: i32, month: u8) -> Self {
        FinancialYear(if month >= 4 { year } else { year - 1 })
    }

    /// Reads `2026-27`.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        let year = text
            .split_once('-')
            .filter(|(start, end)| start.len() == 4 && end.len() == 2)
            .and_then(|(start, end)| Some((start.parse::<u16>().ok()?, end.parse::<u16>().ok()?)))
            .filter(|(start, end)| (2000..2100).contains(start) && (start + 1) % 100 == *end);
        match year {
            Some((start, _)) => Ok(FinancialYear(start.into())),
            None => Err(Error::invalid(field, "must be a financial year such as 2026-27")),
        }
    }

    pub fn label(self) -> String {
        format!("{}-{:02}", self.0, (self.0 + 1) % 100)
    }
}

/// A rate in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(i64);

impl Rate {
    /// From per cent: at least 0, below 100, at most four decimals.
    pub fn from_percent(percent: Decimal, field: &str) -> Result<Self> {
        let percent = percent.normalize();
        if percent.scale() > 4 || percent < Decimal::ZERO || percent >= Decimal::ONE_HUNDRED {
            let rule = "must be per cent, from 0 to below 100, with at most four decimals";
            return Err(Error::invalid(field, rule));
        }
        // Below 100 with four decimals: at most 999,999.
        let millionths = percent.mantissa() * 10_i128.pow(4 - percent.scale());
        Ok(Rate(millionths as i64))
    }

    /// The tax on an amount that is not negative, to the nearest unit, halves up.
    pub fn of(self, amount: i64) -> i64 {
        ((i128::from(amount) * i128::from(self.0) + WHOLE / 2) / WHOLE) as i64
    }
}

/// What a rule says about one payout.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub rate: Rate,
    /// In minor units.
    pub threshold: i64,
}

/// The financial year before a payout, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YearToDate {
    /// What was paid out, tax included.
    pub paid: i64,
    /// The part of it that was paid under a rule and not taxed yet.
    pub untaxed: i64,
    /// Tax that is due and was not deducted yet.
    pub owed: i64,
}

/// The tax on one payout, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deduction {
    pub taxable: i64,
    /// The tax on what is taxable.
    pub due: i64,
    /// What is deducted.
    pub tax: i64,
}

/// The tax on a payout of `gross`.
pub fn deduct(gross: i64, year: &YearToDate, terms: &Terms) -> Deduction {
    let taxable = if year.paid + gross > terms.threshold { year.untaxed + gross } else { 0 };
    let due = terms.rate.of(taxable);
    Deduction { taxable, due, tax: (due + year.owed).min(gross) }
}

/// A deduction with the rule it follows.
pub struct Assessment {
    pub year: FinancialYear,
    pub rule: store::Rule,
    pub rate: AnyNumeric,
    /// The masked PAN, where it is known.
    pub pan: Option<String>,
    pub gross: i64,
    pub deduction: Deduction,
}

/// What is to be deducted from a payout of today; nothing where no rule is in
/// force. The promoter's accounts are locked.
pub fn assess(promoter: Uuid, gross: Money) -> Result<Option<Assessment>> {
    let zone: String = settings::get(SYSTEM, "time_zone")?;
    let today = store::today(&zone)?;
    let Some(rule) = store::rule_on(today)?.filter(|_| gross.minor > 0) else { return Ok(None) };
    let year = FinancialYear::of(today.year(), today.month());
    let pan = store::masked_pan(promoter)?;
    let rate = if pan.is_some() { &rule.rate_with_pan } else { &rule.rate_without_pan }.clone();
    let terms = Terms {
        rate: Rate::from_percent(numeric::to_decimal(&rate, "rate")?, "rate")?,
        threshold: minor(&rule.yearly_threshold, gross.currency)?,
    };
    let before = store::year_to_date(promoter, year, &zone, gross.currency)?;
    let deduction = deduct(gross.minor, &before, &terms);
    Ok(Some(Assessment { year, rule, rate, pan, gross: gross.minor, deduction }))
}

fn minor(amount: &AnyNumeric, currency: Currency) -> Result<i64> {
    Ok(numeric::money(amount, currency, "yearly_threshold")?.minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn rate(percent: &str) -> Rate {
        Rate::from_percent(Decimal::from_str(percent).unwrap(), "rate").unwrap()
    }

    #[test]
    fn a_financial_year_begins_in_april() {
        assert_eq!(FinancialYear::of(2026, 3), FinancialYear(2025));
        assert_eq!(FinancialYear::of(2026, 4), FinancialYear(2026));
        assert_eq!(FinancialYear(2026).label(), "2026-27");
        assert_eq!(FinancialYear(2099).label(), "2099-00");
        assert_eq!(FinancialYear::parse("2099-00", "y").unwrap(), FinancialYear(2099));
        for bad in ["2026", "2026-28", "26-27", "2026-2027", "2026/27", "", "-", "२०२६-२७"]
        {
            assert!(FinancialYear::parse(bad, "y").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_has_four_decimals_and_stays_below_the_whole() {
        assert_eq!(rate("5"), Rate(50_000));
        assert_eq!(rate("3.7500"), Rate(37_500));
        for bad in ["-1", "100", "0.00001"] {
            let percent = Decimal::from_str(bad).unwrap();
            assert!(Rate::from_percent(percent, "rate").is_err(), "{bad}");
        }
    }

    #[test]
    fn halves_of_a_paisa_are_rounded_up() {
        assert_eq!(rate("5").of(10), 1);
        assert_eq!(rate("5").of(9), 0);
        assert_eq!(rate("3.75").of(100_000), 3_750);
        assert_eq!(rate("99.9999").of(i64::MAX), 9_223_362_813_482_738_952);
    }

    #[test]
    fn the_payout_that_passes_the_threshold_is_taxed_with_those_before() {
        let terms = Terms { rate: rate("5"), threshold: 15_000 };
        let first = deduct(10_000, &YearToDate::default(), &terms);
        assert_eq!(first, Deduction { taxable: 0, due: 0, tax: 0 });
        let year = YearToDate { paid: 10_000, untaxed: 10_000, owed: 0 };
        assert_eq!(deduct(5_000, &year, &terms).tax, 0);
        assert_eq!(deduct(5_001, &year, &terms), Deduction { taxable: 15_001, due: 750, tax: 750 });
    }

    #[test]
    fn what_exceeds_the_payout_is_due_with_the_next() {
        let terms = Terms { rate: rate("20"), threshold: 15_000 };
        let year = YearToDate { paid: 15_000, untaxed: 15_000, owed: 0 };
        let passing = deduct(100, &year, &terms);
        assert_eq!(passing, Deduction { taxable: 15_100, due: 3_020, tax: 100 });
        let year = YearToDate { paid: 15_100, untaxed: 0, owed: 2_920 };
        assert_eq!(deduct(5_000, &year, &terms).tax, 1_000 + 2_920);
    }

    proptest! {
        #[test]
        fn a_year_is_taxed_once_whatever_the_payouts(
            payouts in prop::collection::vec(1i64..10_000_000, 1..40),
            percent in 0i64..400_000, threshold in 0i64..50_000_000,
        ) {
            let terms = Terms { rate: Rate(percent), threshold };
            let (mut year, mut taxed, mut tax) = (YearToDate::default(), 0, 0);
            for gross in payouts {
                let deduction = deduct(gross, &year, &terms);
                prop_assert!((0..=gross).contains(&deduction.tax));
                year.paid += gross;
                year.untaxed += gross - deduction.taxable;
                year.owed += deduction.due - deduction.tax;
                taxed += deduction.taxable;
                tax += deduction.tax;
                prop_assert!(year.owed >= 0);
            }
            if year.paid <= threshold {
                prop_assert_eq!((taxed, tax), (0, 0));
            } else {
                prop_assert_eq!((taxed, year.untaxed), (year.paid, 0));
                // Each payout rounds by at most half a unit.
                prop_assert!((tax + year.owed - terms.rate.of(year.paid)).abs() <= 20);
            }
        }
    }
}
