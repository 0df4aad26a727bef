//! Closing holds whose time has come.
//!
//! An expired hold counts no more from its very time on: balances and limits
//! leave it out. This only tidies it away, from the counters and the open holds.

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::books::Books;
use crate::ledger::hold::Due;
use crate::ledger::store;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Closes up to `most` holds whose time has come; how many.
pub fn expire_holds(most: i64) -> Result<usize> {
    let now = clock();
    let due = store::holds::due(most, now)?;
    store::accounts::lock(&accounts_of(&due), true)?;
    close_expired(&due, now)
}

/// Closes the expired holds of one account.
pub fn expire_holds_of(account: AccountId) -> Result<usize> {
    let now = clock();
    let due = store::holds::due_of(&[account], now)?;
    store::accounts::lock(&accounts_of(&due), true)?;
    close_expired(&due, now)
}

/// Closes expired holds that a posting came across. The accounts on their other
/// side are locked out of order, so only if nobody else has them: what stays
/// behind is closed another time and counts no more all the same.
pub fn sweep_behind(books: &Books, now: TimestampWithTimeZone) -> Result<()> {
    let accounts = books.with_expired_holds();
    if accounts.is_empty() {
        return Ok(());
    }
    let due = store::holds::due_of(&accounts, now)?;
    let locked = store::accounts::try_lock(&accounts_of(&due))?;
    let mine = |due: &&Due| locked.contains(&due.debit) && locked.contains(&due.credit);
    let due: Vec<Due> = due.iter().filter(mine).copied().collect();
    close_expired(&due, now)?;
    Ok(())
}

/// Counts holds that have expired as gone.
pub fn leave_out_expired<'a>(
    accounts: impl Iterator<Item = &'a mut Account>,
    now: TimestampWithTimeZone,
) -> Result<()> {
    leave_out(accounts.filter(|account| account.has_holds()).collect(), now)
}

/// The same for all holds, also those that its limits do not ask for.
pub fn leave_out_all_expired<'a>(
    accounts: impl Iterator<Item = &'a mut Account>,
    now: TimestampWithTimeZone,
) -> Result<()> {
    let pending = |account: &&mut Account| {
        account.counters.debits_pending > 0 || account.counters.credits_pending > 0
    };
    leave_out(accounts.filter(pending).collect(), now)
}

fn leave_out(mut accounts: Vec<&mut Account>, now: TimestampWithTimeZone) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    for account in &mut accounts {
        (account.expired, account.expired_expected) = (0, 0);
    }
    for (id, takes_from, amount) in store::holds::expired(&ids, now)? {
        for account in accounts.iter_mut().filter(|account| account.id == id) {
            match takes_from == account.side() {
                true => account.expired = amount,
                false => account.expired_expected = amount,
            }
        }
    }
    Ok(())
}

fn accounts_of(due: &[Due]) -> Vec<AccountId> {
    let both: BTreeSet<_> = due.iter().flat_map(|due| [due.debit, due.credit]).collect();
    both.into_iter().collect()
}

/// Closes holds whose accounts are locked; how many.
fn close_expired(due: &[Due], now: TimestampWithTimeZone) -> Result<usize> {
    if due.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = due.iter().map(|due| due.id).collect();
    let closed = store::holds::close_expired(&ids, now)?;
    let mut changes = BTreeMap::<AccountId, Change>::new();
    for (debit, credit, left) in &closed {
        changes.entry(*debit).or_default().debits_pending -= left;
        changes.entry(*credit).or_default().credits_pending -= left;
    }
    store::accounts::change(&changes)?;
    Ok(closed.len())
}
