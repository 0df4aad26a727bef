//! Posting batches.
//!
//! A batch adds up what its transfers change, and writes each account once. It reads
//! the accounts without a lock, judges, and then changes them only if they are still
//! what it read; if not, it begins anew with the accounts locked.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result, SqlState, sqlstate};
use crate::kernel::money::Money;
use crate::kernel::rows::{self, Version};
use crate::kernel::spi::subtransaction;
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::archive;
use crate::ledger::batch::{Accepted, Item, MAX_TRANSFERS, Mode, Outcome, Sheet};
use crate::ledger::books::{Books, Touch, own_stripe};
use crate::ledger::error::LedgerError;
use crate::ledger::escrow::Stripe;
use crate::ledger::expiry::leave_out_expired;
use crate::ledger::journal::{Journal, Leg, check_kind};
use crate::ledger::posting::post;
use crate::ledger::store;
use crate::ledger::store::rows::{AccountRows, ToStripe, post_to_stripes};
use pgrx::Uuid;
use std::collections::{BTreeSet, HashMap};

/// Another transaction changed an account since it was read. Never leaves this file.
const CHANGED: SqlState = SqlState::new("40001");
const MOST_ATTEMPTS: usize = 10;

/// Posts transfers of one kind: in [`Mode::All`] all of them or none, else each that
/// can be. The outcomes are in the order of the transfers.
///
/// PT409 where another call stores the same ids again and again; in [`Mode::All`] what
/// the first refused transfer is refused with.
pub fn post_batch(system: &str, kind: &str, items: &[Item], mode: Mode) -> Result<Vec<Outcome>> {
    check_kind(system, kind)?;
    if items.is_empty() || items.len() > MAX_TRANSFERS {
        let rule = format!("must have 1 to {MAX_TRANSFERS} transfers");
        return Err(Error::invalid("p_transfers", rule));
    }
    let kind_id = store::transfers::kind_id(system, kind)?;
    for attempt in 0..MOST_ATTEMPTS {
        let outcome = subtransaction(|| {
            if !rows::sees_latest() {
                return Ok(None);
            }
            attempt_batch(kind_id, items, mode, attempt == 0)
        });
        match outcome {
            Ok(Some(outcomes)) => return Ok(outcomes),
            Ok(None) => return one_by_one(system, kind, items, mode),
            // With the accounts locked: one that only a statement may change.
            Err(e) if e.sqlstate == CHANGED && attempt > 0 => {
                return one_by_one(system, kind, items, mode);
            }
            // The second is a transfer that another call stored since we looked.
            Err(e) if [CHANGED, sqlstate::UNIQUE_VIOLATION].contains(&e.sqlstate) => (),
            Err(e) => return Err(e),
        }
    }
    Err(Error::conflict("other calls keep storing transfers with these ids"))
}

/// Nothing where the transfers must be posted one by one.
fn attempt_batch(
    kind: i16,
    items: &[Item],
    mode: Mode,
    first: bool,
) -> Result<Option<Vec<Outcome>>> {
    // The index that refuses ids has no archived rows.
    if archive::is_any_taken(items.iter().filter_map(|item| item.id))? {
        return Ok(None);
    }
    let ids = accounts_of(items);
    if !first {
        store::accounts::lock(&ids, false)?;
    }
    let tables = AccountRows::open()?;
    let Some(mut before) = tables.read(&ids)? else { return Ok(None) };
    if before.iter().any(|(account, _)| account.stripes > 0 && account.is_guarded()) {
        return Ok(None);
    }
    leave_out_expired(before.iter_mut().map(|(account, _)| account), clock())?;
    let given: Vec<_> = items.iter().filter_map(|item| item.id).collect();
    // Most ids are new. Where one is not, its index refuses it, and the next attempt looks.
    let known =
        if first || given.is_empty() { HashMap::new() } else { store::rows::stored(&given, kind)? };
    let accounts = before.iter().map(|(account, _)| (account.id, *account)).collect();
    let mut sheet = Sheet { accounts, known };
    let mut outcomes = sheet.judge(items, mode);
    // A refusal may be one of what was posted before, or for what that has moved already.
    if first && outcomes.iter().any(Outcome::is_refused) && is_any_stored(&given, kind)? {
        return Err(changed());
    }
    if mode == Mode::All && matches!(outcomes.last(), Some(Outcome::Refused(_))) {
        let refused = outcomes.pop();
        return match refused {
            Some(Outcome::Refused(error)) => Err(error),
            _ => Err(Error::internal("a refusal is gone")),
        };
    }
    write(&tables, &before, &sheet)?;
    let mut accepted: Vec<Accepted> = outcomes.iter().filter_map(Outcome::accepted).collect();
    // All have one time, so that no order is lost; neighbours in an index come one after
    // the other, and find its pages at hand.
    accepted.sort_unstable_by_key(|transfer| transfer.debit);
    store::transfers::append_batch(&accepted, kind, clock())?;
    rows::command_done();
    Ok(Some(outcomes))
}

/// The accounts that transfers name, in order.
fn accounts_of(items: &[Item]) -> Vec<AccountId> {
    let all: BTreeSet<_> =
        items.iter().flat_map(|item| [item.debit, item.credit]).flatten().collect();
    all.into_iter().collect()
}

fn is_any_stored(given: &[Uuid], kind: i16) -> Result<bool> {
    Ok(!given.is_empty() && !store::rows::stored(given, kind)?.is_empty())
}

/// Changes every account that the batch moved, in the order in which everybody locks,
/// if it is still what was read.
fn write(tables: &AccountRows, before: &[(Account, Version)], sheet: &Sheet) -> Result<()> {
    let moved = before
        .iter()
        .filter_map(|(was, version)| Some((was, version, sheet.accounts.get(&was.id)?)))
        .filter(|(was, _, is)| was.counters != is.counters);
    let (striped, rows): (Vec<_>, Vec<_>) = moved.partition(|(was, _, _)| was.stripes > 0);
    if !tables.write(rows.iter().map(|(_, version, is)| (*version, is.counters)))? {
        return Err(changed());
    }
    let stripes: Vec<_> = striped
        .iter()
        .map(|(was, _, is)| ToStripe {
            account: was.id,
            side: was.side(),
            stripe: own_stripe(was.stripes),
            change: added(was, is),
        })
        .collect();
    let fits = |stripe: &Stripe, to: &ToStripe| stripe.fit(to.side, &to.change);
    if !stripes.is_empty() && post_to_stripes(&stripes, fits)? != Some(stripes.len()) {
        return Err(changed());
    }
    Ok(())
}

fn added(was: &Account, is: &Account) -> Change {
    Change {
        debits_posted: is.counters.debits_posted - was.counters.debits_posted,
        credits_posted: is.counters.credits_posted - was.counters.credits_posted,
        ..Change::default()
    }
}

fn changed() -> Error {
    Error::new(CHANGED, "an account changed since it was read")
}

/// For what a batch cannot decide at once: every transfer as if it came alone, with all
/// accounts locked before, in the order in which everybody locks.
fn one_by_one(system: &str, kind: &str, items: &[Item], mode: Mode) -> Result<Vec<Outcome>> {
    Books::lock(accounts_of(items), Touch::Posted)?;
    let mut outcomes = Vec::with_capacity(items.len());
    for (n, item) in items.iter().enumerate() {
        outcomes.push(match mode {
            Mode::All => alone(system, kind, n, item)?,
            Mode::Each => {
                subtransaction(|| alone(system, kind, n, item)).unwrap_or_else(Outcome::Refused)
            }
        });
    }
    Ok(outcomes)
}

fn alone(system: &str, kind: &str, n: usize, item: &Item) -> Result<Outcome> {
    let account = |id: Option<AccountId>, name: &str| {
        id.ok_or_else(|| Error::not_found("account", format!("p_transfers[{n}].{name}")))
    };
    let (debit, credit) = (account(item.debit, "debit")?, account(item.credit, "credit")?);
    let found = store::accounts::read(&[debit])?.into_iter().next();
    let from = found.ok_or(LedgerError::UnknownAccount(debit))?;
    let amount = Money::new(item.amount, item.currency.unwrap_or(from.currency));
    let posted = post(&Journal {
        id: None,
        system,
        kind,
        description: None,
        legs: &[Leg { id: item.id, debit, credit, amount }],
        effective_at: None,
        metadata: None,
    })?;
    let id = posted.journal_id;
    if posted.replayed {
        return Ok(Outcome::Exists(id));
    }
    let after = |id: AccountId| {
        let found = posted.after.iter().find(|account| account.id == id);
        found.copied().ok_or_else(|| Error::internal("a posting left out an account"))
    };
    let accepted = Accepted { id, debit, credit, amount: item.amount };
    Ok(Outcome::Posted(accepted, [after(debit)?, after(credit)?]))
}

impl Outcome {
    fn is_refused(&self) -> bool {
        matches!(self, Outcome::Refused(_))
    }

    fn accepted(&self) -> Option<Accepted> {
        match self {
            Outcome::Posted(transfer, _) => Some(*transfer),
            _ => None,
        }
    }
}
