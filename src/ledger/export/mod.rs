//! The books as a file: CSV and JSON lines with a line for each transfer, and beancount,
//! which another program checks from its first entry to its balances.
//!
//! [`csv`], [`jsonl`] and [`beancount`] turn plain values into lines, without a database.

mod beancount;
mod csv;
mod jsonl;
mod names;

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::Class;
use crate::ledger::store;
use pgrx::Uuid;
use std::collections::HashSet;

/// The most transfers of one export.
const MOST_TRANSFERS: i32 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
    Beancount,
}

impl Format {
    /// 22023 naming `field` for a format that there is not.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::JsonLines),
            "beancount" => Ok(Format::Beancount),
            _ => Err(Error::invalid(field, "must be csv, jsonl or beancount")),
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::JsonLines => "application/x-ndjson; charset=utf-8",
            Format::Beancount => "text/plain; charset=utf-8",
        }
    }

    pub fn file_ending(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Beancount => "beancount",
        }
    }
}

/// What is asked for. Days count from 2000-01-01.
pub struct Request<'a> {
    /// Transfers that touch an account of this system, or all.
    pub system: Option<&'a str>,
    pub format: Format,
    /// From this day on.
    pub from: Option<i32>,
    /// Up to this day, without it.
    pub to: Option<i32>,
    /// Where days begin.
    pub time_zone: &'a str,
    pub limit: i32,
    /// Only what comes after this transfer.
    pub after: Option<Uuid>,
}

/// A transfer with what it names written out. Times are texts in UTC.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub id: Uuid,
    pub journal: Option<Uuid>,
    /// Days since 2000-01-01 in the time zone asked for.
    pub day: i32,
    pub effective_at: String,
    pub recorded_at: String,
    pub system: String,
    pub kind: String,
    pub debit: Side,
    pub credit: Side,
    pub amount: Money,
    pub description: Option<String>,
    /// JSON as PostgreSQL prints it.
    pub metadata: Option<String>,
    pub hold: Option<Uuid>,
    pub reverses: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Side {
    pub account: i64,
    pub system: String,
    pub code: String,
}

/// An account, for formats that list them. Days count from 2000-01-01.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: i64,
    pub system: String,
    pub code: String,
    pub name: String,
    pub class: Class,
    pub currency: Currency,
    pub opened: i32,
    pub closed: Option<i32>,
    /// Debits less credits before the first day and before the last: nothing where the
    /// export does not have all of the account's transfers.
    pub balances: Option<(i128, i128)>,
}

/// A hold that is open.
#[derive(Clone, Debug)]
pub struct Hold {
    pub id: Uuid,
    pub debit: i64,
    pub credit: i64,
    pub left: Money,
}

/// All that is exported.
pub struct Books<'a> {
    pub title: &'a str,
    pub from: Option<i32>,
    pub to: Option<i32>,
    /// The day on which balances are given where `to` does not say.
    pub today: i32,
    pub accounts: Vec<Account>,
    pub transfers: Vec<Transfer>,
    pub holds: Vec<Hold>,
}

/// The lines of an export.
///
/// 22023 for a limit out of range, a time zone that is not known, days in the wrong order,
/// and a beancount of more transfers than the limit; PT404 where `after` is no transfer.
pub fn export(request: &Request<'_>) -> Result<Vec<String>> {
    if !(1..=MOST_TRANSFERS).contains(&request.limit) {
        return Err(Error::invalid("p_limit", format!("must be from 1 to {MOST_TRANSFERS}")));
    }
    if request.from.zip(request.to).is_some_and(|(from, to)| from > to) {
        return Err(Error::invalid("p_to", "must not be before p_from"));
    }
    if !store::reconcile::is_time_zone(request.time_zone)? {
        return Err(Error::invalid("p_time_zone", "is no time zone"));
    }
    match request.format {
        Format::Csv => Ok(csv::lines(&page(request)?, request.after.is_none())),
        Format::JsonLines => Ok(jsonl::lines(&page(request)?)),
        Format::Beancount => beancount(request),
    }
}

fn page(request: &Request<'_>) -> Result<Vec<Transfer>> {
    if let Some(after) = request.after
        && !store::export::is_transfer(after)?
    {
        return Err(Error::not_found("transfer", after));
    }
    store::export::transfers(request, request.limit.into())
}

/// All in one, because balances are of the whole.
fn beancount(request: &Request<'_>) -> Result<Vec<String>> {
    if request.after.is_some() {
        return Err(Error::invalid("p_after", "beancount is not paged: give p_from and p_to"));
    }
    let transfers = store::export::transfers(request, i64::from(request.limit) + 1)?;
    if transfers.len() > request.limit as usize {
        return Err(Error::invalid("p_limit", "there are more transfers than this")
            .hint("Allow more, or export a part: the balances before p_from become entries."));
    }
    let touched: HashSet<i64> = transfers
        .iter()
        .flat_map(|transfer| [transfer.debit.account, transfer.credit.account])
        .collect();
    let accounts = store::export::accounts(request, touched.into_iter().collect())?;
    let holds = if request.to.is_none() { store::export::holds(request.system)? } else { vec![] };
    beancount::lines(&Books {
        title: request.system.unwrap_or("ledger"),
        from: request.from,
        to: request.to,
        today: store::export::today(request.time_zone)?,
        accounts,
        transfers,
        holds,
    })
}
