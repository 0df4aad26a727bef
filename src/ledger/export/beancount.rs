//! The books for beancount: <https://beancount.github.io/docs/beancount_language_syntax.html>.
//!
//! Debits are positive and credits negative, as beancount has them. A journal is one
//! transaction with two postings for each transfer. What was there before the first day
//! comes from `Equity:Opening-Balances`, and at the end a balance of every account of the
//! system says what it must be, without tolerance.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::ledger::export::names::names;
use crate::ledger::export::{Account, Books, Transfer};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Ours have three parts at least.
const OPENING: &str = "Equity:Opening-Balances";

pub fn lines(books: &Books<'_>) -> Result<Vec<String>> {
    let names = names(&books.accounts);
    let days = days(&books.transfers);
    let mut text = Text { books, names: &names, days: &days, lines: Vec::new() };
    text.head()?;
    for account in &books.accounts {
        text.open(account)?;
    }
    text.opening()?;
    for journal in journals(&books.transfers) {
        text.transaction(&journal)?;
    }
    for account in &books.accounts {
        text.close(account)?;
    }
    text.balances()?;
    text.holds();
    Ok(text.lines)
}

/// The first and last day of each account's transfers, which come in the order of days.
fn days(transfers: &[Transfer]) -> HashMap<i64, (i32, i32)> {
    let mut days = HashMap::new();
    for transfer in transfers {
        for side in [&transfer.debit, &transfer.credit] {
            days.entry(side.account).or_insert((transfer.day, transfer.day)).1 = transfer.day;
        }
    }
    days
}

/// The transfers of each journal, in the order in which journals begin.
fn journals(transfers: &[Transfer]) -> Vec<Vec<&Transfer>> {
    let mut places = HashMap::new();
    let mut journals: Vec<Vec<&Transfer>> = Vec::new();
    for transfer in transfers {
        let new = journals.len();
        // A transaction has one day.
        let place = transfer.journal.map(|id| *places.entry((id, transfer.day)).or_insert(new));
        match place.filter(|place| *place < new) {
            Some(place) => journals[place].push(transfer),
            None => journals.push(vec![transfer]),
        }
    }
    journals
}

struct Text<'a> {
    books: &'a Books<'a>,
    names: &'a HashMap<i64, String>,
    days: &'a HashMap<i64, (i32, i32)>,
    lines: Vec<String>,
}

impl Text<'_> {
    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    fn meta(&mut self, indent: usize, key: &str, value: &str) {
        self.line(format!("{:indent$}{key}: {}", "", quoted(value)));
    }

    fn name(&self, account: i64) -> Result<&str> {
        let name = self.names.get(&account).map(String::as_str);
        name.ok_or_else(|| Error::internal(format!("account {account} has no name")))
    }

    fn head(&mut self) -> Result<()> {
        let currencies: BTreeSet<Currency> =
            self.books.accounts.iter().map(|account| account.currency).collect();
        self.line(format!("option \"title\" {}", quoted(self.books.title)));
        for currency in &currencies {
            self.line(format!("option \"operating_currency\" \"{currency}\""));
        }
        let first = date(self.first_day())?;
        self.line(String::new());
        for currency in &currencies {
            self.line(format!("{first} commodity {currency}"));
        }
        self.line(String::new());
        Ok(())
    }

    /// A day before which nothing is.
    fn first_day(&self) -> i32 {
        let opened = self.books.accounts.iter().map(|account| account.opened);
        let moved = self.books.transfers.iter().map(|transfer| transfer.day);
        opened.chain(moved).chain(self.books.from).min().unwrap_or(self.books.today)
    }

    fn open(&mut self, account: &Account) -> Result<()> {
        // A transfer may count for a day before its account was opened.
        let first = self.days.get(&account.id).map_or(account.opened, |(first, _)| *first);
        let opened = date(account.opened.min(first).min(self.books.from.unwrap_or(i32::MAX)))?;
        let name = self.name(account.id)?.to_owned();
        self.line(format!("{opened} open {name} {}", account.currency));
        self.meta(2, "system", &account.system);
        self.meta(2, "code", &account.code);
        self.meta(2, "account-id", &account.id.to_string());
        if account.name != account.code {
            self.meta(2, "name", &account.name);
        }
        Ok(())
    }

    /// What accounts held before the first day.
    fn opening(&mut self) -> Result<()> {
        let Some(from) = self.books.from else { return Ok(()) };
        let held = |account: &&Account| account.balances.is_some_and(|(opening, _)| opening != 0);
        let held: Vec<&Account> = self.books.accounts.iter().filter(held).collect();
        if held.is_empty() {
            return Ok(());
        }
        let (day, mut totals) = (date(from)?, BTreeMap::<Currency, i128>::new());
        self.line(String::new());
        self.line(format!("{day} open {OPENING}"));
        self.line(String::new());
        self.line(format!("{day} * \"Opening balances\""));
        for account in held {
            let (opening, _) = account.balances.unwrap_or_default();
            *totals.entry(account.currency).or_default() -= opening;
            let amount = amount(opening, account.currency)?;
            self.line(format!("  {} {amount}", self.name(account.id)?));
        }
        for (currency, total) in totals.into_iter().filter(|(_, total)| *total != 0) {
            self.line(format!("  {OPENING} {}", amount(total, currency)?));
        }
        Ok(())
    }

    fn transaction(&mut self, journal: &[&Transfer]) -> Result<()> {
        let Some(first) = journal.first() else { return Ok(()) };
        let narration = first.description.as_deref().unwrap_or(&first.kind);
        let id = first.journal.unwrap_or(first.id);
        self.line(String::new());
        self.line(format!("{} * {} ^{id}", date(first.day)?, quoted(narration)));
        self.meta(2, "system", &first.system);
        self.meta(2, "kind", &first.kind);
        self.meta(2, "recorded-at", &first.recorded_at);
        if let Some(metadata) = &first.metadata {
            self.meta(2, "metadata", metadata);
        }
        for transfer in journal {
            for (side, minor) in [
                (&transfer.debit, i128::from(transfer.amount.minor)),
                (&transfer.credit, -i128::from(transfer.amount.minor)),
            ] {
                let amount = amount(minor, transfer.amount.currency)?;
                self.line(format!("  {} {amount}", self.name(side.account)?));
                self.meta(4, "transfer", &transfer.id.to_string());
            }
            for (key, id) in [("hold", transfer.hold), ("reverses", transfer.reverses)] {
                if let Some(id) = id {
                    self.meta(4, key, &id.to_string());
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, account: &Account) -> Result<()> {
        let Some(closed) = account.closed else { return Ok(()) };
        if self.books.to.is_some_and(|to| closed >= to) {
            return Ok(());
        }
        let last = self.days.get(&account.id).map_or(closed, |(_, last)| *last);
        let closed = date(closed.max(last).max(self.books.from.unwrap_or(i32::MIN)))?;
        let name = self.name(account.id)?.to_owned();
        self.line(String::new());
        self.line(format!("{closed} close {name}"));
        Ok(())
    }

    /// Every balance is said of the morning after the last day.
    fn balances(&mut self) -> Result<()> {
        let last = self.books.transfers.iter().map(|transfer| transfer.day).max();
        let after = last.unwrap_or(self.books.today).max(self.books.today) + 1;
        let day = date(self.books.to.unwrap_or(after))?;
        self.line(String::new());
        for account in &self.books.accounts {
            let Some((_, closing)) = account.balances else { continue };
            let number = decimal(closing, account.currency)?;
            let name = self.name(account.id)?.to_owned();
            self.line(format!("{day} balance {name} {number} ~ 0 {}", account.currency));
        }
        Ok(())
    }

    /// Money that is held has not moved: comments only.
    fn holds(&mut self) {
        for hold in &self.books.holds {
            let name = |id: i64| self.names.get(&id).cloned().unwrap_or_else(|| id.to_string());
            let (debit, credit) = (name(hold.debit), name(hold.credit));
            self.line(format!("; hold {}: {} from {debit} to {credit}", hold.id, hold.left));
        }
    }
}

/// A day as beancount writes it.
fn date(day: i32) -> Result<String> {
    let date = day.checked_add(730_120).and_then(NaiveDate::from_num_days_from_ce_opt);
    match date {
        Some(date) if (1..=9999).contains(&date.year()) => Ok(date.format("%Y-%m-%d").to_string()),
        _ => Err(Error::invalid("p_format", "beancount knows the years 1 to 9999 only")
            .hint("Leave other days out with p_from and p_to.")),
    }
}

fn decimal(minor: i128, currency: Currency) -> Result<Decimal> {
    let number = match i64::try_from(minor) {
        Ok(minor) => Money::new(minor, currency).to_major(),
        Err(_) => Decimal::try_from_i128_with_scale(minor, currency.exponent())
            .map_err(|e| Error::internal(e.to_string()))?,
    };
    Ok(number)
}

fn amount(minor: i128, currency: Currency) -> Result<String> {
    Ok(format!("{} {currency}", decimal(minor, currency)?))
}

/// A text between quotes, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                let _ = write!(quoted, "\\{c}");
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::account::Class;
    use crate::ledger::export::names::tests::{account, transfer};

    fn books(transfers: Vec<Transfer>) -> Books<'static> {
        let with = |account: Account, balances| Account { balances, ..account };
        Books {
            title: "shop",
            from: None,
            to: None,
            today: 10,
            accounts: vec![
                with(account(1, "bank", Class::Asset), Some((500, 1750))),
                with(account(2, "sales", Class::Income), None),
            ],
            transfers,
            holds: vec![],
        }
    }

    fn has(lines: &[String], wanted: &str) -> usize {
        lines.iter().filter(|line| line.contains(wanted)).count()
    }

    #[test]
    fn a_journal_is_one_transaction() {
        let transfers = vec![
            transfer(1, Some(9), 1000),
            transfer(2, None, 200),
            transfer(3, Some(9), 50),
            transfer(4, Some(8), 5),
        ];
        let lines = lines(&books(transfers)).unwrap();
        assert_eq!(has(&lines, " * "), 3);
        assert_eq!(has(&lines, "  Assets:Shop:Bank 10.00 INR"), 1);
        assert_eq!(has(&lines, "  Income:Shop:Sales -10.00 INR"), 1);
        assert_eq!(has(&lines, "transfer: "), 8);
        let id = transfer(9, None, 1).id;
        assert_eq!(has(&lines, &format!("2000-01-02 * \"sale\" ^{id}")), 1);
        assert_eq!(has(&lines, "2000-01-12 balance Assets:Shop:Bank 17.50 ~ 0 INR"), 1);
        // Not all of this one's transfers are here.
        assert_eq!(has(&lines, "balance Income:Shop:Sales"), 0);
    }

    #[test]
    fn what_was_before_is_an_opening_balance() {
        let books = Books { from: Some(1), to: Some(5), ..books(vec![]) };
        let lines = lines(&books).unwrap();
        assert_eq!(has(&lines, "2000-01-02 * \"Opening balances\""), 1);
        assert_eq!(has(&lines, "  Assets:Shop:Bank 5.00 INR"), 1);
        assert_eq!(has(&lines, "  Equity:Opening-Balances -5.00 INR"), 1);
        assert_eq!(has(&lines, "2000-01-06 balance Assets:Shop:Bank 17.50 ~ 0 INR"), 1);
    }

    #[test]
    fn accounts_open_before_their_first_transfer_and_close_after_their_last() {
        let mut books = books(vec![transfer(1, None, 5)]);
        books.accounts[0].opened = 7;
        books.accounts[0].closed = Some(0);
        let lines = lines(&books).unwrap();
        assert_eq!(has(&lines, "2000-01-02 open Assets:Shop:Bank"), 1);
        assert_eq!(has(&lines, "2000-01-02 close Assets:Shop:Bank"), 1);
    }

    #[test]
    fn texts_stay_on_their_line() {
        assert_eq!(quoted("a \"b\" \\ c\nd\te\rf\u{0}"), "\"a \\\"b\\\" \\\\ c\\nd\\te f \"");
    }

    #[test]
    fn days_that_beancount_does_not_know_are_refused() {
        assert_eq!(date(-730_119).unwrap(), "0001-01-01");
        assert!(date(-730_120).is_err() && date(i32::MAX).is_err() && date(i32::MIN).is_err());
    }
}
