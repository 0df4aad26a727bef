//! Late postings: meant for a closed period, counted from the first open moment.

use crate::kernel::error::{Error, Result};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Posted, check_effective};
use crate::ledger::period::gate;
use crate::ledger::posting::post;
use crate::ledger::store::{periods, transfers};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// Posts a journal for its effective time or, where that is closed, for the first
/// moment that is open; which time it was meant for is kept. The same id with the
/// same content again gives what is stored, also when more has been closed meanwhile.
///
/// 22004 without an effective time, and what `post` refuses.
pub fn post_late(journal: &Journal<'_>) -> Result<Posted> {
    let asked = journal.effective_at.ok_or_else(|| Error::missing("p_effective_at"))?;
    check_effective(Some(&asked))?;
    if let Some(id) = stored(journal)? {
        return repeat(journal, id, asked);
    }
    let accounts = journal.legs.iter().flat_map(|leg| [leg.debit, leg.credit]);
    let open = gate::first_open(accounts)?.map(|(_, until)| until);
    let Some(open) = open.filter(|open| asked.into_inner() < open.into_inner()) else {
        return post(journal);
    };
    let posted = post(&Journal { effective_at: Some(open), ..journal.clone() })?;
    if !posted.replayed {
        periods::insert_late(posted.journal_id, asked, open)?;
    }
    Ok(posted)
}

/// The journal that an id of the request belongs to.
fn stored(journal: &Journal<'_>) -> Result<Option<Uuid>> {
    if let Some(id) = journal.id {
        return Ok(transfers::is_taken(id)?.then_some(id));
    }
    for id in journal.legs.iter().filter_map(|leg| leg.id) {
        if let Some(found) = transfers::find_by_transfer(id)? {
            return Ok(Some(found.id));
        }
    }
    Ok(None)
}

/// Compares with what is stored, for the time that it was put at.
fn repeat(journal: &Journal<'_>, id: Uuid, asked: TimestampWithTimeZone) -> Result<Posted> {
    let Some((meant, effective)) = periods::late(id)? else { return post(journal) };
    if meant.into_inner() == asked.into_inner() {
        return post(&Journal { effective_at: Some(effective), ..journal.clone() });
    }
    let field = "effective_at".to_owned();
    Err(LedgerError::Differs { what: "journal", id: id.to_string(), field }.into())
}
