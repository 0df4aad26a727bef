//! SQL of days and time zones.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use pgrx::datum::Date;

static TODAY: Query = Query::read("select (now() at time zone $1)::date");
static ELEVEN_BEFORE: Query =
    Query::read("select (date_trunc($2, $1::timestamp) - 11 * ('1 ' || $2)::interval)::date");

pub fn today(time_zone: &str) -> Result<Date> {
    TODAY.one(&[time_zone.into()], |row| row.get(1))
}

/// The first day of the period that lies eleven before the one of this day.
pub fn eleven_periods_before(day: Date, granularity: &str) -> Result<Date> {
    ELEVEN_BEFORE.one(&[day.into(), granularity.into()], |row| row.get(1))
}
