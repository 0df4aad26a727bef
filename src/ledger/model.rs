//! Random sequences of everything, against a model that adds up from scratch.
//!
//! The model keeps nothing but what happened: lists of transfers and holds in
//! 128-bit integers. After every step the accounts of the rules must equal what
//! the lists add up to, and a refusal must be one that the model foresees.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{Account, AccountId, Change, Class, Counters, Limit, Side};
use crate::ledger::books::Books;
use crate::ledger::hold::{Hold, Status};
use crate::ledger::journal::{Journal, Leg, Request};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ACCOUNTS: i64 = 6;

#[derive(Clone, Debug)]
enum Step {
    Post(Vec<(i64, i64, i64)>),
    Hold(i64, i64, i64),
    Settle(usize, Option<i64>),
    Release(usize),
    /// The time of the hold comes.
    Expire(usize),
}

#[derive(Clone, Debug, PartialEq)]
struct ModelHold {
    debit: i64,
    credit: i64,
    left: i128,
    status: Status,
}

/// What happened, and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    transfers: Vec<(i64, i64, i128)>,
    holds: Vec<ModelHold>,
}

fn class(id: i64) -> Class {
    [Class::Asset, Class::Liability, Class::Equity, Class::Income, Class::Expense, Class::Liability]
        [(id - 1) as usize]
}

fn limit(id: i64) -> Limit {
    [
        Limit::NoOverdraft,
        Limit::NoOverdraft,
        Limit::None,
        Limit::Overdraft(50),
        Limit::None,
        Limit::Overdraft(7),
    ][(id - 1) as usize]
}

impl Model {
    fn posted(&self, id: i64) -> (i128, i128) {
        let sum = |side: fn(&(i64, i64, i128)) -> i64| {
            self.transfers.iter().filter(|t| side(t) == id).map(|t| t.2).sum()
        };
        (sum(|t| t.0), sum(|t| t.1))
    }

    /// What holds that are open still hold, expired or not.
    fn pending(&self, id: i64, expired: bool) -> (i128, i128) {
        let counts = |hold: &&ModelHold| {
            hold.status == Status::Open || (expired && hold.status == Status::Expired)
        };
        let open: Vec<_> = self.holds.iter().filter(counts).collect();
        let sum = |side: fn(&ModelHold) -> i64| {
            open.iter().filter(|hold| side(hold) == id).map(|hold| hold.left).sum()
        };
        (sum(|hold| hold.debit), sum(|hold| hold.credit))
    }

    fn available(&self, id: i64) -> i128 {
        let ((debits, credits), (held_debits, held_credits)) =
            (self.posted(id), self.pending(id, false));
        match class(id).normal_side() {
            Side::Debit => debits - credits - held_credits,
            Side::Credit => credits - debits - held_debits,
        }
    }

    /// The SQLSTATEs of all reasons not to go from `before` to `self`.
    fn refusals(&self, before: &Model) -> Vec<&'static str> {
        let mut codes = Vec::new();
        for id in 1..=ACCOUNTS {
            let ((debits, credits), (held_debits, held_credits)) =
                (self.posted(id), self.pending(id, true));
            if (debits + held_debits).max(credits + held_credits) > i128::from(i64::MAX) {
                codes.push("22003");
            }
            let (was, is) = (before.available(id), self.available(id));
            if limit(id).max_overdraft().is_some_and(|most| is < was && is < -i128::from(most)) {
                codes.push("PT409");
            }
        }
        codes
    }
}

/// The accounts and holds that the rules of the ledger lead to.
#[derive(Clone, Debug)]
struct Rules {
    accounts: BTreeMap<AccountId, Account>,
    holds: Vec<Hold>,
}

fn inr(minor: i64) -> Money {
    Money::new(minor, Currency::parse("INR", "currency").unwrap())
}

/// When everything happens.
fn now() -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(1_000).unwrap()
}

impl Rules {
    fn new() -> Self {
        let account = |id| Account {
            id: AccountId(id),
            currency: inr(0).currency,
            class: class(id),
            limit: limit(id),
            closed: false,
            frozen: false,
            stripes: 0,
            counters: Counters::default(),
            expired: 0,
            expired_expected: 0,
        };
        let accounts = (1..=ACCOUNTS).map(|id| (AccountId(id), account(id))).collect();
        Rules { accounts, holds: Vec::new() }
    }

    fn run(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Post(legs) => self.post(legs)?,
            Step::Hold(debit, credit, amount) => self.hold(*debit, *credit, *amount)?,
            Step::Settle(n, amount) => {
                let hold = &self.holds[*n];
                let part = hold.settlement(amount.map(inr), now())?.minor;
                let used_up = part == hold.left();
                self.change(&hold.changes(part, part))?;
                self.holds[*n].settled += part;
                if used_up {
                    self.holds[*n].status = Status::Settled;
                }
            }
            Step::Release(n) if self.holds[*n].status == Status::Open => {
                let hold = &self.holds[*n];
                let status = match hold.status_at(now()) {
                    Status::Expired => Status::Expired,
                    _ => Status::Released,
                };
                self.change(&hold.changes(hold.left(), 0))?;
                self.holds[*n].status = status;
            }
            Step::Release(_) => {}
            Step::Expire(n) => self.holds[*n].expires_at = Some(now()),
        }
        self.leave_out_expired();
        Ok(())
    }

    fn change(&mut self, changes: &BTreeMap<AccountId, Change>) -> Result<()> {
        let after = Books::of(self.accounts.clone()).check(changes)?;
        self.accounts.extend(after.into_iter().map(|account| (account.id, account)));
        Ok(())
    }

    fn post(&mut self, legs: &[(i64, i64, i64)]) -> Result<()> {
        let leg = |(debit, credit, amount): &(i64, i64, i64)| Leg {
            id: None,
            debit: AccountId(*debit),
            credit: AccountId(*credit),
            amount: inr(*amount),
        };
        let legs: Vec<Leg> = legs.iter().map(leg).collect();
        let request = Request::new(&Journal {
            id: None,
            system: "test",
            kind: "test",
            description: None,
            legs: &legs,
            effective_at: None,
            metadata: None,
        })?;
        self.change(&request.changes()?)
    }

    fn hold(&mut self, debit: i64, credit: i64, amount: i64) -> Result<()> {
        let hold = Hold {
            id: Uuid::from_bytes([0; 16]),
            debit: AccountId(debit),
            credit: AccountId(credit),
            amount: inr(amount),
            settled: 0,
            status: Status::Open,
            expires_at: None,
            system: String::new(),
            kind: String::new(),
            description: None,
            metadata: None,
        };
        self.change(&hold.changes(-amount, 0))?;
        self.holds.push(hold);
        Ok(())
    }

    /// As the statement on holds does it: open ones whose time has come.
    fn leave_out_expired(&mut self) {
        for account in self.accounts.values_mut() {
            let side = account.class.normal_side();
            let takes = |hold: &&Hold| {
                let from = if side == Side::Credit { hold.debit } else { hold.credit };
                from == account.id && hold.status_at(now()) != hold.status
            };
            account.expired = self.holds.iter().filter(takes).map(Hold::left).sum();
        }
    }
}

/// What must happen to the lists, and the SQLSTATEs if it must not.
fn foresee(model: &Model, rules: &Rules, step: &Step) -> (Model, Vec<&'static str>) {
    let mut next = model.clone();
    match step {
        Step::Post(legs) => {
            if legs.iter().any(|leg| leg.2 <= 0 || leg.0 == leg.1) {
                return (next, vec!["22023"]);
            }
            next.transfers.extend(legs.iter().map(|leg| (leg.0, leg.1, i128::from(leg.2))));
        }
        Step::Hold(debit, credit, amount) => next.holds.push(ModelHold {
            debit: *debit,
            credit: *credit,
            left: i128::from(*amount),
            status: Status::Open,
        }),
        Step::Settle(n, amount) => {
            let hold = &mut next.holds[*n];
            let part = amount.map_or(hold.left, i128::from);
            if hold.status != Status::Open || part > hold.left {
                return (model.clone(), vec!["PT409"]);
            }
            hold.left -= part;
            if hold.left == 0 {
                hold.status = Status::Settled;
            }
            next.transfers.push((hold.debit, hold.credit, part));
        }
        Step::Release(n) => {
            let hold = &mut next.holds[*n];
            if hold.status == Status::Open || rules.holds[*n].status == Status::Open {
                hold.left = 0;
                if hold.status == Status::Open {
                    hold.status = Status::Released;
                }
            }
        }
        Step::Expire(n) => {
            if next.holds[*n].status == Status::Open {
                next.holds[*n].status = Status::Expired;
            }
        }
    }
    let refusals = next.refusals(model);
    (next, refusals)
}

fn check(model: &Model, rules: &Rules) -> std::result::Result<(), TestCaseError> {
    let (mut all_debits, mut all_credits) = (0, 0);
    for (id, account) in &rules.accounts {
        let counters = account.counters;
        let posted = (counters.debits_posted.into(), counters.credits_posted.into());
        prop_assert_eq!(posted, model.posted(id.0), "posted to {}", id);
        let pending = (counters.debits_pending.into(), counters.credits_pending.into());
        prop_assert_eq!(pending, model.pending(id.0, true), "pending on {}", id);
        prop_assert_eq!(account.available(), model.available(id.0), "available of {}", id);
        let balance = account.balance();
        prop_assert_eq!(balance.posted - balance.pending, balance.available);
        prop_assert!(counters.plus(&Change::default()).is_some(), "{:?}", counters);
        if let Some(most) = account.limit.max_overdraft() {
            prop_assert!(account.available() >= -i128::from(most), "limit of {}", id);
        }
        all_debits += i128::from(counters.debits_posted);
        all_credits += i128::from(counters.credits_posted);
    }
    prop_assert_eq!(all_debits, all_credits);
    Ok(())
}

fn account() -> impl Strategy<Value = i64> {
    1..=ACCOUNTS
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 1..100i64, 1 => -1..=0i64, 1 => (i64::MAX - 100)..=i64::MAX]
}

fn step() -> impl Strategy<Value = Step> {
    let leg = || (account(), account(), amount());
    let accounts = (account(), 1..ACCOUNTS).prop_map(|(a, n)| (a, (a - 1 + n) % ACCOUNTS + 1));
    let positive = prop_oneof![20 => 1..100i64, 1 => (i64::MAX - 100)..=i64::MAX];
    prop_oneof![
        4 => prop::collection::vec(leg(), 1..5).prop_map(Step::Post),
        3 => (accounts, positive).prop_map(|((d, c), amount)| Step::Hold(d, c, amount)),
        3 => (0..20usize, prop::option::of(1..60i64)).prop_map(|(n, part)| Step::Settle(n, part)),
        1 => (0..20usize).prop_map(Step::Release),
        1 => (0..20usize).prop_map(Step::Expire),
    ]
}

/// A step on a hold takes one that exists.
fn aim(step: Step, holds: usize) -> Option<Step> {
    let pick = |n: usize| (holds > 0).then(|| n % holds);
    Some(match step {
        Step::Settle(n, part) => Step::Settle(pick(n)?, part),
        Step::Release(n) => Step::Release(pick(n)?),
        Step::Expire(n) => Step::Expire(pick(n)?),
        other => other,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_adding_up_from_scratch(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let (mut model, mut rules) = (Model::default(), Rules::new());
        for step in steps {
            let Some(step) = aim(step, rules.holds.len()) else { continue };
            let (next, refusals) = foresee(&model, &rules, &step);
            let before = rules.accounts.clone();
            match rules.run(&step) {
                Ok(()) => {
                    prop_assert!(refusals.is_empty(), "{:?}: foreseen {:?}", step, refusals);
                    model = next;
                }
                Err(error) => {
                    let code = error.sqlstate.code();
                    prop_assert!(refusals.contains(&code.as_str()), "{:?}: {}", step, code);
                    prop_assert_eq!(&before, &rules.accounts, "{:?}", step);
                }
            }
            check(&model, &rules)?;
        }
    }
}
