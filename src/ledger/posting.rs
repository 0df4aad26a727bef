//! Posting: a journal goes into the books whole, or not at all.
//!
//! Everything is checked, with the accounts locked, before anything is written,
//! so a refusal changes nothing even where the caller goes on after it.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::spi::subtransaction;
use crate::ledger::archive;
use crate::ledger::books::{Books, Touch};
use crate::ledger::error::LedgerError;
use crate::ledger::expiry::sweep_behind;
use crate::ledger::journal::{Journal, Posted, Request};
use crate::ledger::period::gate::admit;
use crate::ledger::store::keys;
use crate::ledger::store::transfers::{self, Single};
use crate::ledger::{fast, keyed, replay};
use pgrx::datum::TimestampWithTimeZone;

/// Posts a journal. The same id with the same content again gives what is stored.
///
/// 22023 for an amount that is not above zero, the same account twice or another
/// currency; PT404 for an unknown account; PT409 where an account is closed, its
/// limit forbids it, or an id is taken by something else; 22003 where a counter
/// would leave its range.
pub fn post(journal: &Journal<'_>) -> Result<Posted> {
    post_request(&Request::new(journal)?)
}

/// [`post`] for a request that was checked.
pub fn post_request(request: &Request<'_>) -> Result<Posted> {
    let accounts = request.lines.iter().flat_map(|line| [line.debit, line.credit]);
    if let Err(closed) = admit(request.effective_at, accounts) {
        // What was posted before the period was closed is repeated all the same.
        return repeated(request)?.ok_or(closed);
    }
    // The indexes that the short way relies on have no archived rows.
    if request.key.is_none()
        && !archive::is_repeated(request)?
        && let Some(posted) = fast::try_post(request)?
    {
        return Ok(posted);
    }
    let changes = request.changes()?;
    let kind = transfers::kind_id(request.system, request.kind)?;
    let books = Books::lock(changes.keys().copied(), Touch::Posted)?;
    // Whoever held the locks before may have posted the same request.
    if let Some(posted) = repeated(request)? {
        return Ok(posted);
    }
    post_locked(books, request, kind)
}

/// Posts a request of this kind that repeats none, with its accounts locked.
pub fn post_locked(mut books: Books, request: &Request<'_>, kind: i16) -> Result<Posted> {
    let changes = request.changes()?;
    let now = clock();
    books.expire(now)?;
    check_currencies(request, &books)?;
    let after = books.check(&changes)?;
    if !insert(request, kind, now)? {
        // Another transaction posted it between our look and our insert.
        let taken = || Error::internal("a transfer was neither stored nor found");
        return repeated(request)?.ok_or_else(taken);
    }
    books.write(&changes)?;
    sweep_behind(&books, now)?;
    Ok(request.posted(now, after))
}

/// What was posted under an id that the request gives.
fn repeated(request: &Request<'_>) -> Result<Option<Posted>> {
    if let Some(posted) = keyed::repeated(request)? {
        return Ok(Some(posted));
    }
    if let Some(id) = request.journal_key
        && transfers::is_taken(id)?
    {
        if let Some(stored) = transfers::find_journal(id)? {
            return Ok(Some(replay::answer(request, &stored)?));
        }
        if let Some(stored) = transfers::find_by_transfer(id)?.filter(|stored| stored.alone) {
            return Ok(Some(replay::answer(request, &stored)?));
        }
    }
    for line in request.lines.iter().filter(|line| line.keyed) {
        if let Some(stored) = transfers::find_by_transfer(line.id)? {
            return Ok(Some(replay::answer(request, &stored)?));
        }
    }
    Ok(None)
}

fn check_currencies(request: &Request<'_>, books: &Books) -> Result<(), LedgerError> {
    for (n, line) in request.lines.iter().enumerate() {
        let field = |name: &str| match request.lines.len() {
            1 => name.to_owned(),
            _ => format!("legs[{n}].{name}"),
        };
        books.check_currency(line.debit, line.credit, line.amount, field)?;
    }
    Ok(())
}

/// Stores the transfers; false where another transaction was faster.
fn insert(request: &Request<'_>, kind: i16, now: TimestampWithTimeZone) -> Result<bool> {
    let Some(key) = &request.key else { return insert_transfers(request, kind, now) };
    let taken = || Error::new(sqlstate::UNIQUE_VIOLATION, "the key of the journal is taken");
    unless_taken(|| {
        let id = request.journal_id.unwrap_or(request.lines[0].id);
        if insert_transfers(request, kind, now)? && keys::insert(request.system, key, id)? {
            return Ok(true);
        }
        Err(taken())
    })
}

/// All of an insert, or false and nothing of it where 23505 says that a key is taken.
fn unless_taken(insert: impl FnOnce() -> Result<bool>) -> Result<bool> {
    match subtransaction(insert) {
        Err(e) if e.sqlstate == sqlstate::UNIQUE_VIOLATION => Ok(false),
        outcome => outcome,
    }
}

fn insert_transfers(request: &Request<'_>, kind: i16, now: TimestampWithTimeZone) -> Result<bool> {
    match request.journal_id {
        None => transfers::insert_one(&Single {
            line: &request.lines[0],
            kind,
            hold: None,
            description: request.description,
            metadata: request.metadata.as_ref(),
            recorded_at: now,
            effective_at: request.effective_at,
        }),
        Some(id) => {
            let insert = || transfers::insert_journal(id, request, kind, now);
            // Only what a caller names can be taken: ids made here are new.
            if !request.lines.iter().any(|line| line.keyed) {
                return insert();
            }
            unless_taken(insert)
        }
    }
}
