//! Holds: money set aside for a transfer still to come.
//!
//! A hold counts against what is available until it is settled (in one or
//! several parts), released, or its time comes. Whoever changes a hold holds the
//! locks of both its accounts, so its row needs none.

use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::ledger::account::{AccountId, Change};
use crate::ledger::books::{Books, Rows, clock};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Line, check_finite, check_kind, check_transfer};
use crate::ledger::replay::same_time;
use crate::ledger::store::transfers::{self, Single};
use crate::ledger::store::{self};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;
use std::collections::BTreeMap;

/// A hold to be made.
#[derive(Clone, Debug)]
pub struct NewHold<'a> {
    /// The caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    pub system: &'a str,
    pub kind: &'a str,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
    pub expires_at: Option<TimestampWithTimeZone>,
    pub description: Option<&'a str>,
    pub metadata: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    Settled,
    Released,
    Expired,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Settled => "settled",
            Status::Released => "released",
            Status::Expired => "expired",
        }
    }

    /// A CHECK constraint lets nothing else into the table.
    pub fn parse(text: &str) -> Self {
        match text {
            "open" => Status::Open,
            "settled" => Status::Settled,
            "released" => Status::Released,
            _ => Status::Expired,
        }
    }
}

/// A hold as it is stored.
#[derive(Clone, Debug)]
pub struct Hold {
    pub id: Uuid,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
    pub settled: i64,
    pub status: Status,
    pub expires_at: Option<TimestampWithTimeZone>,
    pub system: String,
    pub kind: String,
    pub description: Option<String>,
    pub metadata: Option<Value>,
}

impl Hold {
    /// What is still held: nothing once it is closed.
    pub fn left(&self) -> i64 {
        if self.status == Status::Open { self.amount.minor - self.settled } else { 0 }
    }

    /// Its status at a time: it expires whether or not its row says so yet.
    pub fn status_at(&self, now: TimestampWithTimeZone) -> Status {
        let due = self.expires_at.is_some_and(|at| at.into_inner() <= now.into_inner());
        if self.status == Status::Open && due { Status::Expired } else { self.status }
    }

    /// How much a settlement takes of it, if it is open and has so much left.
    pub fn settlement(
        &self,
        amount: Option<Money>,
        now: TimestampWithTimeZone,
    ) -> Result<Money, LedgerError> {
        match self.status_at(now) {
            Status::Open => {}
            status => {
                let status = status.as_str().to_owned();
                return Err(LedgerError::HoldNotOpen { id: self.id, status });
            }
        }
        let amount = amount.unwrap_or(Money::new(self.left(), self.amount.currency));
        if amount.minor > self.left() {
            return Err(LedgerError::HoldExceeded {
                id: self.id,
                currency: self.amount.currency,
                left: self.left(),
                requested: amount.minor,
            });
        }
        Ok(amount)
    }

    fn lock(&self) -> Result<Books> {
        Books::lock([self.debit, self.credit].into_iter(), Rows::All)
    }

    /// The change of both accounts where a part of the hold ends and a part of
    /// that is posted.
    fn changes(&self, ended: i64, posted: i64) -> BTreeMap<AccountId, Change> {
        let debit = Change { debits_pending: -ended, debits_posted: posted, ..Change::default() };
        let credit =
            Change { credits_pending: -ended, credits_posted: posted, ..Change::default() };
        BTreeMap::from([(self.debit, debit), (self.credit, credit)])
    }

    /// The part of a request for a hold that differs from this one.
    fn difference(&self, new: &NewHold<'_>) -> Option<&'static str> {
        [
            ("system", self.system != new.system),
            ("kind", self.kind != new.kind),
            ("debit", self.debit != new.debit),
            ("credit", self.credit != new.credit),
            ("currency", self.amount.currency != new.amount.currency),
            ("amount", self.amount.minor != new.amount.minor),
            ("expires_at", !same_time(self.expires_at, new.expires_at)),
            ("description", self.description.as_deref() != new.description),
            ("metadata", self.metadata != new.metadata),
        ]
        .into_iter()
        .find_map(|(name, differs)| differs.then_some(name))
    }
}

/// Sets money aside; the hold's id. The same id with the same content again
/// gives the same hold. Errors as those of a transfer.
pub fn hold(new: &NewHold<'_>) -> Result<Uuid> {
    let field = |name: &str| name.to_owned();
    check_kind(new.system, new.kind)?;
    check_finite("expires_at", new.expires_at.as_ref())?;
    check_transfer(new.debit, new.credit, new.amount, field)?;
    let mut books = Books::lock([new.debit, new.credit].into_iter(), Rows::All)?;
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
    let kind = transfers::kind_id(new.system, new.kind)?;
    if !store::holds::insert(id, new, kind, now)? {
        return repeated(new, &find(id)?);
    }
    books.write(&changes)?;
    Ok(id)
}

fn repeated(new: &NewHold<'_>, stored: &Hold) -> Result<Uuid> {
    match stored.difference(new) {
        None => Ok(stored.id),
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

/// A part of a hold, or the rest, to be turned into a transfer.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    pub hold: Uuid,
    /// The rest where there is none.
    pub amount: Option<Money>,
    /// The transfer's id, the caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
}

/// Turns a part of a hold, or the rest, into a transfer; its id.
///
/// PT404 unknown hold; PT409 where it is not open or less is left; 22023 for an
/// amount that is not above zero or of another currency.
pub fn settle(hold: Uuid, amount: Option<Money>) -> Result<Uuid> {
    settle_with(&Settlement { hold, amount, id: None })
}

/// [`settle`] with an id for the transfer, so that it can be repeated.
pub fn settle_with(settlement: &Settlement) -> Result<Uuid> {
    let held = find(settlement.hold)?;
    check_settlement(&held, settlement)?;
    let books = held.lock()?;
    // Its accounts never change; what is left of it may have, until now.
    let held = find(settlement.hold)?;
    if let Some(id) = settlement.id
        && let Some(found) = transfers::find_by_transfer(id)?
    {
        return repeated_settlement(settlement, id, &found);
    }
    let now = clock();
    let amount = held.settlement(settlement.amount, now)?;
    let changes = held.changes(amount.minor, amount.minor);
    books.check(&changes)?;
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
        system: &held.system,
        kind: &held.kind,
        hold: Some(held.id),
        description: None,
        metadata: None,
        recorded_at: now,
        effective_at: None,
    })?;
    if !stored {
        let found = transfers::find_by_transfer(line.id)?
            .ok_or_else(|| Error::internal("a settlement was neither stored nor found"))?;
        return repeated_settlement(settlement, line.id, &found);
    }
    let status = if amount.minor == held.left() { Status::Settled } else { Status::Open };
    if !store::holds::change(held.id, amount.minor, status, now)? {
        return Err(Error::internal("a hold changed while its accounts were locked"));
    }
    books.write(&changes)?;
    Ok(line.id)
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
    id: Uuid,
    found: &crate::ledger::replay::StoredJournal,
) -> Result<Uuid> {
    let posted = found.lines.iter().find(|line| line.id == id).map(|line| line.amount);
    let field = if found.hold != Some(settlement.hold) {
        "hold"
    } else if settlement.amount.is_some() && settlement.amount != posted {
        "amount"
    } else {
        return Ok(id);
    };
    let differs =
        LedgerError::Differs { what: "transfer", id: id.to_string(), field: field.to_owned() };
    Err(differs.into())
}

/// Gives back what is left of a hold. Once released or expired it stays so.
///
/// PT404 unknown hold; PT409 where it is used up.
pub fn release(id: Uuid) -> Result<()> {
    let books = find(id)?.lock()?;
    let held = find(id)?;
    let now = clock();
    let status = match (held.status, held.status_at(now)) {
        (Status::Open, Status::Expired) => Status::Expired,
        (Status::Open, _) => Status::Released,
        (Status::Released | Status::Expired, _) => return Ok(()),
        (Status::Settled, _) => {
            let status = Status::Settled.as_str().to_owned();
            return Err(LedgerError::HoldNotOpen { id, status }.into());
        }
    };
    let changes = held.changes(held.left(), 0);
    if !store::holds::change(id, 0, status, now)? {
        return Err(Error::internal("a hold changed while its accounts were locked"));
    }
    books.write(&changes)
}
