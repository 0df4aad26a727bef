//! Reversal: what was posted is never changed; a new transfer undoes it, once.

use crate::kernel::error::{Error, Result};
use crate::ledger::account::check_text;
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Leg, Posted, Request};
use crate::ledger::posting::post_request;
use crate::ledger::replay::{StoredJournal, StoredLine};
use crate::ledger::store::transfers;
use pgrx::Uuid;

/// The kind of every reversal; its system is that of what it undoes.
const KIND: &str = "reversal";

/// Undoes a transfer by a new one that names it; the new one's id.
///
/// PT404 unknown transfer; PT409 where it is reversed already, is a reversal
/// itself, or an account's limit forbids it.
pub fn reverse_transfer(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Uuid> {
    Ok(undo_transfer(id, reversal_id, reason)?.transfer_ids[0])
}

/// Undoes every transfer of a journal by a new journal that names it; its id.
///
/// PT404 unknown journal; PT409 where it, or one of its transfers, is reversed
/// already, it is a reversal itself, or an account's limit forbids it.
pub fn reverse_journal(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Uuid> {
    Ok(undo_journal(id, reversal_id, reason)?.journal_id)
}

pub fn undo_transfer(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Posted> {
    let unknown = || Error::not_found("transfer", id);
    let stored = transfers::find_by_transfer(id)?.ok_or_else(unknown)?;
    let line = stored.lines.iter().find(|line| line.id == id).copied().ok_or_else(unknown)?;
    reverse(&stored, &[line], None, reversal_id, reason)
}

pub fn undo_journal(id: Uuid, reversal_id: Option<Uuid>, reason: &str) -> Result<Posted> {
    if let Some(stored) = transfers::find_journal(id)? {
        return reverse(&stored, &stored.lines, Some(id), reversal_id, reason);
    }
    // A transfer on its own is a journal of one.
    match transfers::find_by_transfer(id)?.filter(|stored| stored.alone) {
        Some(stored) => reverse(&stored, &stored.lines, None, reversal_id, reason),
        None => Err(Error::not_found("journal", id)),
    }
}

fn reverse(
    stored: &StoredJournal,
    lines: &[StoredLine],
    journal: Option<Uuid>,
    reversal_id: Option<Uuid>,
    reason: &str,
) -> Result<Posted> {
    check_text("reason", reason, 1000)?;
    if let Some(line) = lines.iter().find(|line| line.reverses.is_some()) {
        return Err(LedgerError::IsReversal(line.id).into());
    }
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
