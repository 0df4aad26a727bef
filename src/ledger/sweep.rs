//! Sweeps: everything that several accounts have goes to one, in one journal.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::ledger::account::{Account, AccountId, Side};
use crate::ledger::books::{Books, Touch};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{
    Journal, Leg, Line, MAX_LEGS, Posted, Request, check_effective, check_kind, check_notes,
};
use crate::ledger::period::gate::admit;
use crate::ledger::posting::post_locked;
use crate::ledger::replay::{self, StoredJournal};
use crate::ledger::store::transfers;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is to be swept together.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// The caller's idempotency key: the id of the journal.
    pub id: Option<Uuid>,
    pub system: &'a str,
    pub kind: &'a str,
    pub from: &'a [AccountId],
    pub to: AccountId,
    pub description: Option<&'a str>,
    pub effective_at: Option<TimestampWithTimeZone>,
    pub metadata: Option<Value>,
}

/// Moves all that is available in each account to another, in one journal. Accounts
/// that have nothing are left out; where none has anything, nothing is posted. The same
/// id again gives what is stored.
///
/// Errors as those of a journal; 22023 for an account that is named twice.
pub fn sweep(sweep: &Sweep<'_>) -> Result<Option<Posted>> {
    sweep.check()?;
    let ids: BTreeSet<AccountId> = sweep.from.iter().copied().chain([sweep.to]).collect();
    let admitted = admit(sweep.effective_at, ids.iter().copied());
    let kind = transfers::kind_id(sweep.system, sweep.kind)?;
    let mut books = Books::lock(ids, Touch::Whole)?;
    if let Some(id) = sweep.id
        && let Some(stored) = find(id)?
    {
        return Ok(Some(sweep.answer(&stored)?));
    }
    admitted?;
    books.expire_all(clock())?;
    let to = *books.get(sweep.to)?;
    let mut legs = Vec::with_capacity(sweep.from.len());
    for id in sweep.from {
        let account = books.get(*id)?;
        check_currency(account, &to)?;
        legs.extend(leg(account, &to));
    }
    if legs.is_empty() {
        return Ok(None);
    }
    let request = sweep.request(&legs)?;
    Ok(Some(post_locked(books, &request, kind)?))
}

/// All that is available in an account, to be moved; nothing where that is nothing.
pub fn leg(account: &Account, to: &Account) -> Option<Leg> {
    let amount = i64::try_from(account.available()).ok().filter(|amount| *amount > 0)?;
    let (debit, credit) = match account.side() {
        Side::Debit => (to.id, account.id),
        Side::Credit => (account.id, to.id),
    };
    Some(Leg { id: None, debit, credit, amount: Money::new(amount, account.currency) })
}

fn check_currency(account: &Account, to: &Account) -> Result<(), LedgerError> {
    if account.currency == to.currency {
        return Ok(());
    }
    Err(LedgerError::Currency {
        field: "from".to_owned(),
        account: account.id,
        has: account.currency,
        given: to.currency,
    })
}

fn find(id: Uuid) -> Result<Option<StoredJournal>> {
    match transfers::find_journal(id)? {
        Some(stored) => Ok(Some(stored)),
        None => transfers::find_by_transfer(id),
    }
}

impl Sweep<'_> {
    /// 22023 for a request that no sweep has.
    pub fn check(&self) -> Result<()> {
        check_kind(self.system, self.kind)?;
        check_effective(self.effective_at.as_ref())?;
        check_notes(self.description, self.metadata.as_ref())?;
        if self.from.len() > MAX_LEGS {
            return Err(Error::invalid("from", format!("must be at most {MAX_LEGS} accounts")));
        }
        if self.from.contains(&self.to) {
            return Err(LedgerError::SameAccount { field: "to".to_owned() }.into());
        }
        let unique: BTreeSet<_> = self.from.iter().collect();
        if unique.len() < self.from.len() {
            return Err(Error::invalid("from", "names an account twice"));
        }
        Ok(())
    }

    fn request<'r>(&'r self, legs: &'r [Leg]) -> Result<Request<'r>> {
        Request::new(&Journal {
            id: self.id,
            system: self.system,
            kind: self.kind,
            description: self.description,
            legs,
            effective_at: self.effective_at,
            metadata: self.metadata.clone(),
        })
    }

    /// What to answer where the id is taken: what is stored, if it is a sweep of these
    /// accounts. How much each had is what it says.
    fn answer(&self, stored: &StoredJournal) -> Result<Posted> {
        let differs = |field: &str| LedgerError::Differs {
            what: "journal",
            id: stored.id.to_string(),
            field: field.to_owned(),
        };
        for line in &stored.lines {
            let from = match (line.debit == self.to, line.credit == self.to) {
                (true, false) => line.credit,
                (false, true) => line.debit,
                _ => return Err(differs("to").into()),
            };
            if !self.from.contains(&from) {
                return Err(differs("from").into());
            }
        }
        let leg = |line: &replay::StoredLine| Leg {
            id: Some(line.id),
            debit: line.debit,
            credit: line.credit,
            amount: line.amount,
        };
        let legs: Vec<Leg> = stored.lines.iter().map(leg).collect();
        let mut request = self.request(&legs)?;
        for line in &mut request.lines {
            *line = Line { keyed: true, ..*line };
        }
        Ok(replay::answer(&request, stored)?)
    }
}
