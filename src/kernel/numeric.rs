//! `numeric` to exact decimals and back.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use pgrx::AnyNumeric;
use rust_decimal::Decimal;
use std::str::FromStr;

/// The exact decimal; NaN, infinities and more than 28 digits are 22003.
pub fn to_decimal(value: &AnyNumeric, field: &str) -> Result<Decimal> {
    Decimal::from_str_exact(&value.to_string())
        .map_err(|_| Error::out_of_range(field, "must be an exact number of at most 28 digits"))
}

pub fn from_decimal(value: Decimal) -> Result<AnyNumeric> {
    AnyNumeric::from_str(&value.to_string())
        .map_err(|e| Error::internal(format!("{value} as numeric: {e:?}")))
}

/// An amount in major units, of whatever sign.
pub fn money(value: &AnyNumeric, currency: Currency, field: &str) -> Result<Money> {
    Money::from_major(to_decimal(value, field)?, currency, field)
}

/// An amount above zero that came in major units.
pub fn positive_money(value: &AnyNumeric, currency: Currency, field: &str) -> Result<Money> {
    let money = money(value, currency, field)?;
    if money.minor <= 0 {
        return Err(Error::invalid(field, "must be above zero"));
    }
    Ok(money)
}

/// An amount in major units, as the API shows it.
pub fn major(money: Money) -> Result<AnyNumeric> {
    from_decimal(money.to_major())
}
