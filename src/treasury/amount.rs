//! Amounts as Stripe writes them: integers of a smallest unit that is mostly, but not
//! always, the minor unit of ISO 4217.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use serde_json::Value;

/// Currencies whose amounts Stripe writes with another number of decimals than ISO 4217
/// has: without any, or with two that are always zero.
/// Source: Stripe, "Zero-decimal currencies" and "Special cases".
const OTHERWISE: [(&str, u32); 3] = [("ISK", 2), ("MGA", 0), ("UGX", 2)];

/// How many decimals an amount of Stripe has.
fn decimals(currency: Currency) -> u32 {
    let special = OTHERWISE.iter().find(|(code, _)| *code == currency.code());
    special.map_or_else(|| currency.exponent(), |(_, decimals)| *decimals)
}

/// Beyond this there is no money; sums of such amounts stay far from the ends of 64 bits.
const LARGEST: i64 = 1_000_000_000_000_000;

/// From Stripe's amount; 22003 where it is too large, 22023 naming `field` where it is no whole number of minor units.
pub fn from_stripe(amount: i64, currency: Currency, field: &str) -> Result<i64> {
    if !(-LARGEST..=LARGEST).contains(&amount) {
        return Err(Error::out_of_range(field, "the amount is too large"));
    }
    let (theirs, ours) = (decimals(currency), currency.exponent());
    let scale = 10_i64.pow(theirs.abs_diff(ours));
    if theirs <= ours {
        return Ok(amount * scale);
    }
    if amount % scale != 0 {
        return Err(Error::invalid(field, format!("{currency} has {ours} decimals")));
    }
    Ok(amount / scale)
}

/// As Stripe wants it; 22023 naming `field` where Stripe cannot write it.
pub fn to_stripe(money: Money, field: &str) -> Result<i64> {
    let (theirs, ours) = (decimals(money.currency), money.currency.exponent());
    let scale = 10_i64.pow(theirs.abs_diff(ours));
    if theirs >= ours {
        let too_large = || Error::out_of_range(field, "the amount is too large");
        return money.minor.checked_mul(scale).ok_or_else(too_large);
    }
    if money.minor % scale != 0 {
        let rule = format!("Stripe takes whole units of {} only", money.currency);
        return Err(Error::invalid(field, rule));
    }
    Ok(money.minor / scale)
}

/// The most of an amount that Stripe can write.
pub fn payable_part(minor: i64, currency: Currency) -> i64 {
    let (theirs, ours) = (decimals(currency), currency.exponent());
    minor - minor % 10_i64.pow(ours.saturating_sub(theirs))
}

/// The currency of an object of Stripe, which writes it in lower case.
pub fn currency(object: &Value) -> Result<Currency> {
    let code = object["currency"].as_str().ok_or_else(|| Error::missing("currency"))?;
    Currency::parse(&code.to_ascii_uppercase(), "currency")
}

/// The amount at `key` of an object of Stripe; 22004 where there is none.
pub fn amount(object: &Value, key: &str, currency: Currency) -> Result<i64> {
    match object.get(key) {
        None | Some(Value::Null) => Err(Error::missing(key)),
        Some(value) => {
            let rule = || Error::invalid(key, "must be a whole number");
            from_stripe(value.as_i64().ok_or_else(rule)?, currency, key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code, "currency").unwrap()
    }

    #[test]
    fn most_amounts_are_those_of_iso_4217() {
        for code in ["USD", "EUR", "JPY", "KWD", "CLP", "HUF"] {
            assert_eq!(from_stripe(1230, currency(code), "amount").unwrap(), 1230, "{code}");
        }
    }

    #[test]
    fn some_currencies_are_written_otherwise() {
        assert_eq!(from_stripe(500, currency("ISK"), "amount").unwrap(), 5);
        assert_eq!(from_stripe(500, currency("UGX"), "amount").unwrap(), 5);
        assert_eq!(from_stripe(5, currency("MGA"), "amount").unwrap(), 500);
        let error = from_stripe(501, currency("ISK"), "amount").unwrap_err();
        assert_eq!(error.sqlstate.code(), "22023");
        let error = from_stripe(i64::MAX, currency("MGA"), "amount").unwrap_err();
        assert_eq!(error.sqlstate.code(), "22003");
    }

    #[test]
    fn what_stripe_cannot_write_stays() {
        assert_eq!(payable_part(1_234, currency("MGA")), 1_200);
        for code in ["USD", "JPY", "ISK", "KWD"] {
            assert_eq!(payable_part(1_234, currency(code)), 1_234, "{code}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(units in -1_000_000_000_i64..1_000_000_000, pick in 0_usize..5) {
            let currency = currency(["USD", "JPY", "KWD", "ISK", "UGX"][pick]);
            let stripe = to_stripe(Money::new(units, currency), "amount").unwrap();
            prop_assert_eq!(from_stripe(stripe, currency, "amount").unwrap(), units);
        }
    }
}
