//! The lines of a statement, out of CSV or rows of JSON.

use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::money::{Currency, Money};
use crate::ledger::reconcile::amount;
use crate::ledger::reconcile::fields::Fields;
use crate::ledger::reconcile::options::{Amount, Column, Columns, Options};
use chrono::{Datelike, NaiveDate};
use csv::StringRecord;
use serde_json::Value;
use std::collections::HashMap;

/// The largest CSV, in bytes.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The most lines of a statement.
pub const MOST_LINES: usize = 20_000;
const LONGEST_REFERENCE: usize = 200;
const LONGEST_DESCRIPTION: usize = 2000;

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Days since 2000-01-01.
    pub day: i32,
    /// What it adds to the balance of the account, in minor units.
    pub amount: i64,
    pub reference: Option<String>,
    pub description: Option<String>,
}

/// Reads a date strictly: all of the text, and a day that exists.
pub fn date(text: &str, format: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text.trim(), format).ok()?;
    (1900..=9999).contains(&date.year()).then_some(date)
}

/// Days since 2000-01-01.
pub fn day(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 730_120
}

/// For each line how many of its like there are up to and with it.
pub fn occurrences(lines: &[Line]) -> Vec<i32> {
    let mut seen: HashMap<&Line, i32> = HashMap::new();
    let count = |line| {
        let times = seen.entry(line).or_default();
        *times += 1;
        *times
    };
    lines.iter().map(count).collect()
}

/// What is common to all lines of a statement.
struct Reader<'a> {
    options: &'a Options,
    currency: Currency,
    minor: bool,
}

impl Reader<'_> {
    /// `at` says where the line is.
    fn amount(&self, text: &str, at: &str) -> Result<i64> {
        let field = || format!("{at}, amount");
        let major = amount::parse(text, self.options.notation)
            .ok_or_else(|| Error::invalid(&field(), format!("{:?} is no amount", short(text))))?;
        if !self.minor {
            return Ok(Money::from_major(major, self.currency, &field())?.minor);
        }
        let whole = major.normalize();
        let minor = (whole.scale() == 0).then(|| i64::try_from(whole.mantissa()).ok()).flatten();
        minor.ok_or_else(|| Error::invalid(&field(), "must be a whole number of minor units"))
    }

    fn turned(&self, amount: i64, at: &str) -> Result<i64> {
        let turned = if self.options.invert { amount.checked_neg() } else { Some(amount) };
        turned.ok_or_else(|| out_of_range(at))
    }
}

fn out_of_range(at: &str) -> Error {
    Error::new(sqlstate::OUT_OF_RANGE, format!("{at}, amount: does not fit 64 bits"))
}

/// The beginning of a text from outside, for a message.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A text without surrounding space and control characters; nothing where none is left.
fn text(value: &str, most: usize, field: &str) -> Result<Option<String>> {
    let clean: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    if clean.len() > most {
        return Err(Error::invalid(field, format!("must have at most {most} bytes")));
    }
    Ok((!clean.is_empty()).then(|| clean.to_owned()))
}

/// Where the columns are, counted from 0.
struct Places {
    date: usize,
    amount: AmountAt,
    reference: Option<usize>,
    description: Vec<usize>,
}

enum AmountAt {
    Signed(usize),
    InOut(usize, usize),
}

impl Places {
    fn find(columns: &Columns, header: Option<&StringRecord>, width: usize) -> Result<Self> {
        let find = |column: &Column, key: &str| place(column, header, width, key);
        // Names that nobody asked for may be missing.
        let optional = |column: &Column, key: &str| match find(column, key) {
            Err(_) if !columns.chosen => Ok(None),
            found => found.map(Some),
        };
        let mut description = Vec::new();
        for column in &columns.description {
            description.extend(optional(column, "description")?);
        }
        Ok(Places {
            date: find(&columns.date, "date")?,
            amount: match &columns.amount {
                Amount::Signed(column) => AmountAt::Signed(find(column, "amount")?),
                Amount::InOut { money_in, money_out } => {
                    AmountAt::InOut(find(money_in, "money_in")?, find(money_out, "money_out")?)
                }
            },
            reference: match &columns.reference {
                Some(column) => optional(column, "reference")?,
                None => None,
            },
            description,
        })
    }
}

fn place(column: &Column, header: Option<&StringRecord>, width: usize, key: &str) -> Result<usize> {
    let field = format!("p_options.columns.{key}");
    match (column, header) {
        (Column::Number(number), _) if *number <= width => Ok(number - 1),
        (Column::Number(_), _) => {
            Err(Error::invalid(&field, format!("the CSV has {width} columns")))
        }
        (Column::Name(_), None) => {
            Err(Error::invalid(&field, "must be a number, because there is no header"))
        }
        (Column::Name(name), Some(header)) => {
            let mut places = (0..width).filter(|n| header.get(*n).map(str::trim) == Some(name));
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (None, _) => Err(Error::invalid(&field, format!("no column is called {name:?}"))),
                _ => Err(Error::invalid(&field, format!("several columns are called {name:?}"))),
            }
        }
    }
}

/// The lines of a CSV. 22023 naming the line and what is wrong with it.
pub fn csv(source: &str, options: &Options, currency: Currency) -> Result<Vec<Line>> {
    if source.len() > MOST_BYTES {
        return Err(Error::invalid("p_csv", format!("must have at most {MOST_BYTES} bytes")));
    }
    let source = after_lines(source.trim_start_matches('\u{feff}'), options.skip_lines);
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(options.delimiter)
        .quote(options.quote)
        .from_reader(source.as_bytes());
    let reader = Reader { options, currency, minor: options.minor == Some(true) };
    let (mut record, mut lines) = (StringRecord::new(), Vec::new());
    let mut next = |record: &mut StringRecord| {
        records.read_record(record).map_err(|error| broken(&error, options))
    };
    if !next(&mut record)? {
        return Err(Error::invalid("p_csv", "is empty"));
    }
    let header = options.header.then_some(&record);
    let places = Places::find(&options.columns, header, record.len())?;
    let mut more = !options.header || next(&mut record)?;
    while more {
        lines.extend(csv_line(&reader, &places, &record)?);
        if lines.len() > MOST_LINES {
            return Err(Error::invalid("p_csv", format!("must have at most {MOST_LINES} lines")));
        }
        more = next(&mut record)?;
    }
    Ok(lines)
}

fn after_lines(source: &str, skip: usize) -> &str {
    let mut rest = source;
    for _ in 0..skip {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

fn broken(error: &csv::Error, options: &Options) -> Error {
    let line = error.position().map_or(0, csv::Position::line) + options.skip_lines as u64;
    let rule = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns instead of {expected_len}")
        }
        _ => "is no CSV".to_owned(),
    };
    Error::invalid(&format!("p_csv line {line}"), rule)
}

/// The line of a record; nothing for one whose cells are all empty.
fn csv_line(reader: &Reader<'_>, places: &Places, record: &StringRecord) -> Result<Option<Line>> {
    if record.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(None);
    }
    let number = record.position().map_or(0, csv::Position::line);
    let at = format!("p_csv line {}", number + reader.options.skip_lines as u64);
    let cell = |place: usize| record.get(place).unwrap_or_default().trim();
    let format = &reader.options.date_format;
    let date = date(cell(places.date), format).ok_or_else(|| {
        let rule = format!("{:?} is no date as {format:?} says", short(cell(places.date)));
        Error::invalid(&format!("{at}, date"), rule)
    })?;
    let amount = match places.amount {
        AmountAt::Signed(place) => reader.amount(cell(place), &at)?,
        AmountAt::InOut(money_in, money_out) => {
            let one = |place| match cell(place) {
                "" => Ok(0),
                text => reader.amount(text, &at),
            };
            one(money_in)?.checked_sub(one(money_out)?).ok_or_else(|| out_of_range(&at))?
        }
    };
    let described: Vec<&str> = places
        .description
        .iter()
        .map(|place| cell(*place))
        .filter(|cell| !cell.is_empty())
        .collect();
    let reference = places.reference.map_or("", cell);
    Ok(Some(Line {
        day: day(date),
        amount: reader.turned(amount, &at)?,
        reference: text(reference, LONGEST_REFERENCE, &format!("{at}, reference"))?,
        description: text(
            &described.join(" "),
            LONGEST_DESCRIPTION,
            &format!("{at}, description"),
        )?,
    }))
}

/// The lines of an array of objects with date, amount, reference and description.
pub fn rows(source: &Value, options: &Options, currency: Currency) -> Result<Vec<Line>> {
    let list = source.as_array().ok_or_else(|| Error::invalid("p_rows", "must be an array"))?;
    if list.len() > MOST_LINES {
        return Err(Error::invalid("p_rows", format!("must have at most {MOST_LINES} elements")));
    }
    let reader = Reader { options, currency, minor: options.minor != Some(false) };
    list.iter().enumerate().map(|(n, row)| json_line(&reader, n, row)).collect()
}

fn json_line(reader: &Reader<'_>, n: usize, row: &Value) -> Result<Line> {
    let at = format!("p_rows[{n}]");
    let fields = Fields::new(&at, row, &["date", "amount", "reference", "description"])?;
    let given = |key: &str| fields.get(key).ok_or_else(|| Error::missing(&fields.at(key)));
    let date = given("date")?
        .as_str()
        .and_then(|text| date(text, &reader.options.date_format))
        .ok_or_else(|| fields.invalid("date", "must be a date such as 2025-01-31"))?;
    let amount = match given("amount")? {
        Value::String(text) => reader.amount(text, &at)?,
        Value::Number(number) => reader.amount(&number.to_string(), &at)?,
        _ => return Err(fields.invalid("amount", "must be a number or a text of digits")),
    };
    let words = |key: &str, most: usize| match fields.get(key) {
        None => Ok(None),
        Some(Value::String(value)) => text(value, most, &fields.at(key)),
        Some(_) => Err(fields.invalid(key, "must be a text")),
    };
    Ok(Line {
        day: day(date),
        amount: reader.turned(amount, &at)?,
        reference: words("reference", LONGEST_REFERENCE)?,
        description: words("description", LONGEST_DESCRIPTION)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn inr() -> Currency {
        Currency::parse("INR", "c").unwrap()
    }

    fn read(source: &str, options: Value) -> Result<Vec<Line>> {
        csv(source, &Options::read(&options).unwrap(), inr())
    }

    fn line(day: i32, amount: i64, reference: &str, description: &str) -> Line {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Line { day, amount, reference: some(reference), description: some(description) }
    }

    fn refused(source: &str, options: Value) -> String {
        let message = read(source, options).unwrap_err().message;
        message.split(':').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_plain_file() {
        let lines = read(
            "\u{feff}date,amount,reference,description\n2000-01-02,12.50,R 1,\"a, \"\"b\"\"\"\n\n2000-01-03,-1,,\n",
            json!({}),
        );
        assert_eq!(lines.unwrap(), [line(1, 1250, "R 1", "a, \"b\""), line(2, -100, "", "")]);
    }

    #[test]
    fn a_bank_that_writes_otherwise() {
        let lines = read(
            "Bank\nKonto 7\nTag;Soll;Haben;Text;Ref\n03.01.2000;1.234,50;;\"Miete\nJanuar\";\n04.01.2000;;0,05;Zins;Z1\n;;;;\n",
            json!({"skip_lines": 2, "delimiter": ";", "decimal": ",", "thousands": ".",
                   "date_format": "%d.%m.%Y",
                   "columns": {"date": "Tag", "money_in": "Haben", "money_out": "Soll",
                               "reference": 5, "description": ["Text", "Ref"]}}),
        );
        assert_eq!(
            lines.unwrap(),
            [line(2, -123_450, "", "Miete Januar"), line(3, 5, "Z1", "Zins Z1")]
        );
    }

    #[test]
    fn without_a_header_columns_are_numbers() {
        let options = json!({"header": false, "invert": true, "columns": {"date": 2, "amount": 1}});
        assert_eq!(read("5,2000-01-01\n", options).unwrap(), [line(0, -500, "", "")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let head = "date,amount\n";
        for (rest, field) in [
            ("2000-02-30,1\n", "p_csv line 2, date"),
            ("2000-01-01,1\n2000-01-01x,1\n", "p_csv line 3, date"),
            ("2000-01-01,\n", "p_csv line 2, amount"),
            ("2000-01-01,1.005\n", "p_csv line 2, amount"),
            ("2000-01-01,1e5\n", "p_csv line 2, amount"),
            ("2000-01-01,92233720368547758.08\n", "p_csv line 2, amount"),
            ("2000-01-01\n", "p_csv line 2"),
        ] {
            assert_eq!(refused(&format!("{head}{rest}"), json!({})), field, "{rest}");
        }
        assert_eq!(refused("", json!({})), "p_csv");
        assert_eq!(refused("date\n", json!({})), "p_options.columns.amount");
        assert_eq!(refused("date,amount,amount\n", json!({})), "p_options.columns.amount");
        let named = json!({"columns": {"reference": "ref"}});
        assert_eq!(refused("date,amount\n", named), "p_options.columns.reference");
        let unnamed = json!({"header": false});
        assert_eq!(refused("2000-01-01,1\n", unnamed), "p_options.columns.date");
        let beyond = json!({"columns": {"date": 3}});
        assert_eq!(refused("date,amount\n", beyond), "p_options.columns.date");
    }

    #[test]
    fn rows_are_in_minor_units_unless_they_say_otherwise() {
        let row = json!([{"date": "2000-01-02", "amount": "1250", "description": " x\u{7}y "}]);
        let read = |rows: &Value, options: Value| rows_of(rows, options);
        assert_eq!(read(&row, json!({})).unwrap(), [line(1, 1250, "", "x y")]);
        assert_eq!(read(&row, json!({"amounts": "major"})).unwrap(), [line(1, 125_000, "", "x y")]);
        for bad in [
            json!({}),
            json!([1]),
            json!([{"date": "2000-01-02"}]),
            json!([{"date": 1, "amount": 1}]),
            json!([{"date": "2000-01-02", "amount": 1.5}]),
            json!([{"date": "2000-01-02", "amount": true}]),
            json!([{"date": "2000-01-02", "amount": 1, "amuont": 1}]),
            json!([{"date": "2000-01-02", "amount": 1, "reference": 7}]),
            json!([{"date": "2000-01-02", "amount": 1e300}]),
        ] {
            assert!(read(&bad, json!({})).is_err(), "{bad}");
        }
    }

    fn rows_of(source: &Value, options: Value) -> Result<Vec<Line>> {
        rows(source, &Options::read(&options).unwrap(), inr())
    }

    #[test]
    fn lines_of_the_same_content_are_told_apart() {
        let (one, other) = (line(1, 5, "", "coffee"), line(1, 5, "", "tea"));
        let lines = [one.clone(), other, one.clone(), one];
        assert_eq!(occurrences(&lines), [1, 1, 2, 3]);
    }

    #[test]
    fn too_much_is_refused() {
        let many = format!("date,amount\n{}", "2000-01-01,1\n".repeat(MOST_LINES + 1));
        assert_eq!(refused(&many, json!({})), "p_csv");
        assert_eq!(refused(&"x".repeat(MOST_BYTES + 1), json!({})), "p_csv");
        let long = format!("date,amount,reference\n2000-01-01,1,{}\n", "x".repeat(201));
        assert_eq!(refused(&long, json!({})), "p_csv line 2, reference");
    }

    proptest! {
        #[test]
        fn nothing_panics(source in "[dateamount,;\"\n\r0-9. \\-]{0,200}") {
            let _ = read(&source, json!({}));
            let _ = read(&source, json!({"header": false, "columns": {"date": 1, "amount": 2}}));
        }

        #[test]
        fn whatever_a_writer_quotes_is_read(text in "[ -~\u{e4}]{0,60}", paise in -1_000_000i64..1_000_000) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let amount = Money::new(paise, inr()).to_major().to_string();
            writer.write_record(["date", "amount", "description"]).unwrap();
            writer.write_record(["2000-01-01", &amount, &text]).unwrap();
            let source = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(read(&source, json!({})).unwrap(), [line(0, paise, "", text.trim())]);
        }
    }
}
