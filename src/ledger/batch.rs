//! Many transfers in one call: the rules, on plain values.
//!
//! Each transfer is judged in its turn, by what those before it left. In a batch of
//! all or nothing the first that is refused refuses the batch; else each has a result
//! of its own.

use crate::kernel::error::Error;
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::check_transfer;
use pgrx::Uuid;
use std::collections::HashMap;

/// The most transfers of one batch.
pub const MAX_TRANSFERS: usize = 10_000;

/// What a refusal does to the rest of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All transfers, or none.
    All,
    /// Each on its own.
    Each,
}

/// A transfer of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The caller's idempotency key; made here where there is none.
    pub id: Option<Uuid>,
    /// Nothing where no account has the code that was given.
    pub debit: Option<AccountId>,
    pub credit: Option<AccountId>,
    pub amount: i64,
    /// That of the accounts where there is none.
    pub currency: Option<Currency>,
}

/// A transfer to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: Uuid,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: i64,
}

/// What is stored under an id, as far as a batch repeats it: nothing where it is
/// something that no batch of this kind posts.
pub type Stored = Option<Accepted>;

/// What became of a transfer.
#[derive(Debug)]
pub enum Outcome {
    /// Posted now; the accounts as it left them.
    Posted(Accepted, [Account; 2]),
    /// Posted before, with the same content.
    Exists(Uuid),
    Refused(Error),
}

/// The accounts of a batch while it is judged, and what was posted under ids of it.
pub struct Sheet {
    pub accounts: HashMap<AccountId, Account>,
    /// What other calls stored, and what this batch posts.
    pub known: HashMap<[u8; 16], Stored>,
}

impl Sheet {
    /// Judges the transfers in their order. In [`Mode::All`] it stops at a refusal.
    pub fn judge(&mut self, items: &[Item], mode: Mode) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            let outcome = self.one(n, item).unwrap_or_else(Outcome::Refused);
            let stop = mode == Mode::All && matches!(outcome, Outcome::Refused(_));
            outcomes.push(outcome);
            if stop {
                break;
            }
        }
        outcomes
    }

    fn one(&mut self, n: usize, item: &Item) -> Result<Outcome, Error> {
        let field = |name: &str| format!("p_transfers[{n}].{name}");
        let account = |id: Option<AccountId>, name: &str| {
            id.ok_or_else(|| Error::not_found("account", field(name)))
        };
        let (debit, credit) = (account(item.debit, "debit")?, account(item.credit, "credit")?);
        let (from, to) = (*self.account(debit)?, *self.account(credit)?);
        let currency = item.currency.unwrap_or(from.currency);
        check_transfer(debit, credit, Money::new(item.amount, currency), field)?;
        for (account, name) in [(&from, "debit"), (&to, "credit")] {
            if account.currency != currency {
                return Err(LedgerError::Currency {
                    field: field(name),
                    account: account.id,
                    has: account.currency,
                    given: currency,
                }
                .into());
            }
        }
        let id = item.id.unwrap_or_else(new_id);
        let transfer = Accepted { id, debit, credit, amount: item.amount };
        if let Some(stored) = item.id.and_then(|id| self.known.get(id.as_bytes())) {
            return match difference(&transfer, stored) {
                None => Ok(Outcome::Exists(id)),
                Some(name) => Err(LedgerError::Differs {
                    what: "transfer",
                    id: id.to_string(),
                    field: field(name),
                }
                .into()),
            };
        }
        let after = [
            from.apply(&Change { debits_posted: item.amount, ..Change::default() })?,
            to.apply(&Change { credits_posted: item.amount, ..Change::default() })?,
        ];
        self.accounts.extend(after.iter().map(|account| (account.id, *account)));
        if item.id.is_some() {
            self.known.insert(*id.as_bytes(), Some(transfer));
        }
        Ok(Outcome::Posted(transfer, after))
    }

    fn account(&self, id: AccountId) -> Result<&Account, LedgerError> {
        self.accounts.get(&id).ok_or(LedgerError::UnknownAccount(id))
    }
}

/// The part of a transfer that is stored otherwise.
fn difference(transfer: &Accepted, stored: &Stored) -> Option<&'static str> {
    let Some(stored) = stored else { return Some("id") };
    [
        ("debit", transfer.debit != stored.debit),
        ("credit", transfer.credit != stored.credit),
        ("amount", transfer.amount != stored.amount),
    ]
    .into_iter()
    .find_map(|(name, differs)| differs.then_some(name))
}
