//! Striped accounts in a posting that takes the long way.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::subtransaction;
use crate::ledger::account::{Account, AccountId, Change};
use crate::ledger::books::own_stripe;
use crate::ledger::error::LedgerError;
use crate::ledger::escrow::{self, Stripe};
use crate::ledger::store::stripes;

/// What a posting has locked of a striped account.
pub enum Part {
    /// The stripe of this backend; the account has no limit.
    Own(Stripe),
    /// Every stripe; the account's counters are those of all of them.
    All { own: usize, stripes: Vec<Stripe> },
}

impl Part {
    fn own(&self) -> &Stripe {
        match self {
            Part::Own(stripe) => stripe,
            Part::All { own, stripes } => &stripes[*own],
        }
    }

    /// Whether the own stripe can count a change.
    pub fn check(&self, account: AccountId, change: &Change) -> Result<(), LedgerError> {
        let counted = self.own().count(&change.split().0);
        counted.map(|_| ()).ok_or(LedgerError::OutOfRange { account })
    }

    /// Writes the posted part of a change that was checked, and deals the room that it
    /// leaves out anew where all stripes are locked.
    pub fn write(&self, account: &Account, change: &Change) -> Result<()> {
        let (posted, _) = change.split();
        if posted != Change::default() {
            stripes::add(account.id, self.own().number, &posted)?;
        }
        let Part::All { own, stripes: all } = self else { return Ok(()) };
        let mut all = all.clone();
        let out_of_range = LedgerError::OutOfRange { account: account.id };
        let total = account.counters.plus(change).ok_or(out_of_range.clone())?;
        all[*own].counters = all[*own].count(&posted).ok_or(out_of_range)?;
        let after = Account { counters: total, ..*account };
        escrow::deal(&mut all, &after);
        stripes::deal(&after, &all)
    }
}

/// Locks the own stripe, or all of them where the account has a limit or is frozen. The
/// account as it is with that.
pub fn lock_for_posting(account: &Account) -> Result<(Account, Option<Part>)> {
    if account.is_guarded() {
        return lock_all(account);
    }
    // Whoever has just set a limit or frozen the account makes it one of which all are
    // locked, in order: the lock of the own one must be given back first.
    let mut guarded = false;
    let locked = subtransaction(|| {
        let found = stripes::lock_one(account.id, own_stripe(account.stripes))?;
        guarded = found.is_some_and(|stripe| stripe.is_guarded());
        if guarded { Err(Error::conflict("all stripes are to be locked")) } else { Ok(found) }
    });
    match locked {
        Err(_) if guarded => lock_all(account),
        Err(error) => Err(error),
        Ok(Some(stripe)) => Ok((*account, Some(Part::Own(stripe)))),
        // Whoever closed the account took its stripes away meanwhile.
        Ok(None) => Ok((Account { closed: true, ..*account }, None)),
    }
}

/// Locks every stripe of an account, in order; the account with the counters of all.
pub fn lock_all(account: &Account) -> Result<(Account, Option<Part>)> {
    let id = account.id;
    let all = stripes::lock_all(id)?;
    // Whoever changes a limit or freezes the account locks all stripes, too.
    let row = stripes::read_account(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    if all.is_empty() {
        return Ok((Account { closed: true, ..row }, None));
    }
    let total = row.counters.plus(&escrow::total(&all));
    let counters = total.ok_or(LedgerError::OutOfRange { account: id })?;
    let number = own_stripe(account.stripes);
    let own = all.iter().position(|stripe| stripe.number == number).unwrap_or_default();
    Ok((Account { counters, ..row }, Some(Part::All { own, stripes: all })))
}
