//! What somebody was paid in a calendar year, as Form 1099-K or 1099-NEC wants it: gross by
//! month (boxes 1a and 5a to 5l of a 1099-K), and the number of transactions. Gross of a
//! 1099-K is what buyers paid for somebody's shares of charges, that of a 1099-NEC the
//! shares, both before anything was given back. The platform's fees, and what refunds and
//! disputes gave back, are told besides; the form itself does not subtract them.

use crate::kernel::csv;
use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::treasury::SYSTEM;
use crate::treasury::report::parameters::{Form, Period};
use crate::treasury::report::run::hex;
use crate::treasury::report::threshold::{self, TaxForm, Threshold};
use crate::treasury::report::{Format, time_zone};
use crate::treasury::split;
use crate::treasury::store::{reports as store, tax};
use pgrx::Uuid;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What was charged for somebody in each month of a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Months {
    pub gross: [i64; 12],
    /// What of the gross of all months is theirs; the rest is the platform's fees.
    pub shares: i64,
    pub transactions: i64,
}

/// A charge of which something was given back before the end of the year.
#[derive(Clone, Debug)]
pub struct Charge {
    pub shares: Vec<i64>,
    /// Which of the shares are theirs.
    pub theirs: Vec<bool>,
    /// What was given back of the charge until the year began, and until it ended.
    pub before: i64,
    pub after: i64,
}

impl Charge {
    /// What was given back of their shares during the year.
    fn returned(&self) -> i64 {
        let of_theirs = |given_back| {
            let parts = split::returned(&self.shares, given_back);
            let theirs = parts.iter().zip(&self.theirs).filter(|(_, theirs)| **theirs);
            theirs.map(|(part, _)| part).sum::<i64>()
        };
        of_theirs(self.after) - of_theirs(self.before)
    }
}

struct Totals {
    gross: i64,
    fees: i64,
    returned: i64,
    net: i64,
}

pub fn too_large() -> Error {
    Error::out_of_range("gross", "the sum is too large")
}

fn totals(months: &Months, charges: &[Charge]) -> Result<Totals> {
    let sum = |mut amounts: Box<dyn Iterator<Item = i64> + '_>| {
        amounts.try_fold(0_i64, |sum, one| sum.checked_add(one)).ok_or_else(too_large)
    };
    let gross = sum(Box::new(months.gross.iter().copied()))?;
    let returned = sum(Box::new(charges.iter().map(Charge::returned)))?;
    Ok(Totals { gross, fees: gross - months.shares, returned, net: months.shares - returned })
}

/// The same data gives the same version.
pub fn version(user: Uuid, asked: &Form) -> Result<String> {
    Ok(hex(&Sha256::digest(gather(user, asked)?.to_string())))
}

pub fn make(user: Uuid, asked: &Form, format: Format) -> Result<String> {
    let form = gather(user, asked)?;
    Ok(match format {
        Format::Json => form.to_string() + "\n",
        Format::Csv => to_csv(&form),
    })
}

fn gather(user: Uuid, asked: &Form) -> Result<Value> {
    let period = Period::year(asked.year).ok_or_else(|| Error::internal("a year without days"))?;
    let zone = time_zone()?;
    let span = store::span(&period, &zone)?;
    let form = TaxForm::chosen()?;
    let months = store::months(user, asked.currency, &span, &zone, form)?;
    let charges = store::given_back(user, asked.currency, &span)?;
    let totals = totals(&months, &charges)?;
    // Thresholds are in US dollars; in other currencies the form is not due.
    let threshold = if asked.currency == threshold::currency()? {
        threshold::in_force(form, asked.year)?
    } else {
        None
    };
    let required =
        threshold.is_some_and(|is| form.is_required(is, totals.gross, months.transactions));
    let profile = tax::profile(user)?;
    let of_profile = |key: &str| profile.as_ref().map_or(Value::Null, |known| known[key].clone());
    Ok(json!({
        "form": form.as_str(),
        "year": asked.year,
        "currency": asked.currency.code(),
        "time_zone": zone,
        "payer": settings::get::<String>(SYSTEM, "payer_name")?,
        "recipient": {
            "id": user.to_string(),
            "name": of_profile("name"),
            "address": of_profile("address"),
            "country": of_profile("country"),
            "tin": null,
        },
        "gross_cents": totals.gross,
        "fees_cents": totals.fees,
        "returned_cents": totals.returned,
        "net_cents": totals.net,
        "transactions": months.transactions,
        "months": months.gross,
        "threshold": threshold.map(|Threshold { amount, transactions }| {
            json!({"amount_cents": amount, "transactions": transactions})
        }),
        "required": required,
        "notes": notes(required),
    }))
}

fn notes(required: bool) -> Vec<&'static str> {
    let mut notes =
        vec!["The recipient's TIN is not kept here: it is on the Form W-9 that they gave."];
    if !required {
        notes.push("No form is required: the payments of the year are not above the threshold.");
    }
    notes
}

const HEADER: [&str; 29] = [
    "form",
    "year",
    "currency",
    "time_zone",
    "payer",
    "recipient_id",
    "name",
    "address",
    "country",
    "tin",
    "gross_cents",
    "fees_cents",
    "returned_cents",
    "net_cents",
    "transactions",
    "january_cents",
    "february_cents",
    "march_cents",
    "april_cents",
    "may_cents",
    "june_cents",
    "july_cents",
    "august_cents",
    "september_cents",
    "october_cents",
    "november_cents",
    "december_cents",
    "threshold_cents",
    "required",
];

fn to_csv(form: &Value) -> String {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => csv::harmless(text),
        other => other.to_string(),
    };
    let recipient = &form["recipient"];
    let mut cells: Vec<String> =
        ["form", "year", "currency", "time_zone", "payer"].map(|key| cell(&form[key])).to_vec();
    cells.extend(["id", "name", "address", "country", "tin"].map(|key| cell(&recipient[key])));
    let sums = ["gross_cents", "fees_cents", "returned_cents", "net_cents", "transactions"];
    cells.extend(sums.map(|key| cell(&form[key])));
    cells.extend(form["months"].as_array().into_iter().flatten().map(cell));
    cells.push(cell(&form["threshold"]["amount_cents"]));
    cells.push(cell(&form["required"]));
    csv::file(HEADER, [cells])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(before: i64, after: i64) -> Charge {
        Charge { shares: vec![30, 667, 304], theirs: vec![false, true, false], before, after }
    }

    #[test]
    fn what_is_given_back_in_parts_sums_to_the_share() {
        let years = [charge(0, 1), charge(1, 500), charge(500, 1001)];
        assert_eq!(years.iter().map(Charge::returned).sum::<i64>(), 667);
        assert_eq!(charge(1001, 1001).returned(), 0);
    }

    #[test]
    fn net_is_gross_less_fees_and_what_was_given_back() {
        let mut months = Months { transactions: 2, shares: 900, ..Months::default() };
        (months.gross[0], months.gross[11]) = (600, 400);
        let Totals { gross, fees, returned, net } = totals(&months, &[charge(0, 1001)]).unwrap();
        assert_eq!((gross, fees, returned, net), (1000, 100, 667, 233));
        months.gross[5] = i64::MAX;
        assert!(totals(&months, &[]).is_err());
    }

    #[test]
    fn a_record_has_a_cell_for_each_column() {
        let form = json!({"form": "1099-K", "recipient": {"name": "=1+1", "tin": null},
            "months": vec![0; 12], "threshold": null, "required": false});
        let text = to_csv(&form);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.len(), HEADER.len());
        assert_eq!((&record[6], &record[28]), ("'=1+1", "false"));
    }
}
