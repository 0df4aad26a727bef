//! The accounts that a posting changes, locked; checked before anything is written.
//!
//! Everybody locks in the same order, so nobody deadlocks: first rows of
//! accounts by id, then stripes by account, then holds.

use crate::kernel::error::Result;
use crate::kernel::money::Money;
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::error::LedgerError;
use crate::ledger::expiry::{leave_out_all_expired, leave_out_expired};
use crate::ledger::store;
use crate::ledger::striped::{self, Part};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// The stripe of an account that this backend posts to.
pub fn own_stripe(stripes: i16) -> i16 {
    // SAFETY: a plain global of the backend.
    let backend = unsafe { pg_sys::MyProcPid };
    (backend % i32::from(stripes)) as i16
}

/// Which counters are to change. It matters for striped accounts, whose posted
/// counters are in the stripes and whose pending ones are in the account's row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Posted,
    Pending,
    Both,
    /// Any, and they must be exact.
    Whole,
}

/// Accounts locked until the end of the transaction.
pub struct Books {
    accounts: BTreeMap<AccountId, Account>,
    /// What is locked of striped ones.
    parts: BTreeMap<AccountId, Part>,
}

impl Books {
    /// Books of accounts that nobody else has.
    #[cfg(test)]
    pub fn of(accounts: BTreeMap<AccountId, Account>) -> Self {
        Books { accounts, parts: BTreeMap::new() }
    }

    /// Locks accounts; those that do not exist are missing from the books. Of a striped
    /// account with a limit all stripes are locked: only together they know the balance.
    pub fn lock(ids: impl IntoIterator<Item = AccountId>, touch: Touch) -> Result<Self> {
        let ids: Vec<AccountId> = ids.into_iter().collect();
        let locked = store::accounts::lock(&ids, touch != Touch::Posted)?;
        let mut accounts: BTreeMap<_, _> = locked.into_iter().map(|a| (a.id, a)).collect();
        let missing: Vec<_> = ids.into_iter().filter(|id| !accounts.contains_key(id)).collect();
        if !missing.is_empty() {
            accounts.extend(store::accounts::read(&missing)?.into_iter().map(|a| (a.id, a)));
        }
        let mut books = Books { accounts, parts: BTreeMap::new() };
        books.lock_stripes(touch)?;
        Ok(books)
    }

    fn lock_stripes(&mut self, touch: Touch) -> Result<()> {
        for account in self.accounts.values_mut() {
            if account.stripes == 0 || (touch == Touch::Pending && !account.is_guarded()) {
                continue;
            }
            let (locked, part) = match touch {
                Touch::Whole => striped::lock_all(account)?,
                _ => striped::lock_for_posting(account)?,
            };
            self.parts.extend(part.map(|part| (account.id, part)));
            *account = locked;
        }
        Ok(())
    }

    /// Counts holds that have expired as gone.
    pub fn expire(&mut self, now: TimestampWithTimeZone) -> Result<()> {
        leave_out_expired(self.accounts.values_mut(), now)
    }

    /// The same for every hold, also those that no limit asks for.
    pub fn expire_all(&mut self, now: TimestampWithTimeZone) -> Result<()> {
        leave_out_all_expired(self.accounts.values_mut(), now)
    }

    pub fn get(&self, id: AccountId) -> Result<&Account, LedgerError> {
        self.accounts.get(&id).ok_or(LedgerError::UnknownAccount(id))
    }

    /// Accounts with holds that have expired and still count in their row.
    pub fn with_expired_holds(&self) -> Vec<AccountId> {
        self.accounts.values().filter(|account| account.expired > 0).map(|a| a.id).collect()
    }

    /// Whether both accounts exist and have the amount's currency.
    pub fn check_currency(
        &self,
        debit: AccountId,
        credit: AccountId,
        amount: Money,
        field: impl Fn(&str) -> String,
    ) -> Result<(), LedgerError> {
        for (id, name) in [(debit, "debit"), (credit, "credit")] {
            let account = self.get(id)?;
            if account.currency != amount.currency {
                return Err(LedgerError::Currency {
                    field: field(name),
                    account: id,
                    has: account.currency,
                    given: amount.currency,
                });
            }
        }
        Ok(())
    }

    /// The accounts after their changes, if every one allows its own.
    pub fn check(
        &self,
        changes: &BTreeMap<AccountId, Change>,
    ) -> Result<Vec<Account>, LedgerError> {
        let mut after = Vec::with_capacity(changes.len());
        for (id, change) in changes {
            after.push(self.get(*id)?.apply(change)?);
            if let Some(part) = self.parts.get(id) {
                part.check(*id, change)?;
            }
        }
        Ok(after)
    }

    /// Writes changes that were checked.
    pub fn write(&self, changes: &BTreeMap<AccountId, Change>) -> Result<()> {
        let mut rows = BTreeMap::new();
        for (id, change) in changes {
            let Some(part) = self.parts.get(id) else {
                rows.insert(*id, *change);
                continue;
            };
            part.write(self.get(*id)?, change)?;
            let (_, pending) = change.split();
            if pending != Change::default() {
                rows.insert(*id, pending);
            }
        }
        store::accounts::change(&rows)
    }
}
