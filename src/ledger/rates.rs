//! Dated exchange rates, as exact fractions of major units.

use crate::kernel::caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::ledger::fraction::Fraction;
use crate::ledger::journal::check_finite;
use crate::ledger::store::currencies as store;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// One major unit of `base` is worth so much of `quote`, from a time on.
pub struct NewRate {
    pub base: Currency,
    pub quote: Currency,
    pub numerator: i64,
    pub denominator: i64,
    pub valid_from: TimestampWithTimeZone,
}

/// A rate that is in force, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub fraction: Fraction,
    pub valid_from: TimestampWithTimeZone,
}

/// Sets a rate; its id. The same rate again changes nothing; another for the same time
/// takes the place of the first, which stays on record.
///
/// 22023 for one currency twice, or numbers that are not above zero.
pub fn set(new: &NewRate) -> Result<Uuid> {
    check_finite("p_at", Some(&new.valid_from))?;
    if new.base == new.quote {
        return Err(Error::invalid("p_quote", "must be another currency than p_base"));
    }
    for (field, number) in [("p_numerator", new.numerator), ("p_denominator", new.denominator)] {
        if number <= 0 {
            return Err(Error::invalid(field, "must be above zero"));
        }
    }
    let fraction = Fraction::new(new.numerator.into(), new.denominator.into())
        .ok_or_else(|| Error::invalid("p_numerator", "must be above zero"))?;
    if let Some((id, known)) = store::rate_from(new.base, new.quote, new.valid_from)?
        && known == fraction
    {
        return Ok(id);
    }
    let id = new_id();
    store::insert_rate(id, new, fraction, caller::current().person(), clock())?;
    Ok(id)
}

/// The rate from one currency to another at a time: the last one set before, in either
/// direction. PT404 where there is none.
pub fn at(base: Currency, quote: Currency, at: TimestampWithTimeZone) -> Result<Rate> {
    if base == quote {
        return Ok(Rate { fraction: Fraction::ONE, valid_from: at });
    }
    store::rate_at(base, quote, at)?.ok_or_else(|| {
        Error::not_found("rate", format!("{base} to {quote} at {at}"))
            .hint("Set it with ledger.set_rate.")
    })
}
