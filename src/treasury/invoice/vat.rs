//! Which VAT a supply of services bears, and how much of an amount it is. Amounts that
//! buyers were charged include it.

use crate::kernel::error::{Error, Result};
use serde_json::Value;

/// The states of the European Union, by ISO 3166-1.
pub const UNION: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    Standard,
    ReverseCharge,
    Export,
}

impl Treatment {
    pub fn as_str(self) -> &'static str {
        match self {
            Treatment::Standard => "standard",
            Treatment::ReverseCharge => "reverse_charge",
            Treatment::Export => "export",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "standard" => Ok(Treatment::Standard),
            "reverse_charge" => Ok(Treatment::ReverseCharge),
            "export" => Ok(Treatment::Export),
            other => Err(Error::internal(format!("treatment {other}"))),
        }
    }

    /// Why there is no tax (points 11 and 11a of Article 226).
    pub fn note(self) -> Option<&'static str> {
        match self {
            Treatment::Standard => None,
            Treatment::ReverseCharge => Some(
                "Reverse charge: the customer is liable for the VAT (Article 196 of Directive 2006/112/EC).",
            ),
            Treatment::Export => {
                Some("No VAT: supplied to a customer outside the territory of the tax.")
            }
        }
    }
}

/// A seller or a buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub country: String,
    pub has_vat_id: bool,
}

impl Side {
    /// From a tax profile.
    pub fn of(profile: &Value) -> Self {
        Side {
            country: profile["country"].as_str().unwrap_or_default().to_owned(),
            has_vat_id: profile["vat_id"].is_string(),
        }
    }

    fn in_union(&self) -> bool {
        UNION.contains(&self.country.as_str())
    }
}

/// How a supply is taxed, and the country whose rate holds where it is. A business in
/// another state of the Union owes the tax itself (Articles 44 and 196); whoever is outside
/// bears none; a consumer in another state bears the seller's (Article 45), or for what is
/// supplied electronically their own (`at_buyer`, Article 58). A buyer of whom nothing is
/// known is a consumer where the seller is.
pub fn treat(seller: &Side, buyer: Option<&Side>, at_buyer: bool) -> (Treatment, String) {
    let Some(buyer) = buyer.filter(|buyer| buyer.country != seller.country) else {
        return (Treatment::Standard, seller.country.clone());
    };
    if !seller.in_union() || !buyer.in_union() {
        return (Treatment::Export, String::new());
    }
    match (buyer.has_vat_id, at_buyer) {
        (true, _) => (Treatment::ReverseCharge, String::new()),
        (false, true) => (Treatment::Standard, buyer.country.clone()),
        (false, false) => (Treatment::Standard, seller.country.clone()),
    }
}

/// The tax that an amount includes, at a rate in hundredths of a per cent: to the nearest
/// minor unit, half up.
pub fn within(gross: i64, rate: i32) -> i64 {
    let rate = i128::from(rate);
    rounded(i128::from(gross) * rate, 10_000 + rate)
}

/// The part of a tax that belongs to a part of its amount, rounded in the same way: all of
/// it for all, and never less for more.
pub fn part(tax: i64, of: i64, gross: i64) -> i64 {
    rounded(i128::from(tax) * i128::from(of), i128::from(gross.max(1)))
}

fn rounded(numerator: i128, denominator: i128) -> i64 {
    let nearest = (2 * numerator + denominator).div_euclid(2 * denominator);
    nearest.clamp(0, i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn side(country: &str, has_vat_id: bool) -> Side {
        Side { country: country.to_owned(), has_vat_id }
    }

    #[test]
    fn who_is_where_says_whose_tax_it_is() {
        use Treatment::*;
        let german = side("DE", true);
        for (buyer, at_buyer, treatment, country) in [
            (None, true, Standard, "DE"),
            (Some(side("DE", true)), true, Standard, "DE"),
            (Some(side("FR", true)), false, ReverseCharge, ""),
            (Some(side("FR", false)), false, Standard, "DE"),
            (Some(side("FR", false)), true, Standard, "FR"),
            (Some(side("US", false)), false, Export, ""),
            (Some(side("CH", true)), true, Export, ""),
        ] {
            let is = treat(&german, buyer.as_ref(), at_buyer);
            assert_eq!(is, (treatment, country.to_owned()), "{buyer:?}");
        }
        assert_eq!(treat(&side("CH", true), Some(&side("CH", false)), false).0, Standard);
        assert_eq!(treat(&side("CH", true), Some(&side("DE", true)), false).0, Export);
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(within(11_900, 1900), 1_900);
        assert_eq!(within(1, 10_000), 1);
        assert_eq!(within(3, 10_000), 2);
        assert_eq!([0, 1, 2, 3, 4].map(|gross| within(gross, 1900)), [0, 0, 0, 0, 1]);
        assert_eq!(within(i64::MAX, 2700), 1_960_874_370_039_991_707);
    }

    proptest! {
        #[test]
        fn the_tax_is_off_by_half_a_unit_at_most(gross in 1..=i64::MAX, rate in 0..=10_000_i32) {
            let tax = i128::from(within(gross, rate));
            let whole = 10_000 + i128::from(rate);
            let exact = i128::from(gross) * i128::from(rate);
            prop_assert!(2 * (tax * whole - exact).abs() <= whole);
            prop_assert!(tax <= i128::from(gross));
        }

        #[test]
        fn notes_take_exactly_the_tax(gross in 1..10_000_000_i64, rate in 0..=10_000_i32, cuts in prop::collection::vec(0.0..1.0_f64, 0..8)) {
            let tax = within(gross, rate);
            let mut steps: Vec<i64> = cuts.iter().map(|cut| (cut * gross as f64) as i64).collect();
            steps.extend([0, gross]);
            steps.sort_unstable();
            let mut taken = 0;
            for pair in steps.windows(2) {
                let more = part(tax, pair[1], gross) - part(tax, pair[0], gross);
                prop_assert!((0..=pair[1] - pair[0]).contains(&more));
                taken += more;
            }
            prop_assert_eq!(taken, tax);
        }
    }
}
