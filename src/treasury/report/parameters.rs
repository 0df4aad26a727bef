//! What a report is about, as it is asked for and as its row keeps it.

use crate::kernel::error::{Error, Result};
use crate::kernel::input::Object;
use crate::kernel::money::Currency;
use crate::treasury::report::Kind;
use chrono::NaiveDate;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// Years that reports are about.
pub const YEARS: RangeInclusive<i32> = 2000..=2100;
const KEYS: [&str; 6] = ["year", "from", "to", "currency", "charge_id", "everybody"];

/// Whole days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub year: i32,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    pub period: Period,
    /// Only of this currency.
    pub currency: Option<Currency>,
    pub everybody: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    Form1099(Form),
    /// The invoice of one charge: ours, or Stripe's until it is looked up.
    Invoice {
        charge: String,
    },
    /// All invoices of a seller in a period.
    Invoices(Period),
    Entries(Entries),
}

impl Period {
    /// The calendar year; `None` outside of the calendar.
    pub fn year(year: i32) -> Option<Self> {
        Self::between(
            NaiveDate::from_ymd_opt(year, 1, 1)?,
            NaiveDate::from_ymd_opt(year + 1, 1, 1)?,
        )
    }

    fn between(from: NaiveDate, to: NaiveDate) -> Option<Self> {
        (from < to).then_some(Period { from, to })
    }

    pub fn to_json(self) -> Value {
        json!({"from": self.from.to_string(), "to": self.to.to_string()})
    }
}

impl Parameters {
    /// From what somebody sent, or what the row keeps.
    pub fn parse(kind: Kind, value: &Value) -> Result<Self> {
        let object = Object::new("p_params", value, &KEYS)?;
        let allowed: &[&str] = match kind {
            Kind::Form1099 => &["year", "currency"],
            Kind::VatInvoice if object.value("charge_id").is_some() => &["charge_id"],
            Kind::VatInvoice => &["year", "from", "to"],
            Kind::LedgerExport => &["year", "from", "to", "currency", "everybody"],
        };
        let other = KEYS.iter().find(|key| object.value(key).is_some() && !allowed.contains(key));
        if let Some(other) = other {
            return Err(
                object.wrong(other, &format!("{} has only {}", kind.as_str(), allowed.join(", ")))
            );
        }
        Ok(match kind {
            Kind::Form1099 => Parameters::Form1099(Form {
                year: year(&object)?.ok_or_else(|| Error::missing("p_params.year"))?,
                currency: match currency(&object)? {
                    Some(currency) => currency,
                    None => Currency::parse("USD", "p_params.currency")?,
                },
            }),
            Kind::VatInvoice => match object.text("charge_id")? {
                Some(charge) => Parameters::Invoice { charge: charge.to_owned() },
                None => Parameters::Invoices(period(&object)?),
            },
            Kind::LedgerExport => Parameters::Entries(Entries {
                period: period(&object)?,
                currency: currency(&object)?,
                everybody: object.boolean("everybody")?.unwrap_or(false),
            }),
        })
    }

    /// One way to write it, so that the same is found again.
    pub fn to_json(&self) -> Value {
        match self {
            Parameters::Form1099(form) => {
                json!({"year": form.year, "currency": form.currency.code()})
            }
            Parameters::Invoice { charge } => json!({"charge_id": charge}),
            Parameters::Invoices(period) => period.to_json(),
            Parameters::Entries(entries) => {
                let mut object = entries.period.to_json();
                if let Some(currency) = entries.currency {
                    object["currency"] = json!(currency.code());
                }
                if entries.everybody {
                    object["everybody"] = json!(true);
                }
                object
            }
        }
    }
}

/// A number, or a text of digits as a query has it.
fn year(object: &Object<'_>) -> Result<Option<i32>> {
    let read = |value: &Value| match value {
        Value::String(text) if text.len() == 4 => text.parse().ok(),
        value => value.as_i64().and_then(|year| i32::try_from(year).ok()),
    };
    let rule = || object.wrong("year", "must be a year from 2000 to 2100");
    let within = |value| read(value).filter(|year| YEARS.contains(year)).ok_or_else(rule);
    object.value("year").map(within).transpose()
}

fn currency(object: &Object<'_>) -> Result<Option<Currency>> {
    object.text("currency")?.map(|code| Currency::parse(code, "p_params.currency")).transpose()
}

/// A whole year, or `from` a day and before the day `to`.
fn period(object: &Object<'_>) -> Result<Period> {
    let (from, to) = (day(object, "from")?, day(object, "to")?);
    match (year(object)?, from, to) {
        (Some(year), None, None) => {
            Period::year(year).ok_or_else(|| object.wrong("year", "is no year of the calendar"))
        }
        (None, Some(from), Some(to)) => Period::between(from, to)
            .ok_or_else(|| object.wrong("to", "must be after from: it is the day after the last")),
        (Some(_), _, _) => Err(object.wrong("year", "comes without from and to")),
        (None, None, None) => {
            Err(Error::missing("p_params.year").hint("year, or from and to, say of what time."))
        }
        (None, None, Some(_)) => Err(Error::missing("p_params.from")),
        (None, _, None) => Err(Error::missing("p_params.to")),
    }
}

fn day(object: &Object<'_>, key: &str) -> Result<Option<NaiveDate>> {
    let rule = || object.wrong(key, "must be a day such as 2026-01-31");
    let read = |text: &str| {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let years = YEARS.start() <= &chrono::Datelike::year(&day)
            && chrono::Datelike::year(&day) <= YEARS.end() + 1;
        // Only as it is written out: 2026-1-1 is refused.
        (years && day.to_string() == text).then_some(day)
    };
    object.text(key)?.map(|text| read(text).ok_or_else(rule)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(kind: Kind, value: Value) -> String {
        Parameters::parse(kind, &value).unwrap_err().sqlstate.code()
    }

    #[test]
    fn what_the_row_keeps_is_read_back() {
        use Kind::*;
        for (kind, value, kept) in [
            (Form1099, json!({"year": "2025"}), json!({"year": 2025, "currency": "USD"})),
            (
                Form1099,
                json!({"year": 2025, "currency": "EUR", "to": null}),
                json!({"year": 2025, "currency": "EUR"}),
            ),
            (VatInvoice, json!({"charge_id": "ch_1"}), json!({"charge_id": "ch_1"})),
            (
                VatInvoice,
                json!({"from": "2026-01-01", "to": "2026-02-01"}),
                json!({"from": "2026-01-01", "to": "2026-02-01"}),
            ),
            (
                LedgerExport,
                json!({"year": 2026}),
                json!({"from": "2026-01-01", "to": "2027-01-01"}),
            ),
            (
                LedgerExport,
                json!({"year": 2100, "everybody": true, "currency": "JPY"}),
                json!({"from": "2100-01-01", "to": "2101-01-01", "everybody": true, "currency": "JPY"}),
            ),
        ] {
            let parameters = Parameters::parse(kind, &value).unwrap();
            assert_eq!(parameters.to_json(), kept);
            assert_eq!(Parameters::parse(kind, &kept).unwrap(), parameters);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        use Kind::*;
        for (kind, value) in [
            (Form1099, json!({"year": 1999})),
            (Form1099, json!({"year": "20 5"})),
            (Form1099, json!({"year": 2025.5})),
            (Form1099, json!({"year": 2025, "from": "2025-01-01"})),
            (Form1099, json!({"year": 2025, "currency": "usd"})),
            (VatInvoice, json!({"charge_id": "ch_1", "year": 2025})),
            (VatInvoice, json!({"charge_id": 7})),
            (VatInvoice, json!({"year": 2025, "everybody": true})),
            (LedgerExport, json!({"from": "2026-01-01", "to": "2026-01-01"})),
            (LedgerExport, json!({"from": "2026-02-01", "to": "2026-01-01"})),
            (LedgerExport, json!({"from": "2026-1-1", "to": "2026-02-01"})),
            (LedgerExport, json!({"from": "2026-02-30", "to": "2026-03-01"})),
            (LedgerExport, json!({"from": "infinity", "to": "2026-03-01"})),
            (LedgerExport, json!({"from": "99999-01-01", "to": "2026-03-01"})),
            (LedgerExport, json!({"year": 2026, "to": "2026-03-01"})),
            (LedgerExport, json!({"year": 2026, "everybody": "yes"})),
            (LedgerExport, json!({"yaer": 2026})),
            (LedgerExport, json!([])),
        ] {
            assert_eq!(code(kind, value.clone()), "22023", "{value}");
        }
        for (kind, value) in [
            (Form1099, json!({})),
            (VatInvoice, json!({})),
            (LedgerExport, json!({"from": "2026-01-01"})),
            (LedgerExport, json!({"to": "2026-01-01"})),
        ] {
            assert_eq!(code(kind, value.clone()), "22004", "{value}");
        }
    }
}
