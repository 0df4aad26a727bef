//! Amounts as Stripe writes them: integers of a smallest unit that is mostly, but not
//! always, the minor unit of ISO 4217.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use serde_json::Value;

/// Currencies whose amounts Stripe writes with another number of decimals than ISO 4217
/// has: without any, or with two that are always zero.
/// Source: Stripe, "Zero-decimal currencies" and "Special cases".
const OTHERWISE: [(&str, u32); 3] = [("ISK", 2), ("MGA", 0), ("UGX", 2)];

/// The last of three decimals is always zero at Stripe, whatever is charged or paid out.
/// Source: Stripe, "Three-decimal currencies".
const OF_THREE_DECIMALS: i64 = 10;
/// What is paid out of these is of whole units only, although they have decimals otherwise.
/// Source: Stripe, "Special cases".
const PAID_IN_UNITS: [(&str, i64); 2] = [("HUF", 100), ("TWD", 100)];

/// What an amount is a multiple of, in minor units.
fn step(currency: Currency) -> i64 {
    if currency.exponent() == 3 { OF_THREE_DECIMALS } else { 1 }
}

/// The same of what is paid out.
fn payout_step(currency: Currency) -> i64 {
    let (theirs, ours) = (decimals(currency), currency.exponent());
    let whole = PAID_IN_UNITS.iter().find(|(code, _)| *code == currency.code());
    let step = whole.map_or_else(|| step(currency), |(_, step)| *step);
    step.max(10_i64.pow(ours.saturating_sub(theirs)))
}

/// How many decimals an amount of Stripe has.
fn decimals(currency: Currency) -> u32 {
    let special = OTHERWISE.iter().find(|(code, _)| *code == currency.code());
    special.map_or_else(|| currency.exponent(), |(_, decimals)| *decimals)
}

/// Beyond this there is no money; sums of such amounts stay far from the ends of 64 bits.
const LARGEST: i64 = 1_000_000_000_000_000;

/// From Stripe's amount; 22003 where it is too large, 22023 naming `field` where it is no
/// whole number of minor units.
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
    require_multiple(money, step(money.currency), field)?;
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

fn require_multiple(money: Money, step: i64, field: &str) -> Result<()> {
    if money.minor % step == 0 {
        return Ok(());
    }
    let rule = format!("Stripe takes multiples of {} only", Money::new(step, money.currency));
    Err(Error::invalid(field, rule))
}

/// 22023 naming `field` for an amount that Stripe pays out to nobody.
pub fn check_payout(money: Money, field: &str) -> Result<()> {
    require_multiple(money, payout_step(money.currency), field)
}

/// The most of an amount that Stripe pays out.
pub fn payable_part(minor: i64, currency: Currency) -> i64 {
    minor - minor % payout_step(currency)
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
        for (code, part) in
            [("MGA", 1_200), ("HUF", 1_200), ("TWD", 1_200), ("KWD", 1_230), ("BHD", 1_230)]
        {
            assert_eq!(payable_part(1_234, currency(code)), part, "{code}");
            let whole = Money::new(1_234, currency(code));
            assert_eq!(check_payout(whole, "x").unwrap_err().sqlstate.code(), "22023", "{code}");
            check_payout(Money::new(part, currency(code)), "x").unwrap();
        }
        for code in ["USD", "JPY", "ISK"] {
            assert_eq!(payable_part(1_234, currency(code)), 1_234, "{code}");
        }
        // What is refunded of forints may have fillers; the last of three decimals is never told.
        assert_eq!(to_stripe(Money::new(1_234, currency("HUF")), "x").unwrap(), 1_234);
        assert_eq!(
            to_stripe(Money::new(1_234, currency("KWD")), "x").unwrap_err().sqlstate.code(),
            "22023"
        );
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(units in -1_000_000_000_i64..1_000_000_000, pick in 0_usize..5) {
            let currency = currency(["USD", "JPY", "KWD", "ISK", "UGX"][pick]);
            let units = units - units % step(currency);
            let stripe = to_stripe(Money::new(units, currency), "amount").unwrap();
            prop_assert_eq!(from_stripe(stripe, currency, "amount").unwrap(), units);
        }
    }
}
