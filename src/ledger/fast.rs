//! The short way for what can only succeed: rows are changed without a statement.
//!
//! Each account is changed as soon as the rules allow its own part. If anything is out
//! of the ordinary (a limit, a closed or unknown account, an id that is taken), what was
//! changed is taken back and the long way in [`posting`] decides.
//!
//! [`posting`]: crate::ledger::posting

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::rows;
use crate::kernel::spi::subtransaction;
use crate::ledger::account::{Account, AccountId, Change, Limit};
use crate::ledger::books::own_stripe;
use crate::ledger::journal::{Posted, Request};
use crate::ledger::store::rows::{AccountRows, ToStripe, Verdict, is_taken, post_to_stripes};
use crate::ledger::store::{accounts, stripes, transfers};
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeMap;

/// Posts a journal, or changes nothing and leaves it to the long way.
pub fn try_post(request: &Request<'_>) -> Result<Option<Posted>> {
    let repeatable = request.journal_key.is_some();
    let reverses = request.lines.iter().any(|line| line.reverses.is_some());
    if reverses || !rows::sees_latest() || (repeatable && is_taken_already(request)?) {
        return Ok(None);
    }
    let changes = request.changes()?;
    let kind = transfers::kind_id(request.system, request.kind)?;
    let Some(done) = change_rows(request, &changes)? else { return Ok(None) };
    let stored = if done.must_let_go(request) {
        or_let_go(|| finish(request, kind, &done))?
    } else {
        finish(request, kind, &done)?
    };
    let Some(recorded_at) = stored else {
        take_back(&done.rows, &[])?;
        return Ok(None);
    };
    rows::command_done();
    Ok(Some(request.posted(recorded_at, done.after)))
}

/// Changes the stripes and stores the transfers; nothing where something is in the way.
fn finish(
    request: &Request<'_>,
    kind: i16,
    done: &Changed,
) -> Result<Option<TimestampWithTimeZone>> {
    let changed = match done.stripes.as_slice() {
        [] => 0,
        stripes => {
            post_to_stripes(stripes, |stripe, to| stripe.fit(to.side, &to.change))?.unwrap_or(0)
        }
    };
    if changed == done.stripes.len() {
        // Taken with all accounts locked, so that it orders the transfers of each.
        let recorded_at = clock();
        if transfers::append(request, kind, recorded_at)? {
            return Ok(Some(recorded_at));
        }
    }
    take_back(&[], &done.stripes[..changed])?;
    Ok(None)
}

/// Nothing where `work` gives nothing, and the locks that it took are given back then.
fn or_let_go<T>(work: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
    let mut in_the_way = false;
    let outcome = subtransaction(|| {
        let done = work()?;
        in_the_way = done.is_none();
        done.ok_or_else(|| Error::conflict("something is in the way"))
    });
    match outcome {
        Err(_) if in_the_way => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn is_taken_already(request: &Request<'_>) -> Result<bool> {
    request.journal_key.map_or(Ok(false), is_taken)
}

/// Accounts that were changed, and stripes that are to be.
#[derive(Default)]
struct Changed {
    rows: Vec<(AccountId, Change)>,
    stripes: Vec<ToStripe>,
    /// Whether one of the striped accounts has a limit.
    guarded: bool,
    after: Vec<Account>,
}

/// Changes the rows of all accounts that are not striped, in the order in which everybody
/// locks: rows before stripes, by id. Or none of them, where one is not to be changed here.
fn change_rows(
    request: &Request<'_>,
    changes: &BTreeMap<AccountId, Change>,
) -> Result<Option<Changed>> {
    let mut done = Changed::default();
    let all = changes.keys().copied();
    let accepted = AccountRows::open()?.post(all, |account| {
        let change = changes.get(&account.id).copied().unwrap_or_default();
        // Where another transaction was faster this is the second look at the account: what
        // the first one wanted has not been done.
        done.forget(account.id);
        let Some(after) = allowed(request, account, &change) else { return Ok(None) };
        done.after.push(after);
        if account.stripes > 0 {
            let stripe = own_stripe(account.stripes);
            done.guarded |= account.is_guarded();
            done.stripes.push(ToStripe {
                account: account.id,
                side: account.side(),
                stripe,
                change,
            });
            return Ok(Some(Verdict::Leave));
        }
        done.rows.push((account.id, change));
        Ok(Some(Verdict::Post(after)))
    })?;
    let Some(accepted) = accepted else { return Ok(None) };
    if accepted < changes.len() {
        take_back(&done.rows, &[])?;
        return Ok(None);
    }
    Ok(Some(done))
}

impl Changed {
    fn forget(&mut self, id: AccountId) {
        self.after.retain(|account| account.id != id);
        self.rows.retain(|(row, _)| *row != id);
        self.stripes.retain(|to| to.account != id);
    }

    /// Whether something may be in the way after a stripe was changed, so that the long way
    /// would lock all stripes of an account while it has one of them, out of order.
    fn must_let_go(&self, request: &Request<'_>) -> bool {
        let keyed = request.lines.iter().any(|line| line.keyed);
        self.guarded && (keyed || self.stripes.len() > 1)
    }
}

/// The account after its change, if the rules allow it. Holds that have expired are not
/// looked for: the long way does that.
fn allowed(request: &Request<'_>, account: &Account, change: &Change) -> Option<Account> {
    // Lines between accounts of different currencies are refused where they are checked.
    let currency = request.lines.first()?.amount.currency;
    let same = account.currency == currency
        && request.lines.iter().all(|line| line.amount.currency == currency);
    // Each stripe keeps to its share of a limit.
    let limit = if account.stripes > 0 { Limit::None } else { account.limit };
    let after = Account { limit, ..*account }.apply(change).ok().filter(|_| same)?;
    Some(Account { limit: account.limit, ..after })
}

/// Takes changes back, by statements: what this transaction has just written to a table
/// with foreign keys is changed by nothing else.
fn take_back(rows: &[(AccountId, Change)], stripes: &[ToStripe]) -> Result<()> {
    if rows.is_empty() && stripes.is_empty() {
        return Ok(());
    }
    rows::command_done();
    let inverse = rows.iter().map(|(id, change)| (*id, change.inverse())).collect();
    accounts::change(&inverse)?;
    for to in stripes {
        stripes::add(to.account, to.stripe, &to.change.inverse())?;
    }
    Ok(())
}
