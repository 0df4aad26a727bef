//! Amounts of money: integer minor units and a currency.
//!
//! Inside the house an amount is always [`Money`]; a `numeric` in major units
//! appears only at the edge, where a document shows one, and the conversion is
//! exact or an error.

use crate::kernel::error::{Error, Result};
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// A currency by its ISO 4217 code, or a unit of account of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    exponent: u32,
}

/// Currencies of ISO 4217 whose minor unit is not a hundredth.
const EXPONENTS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Every other active currency of ISO 4217: two decimals.
const HUNDREDTHS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL \
    BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK \
    LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR \
    NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
    SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG";

static KNOWN: LazyLock<HashMap<&str, Currency>> = LazyLock::new(|| {
    let hundredths = HUNDREDTHS.split_whitespace().map(|code| (code, 2));
    let all = EXPONENTS.iter().copied().chain(hundredths);
    all.filter_map(|(text, exponent)| {
        let code = text.as_bytes().try_into().ok()?;
        Some((text, Currency { code, exponent }))
    })
    .collect()
});

impl Currency {
    /// The currency with this ISO 4217 code, or 22023 naming `field`.
    pub fn parse(code: &str, field: &str) -> Result<Self> {
        match KNOWN.get(code) {
            Some(currency) => Ok(*currency),
            None => Err(Error::invalid(field, "must be a currency code of ISO 4217, such as INR")),
        }
    }

    pub fn code(&self) -> &str {
        // Only ASCII codes from the tables above get here.
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// How many decimals a major unit has.
    pub fn exponent(&self) -> u32 {
        self.exponent
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units (paise, cents) of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Self {
        Money { minor, currency }
    }

    /// From major units, exactly: 22023 where there are more decimals than the
    /// currency has, 22003 where it does not fit.
    pub fn from_major(major: Decimal, currency: Currency, field: &str) -> Result<Self> {
        let major = major.normalize();
        if major.scale() > currency.exponent {
            let rule = format!("{currency} has {} decimals", currency.exponent);
            return Err(Error::invalid(field, rule));
        }
        let too_large = || Error::out_of_range(field, "the amount is too large");
        // Scale is at most the exponent, so this is a whole number of minor units.
        let minor = major
            .mantissa()
            .checked_mul(10_i128.pow(currency.exponent - major.scale()))
            .and_then(|minor| i64::try_from(minor).ok())
            .ok_or_else(too_large)?;
        Ok(Money { minor, currency })
    }

    /// In major units, with all the currency's decimals.
    pub fn to_major(self) -> Decimal {
        Decimal::new(self.minor, self.currency.exponent)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_major(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::sqlstate;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn currency(code: &str) -> Currency {
        Currency::parse(code, "currency").unwrap()
    }

    fn minor(text: &str, code: &str) -> Result<i64> {
        let major = Decimal::from_str(text).unwrap();
        Money::from_major(major, currency(code), "amount").map(|money| money.minor)
    }

    #[test]
    fn exponents_follow_iso_4217() {
        let exponents: Vec<_> =
            ["INR", "JPY", "KWD", "CLF"].iter().map(|code| currency(code).exponent()).collect();
        assert_eq!(exponents, [2, 0, 3, 4]);
    }

    #[test]
    fn an_unknown_code_is_refused() {
        for bad in ["", "inr", "XXY", "INRR", "₹"] {
            assert!(Currency::parse(bad, "currency").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn major_units_become_minor_units() {
        assert_eq!(minor("500", "INR").unwrap(), 50_000);
        assert_eq!(minor("0.01", "INR").unwrap(), 1);
        assert_eq!(minor("1.500", "INR").unwrap(), 150);
        assert_eq!(minor("7", "JPY").unwrap(), 7);
        assert_eq!(minor("-1.005", "KWD").unwrap(), -1_005);
    }

    #[test]
    fn a_fraction_of_a_minor_unit_is_refused() {
        assert_eq!(minor("0.001", "INR").unwrap_err().sqlstate, sqlstate::INVALID);
        assert_eq!(minor("1.5", "JPY").unwrap_err().sqlstate, sqlstate::INVALID);
    }

    #[test]
    fn an_amount_beyond_64_bits_is_refused() {
        let error = minor("92233720368547758.08", "INR").unwrap_err();
        assert_eq!(error.sqlstate, sqlstate::OUT_OF_RANGE);
        assert_eq!(minor("92233720368547758.07", "INR").unwrap(), i64::MAX);
    }

    proptest! {
        #[test]
        fn there_and_back_is_exact(units: i64, pick in 0usize..4) {
            let money = Money::new(units, currency(["INR", "JPY", "KWD", "CLF"][pick]));
            let back = Money::from_major(money.to_major(), money.currency, "amount").unwrap();
            prop_assert_eq!(back, money);
        }
    }
}
