//! Changing what an account may do: its limits, and whether it is frozen.

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::ledger::account::{Account, AccountId, Limit, check_text};
use crate::ledger::error::LedgerError;
use crate::ledger::escrow::{self, Stripe};
use crate::ledger::expiry::{expire_holds_of, leave_out_expired};
use crate::ledger::store;
use crate::ledger::striped::{self, Part};
use crate::ops::audit::{self, Change};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Map;

const TABLE: &str = "ledger.accounts";

/// Sets how far an account may go below zero and how far it may grow.
///
/// PT404 unknown account; PT409 where it is closed or its balance, with what holds
/// may take and bring, does not keep to the new limit; 22023 below zero.
pub fn set_limit(id: AccountId, limit: Limit, reason: Option<&str>) -> Result<()> {
    limit.validate()?;
    if let Some(reason) = reason {
        check_text("reason", reason, 1000)?;
    }
    // What has expired shall not stand in the way.
    expire_holds_of(id)?;
    let locked = Locked::open(id)?;
    check_kept(&locked.account, limit)?;
    if same(locked.account.limit, limit) {
        return Ok(());
    }
    store::limits::set(id, limit)?;
    locked.deal(Account { limit, ..locked.account })?;
    match reason {
        Some(reason) => log("set_limit", id, reason),
        None => Ok(()),
    }
}

/// Stops everything that would be posted to an account, held on it or settled. Holds
/// are still released and expire. Again, it changes nothing.
///
/// PT404 unknown account; PT409 where it is closed; 22023 without a reason.
pub fn freeze(id: AccountId, reason: &str) -> Result<()> {
    set_frozen(id, "freeze_account", Some(clock()), reason)
}

/// Lets an account take postings again; errors as those of [`freeze`].
pub fn unfreeze(id: AccountId, reason: &str) -> Result<()> {
    set_frozen(id, "unfreeze_account", None, reason)
}

fn set_frozen(
    id: AccountId,
    action: &str,
    at: Option<TimestampWithTimeZone>,
    reason: &str,
) -> Result<()> {
    check_text("reason", reason, 1000)?;
    let locked = Locked::open(id)?;
    if locked.account.frozen == at.is_some() {
        return Ok(());
    }
    store::limits::freeze(id, at)?;
    locked.deal(Account { frozen: at.is_some(), ..locked.account })?;
    log(action, id, reason)
}

/// Logs why; what changed the trigger of the table logs.
fn log(action: &str, id: AccountId, reason: &str) -> Result<()> {
    audit::record(Change {
        action: action.to_owned(),
        table: TABLE.to_owned(),
        record_id: Some(id.to_string()),
        old: None,
        new: Some(Map::from_iter([("reason".to_owned(), reason.into())]).into()),
    })
}

/// Deals out the room of an account that was opened just now.
pub fn deal_anew(id: AccountId) -> Result<()> {
    let locked = Locked::open(id)?;
    locked.deal(locked.account)
}

/// An account with everything of it locked, its counters exact.
struct Locked {
    account: Account,
    stripes: Vec<Stripe>,
}

impl Locked {
    /// PT404 unknown account; PT409 closed.
    fn open(id: AccountId) -> Result<Self> {
        let found = store::accounts::lock(&[id], true)?.into_iter().next();
        let mut account = found.ok_or(LedgerError::UnknownAccount(id))?;
        if account.closed {
            return Err(LedgerError::Closed(id).into());
        }
        let mut stripes = Vec::new();
        if account.stripes > 0 {
            (account, stripes) = match striped::lock_all(&account)? {
                (account, Some(Part::All { stripes, .. })) => (account, stripes),
                _ => return Err(LedgerError::Closed(id).into()),
            };
        }
        leave_out_expired(std::iter::once(&mut account), clock())?;
        Ok(Locked { account, stripes })
    }

    /// Tells the stripes what the account has become.
    fn deal(&self, account: Account) -> Result<()> {
        if self.stripes.is_empty() {
            return Ok(());
        }
        let mut stripes = self.stripes.clone();
        escrow::deal(&mut stripes, &account);
        store::stripes::deal(&account, &stripes)
    }
}

fn same(a: Limit, b: Limit) -> bool {
    a.max_overdraft() == b.max_overdraft() && a.max_balance() == b.max_balance()
}

/// PT409 unless the account keeps to a limit as it is.
pub fn check_kept(account: &Account, limit: Limit) -> Result<(), LedgerError> {
    let broken = |field, balance| {
        let (account, currency) = (account.id, account.currency);
        Err(LedgerError::LimitBroken { account, currency, field, balance })
    };
    match (limit.max_overdraft(), limit.max_balance()) {
        (Some(most), _) if account.available() < -i128::from(most) => {
            broken("max_overdraft", account.available())
        }
        (_, Some(most)) if account.reach() > i128::from(most) => {
            broken("max_balance", account.reach())
        }
        _ => Ok(()),
    }
}
