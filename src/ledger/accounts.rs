//! Opening, finding and closing accounts, and their balances.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::ledger::account::{Account, AccountId, Balance, Limit, NewAccount, Side};
use crate::ledger::books::{Books, Touch};
use crate::ledger::chart::check_parent;
use crate::ledger::error::LedgerError;
use crate::ledger::expiry::{expire_holds_of, leave_out_expired};
use crate::ledger::journal::Posted;
use crate::ledger::limits;
use crate::ledger::store;

/// Opens an account; the id of the one that has the code already, if it is the
/// same. The name is a label: it may differ.
///
/// 22023 for values that are not allowed; PT409 where the code is taken by an
/// account that differs.
pub fn open_account(new: &NewAccount<'_>) -> Result<AccountId> {
    open_account_below(new, None)
}

/// [`open_account`] as a part of another account.
pub fn open_account_below(new: &NewAccount<'_>, parent: Option<AccountId>) -> Result<AccountId> {
    new.validate()?;
    // Looked up first: an insert that finds the code taken burns an id.
    if let Some(id) = store::accounts::find(new.system, new.code)? {
        return opened_before(id, new, parent);
    }
    if let Some(parent) = parent {
        let found = store::accounts::describe(parent)?;
        let found = found.ok_or(LedgerError::UnknownAccount(parent))?;
        check_parent(new.system, new.class, &found)?;
    }
    if let Some(id) = store::accounts::open(new, parent)? {
        if new.stored_stripes() > 0 && new.limit != Limit::None {
            limits::deal_anew(id)?;
        }
        return Ok(id);
    }
    let id = store::accounts::find_taken(new.system, new.code)?
        .ok_or_else(|| Error::internal("an account was neither opened nor found"))?;
    opened_before(id, new, parent)
}

fn opened_before(
    id: AccountId,
    new: &NewAccount<'_>,
    parent: Option<AccountId>,
) -> Result<AccountId> {
    let found = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    let differs = [
        ("currency", found.currency != new.currency),
        ("class", found.class != new.class),
        ("owner", found.owner != new.owner),
        ("max_overdraft", found.limit.max_overdraft() != new.limit.max_overdraft()),
        ("max_balance", found.limit.max_balance() != new.limit.max_balance()),
        // Closing an account takes its stripes away.
        ("stripes", !found.closed && found.stripes != new.stored_stripes()),
        // It may have been moved since: who names none asks for none in particular.
        ("parent", parent.is_some() && found.parent != parent),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(id),
        Some((field, _)) => Err(LedgerError::Differs {
            what: "account",
            id: format!("{} {}", new.system, new.code),
            field: field.to_owned(),
        }
        .into()),
    }
}

/// The account with this code.
pub fn find_account(system: &str, code: &str) -> Result<Option<AccountId>> {
    store::accounts::find(system, code)
}

/// The accounts with these codes, one for each, in their order.
pub fn find_accounts(system: &str, codes: Vec<String>) -> Result<Vec<Option<AccountId>>> {
    store::accounts::find_all(system, codes)
}

/// The balance of an account now, without holds that have expired.
pub fn balance(id: AccountId) -> Result<Balance> {
    let mut account = read(id)?;
    complete(&mut account)?;
    Ok(account.balance())
}

/// The balances of accounts, in the order given, which nobody else posts to until
/// the transaction ends: what is read after this agrees with them. Not for striped
/// accounts, whose rows postings do not lock.
///
/// PT404 unknown account.
pub fn lock_balances(ids: &[AccountId]) -> Result<Vec<Balance>> {
    let mut locked = store::accounts::lock(ids, true)?;
    for account in &mut locked {
        complete(account)?;
    }
    let balance = |id: &AccountId| {
        let found = locked.iter().find(|account| account.id == *id);
        Ok(found.ok_or(LedgerError::UnknownAccount(*id))?.balance())
    };
    ids.iter().map(balance).collect()
}

/// Locks accounts as a posting does, in the order of all postings: for a transaction that
/// posts to them more than once.
pub fn lock_to_post(ids: &[AccountId]) -> Result<()> {
    Books::lock(ids.iter().copied(), Touch::Posted).map(drop)
}

/// What a posting left on an account; nothing where the account is striped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    pub posted: Option<i64>,
    pub available: Option<i64>,
}

/// What a posting left on an account or, after a repeated request, what is there now. Of
/// a striped account no single row tells, and to read all of them would cost more than
/// the posting: whoever wants its balance asks for it.
pub fn left_on(posted: &Posted, id: AccountId) -> Result<Left> {
    let known = posted.after.iter().find(|account| account.id == id);
    // Holds that have expired may have been tidied away since, so what counts them is old.
    let known = known.filter(|account| account.stripes > 0 || !account.has_holds());
    let mut account = known.copied().map_or_else(|| read(id), Ok)?;
    if account.stripes > 0 {
        return Ok(Left::default());
    }
    complete(&mut account)?;
    let balance = account.balance();
    Ok(Left { posted: Some(balance.posted), available: Some(balance.available) })
}

fn read(id: AccountId) -> Result<Account> {
    let found = store::accounts::read(&[id])?.into_iter().next();
    Ok(found.ok_or(LedgerError::UnknownAccount(id))?)
}

/// Adds what is not in the account's row.
fn complete(account: &mut Account) -> Result<()> {
    if account.stripes > 0 {
        let posted = store::accounts::sum_stripes(account.id)?;
        account.counters.debits_posted = posted.debits_posted;
        account.counters.credits_posted = posted.credits_posted;
    }
    leave_out_expired(std::iter::once(account), clock())
}

/// Closes an account that has neither a balance nor open holds; it takes no more
/// transfers. Closing it again changes nothing.
///
/// PT404 unknown account; PT409 where it is not empty.
pub fn close_account(id: AccountId) -> Result<()> {
    expire_holds_of(id)?;
    let account = store::accounts::lock(&[id], true)?
        .into_iter()
        .next()
        .ok_or(LedgerError::UnknownAccount(id))?;
    if account.closed {
        return Ok(());
    }
    let stripes = store::accounts::lock_all_stripes(id)?;
    let total = account.counters.plus(&stripes).ok_or(LedgerError::OutOfRange { account: id })?;
    if total.posted(Side::Debit) != 0 || total.debits_pending > 0 || total.credits_pending > 0 {
        return Err(LedgerError::NotEmpty(id).into());
    }
    store::accounts::close(id, &stripes)
}
