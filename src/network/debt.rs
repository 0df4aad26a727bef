//! Debts: what a promoter owes back, because a commission was reversed that had
//! been paid out.
//!
//! A debt is an account of the ledger, so it cannot disagree with what was posted.
//! It is netted with the next withdrawal, which is when money would leave the
//! house: at the request from what is free in the wallet ([`settle`]), and when it
//! is paid from the amount itself, for what came up in between.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::ledger::{self, AccountId, Class, Journal, Leg, Limit, NewAccount};
use crate::network::SYSTEM;
use crate::network::platform::Platform;
use crate::network::store::promoters::{self, Accounts};
use crate::network::store::reversals as store;
use pgrx::Uuid;

/// A promoter's money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// What the wallet holds, less what open withdrawals hold.
    pub available: i64,
    /// The part of it that was earned and is not payable yet.
    pub on_hold: i64,
    pub debt: i64,
}

impl Position {
    /// What is payable. A correction by hand may have taken what is on hold.
    pub fn free(&self) -> i64 {
        (self.available - self.on_hold).max(0)
    }

    /// How much of the debt what is free can pay back.
    pub fn offset(&self) -> i64 {
        self.debt.min(self.free())
    }

    /// What can be withdrawn.
    pub fn withdrawable(&self) -> i64 {
        self.free() - self.offset()
    }

    /// The position once the debt was paid back as far as possible.
    fn after_offset(&self) -> Position {
        let paid = self.offset();
        Position { available: self.available - paid, debt: self.debt - paid, ..*self }
    }
}

/// What is missing in a wallet for taking `amount` back without touching what is
/// on hold for other commissions.
pub fn shortfall(amount: i64, available: i64, on_hold_for_others: i64) -> i64 {
    amount - amount.min((available - on_hold_for_others).max(0))
}

/// The account of what the promoter owes, made when it is needed for the first time.
pub fn account(accounts: &Accounts, platform: &Platform) -> Result<AccountId> {
    if let Some(debt) = accounts.debt {
        return Ok(debt);
    }
    let debt = ledger::open_account(&NewAccount {
        system: SYSTEM,
        code: &format!("debt:{}", accounts.promoter),
        name: "Recoverable from promoter",
        currency: platform.currency,
        class: Class::Asset,
        owner: Some(accounts.promoter),
        limit: Limit::NoOverdraft,
        stripes: 0,
    })?;
    promoters::set_debt_account(accounts.promoter, debt)?;
    Ok(debt)
}

/// Pays back what the promoter owes from what is free in the wallet; the position
/// afterwards. The promoter's accounts are locked.
pub fn settle(accounts: &Accounts, platform: &Platform) -> Result<Position> {
    let position = position(accounts)?;
    if let Some(debt) = accounts.debt
        && position.offset() > 0
    {
        ledger::post(&Journal {
            id: None,
            system: SYSTEM,
            kind: "debt_recovery",
            description: None,
            legs: &[Leg {
                id: None,
                debit: accounts.wallet,
                credit: debt,
                amount: Money::new(position.offset(), platform.currency),
            }],
            effective_at: None,
            metadata: None,
        })?;
    }
    Ok(position.after_offset())
}

/// The promoter's money, from now on locked.
fn position(accounts: &Accounts) -> Result<Position> {
    let ids: Vec<AccountId> =
        [Some(accounts.wallet), accounts.debt].into_iter().flatten().collect();
    let balances = ledger::lock_balances(&ids)?;
    Ok(Position {
        available: balances[0].available,
        // Read after the wallet was locked: no commission comes in between.
        on_hold: on_hold(accounts.promoter, None, balances[0].currency)?,
        debt: balances.get(1).map_or(0, |debt| debt.posted),
    })
}

/// What a promoter earned that is not payable yet, but for a customer.
pub fn on_hold(promoter: Uuid, but_for: Option<Uuid>, currency: Currency) -> Result<i64> {
    store::on_hold(promoter, but_for, currency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_debt_comes_before_a_withdrawal_and_what_is_on_hold_stays() {
        let position = Position { available: 500, on_hold: 100, debt: 150 };
        assert_eq!((position.offset(), position.withdrawable()), (150, 250));
        let poor = Position { available: 120, on_hold: 100, debt: 150 };
        assert_eq!((poor.offset(), poor.withdrawable()), (20, 0));
    }

    #[test]
    fn a_reversal_takes_what_is_free_and_the_rest_is_owed() {
        assert_eq!(shortfall(500, 500, 0), 0);
        assert_eq!(shortfall(500, 200, 0), 300);
        assert_eq!(shortfall(500, 600, 200), 100);
        assert_eq!(shortfall(500, 100, 200), 500);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_when_a_debt_is_settled(
            available in 0i64..1_000_000, on_hold in 0i64..1_000_000, debt in 0i64..1_000_000,
        ) {
            let before = Position { available, on_hold, debt };
            let after = before.after_offset();
            prop_assert_eq!(before.available - before.debt, after.available - after.debt);
            prop_assert!(after.available >= 0 && after.debt >= 0);
            prop_assert_eq!(before.withdrawable(), after.withdrawable());
            prop_assert!(after.debt == 0 || after.withdrawable() == 0);
        }

        #[test]
        fn a_shortfall_leaves_the_wallet_at_or_above_what_is_on_hold(
            amount in 1i64..1_000_000, available in 0i64..1_000_000, others in 0i64..1_000_000,
        ) {
            let owed = shortfall(amount, available, others);
            prop_assert!((0..=amount).contains(&owed));
            prop_assert!(available + owed - amount >= others.min(available));
        }
    }
}
