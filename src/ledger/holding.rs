//! Making, settling and releasing holds.
//!
//! Whoever changes a hold holds the locks of both its accounts, so the hold's own
//! row needs no lock.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::ledger::account::{Account, Change};
use crate::ledger::books::{Books, Touch};
use crate::ledger::error::LedgerError;
use crate::ledger::expiry::sweep_behind;
use crate::ledger::hold::{Hold, NewHold, Settlement, Status};
use crate::ledger::journal::{Line, Posted, check_finite, check_kind, check_notes, check_transfer};
use crate::ledger::replay::StoredJournal;
use crate::ledger::store;
use crate::ledger::store::transfers::{self, Single};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeMap;

/// A hold that was made, now or when the same request came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub id: Uuid,
    pub replayed: bool,
}

/// Sets money aside; the hold's id. The same id with the same content again
/// gives the same hold. Errors as those of a transfer.
pub fn hold(new: &NewHold<'_>) -> Result<Uuid> {
    Ok(place(new)?.id)
}

/// [`hold`], telling whether it had been made before.
pub fn place(new: &NewHold<'_>) -> Result<Placed> {
    let field = |name: &str| name.to_owned();
    check_kind(new.system, new.kind)?;
    check_finite("expires_at", new.expires_at.as_ref())?;
    check_notes(new.description, new.metadata.as_ref())?;
    check_transfer(new.debit, new.credit, new.amount, field)?;
    let kind = transfers::kind_id(new.system, new.kind)?;
    let mut books = Books::lock([new.debit, new.credit], Touch::Pending)?;
    if let Some(id) = new.id
        && let Some(stored) = store::holds::find(id)?
    {
        return repeated(new, &stored);
    }
    let now = clock();
    if new.expires_at.is_some_and(|at| at.into_inner() <= now.into_inner()) {
        return Err(Error::invalid("expires_at", "must be in the future"));
    }
    books.expire(now)?;
    books.check_currency(new.debit, new.credit, new.amount, field)?;
    let amount = new.amount.minor;
    let debit = Change { debits_pending: amount, ..Change::default() };
    let credit = Change { credits_pending: amount, ..Change::default() };
    let changes = BTreeMap::from([(new.debit, debit), (new.credit, credit)]);
    books.check(&changes)?;
    let id = new.id.unwrap_or_else(new_id);
    if !store::holds::insert(id, new, kind, now)? {
        return repeated(new, &find(id)?);
    }
    books.write(&changes)?;
    sweep_behind(&books, now)?;
    Ok(Placed { id, replayed: false })
}

fn repeated(new: &NewHold<'_>, stored: &Hold) -> Result<Placed> {
    match stored.difference(new) {
        None => Ok(Placed { id: stored.id, replayed: true }),
        Some(field) => Err(LedgerError::Differs {
            what: "hold",
            id: stored.id.to_string(),
            field: field.to_owned(),
        }
        .into()),
    }
}

pub fn find(id: Uuid) -> Result<Hold> {
    store::holds::find(id)?.ok_or_else(|| Error::not_found("hold", id))
}

/// Turns a part of a hold, or the rest, into a transfer; its id.
///
/// PT404 unknown hold; PT409 where it is not open or less is left; 22023 for an
/// amount that is not above zero or of another currency.
pub fn settle(hold: Uuid, amount: Option<Money>) -> Result<Uuid> {
    settle_with(&Settlement { hold, amount, id: None, last: false })
}

/// [`settle`] with an id for the transfer, so that it can be repeated.
pub fn settle_with(settlement: &Settlement) -> Result<Uuid> {
    Ok(post_settlement(settlement)?.journal_id)
}

/// [`settle_with`], telling all of what was posted.
pub fn post_settlement(settlement: &Settlement) -> Result<Posted> {
    let held = find(settlement.hold)?;
    check_settlement(&held, settlement)?;
    let kind = transfers::kind_id(&held.system, &held.kind)?;
    let books = Books::lock([held.debit, held.credit], Touch::Both)?;
    // Its accounts never change; what is left of it may have, until now.
    let held = find(settlement.hold)?;
    if let Some(id) = settlement.id
        && let Some(found) = transfers::find_by_transfer(id)?
    {
        return repeated_settlement(settlement, &held, id, &found);
    }
    let now = clock();
    let amount = held.settlement(settlement.amount, now)?;
    let (ended, status) = settlement.end(amount.minor, held.left());
    let changes = held.changes(ended, amount.minor);
    let after = books.check(&changes)?;
    let line = Line {
        id: settlement.id.unwrap_or_else(new_id),
        debit: held.debit,
        credit: held.credit,
        amount,
        reverses: None,
        keyed: settlement.id.is_some(),
    };
    let stored = transfers::insert_one(&Single {
        line: &line,
        kind,
        hold: Some(held.id),
        description: None,
        metadata: None,
        recorded_at: now,
        effective_at: None,
    })?;
    if !stored {
        let found = transfers::find_by_transfer(line.id)?
            .ok_or_else(|| Error::internal("a settlement was neither stored nor found"))?;
        return repeated_settlement(settlement, &held, line.id, &found);
    }
    if !store::holds::change(held.id, amount.minor, status, now)? {
        return Err(Error::internal("a hold changed while its accounts were locked"));
    }
    books.write(&changes)?;
    Ok(posted(line, now, after, false))
}

fn posted(line: Line, at: TimestampWithTimeZone, after: Vec<Account>, replayed: bool) -> Posted {
    Posted {
        journal_id: line.id,
        transfer_ids: vec![line.id],
        recorded_at: at,
        replayed,
        effective_at: None,
        lines: vec![line],
        after,
    }
}

fn check_settlement(held: &Hold, settlement: &Settlement) -> Result<()> {
    let Some(amount) = settlement.amount else { return Ok(()) };
    if amount.minor <= 0 {
        return Err(LedgerError::Amount { field: "amount".to_owned() }.into());
    }
    if amount.currency != held.amount.currency {
        return Err(LedgerError::Currency {
            field: "amount".to_owned(),
            account: held.debit,
            has: held.amount.currency,
            given: amount.currency,
        }
        .into());
    }
    Ok(())
}

fn repeated_settlement(
    settlement: &Settlement,
    held: &Hold,
    id: Uuid,
    found: &StoredJournal,
) -> Result<Posted> {
    let first = found.lines.iter().find(|line| line.id == id).copied();
    let field = match first {
        Some(first) if found.hold == Some(settlement.hold) => {
            if settlement.amount.is_some_and(|amount| amount != first.amount) {
                "amount"
            } else if settlement.last && held.status == Status::Open {
                "final"
            } else {
                let (debit, credit, amount) = (first.debit, first.credit, first.amount);
                let line = Line { id, debit, credit, amount, reverses: None, keyed: true };
                return Ok(posted(line, found.recorded_at, Vec::new(), true));
            }
        }
        _ => "hold",
    };
    let differs =
        LedgerError::Differs { what: "transfer", id: id.to_string(), field: field.to_owned() };
    Err(differs.into())
}

/// Gives back what is left of a hold. Once released or expired it stays so.
///
/// PT404 unknown hold; PT409 where it is used up.
pub fn release(id: Uuid) -> Result<()> {
    give_back(id).map(|_| ())
}

/// [`release`], telling whether anything changed.
pub fn give_back(id: Uuid) -> Result<bool> {
    let held = find(id)?;
    let books = Books::lock([held.debit, held.credit], Touch::Pending)?;
    let held = find(id)?;
    let now = clock();
    let status = match (held.status, held.status_at(now)) {
        (Status::Open, Status::Expired) => Status::Expired,
        (Status::Open, _) => Status::Released,
        (Status::Released | Status::Expired, _) => return Ok(false),
        (Status::Settled, _) => {
            let status = Status::Settled.as_str().to_owned();
            return Err(LedgerError::HoldNotOpen { id, status }.into());
        }
    };
    let changes = held.changes(held.left(), 0);
    if !store::holds::change(id, 0, status, now)? {
        return Err(Error::internal("a hold changed while its accounts were locked"));
    }
    books.write(&changes)?;
    Ok(true)
}
