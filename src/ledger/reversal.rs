//! Reversal: what was posted is never changed; new transfers undo it, never more than it.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::ledger::account::check_text;
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Leg, Posted, Request};
use crate::ledger::period::reopening::refuse_closing;
use crate::ledger::posting::post_request;
use crate::ledger::replay::{StoredJournal, StoredLine};
use crate::ledger::store::{reversals, transfers};
use pgrx::Uuid;

/// The kind of every reversal; its system is that of what it undoes.
const KIND: &str = "reversal";

/// Undoes what is left of a transfer by a new one that names it; the new one's id.
///
/// PT404 unknown transfer; PT409 where all of it is reversed already, it is a reversal
/// itself, or an account's limit forbids it.
pub fn reverse_transfer(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Uuid> {
    Ok(undo_transfer(id, None, reversal_id, reason)?.transfer_ids[0])
}

/// Undoes every transfer of a journal by a new journal that names it; its id.
///
/// PT404 unknown journal; PT409 where it, or a part of it, is reversed already, it is a
/// reversal itself, or an account's limit forbids it.
pub fn reverse_journal(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Uuid> {
    Ok(undo_journal(id, reversal_id, reason)?.journal_id)
}

/// Undoes a part of a transfer (minor units), or what is left of it. Further parts may
/// be undone until nothing is left.
pub fn undo_transfer(
    id: Uuid,
    amount: Option<i64>,
    reversal_id: Option<Uuid>,
    reason: &str,
) -> Result<Posted> {
    check_text("reason", reason, 1000)?;
    let unknown = || Error::not_found("transfer", id);
    let stored = transfers::find_by_transfer(id)?.ok_or_else(unknown)?;
    let line = stored.lines.iter().find(|line| line.id == id).copied().ok_or_else(unknown)?;
    check_undoable(&[line])?;
    reversals::lock(stored.id)?;
    let undone = reversals::undone(&[id])?;
    let part = match (first_of(reversal_id, &line)?, undone.first()) {
        // Repeated: the answer is what is stored.
        (Some(first), _) => amount.unwrap_or(first),
        (None, None) => part_of(&line, line.amount.minor, amount)?,
        (None, Some(undone)) => match line.amount.minor - undone.amount {
            left if left > 0 => part_of(&line, left, amount)?,
            _ => return Err(LedgerError::AlreadyReversed { id, by: undone.by }.into()),
        },
    };
    let amount = Money::new(part, line.amount.currency);
    reverse(&stored, &[StoredLine { amount, ..line }], None, reversal_id, reason)
}

/// What a repeated request undid when it came first.
fn first_of(reversal_id: Option<Uuid>, line: &StoredLine) -> Result<Option<i64>> {
    let Some(id) = reversal_id else { return Ok(None) };
    let found = transfers::find_by_transfer(id)?;
    let amount = |found: StoredJournal| {
        let first = found.lines.iter().find(|first| first.id == id).copied();
        // One that undid something else is refused where its content is compared.
        first.map_or(line.amount.minor, |first| first.amount.minor)
    };
    Ok(found.map(amount))
}

/// How much to undo of a transfer of which so much is left.
pub fn part_of(line: &StoredLine, left: i64, amount: Option<i64>) -> Result<i64, LedgerError> {
    match amount {
        None => Ok(left),
        Some(part) if part <= 0 => Err(LedgerError::Amount { field: "amount".to_owned() }),
        Some(part) if part > left => Err(LedgerError::ReversalExceeded {
            id: line.id,
            currency: line.amount.currency,
            left,
            requested: part,
        }),
        Some(part) => Ok(part),
    }
}

pub fn undo_journal(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Posted> {
    check_text("reason", reason, 1000)?;
    let Some(stored) = transfers::find_journal(id)? else {
        // A transfer on its own is a journal of one.
        let single = transfers::find_by_transfer(id)?.filter(|stored| stored.alone);
        return match single {
            Some(_) => undo_transfer(id, None, reversal_id, reason),
            None => Err(Error::not_found("journal", id)),
        };
    };
    check_undoable(&stored.lines)?;
    reversals::lock(stored.id)?;
    let repeated = match reversal_id {
        Some(reversal) => transfers::is_taken(reversal)?,
        None => false,
    };
    let ids: Vec<Uuid> = stored.lines.iter().map(|line| line.id).collect();
    if !repeated && let Some(undone) = reversals::undone(&ids)?.first() {
        let (id, by) = (undone.transfer, undone.by);
        return Err(LedgerError::AlreadyReversed { id, by }.into());
    }
    reverse(&stored, &stored.lines, Some(id), reversal_id, reason)
}

pub fn check_undoable(lines: &[StoredLine]) -> Result<(), LedgerError> {
    match lines.iter().find(|line| line.reverses.is_some()) {
        Some(line) => Err(LedgerError::IsReversal(line.id)),
        None => Ok(()),
    }
}

fn reverse(
    stored: &StoredJournal,
    lines: &[StoredLine],
    journal: Option<Uuid>,
    reversal_id: Option<Uuid>,
    reason: &str,
) -> Result<Posted> {
    refuse_closing(stored)?;
    let mirror = |line: &StoredLine| Leg {
        id: None,
        debit: line.credit,
        credit: line.debit,
        amount: line.amount,
    };
    let legs: Vec<Leg> = lines.iter().map(mirror).collect();
    let mut request = Request::new(&Journal {
        id: reversal_id,
        system: &stored.system,
        kind: KIND,
        description: Some(reason),
        legs: &legs,
        effective_at: None,
        metadata: None,
    })?;
    request.reverses = journal.filter(|_| request.journal_id.is_some());
    for (line, undone) in request.lines.iter_mut().zip(lines) {
        line.reverses = Some(undone.id);
    }
    post_request(&request)
}
