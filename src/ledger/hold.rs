//! Holds: money set aside for a transfer still to come. Their rules.
//!
//! A hold counts against what is available until it is settled (in one or
//! several parts), released, or its time comes.

use crate::kernel::money::Money;
use crate::ledger::account::{AccountId, Change};
use crate::ledger::error::LedgerError;
use crate::ledger::replay::same_time;
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

    /// What it still holds at a time.
    pub fn left_at(&self, now: TimestampWithTimeZone) -> i64 {
        if self.status_at(now) == Status::Open { self.left() } else { 0 }
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

    /// The change of both accounts where a part of the hold ends and a part of
    /// that is posted.
    pub fn changes(&self, ended: i64, posted: i64) -> BTreeMap<AccountId, Change> {
        let debit = Change { debits_pending: -ended, debits_posted: posted, ..Change::default() };
        let credit =
            Change { credits_pending: -ended, credits_posted: posted, ..Change::default() };
        BTreeMap::from([(self.debit, debit), (self.credit, credit)])
    }

    /// The part of a request for a hold that differs from this one.
    pub fn difference(&self, new: &NewHold<'_>) -> Option<&'static str> {
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

/// A part of a hold, or the rest, to be turned into a transfer.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    pub hold: Uuid,
    /// The rest where there is none.
    pub amount: Option<Money>,
    /// The transfer's id, the caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    /// Whether what it leaves of the hold is given back.
    pub last: bool,
}

impl Settlement {
    /// How much of the hold ends where `amount` of what is left is settled, and what
    /// the hold is then.
    pub fn end(&self, amount: i64, left: i64) -> (i64, Status) {
        match (amount == left, self.last) {
            (true, _) => (left, Status::Settled),
            (false, true) => (left, Status::Released),
            (false, false) => (amount, Status::Open),
        }
    }
}

/// A hold whose time has come.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub id: Uuid,
    pub debit: AccountId,
    pub credit: AccountId,
}
