//! Posting: a journal goes into the books whole, or not at all.
//!
//! Everything is checked, with the accounts locked, before anything is written,
//! so a refusal changes nothing even where the caller goes on after it.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::spi::subtransaction;
use crate::ledger::books::{Books, Touch};
use crate::ledger::error::LedgerError;
use crate::ledger::expiry::sweep_behind;
use crate::ledger::fast;
use crate::ledger::journal::{Journal, Posted, Request};
use crate::ledger::replay;
use crate::ledger::store::transfers::{self, Single};
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
    if let Some(posted) = fast::try_post(request)? {
        return Ok(posted);
    }
    let changes = request.changes()?;
    let mut books = Books::lock(changes.keys().copied(), Touch::Posted)?;
    // Whoever held the locks before may have posted the same request.
    if let Some(posted) = repeated(request)? {
        return Ok(posted);
    }
    let now = clock();
    books.expire(now)?;
    check_currencies(request, &books)?;
    check_reversals(request)?;
    let after = books.check(&changes)?;
    if !insert(request, now)? {
        // Another transaction posted it between our look and our insert.
        return repeated(request)?.map_or_else(|| Err(taken(request)), Ok);
    }
    books.write(&changes)?;
    sweep_behind(&books, now)?;
    Ok(request.posted(now, after))
}

/// What was posted under an id that the request gives.
fn repeated(request: &Request<'_>) -> Result<Option<Posted>> {
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

fn check_reversals(request: &Request<'_>) -> Result<()> {
    for id in request.lines.iter().filter_map(|line| line.reverses) {
        if let Some(by) = transfers::reversed_by(id)? {
            return Err(LedgerError::AlreadyReversed { id, by }.into());
        }
    }
    Ok(())
}

/// Stores the transfers; false where another transaction was faster.
fn insert(request: &Request<'_>, now: TimestampWithTimeZone) -> Result<bool> {
    let kind = transfers::kind_id(request.system, request.kind)?;
    match request.journal_id {
        None => transfers::insert_one(&Single {
            line: &request.lines[0],
            system: request.system,
            kind: request.kind,
            hold: None,
            description: request.description,
            metadata: request.metadata.as_ref(),
            recorded_at: now,
            effective_at: request.effective_at,
        }),
        Some(id) => {
            let insert = || transfers::insert_journal(id, request, kind, now);
            // Only what a caller names can be taken: ids made here are new.
            if !request.lines.iter().any(|line| line.keyed || line.reverses.is_some()) {
                return insert();
            }
            match subtransaction(insert) {
                Err(e) if e.sqlstate == sqlstate::UNIQUE_VIOLATION => Ok(false),
                outcome => outcome,
            }
        }
    }
}

/// Why an insert met a row that the request does not repeat: of two reversals at
/// the same time the other was first.
fn taken(request: &Request<'_>) -> Error {
    let undone = check_reversals(request);
    undone.err().unwrap_or_else(|| Error::internal("a transfer was neither stored nor found"))
}
