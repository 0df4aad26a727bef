//! Tax rules: dated, written by admins, and never changed for what was paid.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::{numeric, settings};
use crate::network::store::tax::{self as store, Rule};
use crate::network::tax::Rate;
use crate::network::{SYSTEM, platform};
use pgrx::AnyNumeric;
use pgrx::datum::Date;

const LONGEST_SECTION: usize = 20;

/// A rule as an admin wrote it down.
pub struct NewRule<'a> {
    pub valid_from: Date,
    pub section: &'a str,
    pub rate_with_pan: AnyNumeric,
    pub rate_without_pan: AnyNumeric,
    pub yearly_threshold: AnyNumeric,
}

impl NewRule<'_> {
    fn check(self) -> Result<Rule> {
        check_day(self.valid_from)?;
        let rate = |rate: &AnyNumeric, field: &str| {
            Rate::from_percent(numeric::to_decimal(rate, field)?, field)
        };
        let with_pan = rate(&self.rate_with_pan, "p_rate_with_pan")?;
        let without_pan = rate(&self.rate_without_pan, "p_rate_without_pan")?;
        if without_pan < with_pan {
            let rule = "must be at least p_rate_with_pan";
            return Err(Error::invalid("p_rate_without_pan", rule));
        }
        let currency = platform::load()?.currency;
        let threshold = numeric::money(&self.yearly_threshold, currency, "p_yearly_threshold")?;
        if threshold.minor < 0 {
            return Err(Error::invalid("p_yearly_threshold", "must not be below zero"));
        }
        Ok(Rule {
            valid_from: self.valid_from,
            section: section(self.section)?.to_owned(),
            rate_with_pan: self.rate_with_pan,
            rate_without_pan: self.rate_without_pan,
            yearly_threshold: numeric::major(threshold)?,
        })
    }
}

/// The name of a section of the law, such as `194H`.
fn section(text: &str) -> Result<&str> {
    let text = text.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || " ()-./".contains(c);
    if text.is_empty() || text.len() > LONGEST_SECTION || !text.chars().all(good) {
        let rule = "must have 1 to 20 letters, digits, spaces or ()-./";
        return Err(Error::invalid("p_section", rule));
    }
    Ok(text)
}

fn check_day(day: Date) -> Result<()> {
    if day.is_infinity() || day.is_neg_infinity() || !(2000..2100).contains(&day.year()) {
        return Err(Error::invalid("p_valid_from", "must be a day from 2000 to 2099"));
    }
    Ok(())
}

/// Writes the rule that begins on a day, in place of another of the same day.
pub fn set(caller: &Caller, new: NewRule<'_>) -> Result<()> {
    let rule = new.check()?;
    if store::is_same(&rule)? {
        return Ok(());
    }
    refuse_where_paid(rule.valid_from)?;
    store::set_rule(&rule, caller.person())
}

/// Removes the rule that begins on a day; whether there was one.
pub fn remove(valid_from: Date) -> Result<bool> {
    check_day(valid_from)?;
    refuse_where_paid(valid_from)?;
    store::remove_rule(valid_from)
}

/// PT409 where a payout was made under the rule, or would have been.
fn refuse_where_paid(day: Date) -> Result<()> {
    let zone: String = settings::get(SYSTEM, "time_zone")?;
    if store::paid_since(day, &zone)? {
        return Err(Error::conflict("withdrawals were paid since this day")
            .detail(format!("on or after {day}"))
            .hint("Write a rule that begins tomorrow or later."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_short_name() {
        assert_eq!(section(" 194H ").unwrap(), "194H");
        assert!(section("393(1)").is_ok());
        for bad in ["", "   ", "a\nb", "§194H", "123456789012345678901"] {
            assert!(section(bad).is_err(), "{bad:?}");
        }
    }
}
