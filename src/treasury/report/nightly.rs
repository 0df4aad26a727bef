//! Reports that nobody has to ask for: in January everybody's 1099 of the past year, if
//! they are above the threshold, and in the first days of a month the sellers' invoices and
//! statement of the past one. What was made once is not made again, so the job may run
//! every night and miss some.

use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::treasury::SYSTEM;
use crate::treasury::report::parameters::{Form, Parameters, Period};
use crate::treasury::report::threshold::{self, TaxForm};
use crate::treasury::report::time_zone;
use crate::treasury::store::reports as store;
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

/// On so many days of a month its predecessor's statements are asked for.
const DAYS: u32 = 7;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    pub forms: usize,
    pub statements: usize,
}

impl Queued {
    pub fn to_json(self, most: i64) -> Value {
        let mut result = json!({"forms": self.forms, "statements": self.statements});
        let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= most);
        if full(self.forms) || full(self.statements) {
            result["more"] = json!(true);
        }
        result
    }
}

/// The day it is in the time zone of reports.
pub fn today() -> Result<NaiveDate> {
    store::today(&time_zone()?)
}

/// Queues up to `most` of each that are due on a day.
pub fn queue(today: NaiveDate, most: i64) -> Result<Queued> {
    let settings = Settings::of(SYSTEM)?;
    let mut queued = Queued::default();
    if today.month() == 1 && settings.get("automatic_1099")? {
        queued.forms = forms(today.year() - 1, most)?;
    }
    if today.day() <= DAYS
        && settings.get("automatic_vat_statements")?
        && let Some(period) = month_before(today)
    {
        let parameters = Parameters::Invoices(period).to_json();
        queued.statements = store::queue_statements(&parameters, &period, &time_zone()?, most)?;
    }
    Ok(queued)
}

fn forms(year: i32, most: i64) -> Result<usize> {
    let (form, currency) = (TaxForm::chosen()?, threshold::currency()?);
    let (Some(period), Some(limit)) = (Period::year(year), threshold::in_force(form, year)?) else {
        return Ok(0);
    };
    let parameters = Parameters::Form1099(Form { year, currency }).to_json();
    store::queue_forms(&parameters, &period, &time_zone()?, (form, &form.beyond(limit)), most)
}

fn month_before(day: NaiveDate) -> Option<Period> {
    let to = day.with_day(1)?;
    Some(Period { from: to.pred_opt()?.with_day(1)?, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_before_ends_where_this_one_begins() {
        for (day, from, to) in
            [("2026-01-01", "2025-12-01", "2026-01-01"), ("2024-03-07", "2024-02-01", "2024-03-01")]
        {
            let period = month_before(day.parse().unwrap()).unwrap();
            assert_eq!((period.from.to_string(), period.to.to_string()), (from.into(), to.into()));
        }
    }
}
