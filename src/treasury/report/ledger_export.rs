//! The entries of somebody's accounts in a period, or of all accounts: for each account
//! what there was, what came and went, and what there was then.

use crate::kernel::csv;
use crate::kernel::error::Result;
use crate::ledger::AccountId;
use crate::ledger::report::{self, Basis, Range, StatementRow};
use crate::treasury::ledger_entry;
use crate::treasury::report::parameters::Entries;
use crate::treasury::report::{Format, most_rows, time_zone, too_long};
use crate::treasury::store::reports as store;
use crate::treasury::store::reports::Span;
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::HashMap;

/// How many entries are read at once.
const PAGE: i32 = 1000;

/// An account of the treasury.
#[derive(Clone, Debug)]
pub struct AccountOf {
    pub id: AccountId,
    pub code: String,
    pub currency: String,
    pub owner: Option<Uuid>,
}

/// What an entry says besides its amount.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub reference: Option<String>,
    pub description: Option<String>,
    /// The time it counts for, in UTC.
    pub at: String,
}

struct Entry {
    transfer: Uuid,
    source: String,
    is_debit: bool,
    amount: i64,
    balance: i64,
    words: Words,
}

struct Part {
    account: AccountOf,
    opening: i64,
    entries: Vec<Entry>,
    closing: i64,
}

/// Entries are never changed, so their number says whether there are new ones; those that
/// came late before the period count, because they change what it began with.
pub fn version(user: Option<Uuid>, asked: &Entries) -> Result<String> {
    let span = store::span(&asked.period, &time_zone()?)?;
    let accounts = store::accounts(user, asked.currency)?;
    let ids = accounts.iter().map(|account| account.id.0).collect();
    Ok(format!("{} {}", accounts.len(), store::count_entries(ids, &span)?))
}

pub fn make(user: Option<Uuid>, asked: &Entries, format: Format) -> Result<String> {
    let zone = time_zone()?;
    let span = store::span(&asked.period, &zone)?;
    let mut left = most_rows()?;
    let mut parts = Vec::new();
    for account in store::accounts(user, asked.currency)? {
        let part = part(account, &span, left)?;
        left -= part.entries.len();
        parts.push(part);
    }
    Ok(match format {
        Format::Csv => to_csv(&parts),
        Format::Json => to_json(asked, &zone, &parts).to_string() + "\n",
    })
}

/// What one account has; PT409 where it is more than `most` entries.
fn part(account: AccountOf, span: &Span, most: usize) -> Result<Part> {
    let (opening, _) = report::balance_at(account.id, span.before, Basis::Effective)?;
    let mut range = Range {
        basis: Basis::Effective,
        from: Some(span.from),
        to: Some(span.to),
        limit: PAGE,
        after: None,
    };
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = report::statement(account.id, &range)?;
        let (count, last) = (page.len(), page.last().map(|row| row.entry.transfer_id));
        if entries.len() + count > most {
            return Err(too_long(most_rows()?));
        }
        entries.extend(with_words(page, account.owner.is_some())?);
        if count < PAGE as usize {
            break;
        }
        range.after = last;
    }
    let closing = entries.last().map_or(opening, |entry| entry.balance);
    Ok(Part { account, opening, entries, closing })
}

fn with_words(page: Vec<StatementRow>, of_user: bool) -> Result<Vec<Entry>> {
    let ids = page.iter().map(|row| row.entry.transfer_id).collect();
    let mut words: HashMap<[u8; 16], Words> = store::words(ids)?;
    let entry = |row: StatementRow| Entry {
        words: words.remove(row.entry.transfer_id.as_bytes()).unwrap_or_default(),
        transfer: row.entry.transfer_id,
        source: ledger_entry::event_source(row.entry.kind, of_user),
        is_debit: row.entry.is_debit,
        amount: row.entry.amount,
        balance: row.balance,
    };
    Ok(page.into_iter().map(entry).collect())
}

const HEADER: [&str; 12] = [
    "row",
    "account",
    "user_id",
    "currency",
    "id",
    "type",
    "amount_cents",
    "balance_cents",
    "event_source",
    "reference_id",
    "description",
    "created_at",
];

fn to_csv(parts: &[Part]) -> String {
    let record = |part: &Part, row: &str, balance: i64, entry: Option<&Entry>| {
        let owner = part.account.owner.map(|id| id.to_string()).unwrap_or_default();
        let of_entry = |text: fn(&Entry) -> String| entry.map(text).unwrap_or_default();
        let words = |text: &Option<String>| csv::harmless(text.as_deref().unwrap_or_default());
        vec![
            row.to_owned(),
            csv::harmless(&part.account.code),
            owner,
            part.account.currency.clone(),
            of_entry(|entry| entry.transfer.to_string()),
            of_entry(|entry| direction(entry).to_owned()),
            of_entry(|entry| entry.amount.to_string()),
            balance.to_string(),
            of_entry(|entry| csv::harmless(&entry.source)),
            entry.map(|entry| words(&entry.words.reference)).unwrap_or_default(),
            entry.map(|entry| words(&entry.words.description)).unwrap_or_default(),
            of_entry(|entry| entry.words.at.clone()),
        ]
    };
    let records = parts.iter().flat_map(|part| {
        let opening = std::iter::once(record(part, "opening", part.opening, None));
        let entries = part.entries.iter();
        let entries = entries.map(move |entry| record(part, "entry", entry.balance, Some(entry)));
        opening.chain(entries).chain([record(part, "closing", part.closing, None)])
    });
    csv::file(HEADER, records)
}

fn direction(entry: &Entry) -> &'static str {
    if entry.is_debit { "debit" } else { "credit" }
}

fn to_json(asked: &Entries, zone: &str, parts: &[Part]) -> Value {
    let entry = |entry: &Entry| {
        json!({
            "id": entry.transfer.to_string(),
            "type": direction(entry),
            "amount_cents": entry.amount,
            "balance_cents": entry.balance,
            "event_source": entry.source,
            "reference_id": entry.words.reference,
            "description": entry.words.description,
            "created_at": entry.words.at,
        })
    };
    let part = |part: &Part| {
        json!({
            "account": part.account.code,
            "user_id": part.account.owner.map(|id| id.to_string()),
            "currency": part.account.currency,
            "opening_cents": part.opening,
            "entries": part.entries.iter().map(entry).collect::<Vec<_>>(),
            "closing_cents": part.closing,
        })
    };
    json!({
        "from": asked.period.from.to_string(),
        "to": asked.period.to.to_string(),
        "time_zone": zone,
        "accounts": parts.iter().map(part).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_formula() {
        let words = Words {
            reference: Some("=cmd|x".to_owned()),
            description: Some("a, \"b\"".to_owned()),
            at: "2026-01-01T00:00:00Z".to_owned(),
        };
        let entry = Entry {
            transfer: Uuid::from_bytes([1; 16]),
            source: "refund".to_owned(),
            is_debit: true,
            amount: 5,
            balance: -2,
            words,
        };
        let account =
            AccountOf { id: AccountId(1), code: "a".into(), currency: "USD".into(), owner: None };
        let text = to_csv(&[Part { account, opening: 3, entries: vec![entry], closing: -2 }]);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let records: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(
            records[0].iter().take(8).collect::<Vec<_>>(),
            ["opening", "a", "", "USD", "", "", "", "3"]
        );
        let entry: Vec<_> = records[1].iter().skip(5).collect();
        assert_eq!(
            entry,
            ["debit", "5", "-2", "refund", "'=cmd|x", "a, \"b\"", "2026-01-01T00:00:00Z"]
        );
        assert_eq!(&records[2][7], "-2");
    }
}
