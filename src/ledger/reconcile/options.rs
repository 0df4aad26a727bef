//! How a statement is to be read: the argument p_options.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::ledger::reconcile::amount::{self, Notation};
use crate::ledger::reconcile::fields::Fields;
use chrono::NaiveDate;
use serde_json::Value;

const KEYS: [&str; 15] = [
    "columns",
    "header",
    "skip_lines",
    "delimiter",
    "quote",
    "date_format",
    "decimal",
    "thousands",
    "amounts",
    "invert",
    "time_zone",
    "starts_on",
    "ends_on",
    "opening_balance",
    "closing_balance",
];

#[derive(Debug)]
pub struct Options {
    pub columns: Columns,
    pub header: bool,
    pub skip_lines: usize,
    pub delimiter: u8,
    pub quote: u8,
    pub date_format: String,
    pub notation: Notation,
    /// Whether amounts are in minor units; left out, it depends on where they come from.
    pub minor: Option<bool>,
    /// Whether the other side's plus is our minus.
    pub invert: bool,
    pub time_zone: String,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub opening: Option<String>,
    pub closing: Option<String>,
}

/// A column by its name in the header or its number, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    Name(String),
    Number(usize),
}

/// Which columns of a CSV mean what.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    pub date: Column,
    pub amount: Amount,
    pub reference: Option<Column>,
    pub description: Vec<Column>,
    /// Whether the caller named the reference and the description: then they must be there.
    pub chosen: bool,
}

/// One column with a sign, or one for each direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Amount {
    Signed(Column),
    InOut { money_in: Column, money_out: Column },
}

impl Options {
    /// 22023 naming the key that is unknown or has a value that is not allowed.
    pub fn read(value: &Value) -> Result<Self> {
        let fields = Fields::new("p_options", value, &KEYS)?;
        let notation = Notation {
            decimal: fields.character("decimal")?.unwrap_or('.'),
            thousands: fields.character("thousands")?,
        };
        for (key, one) in [("decimal", Some(notation.decimal)), ("thousands", notation.thousands)] {
            if one.is_some_and(|one| one.is_alphanumeric() || "+-()".contains(one)) {
                return Err(fields.invalid(key, "must be no letter, digit, sign or bracket"));
            }
        }
        if notation.thousands == Some(notation.decimal) {
            return Err(fields.invalid("thousands", "must differ from decimal"));
        }
        let unit = fields.choice("amounts", &["major", "minor"])?;
        let options = Options {
            columns: columns(fields.get("columns"))?,
            header: fields.flag("header", true)?,
            skip_lines: fields.number("skip_lines", 0, 1000, 0)? as usize,
            delimiter: ascii(&fields, "delimiter", ',')?,
            quote: ascii(&fields, "quote", '"')?,
            date_format: fields.text("date_format")?.unwrap_or("%Y-%m-%d").to_owned(),
            notation,
            minor: unit.map(|unit| unit == "minor"),
            invert: fields.flag("invert", false)?,
            time_zone: fields.text("time_zone")?.unwrap_or("UTC").to_owned(),
            starts_on: date(&fields, "starts_on")?,
            ends_on: date(&fields, "ends_on")?,
            opening: balance(&fields, "opening_balance")?,
            closing: balance(&fields, "closing_balance")?,
        };
        if options.delimiter == options.quote {
            return Err(fields.invalid("delimiter", "must differ from quote"));
        }
        Ok(options)
    }

    /// A balance that was given, in minor units.
    pub fn minor(&self, key: &str, text: &str, currency: Currency) -> Result<i64> {
        let field = format!("p_options.{key}");
        let wrong = || crate::kernel::error::Error::invalid(&field, "must be an amount");
        if self.minor == Some(true) {
            return text.parse().map_err(|_| wrong());
        }
        let major = amount::parse(text, self.notation).ok_or_else(wrong)?;
        Ok(Money::from_major(major, currency, &field)?.minor)
    }
}

fn ascii(fields: &Fields<'_>, key: &str, otherwise: char) -> Result<u8> {
    let one = fields.character(key)?.unwrap_or(otherwise);
    u8::try_from(one)
        .ok()
        .filter(|byte| {
            byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\r\n\0".contains(byte)
        })
        .ok_or_else(|| fields.invalid(key, "must be an ASCII character, no letter and no digit"))
}

fn date(fields: &Fields<'_>, key: &str) -> Result<Option<NaiveDate>> {
    let Some(text) = fields.text(key)? else { return Ok(None) };
    crate::ledger::reconcile::parse::date(text, "%Y-%m-%d")
        .map(Some)
        .ok_or_else(|| fields.invalid(key, "must be a date such as 2025-01-31"))
}

/// As text, or as a JSON number, which is the text that it prints as.
fn balance(fields: &Fields<'_>, key: &str) -> Result<Option<String>> {
    match fields.get(key) {
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        _ => Ok(fields.text(key)?.map(str::to_owned)),
    }
}

fn columns(value: Option<&Value>) -> Result<Columns> {
    const NAME: &str = "p_options.columns";
    let none = Value::Object(serde_json::Map::new());
    let keys = ["date", "amount", "money_in", "money_out", "reference", "description"];
    let fields = Fields::new(NAME, value.unwrap_or(&none), &keys)?;
    let one = |key: &str| fields.get(key).map(|value| column(&fields, key, value)).transpose();
    let named = |name: &str| Column::Name(name.to_owned());
    let amount = match (one("amount")?, one("money_in")?, one("money_out")?) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(fields.invalid("amount", "give either this, or money_in and money_out"));
        }
        (None, Some(money_in), Some(money_out)) => Amount::InOut { money_in, money_out },
        (None, Some(_), None) => return Err(fields.invalid("money_out", "is missing")),
        (None, None, Some(_)) => return Err(fields.invalid("money_in", "is missing")),
        (amount, None, None) => Amount::Signed(amount.unwrap_or_else(|| named("amount"))),
    };
    let chosen = fields.get("reference").is_some() || fields.get("description").is_some();
    let description = match fields.get("description") {
        Some(Value::Array(list)) if list.len() <= 10 => {
            list.iter().map(|value| column(&fields, "description", value)).collect::<Result<_>>()?
        }
        Some(value) => vec![column(&fields, "description", value)?],
        None if chosen => Vec::new(),
        None => vec![named("description")],
    };
    let reference = match one("reference")? {
        None if !chosen => Some(named("reference")),
        reference => reference,
    };
    Ok(Columns {
        date: one("date")?.unwrap_or_else(|| named("date")),
        amount,
        reference,
        description,
        chosen,
    })
}

fn column(fields: &Fields<'_>, key: &str, value: &Value) -> Result<Column> {
    match (value.as_str(), value.as_u64()) {
        (Some(name), _) if !name.is_empty() && name.len() <= 200 => {
            Ok(Column::Name(name.to_owned()))
        }
        (_, Some(number)) if (1..=1000).contains(&number) => Ok(Column::Number(number as usize)),
        _ => Err(fields.invalid(key, "must be a name of the header or a number from 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(value: Value) -> String {
        let message = Options::read(&value).unwrap_err().message;
        message.split(':').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn without_options_columns_have_their_names() {
        let options = Options::read(&json!({})).unwrap();
        assert_eq!(options.columns.date, Column::Name("date".into()));
        assert_eq!(options.columns.amount, Amount::Signed(Column::Name("amount".into())));
        assert!(!options.columns.chosen);
        assert_eq!((options.delimiter, options.quote), (b',', b'"'));
    }

    #[test]
    fn columns_are_names_or_numbers() {
        let columns = json!({"columns": {"date": 1, "money_in": "In", "money_out": 4,
                                         "description": ["Text", 7]}});
        let columns = Options::read(&columns).unwrap().columns;
        assert_eq!(columns.date, Column::Number(1));
        assert_eq!(columns.description.len(), 2);
        assert_eq!(columns.reference, None);
        let (money_in, money_out) = (Column::Name("In".into()), Column::Number(4));
        assert_eq!(columns.amount, Amount::InOut { money_in, money_out });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, field) in [
            (json!({"date_fromat": "x"}), "p_options.date_fromat"),
            (json!({"columns": {"date": 0}}), "p_options.columns.date"),
            (json!({"columns": {"money_in": 1}}), "p_options.columns.money_out"),
            (json!({"columns": {"amount": 1, "money_in": 2}}), "p_options.columns.amount"),
            (json!({"decimal": "1"}), "p_options.decimal"),
            (json!({"decimal": ",", "thousands": ","}), "p_options.thousands"),
            (json!({"delimiter": "\n"}), "p_options.delimiter"),
            (json!({"delimiter": "\""}), "p_options.delimiter"),
            (json!({"delimiter": "→"}), "p_options.delimiter"),
            (json!({"skip_lines": -1}), "p_options.skip_lines"),
            (json!({"amounts": "cents"}), "p_options.amounts"),
            (json!({"starts_on": "01.02.2024"}), "p_options.starts_on"),
            (json!({"opening_balance": []}), "p_options.opening_balance"),
        ] {
            assert_eq!(refused(value), field);
        }
    }

    #[test]
    fn a_balance_is_read_like_the_amounts() {
        let inr = Currency::parse("INR", "c").unwrap();
        let german = Options::read(&json!({"decimal": ",", "thousands": "."})).unwrap();
        assert_eq!(german.minor("opening_balance", "1.234,50", inr).unwrap(), 123_450);
        let minor = Options::read(&json!({"amounts": "minor"})).unwrap();
        assert_eq!(minor.minor("opening_balance", "-12", inr).unwrap(), -12);
        assert!(minor.minor("opening_balance", "1.5", inr).is_err());
        assert!(german.minor("opening_balance", "1,505", inr).is_err());
    }
}
