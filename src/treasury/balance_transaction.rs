//! Balance transactions: what Stripe says moved the balance there, and what it kept.
//!
//! A charge does not carry its processing fee; its balance transaction does. It may come
//! with the charge, or later and from a list that a server fetched: whichever comes first,
//! the fee is posted once, under the id of the balance transaction. The platform bears it.

use crate::kernel::clock::from_unix;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ops::watch::alert::Severity;
use crate::treasury::books::{self, Account, Move};
use crate::treasury::charge::reference;
use crate::treasury::request::{self, NewRequest, Subject};
use crate::treasury::store::balance_transactions as store;
use crate::treasury::{alert, amount};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

/// The most transactions of one list; Stripe gives a hundred on a page.
const MOST: usize = 1000;

/// As we keep it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub source: Option<&'a str>,
    pub amount: i64,
    pub fee: i64,
    pub currency: Currency,
    pub available_at: Option<TimestampWithTimeZone>,
    pub occurred_at: Option<TimestampWithTimeZone>,
}

impl<'a> Transaction<'a> {
    pub fn read(object: &'a Value) -> Result<Self> {
        let required = |key: &str| {
            let text = object[key].as_str().filter(|text| !text.is_empty() && text.len() <= 255);
            text.ok_or_else(|| Error::missing(&format!("balance_transaction.{key}")))
        };
        let currency = amount::currency(object)?;
        let (amount, fee) =
            (amount::amount(object, "amount", currency)?, amount::amount(object, "fee", currency)?);
        let net = amount::amount(object, "net", currency)?;
        if amount.checked_sub(fee) != Some(net) {
            return Err(Error::invalid(
                "balance_transaction.net",
                "must be the amount less the fee",
            ));
        }
        Ok(Transaction {
            id: required("id")?,
            // Those of a dispute may come without.
            kind: object["type"].as_str().unwrap_or("adjustment"),
            source: reference(&object["source"]),
            amount,
            fee,
            currency,
            available_at: object["available_on"].as_i64().map(from_unix),
            occurred_at: object["created"].as_i64().map(from_unix),
        })
    }

    /// Which expense its fee is.
    pub fn fee_account(&self) -> (Account, &'static str) {
        let of_dispute =
            self.source.is_some_and(|id| id.starts_with("dp_") || id.starts_with("du_"));
        if of_dispute {
            (Account::DisputeFees, "dispute_fee")
        } else {
            (Account::ProcessingFees, "processing_fee")
        }
    }
}

/// Keeps a transaction and posts its fee; false where it was there already.
pub fn keep(transaction: &Transaction<'_>) -> Result<bool> {
    if !store::insert(transaction)? {
        return Ok(false);
    }
    let (expense, kind) = transaction.fee_account();
    let fee = Move { debit: expense, credit: Account::Stripe, minor: transaction.fee };
    books::post(kind, Some(transaction.id), None, transaction.currency, &[fee])?;
    Ok(true)
}

/// A list of Stripe's; how many were new. 22023 where it is none or too long.
pub fn apply_list(field: &str, list: &Value) -> Result<i64> {
    let named = |mut error: Error| {
        error.message = format!("{field}: {}", error.message);
        error
    };
    let all: Result<Vec<_>> = rows(field, list)?.iter().map(Transaction::read).collect();
    keep_all(all.map_err(named)?)
}

fn keep_all(mut all: Vec<Transaction<'_>>) -> Result<i64> {
    // Whoever keeps several keeps them in this order.
    all.sort_by_key(|one| one.id);
    let accounts = |one: &Transaction<'_>| {
        [Account::Stripe, one.fee_account().0].map(|account| (one.currency, account))
    };
    books::hold(&all.iter().flat_map(accounts).collect::<Vec<_>>())?;
    let mut new = 0;
    for transaction in &all {
        new += i64::from(keep(transaction)?);
    }
    Ok(new)
}

/// Stripe's answer to a list is an object with the rows in `data`.
fn rows<'a>(field: &str, list: &'a Value) -> Result<&'a [Value]> {
    let rows = list.get("data").unwrap_or(list).as_array().filter(|rows| rows.len() <= MOST);
    let rule = || Error::invalid(field, format!("must be a list of at most {MOST} transactions"));
    rows.map(Vec::as_slice).ok_or_else(rule)
}

const PATH: &str = "/v1/balance_transactions";

/// Has a worker ask Stripe what moved its balance since what it listed last; whether it was
/// not asked already. Stripe lists the newest first: going on before the last one that it
/// listed, page by page, nothing is left out, whatever webhooks brought meanwhile.
pub fn fetch() -> Result<bool> {
    if store::is_asked_for()? {
        return Ok(false);
    }
    let mut params = json!({ "limit": PAGE });
    if let Some(last) = store::last_listed()? {
        params["ending_before"] = last.into();
    }
    request::enqueue(&NewRequest {
        subject: Subject::BalanceTransactions,
        method: "GET",
        path: PATH,
        account: None,
        params,
    })?;
    Ok(true)
}

/// Stripe's most for one page.
const PAGE: i64 = 100;

/// What Stripe listed; where there is more, the next page is asked for. One that cannot be
/// read must not keep the others out of the books: it is told.
pub fn listed(answer: &Value) -> Result<()> {
    let (mut all, mut ids) = (Vec::new(), Vec::new());
    for row in rows("p_response", answer)? {
        match Transaction::read(row) {
            Ok(transaction) => {
                ids.push(transaction.id.to_owned());
                all.push(transaction);
            }
            Err(error) => tell_of(row, &error)?,
        }
    }
    keep_all(all)?;
    store::mark_listed(ids)?;
    if answer["has_more"] == json!(true) && store::last_listed()?.is_some() {
        fetch()?;
    }
    Ok(())
}

fn tell_of(row: &Value, error: &Error) -> Result<()> {
    let id = row["id"].as_str().unwrap_or("?").chars().take(MOST_ID).collect::<String>();
    let message = "Stripe listed a balance transaction that cannot be read.".to_owned();
    let detail = json!({"id": id, "sqlstate": error.sqlstate.code(), "error": error.message});
    alert::raise(Severity::Critical, "treasury_balance_transaction", Some(id), message, detail)?;
    Ok(())
}

/// The longest id that is told.
const MOST_ID: usize = 255;
