//! Accounts and stripes, changed without a statement.

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::rows::{Columns, Decision, OpenTable, Row, Table, Version};
use crate::ledger::account::{Account, AccountId, Change, Class, Counters, Limit, Side};
use crate::ledger::batch::{Accepted, Stored};
use crate::ledger::escrow::{Shares, Stripe};
use pgrx::Uuid;
use std::collections::HashMap;

// Counters are added up by the rules, which let none of them leave its domain.
static ACCOUNTS: Table = Table { schema: c"ledger", name: c"accounts", vouched: &[] };
static STRIPES: Table = Table { schema: c"ledger", name: c"account_stripes", vouched: &[] };
static JOURNALS: Table = Table { schema: c"ledger", name: c"journals", vouched: &[] };
static TRANSFERS: Table =
    Table { schema: c"ledger", name: c"transfers", vouched: super::transfers::VOUCHED };

static ACCOUNT: Columns = Columns(&[
    "id",
    "currency",
    "class",
    "max_overdraft",
    "closed_at",
    "stripes",
    "debits_posted",
    "credits_posted",
    "debits_pending",
    "credits_pending",
    "updated_at",
    "max_balance",
    "frozen_at",
]);
/// The places in [`ACCOUNT`] of what a posting changes.
const POSTED: [usize; 3] = [6, 7, 10];
static STRIPE: Columns =
    Columns(&["debits_posted", "credits_posted", "overdraft_share", "balance_share", "frozen"]);
const BOTH: [usize; 2] = [0, 1];

static TRANSFER: Columns = Columns(&[
    "debit_account_id",
    "credit_account_id",
    "amount",
    "kind_id",
    "journal_id",
    "hold_id",
    "reverses_id",
    "effective_at",
    "description",
    "metadata",
]);
static JOURNAL: Columns = Columns(&["id"]);

/// What a rule makes of an account.
pub enum Verdict {
    /// Its row gets these counters.
    Post(Account),
    /// Its row stays as it is.
    Leave,
}

/// The tables of accounts, open for postings.
pub struct AccountRows {
    accounts: OpenTable,
}

impl AccountRows {
    pub fn open() -> Result<Self> {
        Ok(AccountRows { accounts: ACCOUNTS.open()? })
    }

    /// Accounts as they are now, in the order of the ids; those that do not exist are
    /// left out. Nothing where only statements can change them.
    pub fn read(&self, ids: &[AccountId]) -> Result<Option<Vec<(Account, Version)>>> {
        if self.accounts.changer(&ACCOUNT, &POSTED)?.is_none() {
            return Ok(None);
        }
        let mut rows = self.accounts.reader(&ACCOUNT)?;
        let mut accounts = Vec::with_capacity(ids.len());
        for id in ids {
            accounts.extend(rows.version(&[id.0.into()], account)?);
        }
        Ok(Some(accounts))
    }

    /// Gives accounts that were read the posted counters named with them, in their order;
    /// false where one is no more what was read.
    pub fn write<'v>(
        &self,
        changes: impl Iterator<Item = (&'v Version, Counters)>,
    ) -> Result<bool> {
        let Some(rows) = self.accounts.changer(&ACCOUNT, &POSTED)? else { return Ok(false) };
        let now = clock();
        for (version, counters) in changes {
            let (debits, credits) = (counters.debits_posted, counters.credits_posted);
            if !rows.swap(version, &[debits.into(), credits.into(), now.into()])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Shows each account in turn to `judge`, and changes its posted counters as that
    /// says; stops where it says nothing, or there is no such account. Nothing where
    /// only statements can do it. How many were shown and accepted.
    pub fn post(
        &self,
        ids: impl Iterator<Item = AccountId>,
        mut judge: impl FnMut(&Account) -> Result<Option<Verdict>>,
    ) -> Result<Option<usize>> {
        let Some(mut rows) = self.accounts.changer(&ACCOUNT, &POSTED)? else { return Ok(None) };
        let mut accepted = 0;
        for id in ids {
            let outcome = rows.change(&[id.0.into()], |row| {
                let account = account(row)?;
                Ok(match judge(&account)? {
                    None => Decision::Keep(false),
                    Some(Verdict::Leave) => Decision::Keep(true),
                    Some(Verdict::Post(Account { counters, .. })) => {
                        let (debits, credits) = (counters.debits_posted, counters.credits_posted);
                        Decision::Set(true, vec![debits.into(), credits.into(), clock().into()])
                    }
                })
            })?;
            if outcome != Some(true) {
                break;
            }
            accepted += 1;
        }
        Ok(Some(accepted))
    }
}

/// A posting to a stripe of an account that grows on `side`.
#[derive(Clone, Copy)]
pub struct ToStripe {
    pub account: AccountId,
    pub side: Side,
    pub stripe: i16,
    pub change: Change,
}

/// Sets stripes to the counters that `judge` gives; stops at the first that it refuses,
/// or that is not there. How many were changed; nothing where only statements can do it.
pub fn post_to_stripes(
    stripes: &[ToStripe],
    judge: impl Fn(&Stripe, &ToStripe) -> Option<Counters>,
) -> Result<Option<usize>> {
    let table = STRIPES.open()?;
    let Some(mut rows) = table.changer(&STRIPE, &BOTH)? else { return Ok(None) };
    let mut changed = 0;
    for to in stripes {
        let outcome = rows.change(&[to.account.0.into(), to.stripe.into()], |row| {
            Ok(match judge(&stripe(row, to.stripe)?, to) {
                None => Decision::Keep(false),
                Some(sum) => {
                    Decision::Set(true, vec![sum.debits_posted.into(), sum.credits_posted.into()])
                }
            })
        })?;
        if outcome != Some(true) {
            break;
        }
        changed += 1;
    }
    Ok(Some(changed))
}

fn stripe(row: &Row<'_>, number: i16) -> Result<Stripe> {
    let (debits_posted, credits_posted) = (row.get(0)?, row.get(1)?);
    Ok(Stripe {
        number,
        counters: Counters { debits_posted, credits_posted, ..Counters::default() },
        shares: Shares { overdraft: row.opt(2)?, balance: row.opt(3)? },
        frozen: row.get(4)?,
    })
}

/// What is stored under ids, as a batch of this kind asks for it. Rows are looked up one
/// by one: a plan that was made while there were few would read them all.
pub fn stored(ids: &[Uuid], kind: i16) -> Result<HashMap<[u8; 16], Stored>> {
    let (transfers, journals) = (TRANSFERS.open()?, JOURNALS.open()?);
    let (mut rows, mut others) = (transfers.reader(&TRANSFER)?, journals.reader(&JOURNAL)?);
    let mut stored = HashMap::new();
    for id in ids {
        let found = rows.get(&[(*id).into()], |row| {
            let plain = row.get::<i16>(3)? == kind && (4..=9).all(|column| !row.is_set(column));
            let (debit, credit) = (AccountId(row.get(0)?), AccountId(row.get(1)?));
            let transfer = Accepted { id: *id, debit, credit, amount: row.get(2)? };
            Ok(plain.then_some(transfer))
        })?;
        let found = match found {
            Some(found) => Some(found),
            None => others.get(&[(*id).into()], |_| Ok(None))?,
        };
        if let Some(found) = found {
            stored.insert(*id.as_bytes(), found);
        }
    }
    Ok(stored)
}

/// Whether a journal or a transfer has this id, as far as transactions have ended.
pub fn is_taken(id: Uuid) -> Result<bool> {
    Ok(JOURNALS.open()?.has(&[id.into()])? || TRANSFERS.open()?.has(&[id.into()])?)
}

fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.get(0)?),
        currency: Currency::parse(row.get(1)?, "currency")?,
        class: Class::parse(row.get(2)?, "class")?,
        limit: Limit::stored(row.opt(3)?, row.opt(11)?),
        closed: row.is_set(4),
        frozen: row.is_set(12),
        stripes: row.get(5)?,
        counters: Counters {
            debits_posted: row.get(6)?,
            credits_posted: row.get(7)?,
            debits_pending: row.get(8)?,
            credits_pending: row.get(9)?,
        },
        expired: 0,
        expired_expected: 0,
    })
}
