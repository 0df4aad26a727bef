//! What of somebody's earnings can be paid out: not those of charges that are too young,
//! which may yet be refunded, nor the reserve that stays for what comes later.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings::Settings;
use crate::treasury::books::{self, Account};
use crate::treasury::payout::of_currency;
use crate::treasury::store::payables as store;
use crate::treasury::{SYSTEM, amount, user};
use pgrx::Uuid;
use std::collections::BTreeMap;

/// What is left of somebody's shares of young charges, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Young {
    /// Of those that are too young to be paid out.
    pub held: i64,
    /// Of older ones of which a part stays.
    pub reservable: i64,
}

/// How old charges are that are held, and of which a part is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub held: i32,
    pub reserved: i32,
}

/// What the settings say of payouts.
pub struct Rules {
    pub days: Days,
    basis_points: i64,
    fixed: BTreeMap<String, i64>,
    minimum: BTreeMap<String, i64>,
}

impl Rules {
    pub fn load() -> Result<Self> {
        let settings = Settings::of(SYSTEM)?;
        let days = |key| {
            Ok::<_, crate::kernel::error::Error>(settings.get::<i64>(key)?.min(36_500) as i32)
        };
        let basis_points = settings.get("payout_reserve_basis_points")?;
        Ok(Rules {
            days: Days {
                held: days("payout_hold_days")?,
                // Without a part to reserve nobody has to look so far back.
                reserved: if basis_points > 0 { days("payout_reserve_days")? } else { 0 },
            },
            basis_points,
            fixed: settings.get("payout_reserve_fixed")?,
            minimum: settings.get("payout_minimum")?,
        })
    }

    /// The least that is paid out of a currency.
    pub fn minimum(&self, currency: Currency) -> Money {
        Money::new(of_currency(&self.minimum, currency).unwrap_or(1), currency)
    }
}

/// What somebody has, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payable {
    /// What was earned and not paid out, or given back; never below zero.
    pub earned: i64,
    pub held: i64,
    pub reserved: i64,
    pub payable: i64,
    /// What they owe, because more was given back than was there.
    pub receivable: i64,
}

impl Payable {
    /// From a balance of earnings. Of an amount that Stripe cannot write the rest stays.
    pub fn of(balance: i64, young: Young, rules: &Rules, currency: Currency) -> Self {
        let part = i128::from(young.reservable.max(0)) * i128::from(rules.basis_points);
        // Rounded up: a reserve that is too small is none.
        let part = i64::try_from((part + 9_999) / 10_000).unwrap_or(i64::MAX);
        let fixed = of_currency(&rules.fixed, currency).unwrap_or(0);
        let (held, reserved) = (young.held.max(0), part.saturating_add(fixed));
        let rest = balance.saturating_sub(held).saturating_sub(reserved).max(0);
        Payable {
            earned: balance.max(0),
            held,
            reserved,
            payable: amount::payable_part(rest, currency),
            receivable: balance.min(0).saturating_neg(),
        }
    }
}

/// What somebody has now.
pub fn show(caller: &Caller, person: Uuid, code: &str) -> Result<Payable> {
    caller.require_self_or_admin(SYSTEM, person, "p_user_id")?;
    user::require(person, "p_user_id")?;
    let currency = Currency::parse(code, "p_currency")?;
    let balance = books::balance(Account::Earnings(person), currency)?;
    read(person, currency, balance, &Rules::load()?)
}

/// What somebody can be paid, whose earnings are locked.
pub fn read(person: Uuid, currency: Currency, balance: i64, rules: &Rules) -> Result<Payable> {
    let young = store::young(&[(person, currency)], rules.days)?;
    let young = young.first().copied().unwrap_or_default();
    Ok(Payable::of(balance, young, rules, currency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd() -> Currency {
        Currency::parse("USD", "currency").unwrap()
    }

    fn rules(basis_points: i64, fixed: i64) -> Rules {
        Rules {
            days: Days { held: 7, reserved: 90 },
            basis_points,
            fixed: BTreeMap::from([("USD".to_owned(), fixed)]),
            minimum: BTreeMap::from([("USD".to_owned(), 500)]),
        }
    }

    #[test]
    fn young_earnings_and_reserves_stay() {
        let young = Young { held: 300, reservable: 1_001 };
        let payable = Payable::of(2_000, young, &rules(1_000, 50), usd());
        // A tenth of 1001 is rounded up.
        let expected =
            Payable { earned: 2_000, held: 300, reserved: 151, payable: 1_549, receivable: 0 };
        assert_eq!(payable, expected);
    }

    #[test]
    fn who_owes_gets_nothing() {
        let payable = Payable::of(-70, Young { held: 10, reservable: 0 }, &rules(0, 0), usd());
        assert_eq!((payable.earned, payable.payable, payable.receivable), (0, 0, 70));
    }

    #[test]
    fn a_currency_that_is_not_named_has_no_reserve_and_a_minimum_of_one() {
        let eur = Currency::parse("EUR", "currency").unwrap();
        assert_eq!(rules(0, 50).minimum(eur).minor, 1);
        assert_eq!(rules(0, 50).minimum(usd()).minor, 500);
        assert_eq!(Payable::of(100, Young::default(), &rules(0, 50), eur).payable, 100);
    }

    proptest! {
        #[test]
        fn never_more_than_there_is(
            balance: i64, held: i64, reservable: i64, points in 0_i64..=10_000, fixed in 0_i64..1_000_000,
        ) {
            let young = Young { held, reservable };
            let found = Payable::of(balance, young, &rules(points, fixed), usd());
            prop_assert!(found.payable >= 0 && found.payable <= balance.max(0));
            prop_assert!(found.earned == 0 || found.receivable == 0);
            if found.payable > 0 {
                prop_assert_eq!(found.payable, balance - found.held - found.reserved);
            }
        }
    }
}
