//! Invoices that sellers owe their buyers, and the notes that correct them.
//!
//! An invoice has what Article 226 of Directive 2006/112/EC wants: a number without gaps in
//! the seller's series of the year, both sides as their tax profiles were, what was
//! supplied and when, the amount without [`vat`], the rate and the tax. What was given back
//! later is a credit note with a number of its own (Article 219), and what came back after
//! that a debit note. None of them is ever changed.

mod rate;
pub mod vat;
mod vat_id;

pub use rate::check as check_rate;
pub use vat_id::{check_country, read as read_vat_id};

use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::kernel::settings::Settings;
use crate::treasury::SYSTEM;
use crate::treasury::report::time_zone;
use crate::treasury::store::invoices as store;
use crate::treasury::store::tax;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use vat::Treatment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invoice,
    CreditNote,
    DebitNote,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Invoice => "invoice",
            Kind::CreditNote => "credit_note",
            Kind::DebitNote => "debit_note",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "invoice" => Ok(Kind::Invoice),
            "credit_note" => Ok(Kind::CreditNote),
            "debit_note" => Ok(Kind::DebitNote),
            other => Err(Error::internal(format!("kind of invoice {other}"))),
        }
    }

    /// The series of a year.
    fn series(self, year: &str) -> String {
        let word = match self {
            Kind::Invoice => "INV",
            Kind::CreditNote => "CN",
            Kind::DebitNote => "DN",
        };
        format!("{word}-{year}")
    }
}

/// What an invoice is for.
#[derive(Clone, Debug)]
pub struct Charge {
    pub id: Uuid,
    pub seller: Option<Uuid>,
    pub buyer: Option<Uuid>,
    pub captured: bool,
    pub amount: i64,
    pub currency: Currency,
    pub given_back: i64,
    pub at: TimestampWithTimeZone,
}

/// An invoice or a note.
#[derive(Clone, Debug)]
pub struct Document {
    pub id: Uuid,
    pub kind: Kind,
    pub seller_id: Uuid,
    pub buyer_id: Option<Uuid>,
    pub charge_id: Uuid,
    pub stripe_charge_id: String,
    pub series: String,
    pub sequence: i32,
    /// The invoice that a note corrects, and its number.
    pub invoice_id: Option<Uuid>,
    pub corrects: Option<String>,
    /// Days, as they are written.
    pub issued_on: String,
    pub supplied_on: String,
    pub description: String,
    pub currency: Currency,
    pub gross: i64,
    pub net: i64,
    pub tax: i64,
    /// In hundredths of a per cent.
    pub rate: i32,
    pub treatment: Treatment,
    pub seller: Value,
    pub buyer: Option<Value>,
}

impl Document {
    pub fn number(&self) -> String {
        number(&self.series, self.sequence)
    }

    /// Why there is no tax.
    pub fn note(&self) -> Option<&'static str> {
        self.treatment.note()
    }

    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "number": self.number(),
            "kind": self.kind.as_str(),
            "corrects": self.corrects,
            "issued_on": self.issued_on,
            "supplied_on": self.supplied_on,
            "seller": self.seller,
            "buyer": self.buyer,
            "charge": self.stripe_charge_id,
            "currency": self.currency.code(),
            "lines": [{
                "quantity": 1,
                "description": self.description,
                "net_cents": self.net,
                "rate_percent": percent(self.rate),
                "tax_cents": self.tax,
            }],
            "net_cents": self.net,
            "tax_cents": self.tax,
            "gross_cents": self.gross,
            "treatment": self.treatment.as_str(),
            "notes": self.note().into_iter().collect::<Vec<_>>(),
        })
    }
}

pub fn number(series: &str, sequence: i32) -> String {
    format!("{series}-{sequence:06}")
}

/// Such as 25.5.
pub fn percent(basis_points: i32) -> String {
    Decimal::new(i64::from(basis_points), 2).normalize().to_string()
}

/// When something is issued, known once the seller is locked, so that numbers and days of a
/// seller run together.
pub struct Moment {
    pub at: TimestampWithTimeZone,
    pub day: String,
    pub year: String,
}

/// The invoice of a charge, issued unless it was, and corrected by what was given back
/// since. PT409 where there is nothing to invoice, or the seller's tax profile is not
/// complete.
pub fn issue(charge: Uuid) -> Result<Uuid> {
    let unknown = || Error::not_found("charge", charge);
    // Of a charge whose seller was said otherwise later the first one's invoice stays.
    let seller = match store::first_of(charge)? {
        Some(invoice) => Some(invoice.seller_id),
        None => store::charge(charge)?.ok_or_else(unknown)?.seller,
    };
    let seller = seller.ok_or_else(|| Error::conflict("the charge names no seller"))?;
    let profile = store::lock_seller(seller)?;
    // As it is now that nobody else issues for the seller.
    let charge = store::charge(charge)?.ok_or_else(unknown)?;
    let moment = store::moment(&time_zone()?)?;
    let invoice = match store::first_of(charge.id)? {
        Some(invoice) => invoice,
        None => {
            let profile = profile.ok_or_else(|| {
                Error::conflict("the seller has no tax profile")
                    .detail(format!("user {seller}"))
                    .hint("Say it with treasury.set_tax_profile.")
            })?;
            let first = first(&charge, seller, profile, &moment)?;
            store::insert(&first, moment.at, keep_years()?)?;
            first
        }
    };
    correct(&invoice, charge.given_back, &moment)?;
    Ok(invoice.id)
}

fn first(charge: &Charge, seller_id: Uuid, seller: Value, moment: &Moment) -> Result<Document> {
    if !charge.captured || charge.amount <= 0 {
        return Err(Error::conflict("the charge was not captured: there is nothing to invoice"));
    }
    if seller["vat_id"].is_null() {
        return Err(Error::conflict("the seller's tax profile has no VAT identification number")
            .hint("Say it with treasury.set_tax_profile."));
    }
    let (zone, settings) = (time_zone()?, Settings::of(SYSTEM)?);
    let supplied_on = store::day_of(charge.at, &zone)?;
    refuse_too_old(&supplied_on, moment)?;
    let buyer = charge.buyer.map(tax::profile).transpose()?.flatten();
    let at_buyer = settings.get::<String>("vat_consumer_rate")? == "buyer";
    let (treatment, country) =
        vat::treat(&vat::Side::of(&seller), buyer.as_ref().map(vat::Side::of).as_ref(), at_buyer);
    let rate = match treatment {
        Treatment::Standard => rate::on(&country, &supplied_on)?,
        _ => 0,
    };
    let tax = vat::within(charge.amount, rate);
    let series = Kind::Invoice.series(&moment.year);
    Ok(Document {
        id: new_id(),
        kind: Kind::Invoice,
        seller_id,
        buyer_id: charge.buyer,
        charge_id: charge.id,
        stripe_charge_id: String::new(),
        sequence: store::next_number(seller_id, &series)?,
        series,
        invoice_id: None,
        corrects: None,
        issued_on: moment.day.clone(),
        supplied_on,
        description: settings.get("invoice_description")?,
        currency: charge.currency,
        gross: charge.amount,
        net: charge.amount - tax,
        tax,
        rate,
        treatment,
        seller,
        buyer,
    })
}

/// What the law did not want kept so long it does not want issued either.
fn refuse_too_old(supplied_on: &str, now: &Moment) -> Result<()> {
    let year = |day: &str| day.get(..4).and_then(|year| year.parse::<i32>().ok());
    let age = year(&now.day).zip(year(supplied_on)).map(|(now, then)| now - then);
    if age.is_some_and(|age| age > keep_years().unwrap_or(i32::MAX)) {
        return Err(Error::conflict("the charge is too old for an invoice"));
    }
    Ok(())
}

fn keep_years() -> Result<i32> {
    let years: i64 = Settings::of(SYSTEM)?.get("invoice_years")?;
    Ok(i32::try_from(years).unwrap_or(i32::MAX))
}

/// A note over what was given back, or came back, since the last one. Its tax is what is
/// missing to the tax of all that was given back, so the parts sum exactly.
fn correct(invoice: &Document, given_back: i64, moment: &Moment) -> Result<()> {
    let (credited, credited_tax) = store::credited(invoice.id)?;
    let gross = credited - given_back;
    if gross == 0 {
        return Ok(());
    }
    let tax = credited_tax - vat::part(invoice.tax, given_back, invoice.gross);
    let kind = if gross < 0 { Kind::CreditNote } else { Kind::DebitNote };
    let series = kind.series(&moment.year);
    let note = Document {
        id: new_id(),
        kind,
        sequence: store::next_number(invoice.seller_id, &series)?,
        series,
        invoice_id: Some(invoice.id),
        issued_on: moment.day.clone(),
        gross,
        net: gross - tax,
        tax,
        ..invoice.clone()
    };
    store::insert(&note, moment.at, keep_years()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_per_cent() {
        assert_eq!([1900, 2550, 810, 0].map(percent), ["19", "25.5", "8.1", "0"]);
    }

    #[test]
    fn numbers_sort_as_texts() {
        assert_eq!(number(&Kind::CreditNote.series("2026"), 7), "CN-2026-000007");
        assert_eq!(number(&Kind::Invoice.series("2026"), 1_234_567), "INV-2026-1234567");
    }
}
