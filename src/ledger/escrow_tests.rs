//! An account of several stripes does what one of a single row does.

use super::*;
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Class, Limit};
use proptest::prelude::*;

const STRIPES: usize = 4;

fn account(class: Class, limit: Limit) -> Account {
    Account {
        id: AccountId(1),
        currency: Currency::parse("INR", "currency").unwrap(),
        class,
        limit,
        closed: false,
        frozen: false,
        stripes: STRIPES as i16,
        counters: Counters::default(),
        expired: 0,
        expired_expected: 0,
    }
}

fn open(account: &Account) -> Vec<Stripe> {
    let stripe = |number| Stripe {
        number,
        counters: Counters::default(),
        shares: Shares::default(),
        frozen: false,
    };
    let mut stripes: Vec<Stripe> = (0..STRIPES as i16).map(stripe).collect();
    deal(&mut stripes, account);
    stripes
}

/// What a posting through one stripe comes to; whether the stripe was enough for it.
fn post(stripes: &mut [Stripe], account: &Account, n: usize, change: &Change) -> (bool, bool) {
    let (posted, pending) = change.split();
    // A hold is made, and settled, with all stripes locked.
    if pending == Change::default()
        && let Some(counters) = stripes[n].fit(account.side(), &posted)
    {
        stripes[n].counters = counters;
        return (true, true);
    }
    let Ok(after) = account.apply(change) else { return (false, false) };
    stripes[n].counters = stripes[n].count(&posted).unwrap();
    deal(stripes, &after);
    (true, false)
}

fn check(stripes: &[Stripe], account: &Account) -> Result<(), TestCaseError> {
    let side = account.side();
    let (mut overdraft, mut balance) = (0, 0);
    for stripe in stripes {
        let net = wide(stripe.counters.posted(side));
        if let Some(share) = stripe.shares.overdraft {
            overdraft += wide(share);
            prop_assert!(net + wide(share) >= 0, "{stripe:?}");
        }
        if let Some(share) = stripe.shares.balance {
            balance += wide(share);
            prop_assert!(net <= wide(share), "{stripe:?}");
        }
    }
    if let Some(most) = account.limit.max_overdraft() {
        let held = wide(account.counters.held(side)) - wide(account.expired);
        prop_assert!(overdraft <= wide(most) - held, "{overdraft} of {most} less {held}");
    }
    if let Some(most) = account.limit.max_balance() {
        let expected = wide(account.counters.expected(side));
        prop_assert!(balance <= wide(most) - expected, "{balance} of {most} less {expected}");
    }
    let posted = total(stripes);
    prop_assert_eq!(posted.debits_posted, account.counters.debits_posted);
    prop_assert_eq!(posted.credits_posted, account.counters.credits_posted);
    Ok(())
}

fn limit() -> impl Strategy<Value = Limit> {
    let far = || prop_oneof![4 => 0..200i64, 1 => Just(i64::MAX)];
    prop_oneof![
        Just(Limit::NoOverdraft),
        far().prop_map(Limit::Overdraft),
        (prop::option::of(far()), far()).prop_map(|(max_overdraft, max_balance)| {
            Limit::Between { max_overdraft, max_balance }
        }),
    ]
}

/// Posts, holds, settles and releases; whether it is posted on the debit side.
#[derive(Clone, Debug)]
enum Step {
    Post(bool, i64),
    Hold(bool, i64),
    Settle(bool, i64),
    Release(bool, i64),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let amount = || prop_oneof![8 => 1..60i64, 1 => 1..400i64];
    let what = prop_oneof![
        4 => (any::<bool>(), amount()).prop_map(|(debit, n)| Step::Post(debit, n)),
        2 => (any::<bool>(), amount()).prop_map(|(debit, n)| Step::Hold(debit, n)),
        1 => (any::<bool>(), amount()).prop_map(|(debit, n)| Step::Settle(debit, n)),
        1 => (any::<bool>(), amount()).prop_map(|(debit, n)| Step::Release(debit, n)),
    ];
    (0..STRIPES, what)
}

fn change(step: &Step, counters: &Counters) -> Option<Change> {
    let on = |debit: bool, posted: i64, pending: i64| match debit {
        true => Change { debits_posted: posted, debits_pending: pending, ..Change::default() },
        false => Change { credits_posted: posted, credits_pending: pending, ..Change::default() },
    };
    let pending =
        |debit: bool| if debit { counters.debits_pending } else { counters.credits_pending };
    match *step {
        Step::Post(debit, amount) => Some(on(debit, amount, 0)),
        Step::Hold(debit, amount) => Some(on(debit, 0, amount)),
        Step::Settle(debit, amount) => Some(amount.min(pending(debit)))
            .filter(|part| *part > 0)
            .map(|part| on(debit, part, -part)),
        Step::Release(debit, amount) => Some(amount.min(pending(debit)))
            .filter(|part| *part > 0)
            .map(|part| on(debit, 0, -part)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn stripes_allow_and_refuse_what_a_single_row_does(
        limit in limit(),
        debit_normal in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let class = if debit_normal { Class::Asset } else { Class::Liability };
        let mut account = account(class, limit);
        let mut stripes = open(&account);
        for (n, step) in steps {
            let Some(change) = change(&step, &account.counters) else { continue };
            if let Step::Release(..) = step {
                // The row alone changes; the room stays undealt.
                account.counters = account.counters.plus(&change).unwrap();
                check(&stripes, &account)?;
                continue;
            }
            let expected = account.apply(&change);
            let (allowed, _) = post(&mut stripes, &account, n, &change);
            prop_assert_eq!(allowed, expected.is_ok(), "{:?} of {:?}", step, account);
            if let Ok(after) = expected {
                account = after;
            }
            check(&stripes, &account)?;
        }
    }
}

#[test]
fn room_is_dealt_evenly_and_a_posting_in_its_share_needs_one_stripe() {
    let account = account(Class::Liability, Limit::Overdraft(402));
    let mut stripes = open(&account);
    let shares: Vec<i64> = stripes.iter().map(|stripe| stripe.shares.overdraft.unwrap()).collect();
    assert_eq!(shares, [101, 101, 100, 100]);
    let take = |amount| Change { debits_posted: amount, ..Change::default() };
    assert_eq!(post(&mut stripes, &account, 2, &take(100)), (true, true));
    let account = account.apply(&take(100)).unwrap();
    assert_eq!(post(&mut stripes, &account, 2, &take(1)), (true, false));
    let account = account.apply(&take(1)).unwrap();
    assert!(stripes[2].fit(account.side(), &take(75)).is_some());
    assert_eq!(post(&mut stripes, &account, 2, &take(302)), (false, false));
    assert_eq!(post(&mut stripes, &account, 2, &take(301)), (true, false));
}

#[test]
fn without_a_limit_there_are_no_shares() {
    let account = account(Class::Asset, Limit::None);
    let mut stripes = open(&account);
    let change = Change { credits_posted: 7, ..Change::default() };
    assert_eq!(post(&mut stripes, &account, 0, &change), (true, true));
    assert!(!stripes.iter().any(Stripe::is_guarded));
}

#[test]
fn a_stripe_of_a_frozen_account_decides_nothing() {
    let account = Account { frozen: true, ..account(Class::Asset, Limit::None) };
    let stripes = open(&account);
    assert!(stripes[0].is_guarded());
    assert_eq!(stripes[0].fit(account.side(), &Change::default()), None);
}
