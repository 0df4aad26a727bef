//! Balancing transfers: as much as there is, up to an amount.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::ledger::account::{Account, AccountId};
use crate::ledger::books::{Books, Touch};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Posted, Request};
use crate::ledger::period::gate::admit;
use crate::ledger::posting::post_locked;
use crate::ledger::replay;
use crate::ledger::store::transfers;

/// The account whose balance says how much is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancing {
    /// No more than the debited account has in credit.
    Debit,
    /// No more than the credited account has in debit.
    Credit,
    /// No more than either.
    Both,
}

impl Balancing {
    /// 22023 naming `field` and what it may be.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "debit" => Ok(Balancing::Debit),
            "credit" => Ok(Balancing::Credit),
            "both" => Ok(Balancing::Both),
            _ => Err(Error::invalid(field, "must be debit, credit or both")),
        }
    }

    /// How much is moved of `most`: what brings neither account that counts past zero,
    /// holds included. The account that has nothing where that is nothing.
    pub fn amount(self, debit: &Account, credit: &Account, most: i64) -> Result<i64, LedgerError> {
        let mut amount = i128::from(most);
        for (account, room, counts) in [
            (debit, in_credit(debit), self != Balancing::Credit),
            (credit, in_debit(credit), self != Balancing::Debit),
        ] {
            if !counts {
                continue;
            }
            if room <= 0 {
                return Err(LedgerError::NothingAvailable(account.id));
            }
            amount = amount.min(room);
        }
        // No more than `most`.
        Ok(amount as i64)
    }
}

/// What can still be debited before the account is in debit, live holds counted.
fn in_credit(account: &Account) -> i128 {
    let counters = account.counters;
    let [posted, taken, pending] =
        [counters.credits_posted, counters.debits_posted, counters.debits_pending].map(i128::from);
    posted - taken - (pending - i128::from(account.expired_debits()))
}

/// What can still be credited before the account is in credit, live holds counted.
fn in_debit(account: &Account) -> i128 {
    let counters = account.counters;
    let [posted, taken, pending] =
        [counters.debits_posted, counters.credits_posted, counters.credits_pending].map(i128::from);
    posted - taken - (pending - i128::from(account.expired_credits()))
}

/// Posts a transfer of as much as there is, up to the amount of the journal's only leg.
/// The same id again gives what is stored, if the amount is no less than what was moved.
///
/// Errors as those of a transfer; PT409 where there is nothing to be moved.
pub fn post_up_to(journal: &Journal<'_>, balancing: Balancing) -> Result<Posted> {
    let [leg] = journal.legs else {
        return Err(Error::invalid("balancing", "is for a single transfer"));
    };
    let mut request = Request::new(journal)?;
    let admitted = admit(journal.effective_at, [leg.debit, leg.credit]);
    let kind = transfers::kind_id(journal.system, journal.kind)?;
    let mut books = Books::lock([leg.debit, leg.credit], Touch::Whole)?;
    if let Some(id) = leg.id
        && let Some(stored) = transfers::find_by_transfer(id)?
    {
        let first = stored.lines.iter().find(|line| line.id == id).map(|line| line.amount.minor);
        let minor = leg.amount.minor.min(first.unwrap_or(leg.amount.minor));
        request.lines[0].amount = Money { minor, ..leg.amount };
        return Ok(replay::answer(&request, &stored)?);
    }
    admitted?;
    books.expire_all(clock())?;
    books.check_currency(leg.debit, leg.credit, leg.amount, str::to_owned)?;
    let account = |id: AccountId| books.get(id).copied();
    let minor = balancing.amount(&account(leg.debit)?, &account(leg.credit)?, leg.amount.minor)?;
    request.lines[0].amount = Money { minor, ..leg.amount };
    post_locked(books, &request, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::Currency;
    use crate::ledger::account::{Class, Counters, Limit};
    use proptest::prelude::*;

    fn account(id: i64, class: Class, counters: Counters) -> Account {
        Account {
            id: AccountId(id),
            currency: Currency::parse("INR", "currency").unwrap(),
            class,
            limit: Limit::None,
            closed: false,
            frozen: false,
            stripes: 0,
            counters,
            expired: 0,
            expired_expected: 0,
        }
    }

    fn counters() -> impl Strategy<Value = Counters> {
        let count = || prop_oneof![9 => 0..1000i64, 1 => 0..i64::MAX / 2];
        (count(), count(), 0..200i64, 0..200i64).prop_map(|(debits, credits, d, c)| Counters {
            debits_posted: debits,
            credits_posted: credits,
            debits_pending: d,
            credits_pending: c,
        })
    }

    proptest! {
        #[test]
        fn neither_balance_that_counts_passes_zero(
            (d, c) in (counters(), counters()), most in 1..i64::MAX / 2,
        ) {
            let (debit, credit) = (account(1, Class::Asset, d), account(2, Class::Income, c));
            for balancing in [Balancing::Debit, Balancing::Credit, Balancing::Both] {
                let Ok(amount) = balancing.amount(&debit, &credit, most) else {
                    let none = (in_credit(&debit) <= 0 && balancing != Balancing::Credit)
                        || (in_debit(&credit) <= 0 && balancing != Balancing::Debit);
                    prop_assert!(none);
                    continue;
                };
                prop_assert!(amount > 0 && amount <= most);
                let after = |account: &Account, debit: i64, credit: i64| {
                    let change = Counters {
                        debits_posted: debit, credits_posted: credit, ..Counters::default()
                    };
                    account.apply(&change).unwrap()
                };
                let rest = [in_credit(&after(&debit, amount, 0)), in_debit(&after(&credit, 0, amount))];
                let counts = match balancing {
                    Balancing::Debit => &rest[..1],
                    Balancing::Credit => &rest[1..],
                    Balancing::Both => &rest[..],
                };
                prop_assert!(counts.iter().all(|rest| *rest >= 0));
                // It is as much as it can be.
                prop_assert!(amount == most || counts.contains(&0));
            }
        }
    }

    #[test]
    fn a_hold_that_has_expired_leaves_its_money_available() {
        let held = Counters { credits_posted: 100, debits_pending: 70, ..Counters::default() };
        let (wallet, bank) =
            (account(1, Class::Liability, held), account(2, Class::Asset, Counters::default()));
        assert_eq!(Balancing::Debit.amount(&wallet, &bank, 500), Ok(30));
        let expired = Account { expired: 70, ..wallet };
        assert_eq!(Balancing::Debit.amount(&expired, &bank, 500), Ok(100));
        assert_eq!(
            Balancing::Both.amount(&wallet, &bank, 500),
            Err(LedgerError::NothingAvailable(AccountId(2)))
        );
    }
}
