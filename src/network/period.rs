//! Days and periods: what a summary or a chart is divided into, in the time zone
//! of the business.

use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::store::periods as store;
use pgrx::datum::Date;

/// The most periods that one answer holds.
const MOST: i64 = 400;
/// 1900-01-01 and 2200-01-01, counted from 2000-01-01.
const EARLIEST: i32 = -36_524;
const LATEST: i32 = 73_049;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    Day,
    Week,
    Month,
}

impl Granularity {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "day" => Ok(Granularity::Day),
            "week" => Ok(Granularity::Week),
            "month" => Ok(Granularity::Month),
            _ => Err(Error::invalid("p_granularity", "must be day, week or month")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Granularity::Day => "day",
            Granularity::Week => "week",
            Granularity::Month => "month",
        }
    }

    /// How many days its shortest period has.
    fn days(self) -> i64 {
        match self {
            Granularity::Day => 1,
            Granularity::Week => 7,
            Granularity::Month => 28,
        }
    }
}

/// The days of an answer, the first and the last included.
#[derive(Clone)]
pub struct Range {
    pub from: Date,
    pub to: Date,
    pub granularity: Granularity,
}

impl Range {
    /// 22023 where the last day comes before the first or there are too many periods.
    pub fn new(from: Date, to: Date, granularity: Granularity) -> Result<Self> {
        let days = i64::from(to.to_pg_epoch_days()) - i64::from(from.to_pg_epoch_days());
        check_length(days, granularity)?;
        Ok(Range { from, to, granularity })
    }
}

fn check_length(days: i64, granularity: Granularity) -> Result<()> {
    if days < 0 {
        return Err(Error::invalid("p_to", "must not be before p_from"));
    }
    if days / granularity.days() >= MOST {
        let rule = format!("must be so late that there are at most {MOST} periods");
        return Err(Error::invalid("p_from", rule));
    }
    Ok(())
}

/// A day that a caller named, or 22023: neither infinite nor of another age.
pub fn day(day: Date, field: &str) -> Result<Date> {
    if (EARLIEST..LATEST).contains(&day.to_pg_epoch_days()) {
        return Ok(day);
    }
    Err(Error::invalid(field, "must be a day from 1900 to 2199"))
}

/// A day on which something has happened: today, or one before.
pub fn past_day(value: Option<Date>, field: &str) -> Result<Date> {
    let today = today()?;
    let Some(value) = value else { return Ok(today) };
    if day(value, field)?.to_pg_epoch_days() > today.to_pg_epoch_days() {
        return Err(Error::invalid(field, "must not be in the future"));
    }
    Ok(value)
}

/// Today, where the business is.
pub fn today() -> Result<Date> {
    store::today(&time_zone()?)
}

pub fn time_zone() -> Result<String> {
    settings::get(SYSTEM, "time_zone")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_granularity_is_refused() {
        assert!(Granularity::parse("year").is_err());
        assert_eq!(Granularity::parse("week").unwrap(), Granularity::Week);
    }

    #[test]
    fn a_range_ends_after_it_begins() {
        assert!(check_length(-1, Granularity::Day).is_err());
        assert!(check_length(0, Granularity::Month).is_ok());
    }

    proptest! {
        #[test]
        fn no_range_has_more_periods_than_allowed(days in 0i64..100_000) {
            for granularity in [Granularity::Day, Granularity::Week, Granularity::Month] {
                let periods = days / granularity.days() + 1;
                prop_assert_eq!(check_length(days, granularity).is_ok(), periods <= MOST);
            }
        }
    }
}
