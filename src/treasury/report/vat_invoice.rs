//! Invoices as files: of one charge with the notes that correct it, or of all charges of a
//! seller in a period, with totals by rate as a VAT return wants them. Making the file
//! issues what was not issued yet.

use crate::kernel::csv;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::parse_id;
use crate::kernel::money::Currency;
use crate::treasury::invoice::{self, Document};
use crate::treasury::report::parameters::Period;
use crate::treasury::report::{Format, most_rows, time_zone, too_long};
use crate::treasury::store::invoices as store;
use crate::treasury::store::reports;
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What documents there are follows from what was charged and given back.
pub fn version_of_charge(charge: &str) -> Result<String> {
    let found = store::find_charge(charge)?.ok_or_else(|| Error::not_found("charge", charge))?;
    Ok(format!("{} {}", found.amount, found.given_back))
}

pub fn version_of_period(seller: Uuid, period: &Period) -> Result<String> {
    store::version(seller, &reports::span(period, &time_zone()?)?)
}

pub fn of_charge(charge: &str, format: Format) -> Result<String> {
    let invoice = invoice::issue(parse_id(charge, "charge_id")?)?;
    let documents = store::documents(invoice)?;
    Ok(match format {
        Format::Csv => to_csv(&documents),
        Format::Json => json!({"documents": as_json(&documents)}).to_string() + "\n",
    })
}

pub fn of_period(seller: Uuid, period: &Period, format: Format) -> Result<String> {
    let span = reports::span(period, &time_zone()?)?;
    let most = most_rows()?;
    let charges = store::without_document(seller, &span, most)?;
    if charges.len() > most {
        return Err(too_long(most));
    }
    charges.into_iter().try_for_each(|charge| invoice::issue(charge).map(drop))?;
    let documents = store::of_period(seller, period, most)?;
    if documents.len() > most {
        return Err(too_long(most));
    }
    Ok(match format {
        Format::Csv => to_csv(&documents),
        Format::Json => {
            let mut file = period.to_json();
            file["documents"] = as_json(&documents);
            file["totals"] = totals(&documents)?;
            file.to_string() + "\n"
        }
    })
}

fn as_json(documents: &[Document]) -> Value {
    documents.iter().map(Document::to_json).collect()
}

/// Sums by currency, treatment and rate.
fn totals(documents: &[Document]) -> Result<Value> {
    let mut sums: BTreeMap<(Currency, &str, i32), [i64; 3]> = BTreeMap::new();
    for document in documents {
        let key = (document.currency, document.treatment.as_str(), document.rate);
        let sum = sums.entry(key).or_default();
        let parts = [document.gross, document.net, document.tax];
        for (sum, part) in sum.iter_mut().zip(parts) {
            let too_large = || Error::out_of_range("totals", "the sum is too large");
            *sum = sum.checked_add(part).ok_or_else(too_large)?;
        }
    }
    let line =
        |((currency, treatment, rate), [gross, net, tax]): ((Currency, &str, i32), [i64; 3])| {
            json!({
                "currency": currency.code(),
                "treatment": treatment,
                "rate_percent": invoice::percent(rate),
                "gross_cents": gross,
                "net_cents": net,
                "tax_cents": tax,
            })
        };
    Ok(sums.into_iter().map(line).collect())
}

const HEADER: [&str; 24] = [
    "number",
    "kind",
    "corrects",
    "issued_on",
    "supplied_on",
    "seller_name",
    "seller_address",
    "seller_country",
    "seller_vat_id",
    "buyer_name",
    "buyer_address",
    "buyer_country",
    "buyer_vat_id",
    "quantity",
    "description",
    "charge",
    "currency",
    "net_cents",
    "rate_percent",
    "tax_cents",
    "gross_cents",
    "treatment",
    "note",
    "document_id",
];

fn to_csv(documents: &[Document]) -> String {
    csv::file(HEADER, documents.iter().map(record))
}

fn record(document: &Document) -> Vec<String> {
    let of = |party: Option<&Value>, key: &str| {
        csv::harmless(party.and_then(|party| party[key].as_str()).unwrap_or_default())
    };
    let party =
        |party: Option<&Value>| ["name", "address", "country", "vat_id"].map(|key| of(party, key));
    let mut cells = vec![
        document.number(),
        document.kind.as_str().to_owned(),
        document.corrects.clone().unwrap_or_default(),
        document.issued_on.clone(),
        document.supplied_on.clone(),
    ];
    cells.extend(party(Some(&document.seller)));
    cells.extend(party(document.buyer.as_ref()));
    cells.extend([
        "1".to_owned(),
        csv::harmless(&document.description),
        csv::harmless(&document.stripe_charge_id),
        document.currency.to_string(),
        document.net.to_string(),
        invoice::percent(document.rate),
        document.tax.to_string(),
        document.gross.to_string(),
        document.treatment.as_str().to_owned(),
        document.note().unwrap_or_default().to_owned(),
        document.id.to_string(),
    ]);
    cells
}
