//! What people decide: this is the same, this is not, this match was wrong. And what a
//! product knows to be the same ([`accept`]).

use crate::kernel::caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::ledger::account::check_text;
use crate::ledger::reconcile::run::{side, statement, total};
use crate::ledger::store;
use crate::ledger::store::reconcile::{NewMatch, Statement};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeSet;

/// The most lines, and the most transfers, of a match by hand.
const MOST: usize = 1000;
/// The most pairs that are rejected at once.
const MOST_PAIRS: usize = 10_000;
const LONGEST_NOTE: usize = 1000;

/// A match by hand, as it is stored.
pub struct Confirmed {
    pub match_id: Uuid,
    pub lines_amount: i64,
    pub transfers_amount: i64,
    pub replayed: bool,
}

/// Ids as a caller gives them: none twice, none missing, not too many.
pub fn ids(given: Option<Vec<Option<Uuid>>>, field: &str) -> Result<Vec<Uuid>> {
    let given = given.ok_or_else(|| Error::missing(field))?;
    if given.len() > MOST {
        return Err(Error::invalid(field, format!("must have at most {MOST} elements")));
    }
    let ids: Option<Vec<Uuid>> = given.into_iter().collect();
    let ids = ids.ok_or_else(|| Error::missing(field))?;
    let different: BTreeSet<&[u8; 16]> = ids.iter().map(Uuid::as_bytes).collect();
    if different.len() < ids.len() {
        return Err(Error::invalid(field, "must not have an element twice"));
    }
    Ok(ids)
}

/// Lines and transfers that are the same, as somebody says. The same again gives what is
/// stored. One side may be empty, where the other adds up to nothing.
///
/// PT404 where a line is not the statement's or a transfer not the account's; PT409 where
/// one is in another match; 22023 where the amounts differ by more than `tolerance`.
pub fn confirm(
    id: Uuid,
    lines: &[Uuid],
    transfers: &[Uuid],
    tolerance: i64,
    note: Option<&str>,
) -> Result<Confirmed> {
    if lines.is_empty() && transfers.is_empty() {
        return Err(Error::invalid("p_line_ids", "lines or transfers must be given"));
    }
    if tolerance < 0 {
        return Err(Error::invalid("p_tolerance", "must not be negative"));
    }
    note.map(|note| check_text("p_note", note, LONGEST_NOTE)).transpose()?;
    let of = statement(id)?;
    store::reconcile::lock(of.account)?;
    let (bank, books) = amounts(&of, lines, transfers)?;
    if let Some(existing) = existing(&of, lines, transfers)? {
        return Ok(existing);
    }
    if (i128::from(bank) - i128::from(books)).abs() > i128::from(tolerance) {
        let rule = "the lines and the transfers must add up to the same";
        return Err(Error::invalid("p_tolerance", rule)
            .detail(format!("lines {bank}, transfers {books} (minor units)")));
    }
    let new = NewMatch {
        id: new_id(),
        score: None,
        reasons: Vec::new(),
        lines: lines.to_vec(),
        transfers: transfers.to_vec(),
        lines_amount: bank,
        transfers_amount: books,
        note,
    };
    let match_id = new.id;
    store::reconcile::insert_matches(&of, &[new], caller::current().person())?;
    Ok(Confirmed { match_id, lines_amount: bank, transfers_amount: books, replayed: false })
}

/// Stores what a product found to be the same by what it knows of both; false where
/// somebody said that a pair of them is not. PT409 where one is in another match, 22023
/// where the amounts differ.
pub fn accept(id: Uuid, lines: &[Uuid], transfers: &[Uuid], reasons: &[&str]) -> Result<bool> {
    let of = statement(id)?;
    store::reconcile::lock(of.account)?;
    let (bank, books) = amounts(&of, lines, transfers)?;
    if bank != books {
        return Err(Error::invalid("transfers", "must add up to what the lines add up to"));
    }
    let is_pair =
        |(line, transfer): &(Uuid, Uuid)| lines.contains(line) && transfers.contains(transfer);
    if store::reconcile::rejections(of.id)?.iter().any(is_pair) {
        return Ok(false);
    }
    if existing(&of, lines, transfers)?.is_none() {
        let new = NewMatch {
            id: new_id(),
            score: Some(SURE),
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            lines: lines.to_vec(),
            transfers: transfers.to_vec(),
            lines_amount: bank,
            transfers_amount: books,
            note: None,
        };
        store::reconcile::insert_matches(&of, &[new], caller::current().person())?;
    }
    Ok(true)
}

/// The score of what is equal in its amount and its reference, whatever the day.
const SURE: i16 = 80;

/// What the lines and the transfers add up to; PT404 where one is of another statement or
/// account.
fn amounts(of: &Statement, lines: &[Uuid], transfers: &[Uuid]) -> Result<(i64, i64)> {
    let missing = |ids: &[Uuid], found: &[(Uuid, i64)], what: &str| {
        let unknown = ids.iter().find(|id| found.iter().all(|(other, _)| other != *id));
        unknown.map_or(Ok(()), |id| Err(Error::not_found(what, id)))
    };
    let bank = store::reconcile::lines(of.id, lines)?;
    missing(lines, &bank, "line of the statement")?;
    let books = store::reconcile::transfers((of.account, side(of)?), transfers)?;
    missing(transfers, &books, "transfer of the account")?;
    let sum = |found: &[(Uuid, i64)]| total(found.iter().map(|(_, amount)| *amount));
    Ok((sum(&bank)?, sum(&books)?))
}

/// The match of exactly these; PT409 where one of them is in any other.
fn existing(of: &Statement, lines: &[Uuid], transfers: &[Uuid]) -> Result<Option<Confirmed>> {
    let matches = store::reconcile::matches_of(of.account, lines, transfers)?;
    let Some(first) = matches.first().copied() else { return Ok(None) };
    let stored = store::reconcile::find_match(first)?
        .ok_or_else(|| Error::internal("a match is missing"))?;
    let set = |ids: &[Uuid]| ids.iter().map(|id| *id.as_bytes()).collect::<BTreeSet<_>>();
    let same = set(&stored.lines) == set(lines) && set(&stored.transfers) == set(transfers);
    if matches.len() == 1 && same {
        return Ok(Some(Confirmed {
            match_id: first,
            lines_amount: stored.lines_amount,
            transfers_amount: stored.transfers_amount,
            replayed: true,
        }));
    }
    Err(Error::conflict("a line or a transfer is in another match")
        .detail(format!("match {first}"))
        .hint("Undo that match first."))
}

/// Lines and transfers that are not the same: none of the lines is any of the transfers.
/// How many pairs were not rejected before.
pub fn reject(id: Uuid, lines: &[Uuid], transfers: &[Uuid], reason: &str) -> Result<usize> {
    check_text("p_reason", reason, LONGEST_NOTE)?;
    for (given, field) in [(lines, "p_line_ids"), (transfers, "p_transfer_ids")] {
        if given.is_empty() {
            return Err(Error::invalid(field, "must not be empty"));
        }
    }
    if lines.len() * transfers.len() > MOST_PAIRS {
        return Err(Error::invalid("p_line_ids", format!("at most {MOST_PAIRS} pairs at once")));
    }
    let of = statement(id)?;
    store::reconcile::lock(of.account)?;
    amounts(&of, lines, transfers)?;
    for one in store::reconcile::matches_of(of.account, lines, &[])? {
        let stored = store::reconcile::find_match(one)?;
        if stored.is_some_and(|stored| stored.transfers.iter().any(|id| transfers.contains(id))) {
            return Err(Error::conflict("they are matched")
                .detail(format!("match {one}"))
                .hint("Undo the match: that rejects its pairs too."));
        }
    }
    store::reconcile::reject(of.id, lines, transfers, reason, caller::current().person())
}

/// Undoes a match and rejects its pairs, so that they are not matched again by themselves;
/// when it was undone. Again changes nothing.
pub fn undo(match_id: Uuid, reason: &str) -> Result<TimestampWithTimeZone> {
    check_text("p_reason", reason, LONGEST_NOTE)?;
    let find = || {
        let stored = store::reconcile::find_match(match_id)?;
        stored.ok_or_else(|| Error::not_found("match", match_id))
    };
    let of = statement(find()?.statement)?;
    store::reconcile::lock(of.account)?;
    let stored = find()?;
    if let Some(at) = stored.undone_at {
        return Ok(at);
    }
    let (now, by) = (clock(), caller::current().person());
    store::reconcile::undo(match_id, now, by, reason)?;
    store::reconcile::reject(of.id, &stored.lines, &stored.transfers, reason, by)?;
    Ok(now)
}
