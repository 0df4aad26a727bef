//! The short way for a transfer on its own: three statements and no look-ups.
//!
//! The accounts are changed first and judged by what the change gave back. If
//! anything is out of the ordinary (a limit, an unknown account, an id that is
//! taken), the change is taken back and the long way in [`posting`] decides.
//!
//! [`posting`]: crate::ledger::posting

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::books::own_stripe;
use crate::ledger::journal::{Line, Posted, Request};
use crate::ledger::store::accounts;
use crate::ledger::store::transfers::{self, Single};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    /// Striped accounts that this backend met. Only a hint: where it is wrong,
    /// no row is found and the long way is taken.
    static STRIPED: RefCell<HashMap<AccountId, i16>> = RefCell::default();
}
const MOST_REMEMBERED: usize = 10_000;

/// Notes that an account is striped.
pub fn remember_striped(id: AccountId, stripes: i16) {
    STRIPED.with_borrow_mut(|striped| {
        if striped.len() >= MOST_REMEMBERED {
            striped.clear();
        }
        striped.insert(id, stripes);
    });
}

fn stripe_of(id: AccountId) -> Option<i16> {
    STRIPED.with_borrow(|striped| striped.get(&id).map(|stripes| own_stripe(*stripes)))
}

/// One side of the transfer.
struct Step {
    id: AccountId,
    stripe: Option<i16>,
    change: Change,
}

impl Step {
    fn run(&self, change: &Change) -> Result<Option<Account>> {
        match self.stripe {
            None => accounts::move_row(self.id, change),
            Some(stripe) => accounts::move_stripe(self.id, stripe, change),
        }
    }
}

/// Posts a transfer, or changes nothing and leaves it to the long way.
pub fn try_post(request: &Request<'_>) -> Result<Option<Posted>> {
    let [line] = request.lines.as_slice() else { return Ok(None) };
    // A journal's id may be that of a journal with more transfers.
    if request.journal_id.is_some() || request.journal_key.is_some() || line.reverses.is_some() {
        return Ok(None);
    }
    let steps = steps(line);
    let mut after = Vec::with_capacity(2);
    for step in &steps {
        match step.run(&step.change)? {
            Some(account) => after.push(account),
            None => return undo(&steps[..after.len()]),
        }
        if !is_allowed(line, &step.change, &after[after.len() - 1]) {
            return undo(&steps[..after.len()]);
        }
    }
    let recorded_at = clock();
    let stored = transfers::insert_one(&Single {
        line,
        system: request.system,
        kind: request.kind,
        hold: None,
        description: request.description,
        metadata: request.metadata.as_ref(),
        recorded_at,
        effective_at: request.effective_at,
    })?;
    if !stored {
        return undo(&steps);
    }
    Ok(Some(request.posted(recorded_at, after)))
}

/// Both sides in the order in which everybody locks: rows before stripes, by id.
fn steps(line: &Line) -> [Step; 2] {
    let amount = line.amount.minor;
    let debit = Change { debits_posted: amount, ..Change::default() };
    let credit = Change { credits_posted: amount, ..Change::default() };
    let step = |id, change| Step { id, stripe: stripe_of(id), change };
    let mut steps = [step(line.debit, debit), step(line.credit, credit)];
    steps.sort_by_key(|step| (step.stripe.is_some(), step.id));
    steps
}

/// Whether the account that a change led to could have allowed it. Holds that
/// have expired are not looked for: the long way does that.
fn is_allowed(line: &Line, change: &Change, after: &Account) -> bool {
    let before = after.counters.plus(&change.inverse());
    after.currency == line.amount.currency
        && before.is_some_and(|counters| Account { counters, ..*after }.apply(change).is_ok())
}

fn undo(done: &[Step]) -> Result<Option<Posted>> {
    for step in done {
        step.run(&step.change.inverse())?;
    }
    Ok(None)
}
