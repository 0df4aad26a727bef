//! Reopening closed books, from a time on.

use crate::kernel::caller;
use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::ledger::account::check_text;
use crate::ledger::journal::{Journal, Leg, Request, check_finite};
use crate::ledger::period::closing::{KIND, record};
use crate::ledger::period::{Step, moment_before, reopen_step};
use crate::ledger::posting::post_request;
use crate::ledger::replay::StoredJournal;
use crate::ledger::store::{periods, transfers};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// Opens the books again from a time on, or from the beginning; the number of the
/// reopening. Closing entries of what is open then are undone, for the very moments
/// that they were posted for. Again it changes nothing.
///
/// 22023 without a reason; PT409 where nothing is closed after that time.
pub fn reopen(system: &str, open_from: Option<TimestampWithTimeZone>, reason: &str) -> Result<i32> {
    check_text("p_system", system, 63)?;
    check_text("p_reason", reason, 1000)?;
    check_finite("p_until", open_from.as_ref())?;
    periods::take(system)?;
    let micros = open_from.map(TimestampWithTimeZone::into_inner);
    let number = match reopen_step(periods::state(system)?.as_ref(), micros)? {
        Step::Repeat(number) => return Ok(number),
        Step::Next(number) => number,
    };
    let undone = periods::closings_from(system, open_from)?;
    periods::insert(&periods::NewPeriod {
        system,
        number,
        closed_until: open_from,
        retained_earnings: None,
        reason: Some(reason),
        acted_by: caller::current().person(),
        acted_at: clock(),
    })?;
    // After the row that opens the period for them.
    for (journal, until) in undone {
        let reversal = undo(journal, moment_before(until)?, reason)?;
        periods::insert_closing(reversal, system, number, Some(journal))?;
    }
    record("reopen_period", system, number, open_from, Some(reason))?;
    Ok(number)
}

/// Posts the mirror of closing entries for the moment of their own.
fn undo(journal: Uuid, at: TimestampWithTimeZone, reason: &str) -> Result<Uuid> {
    let stored = match transfers::find_journal(journal)? {
        Some(stored) => Some(stored),
        None => transfers::find_by_transfer(journal)?,
    };
    let stored = stored.ok_or_else(|| Error::internal("a closing journal is not stored"))?;
    let mirror = |line: &crate::ledger::replay::StoredLine| Leg {
        id: None,
        debit: line.credit,
        credit: line.debit,
        amount: line.amount,
    };
    let legs: Vec<Leg> = stored.lines.iter().map(mirror).collect();
    let mut request = Request::new(&Journal {
        id: Some(new_id()),
        system: &stored.system,
        kind: "reversal",
        description: Some(reason),
        legs: &legs,
        effective_at: Some(at),
        metadata: None,
    })?;
    request.reverses = (!stored.alone).then_some(stored.id);
    for (line, undone) in request.lines.iter_mut().zip(&stored.lines) {
        line.reverses = Some(undone.id);
    }
    Ok(post_request(&request)?.journal_id)
}

/// PT409 for closing entries: by hand they would be undone for today, and the period
/// could not be reopened.
pub fn refuse_closing(stored: &StoredJournal) -> Result<()> {
    if stored.kind != KIND || !periods::is_closing(stored.id)? {
        return Ok(());
    }
    Err(Error::conflict("closing entries are undone by reopening the period")
        .detail(format!("journal {}", stored.id))
        .hint("Call ledger.reopen_period."))
}
