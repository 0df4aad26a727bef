//! Taking a statement in, once.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, check_text};
use crate::ledger::error::LedgerError;
use crate::ledger::reconcile::options::Options;
use crate::ledger::reconcile::parse::{self, Line, day};
use crate::ledger::store;
use crate::ledger::store::reconcile::Statement;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LONGEST_REFERENCE: usize = 200;

/// What a statement is made of.
pub enum Source<'a> {
    Csv(&'a str),
    Rows(&'a Value),
}

/// The statement, and whether it had been imported before.
pub struct Imported {
    pub statement: Statement,
    pub replayed: bool,
}

/// Stores a statement of an account; the same again gives what is stored.
///
/// 22023 naming the line and what is wrong with it; PT404 unknown account; PT409 where
/// the account has another statement of this reference.
pub fn import(
    account: AccountId,
    reference: &str,
    source: &Source<'_>,
    options: &Value,
) -> Result<Imported> {
    check_text("p_reference", reference, LONGEST_REFERENCE)?;
    let options = Options::read(options)?;
    let found = store::accounts::describe(account)?.ok_or(LedgerError::UnknownAccount(account))?;
    if !store::reconcile::is_time_zone(&options.time_zone)? {
        return Err(Error::invalid("p_options.time_zone", "is no time zone"));
    }
    let lines = match source {
        Source::Csv(text) => parse::csv(text, &options, found.currency)?,
        Source::Rows(rows) => parse::rows(rows, &options, found.currency)?,
    };
    let new = statement(account, reference, &options, &lines, found.currency)?;
    let by = caller::current().person();
    if let Some(stored) = store::reconcile::find_by_reference(account, reference)? {
        return repeated(stored, &new);
    }
    if !store::reconcile::insert_statement(&new, by)? {
        let stored = store::reconcile::find_by_reference(account, reference)?;
        let stored = stored.ok_or_else(|| Error::internal("a statement is missing"))?;
        return repeated(stored, &new);
    }
    let ids = lines.iter().map(|_| new_id()).collect();
    store::reconcile::insert_lines(new.id, ids, parse::occurrences(&lines), &lines)?;
    Ok(Imported { statement: new, replayed: false })
}

fn repeated(stored: Statement, new: &Statement) -> Result<Imported> {
    if stored.content_hash == new.content_hash {
        return Ok(Imported { statement: stored, replayed: true });
    }
    Err(Error::conflict("the account has another statement of this reference")
        .detail(format!("statement {}", stored.id))
        .hint("Import the same again, or under another reference."))
}

/// The statement that lines and options make: its days, and balances that agree.
fn statement(
    account: AccountId,
    reference: &str,
    options: &Options,
    lines: &[Line],
    currency: Currency,
) -> Result<Statement> {
    let (starts, ends) = period(options, lines)?;
    let total = lines.iter().map(|line| i128::from(line.amount)).sum::<i128>();
    let total = i64::try_from(total)
        .map_err(|_| Error::new(sqlstate::OUT_OF_RANGE, "the lines add up to more than 64 bits"))?;
    let given = |key: &str, text: &Option<String>| {
        text.as_deref().map(|text| options.minor(key, text, currency)).transpose()
    };
    let opening = given("opening_balance", &options.opening)?;
    let closing = given("closing_balance", &options.closing)?;
    let (opening, closing) = balances(opening, total, closing)?;
    let content = json!([
        lines
            .iter()
            .map(|line| json!([line.day, line.amount, line.reference, line.description]))
            .collect::<Vec<_>>(),
        [starts, ends],
        [opening, closing],
        options.time_zone,
    ]);
    Ok(Statement {
        id: new_id(),
        account,
        reference: reference.to_owned(),
        time_zone: options.time_zone.clone(),
        starts,
        ends,
        lines: lines.len() as i32,
        total,
        opening,
        closing,
        content_hash: Sha256::digest(content.to_string()).to_vec(),
    })
}

/// The first and the last day: as given, or those of the lines.
fn period(options: &Options, lines: &[Line]) -> Result<(i32, i32)> {
    let missing = |key: &str| {
        Error::missing(&format!("p_options.{key}")).hint("A statement without lines has to say.")
    };
    let days = || lines.iter().map(|line| line.day);
    let starts = options.starts_on.map(day).or_else(|| days().min());
    let ends = options.ends_on.map(day).or_else(|| days().max());
    let starts = starts.ok_or_else(|| missing("starts_on"))?;
    let ends = ends.ok_or_else(|| missing("ends_on"))?;
    if starts > ends {
        return Err(Error::invalid("p_options.ends_on", "must not be before starts_on"));
    }
    match lines.iter().position(|line| !(starts..=ends).contains(&line.day)) {
        None => Ok((starts, ends)),
        Some(n) => Err(Error::invalid(
            "p_options.starts_on",
            format!("line {} is of a day that is not from starts_on to ends_on", n + 1),
        )),
    }
}

/// Both balances, where one is known; 22023 where the lines do not lead from one to the
/// other: then some are missing, or have the wrong sign.
fn balances(
    opening: Option<i64>,
    total: i64,
    closing: Option<i64>,
) -> Result<(Option<i64>, Option<i64>)> {
    let large = || Error::out_of_range("p_options", "a balance does not fit 64 bits");
    match (opening, closing) {
        (None, None) => Ok((None, None)),
        (Some(opening), None) => {
            Ok((Some(opening), Some(opening.checked_add(total).ok_or_else(large)?)))
        }
        (None, Some(closing)) => {
            Ok((Some(closing.checked_sub(total).ok_or_else(large)?), Some(closing)))
        }
        (Some(opening), Some(closing)) if opening.checked_add(total) == Some(closing) => {
            Ok((Some(opening), Some(closing)))
        }
        (Some(opening), Some(closing)) => {
            let rule = "must be opening_balance and the sum of the lines";
            Err(Error::invalid("p_options.closing_balance", rule).detail(format!(
                "opening {opening} and lines {total} make {}, not {closing} (minor units)",
                i128::from(opening) + i128::from(total)
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_balance_gives_the_other_and_both_must_agree() {
        assert_eq!(balances(Some(5), 7, None).unwrap(), (Some(5), Some(12)));
        assert_eq!(balances(None, 7, Some(12)).unwrap(), (Some(5), Some(12)));
        assert_eq!(balances(Some(5), 7, Some(12)).unwrap(), (Some(5), Some(12)));
        assert_eq!(balances(None, 7, None).unwrap(), (None, None));
        assert_eq!(balances(Some(5), 7, Some(13)).unwrap_err().sqlstate, sqlstate::INVALID);
        let large = balances(Some(i64::MAX), 1, None).unwrap_err();
        assert_eq!(large.sqlstate, sqlstate::OUT_OF_RANGE);
        assert!(balances(Some(i64::MAX), 1, Some(i64::MIN)).is_err());
    }
}
