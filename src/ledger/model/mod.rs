//! Random sequences of everything, against a model that adds up from scratch.
//!
//! The model keeps nothing but what happened: lists of transfers and holds in
//! 128-bit integers, and what each account may do. After every step the accounts of the
//! rules must equal what the lists add up to, and a refusal must be one that the model
//! foresees and change nothing.

mod rules;

use crate::ledger::account::{Change, Class, Limit, Side};
use crate::ledger::balancing::Balancing;
use crate::ledger::hold::Status;
use crate::ledger::model::rules::Rules;
use proptest::prelude::*;

const ACCOUNTS: i64 = 6;

#[derive(Clone, Debug)]
enum Step {
    Post(Vec<(i64, i64, i64)>),
    /// As much as there is, up to an amount.
    Balance(i64, i64, i64, Balancing),
    /// Everything of several accounts into one.
    Sweep(Vec<i64>, i64),
    /// A part of a transfer, or the rest.
    Undo(usize, Option<i64>),
    Hold(i64, i64, i64),
    /// A part of a hold, or the rest; whether what it leaves is given back.
    Settle(usize, Option<i64>, bool),
    Release(usize),
    /// The time of the hold comes.
    Expire(usize),
    SetLimit(i64, Limit),
    Freeze(i64, bool),
}

#[derive(Clone, Debug, PartialEq)]
struct ModelHold {
    debit: i64,
    credit: i64,
    left: i128,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct ModelTransfer {
    debit: i64,
    credit: i64,
    amount: i128,
    undoes: Option<usize>,
}

/// What happened, and nothing else.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    transfers: Vec<ModelTransfer>,
    holds: Vec<ModelHold>,
    limits: Vec<Limit>,
    frozen: Vec<bool>,
}

fn class(id: i64) -> Class {
    [Class::Asset, Class::Liability, Class::Equity, Class::Income, Class::Expense, Class::Liability]
        [(id - 1) as usize]
}

fn first_limit(id: i64) -> Limit {
    [
        Limit::NoOverdraft,
        Limit::NoOverdraft,
        Limit::None,
        Limit::Overdraft(50),
        Limit::Between { max_overdraft: None, max_balance: 120 },
        Limit::Between { max_overdraft: Some(7), max_balance: 90 },
    ][(id - 1) as usize]
}

impl Model {
    fn new() -> Self {
        Model {
            transfers: Vec::new(),
            holds: Vec::new(),
            limits: (1..=ACCOUNTS).map(first_limit).collect(),
            frozen: vec![false; ACCOUNTS as usize],
        }
    }

    fn transfer(&mut self, debit: i64, credit: i64, amount: i128) {
        self.transfers.push(ModelTransfer { debit, credit, amount, undoes: None });
    }

    fn posted(&self, id: i64) -> (i128, i128) {
        let sum = |side: fn(&ModelTransfer) -> i64| {
            self.transfers.iter().filter(|t| side(t) == id).map(|t| t.amount).sum()
        };
        (sum(|t| t.debit), sum(|t| t.credit))
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

    /// What the balance comes to where every open hold brings what it may.
    fn reach(&self, id: i64) -> i128 {
        let ((debits, credits), (held_debits, held_credits)) =
            (self.posted(id), self.pending(id, false));
        match class(id).normal_side() {
            Side::Debit => debits - credits + held_debits,
            Side::Credit => credits - debits + held_credits,
        }
    }

    fn limit(&self, id: i64) -> Limit {
        self.limits[(id - 1) as usize]
    }

    fn is_kept(&self, id: i64, limit: Limit) -> bool {
        limit.max_overdraft().is_none_or(|most| self.available(id) >= -i128::from(most))
            && limit.max_balance().is_none_or(|most| self.reach(id) <= i128::from(most))
    }

    /// The SQLSTATEs of all reasons not to go from `before` to `self`.
    fn refusals(&self, before: &Model) -> Vec<&'static str> {
        let mut codes = Vec::new();
        let transfers = self.transfers[before.transfers.len()..].iter();
        let mut touched: Vec<i64> = transfers.flat_map(|t| [t.debit, t.credit]).collect();
        let holds = self.holds[before.holds.len()..].iter();
        touched.extend(holds.flat_map(|hold| [hold.debit, hold.credit]));
        if touched.iter().any(|id| self.frozen[(id - 1) as usize]) {
            codes.push("PT409");
        }
        for id in 1..=ACCOUNTS {
            let ((debits, credits), (held_debits, held_credits)) =
                (self.posted(id), self.pending(id, true));
            if (debits + held_debits).max(credits + held_credits) > i128::from(i64::MAX) {
                codes.push("22003");
            }
            let (was, is) = (before.available(id), self.available(id));
            let limit = self.limit(id);
            if limit.max_overdraft().is_some_and(|most| is < was && is < -i128::from(most)) {
                codes.push("PT409");
            }
            let (was, is) = (before.reach(id), self.reach(id));
            if limit.max_balance().is_some_and(|most| is > was && is > i128::from(most)) {
                codes.push("PT409");
            }
        }
        codes
    }
}

/// What must happen to the lists, and the SQLSTATEs if it must not.
fn foresee(model: &Model, rules: &Rules, step: &Step) -> (Model, Vec<&'static str>) {
    let mut next = model.clone();
    let refused = |code| (model.clone(), vec![code]);
    match step {
        Step::Post(legs) => {
            if legs.iter().any(|leg| leg.2 <= 0 || leg.0 == leg.1) {
                return refused("22023");
            }
            for (debit, credit, amount) in legs {
                next.transfer(*debit, *credit, i128::from(*amount));
            }
        }
        Step::Balance(debit, credit, most, balancing) => {
            if *most <= 0 || debit == credit {
                return refused("22023");
            }
            match foresee_amount(model, *debit, *credit, *most, *balancing) {
                amount if amount > 0 => next.transfer(*debit, *credit, amount),
                _ => return refused("PT409"),
            }
        }
        Step::Sweep(from, to) => {
            let mut unique = from.clone();
            unique.sort_unstable();
            unique.dedup();
            if from.contains(to) || unique.len() < from.len() {
                return refused("22023");
            }
            for id in from.iter().filter(|id| model.available(**id) > 0) {
                match class(*id).normal_side() {
                    Side::Debit => next.transfer(*to, *id, model.available(*id)),
                    Side::Credit => next.transfer(*id, *to, model.available(*id)),
                }
            }
        }
        Step::Undo(n, part) => {
            let of = model.transfers[*n];
            let undone = model.transfers.iter().filter(|t| t.undoes == Some(*n));
            let left = of.amount - undone.map(|t| t.amount).sum::<i128>();
            let amount = part.map_or(left, i128::from);
            match (of.undoes, left) {
                (Some(_), _) | (None, 0) => return refused("PT409"),
                _ if amount <= 0 => return refused("22023"),
                _ if amount > left => return refused("PT409"),
                _ => {}
            }
            let (debit, credit, undoes) = (of.credit, of.debit, Some(*n));
            next.transfers.push(ModelTransfer { debit, credit, amount, undoes });
        }
        Step::SetLimit(id, limit) => {
            if !model.is_kept(*id, *limit) {
                return refused("PT409");
            }
            next.limits[(id - 1) as usize] = *limit;
        }
        Step::Freeze(id, frozen) => next.frozen[(id - 1) as usize] = *frozen,
        _ => {
            if let Some(code) = foresee_hold(&mut next, rules, step) {
                return refused(code);
            }
        }
    }
    let refusals = next.refusals(model);
    (next, refusals)
}

fn foresee_amount(model: &Model, debit: i64, credit: i64, most: i64, how: Balancing) -> i128 {
    let ((taken, given), (held, _)) = (model.posted(debit), model.pending(debit, false));
    let in_credit = given - taken - held;
    let ((given, taken), (_, held)) = (model.posted(credit), model.pending(credit, false));
    let in_debit = given - taken - held;
    let most = i128::from(most);
    match how {
        Balancing::Debit => most.min(in_credit),
        Balancing::Credit => most.min(in_debit),
        Balancing::Both => most.min(in_credit).min(in_debit),
    }
}

/// The same for what happens to holds; a SQLSTATE where it must not.
fn foresee_hold(next: &mut Model, rules: &Rules, step: &Step) -> Option<&'static str> {
    match step {
        Step::Hold(debit, credit, amount) => next.holds.push(ModelHold {
            debit: *debit,
            credit: *credit,
            left: i128::from(*amount),
            status: Status::Open,
        }),
        Step::Settle(n, amount, last) => {
            let hold = &mut next.holds[*n];
            let part = amount.map_or(hold.left, i128::from);
            if hold.status != Status::Open || part > hold.left {
                return Some("PT409");
            }
            hold.left -= part;
            if hold.left == 0 {
                hold.status = Status::Settled;
            } else if *last {
                (hold.left, hold.status) = (0, Status::Released);
            }
            let (debit, credit) = (hold.debit, hold.credit);
            next.transfer(debit, credit, part);
        }
        Step::Release(n) => {
            let hold = &mut next.holds[*n];
            if hold.status == Status::Open || rules.is_open(*n) {
                hold.left = 0;
                if hold.status == Status::Open {
                    hold.status = Status::Released;
                }
            }
        }
        Step::Expire(n) if next.holds[*n].status == Status::Open => {
            next.holds[*n].status = Status::Expired;
        }
        _ => {}
    }
    None
}

/// The six invariants: money is conserved, no counter is below zero, balances are what
/// they are derived from, limits are kept, what is held is the sum of the holds, and
/// (where the steps are run) a refusal changes nothing.
fn check(model: &Model, rules: &Rules) -> Result<(), TestCaseError> {
    let (mut all_debits, mut all_credits) = (0, 0);
    for (id, account) in &rules.accounts {
        let counters = account.counters;
        let posted = (counters.debits_posted.into(), counters.credits_posted.into());
        prop_assert_eq!(posted, model.posted(id.0), "posted to {}", id);
        let pending = (counters.debits_pending.into(), counters.credits_pending.into());
        prop_assert_eq!(pending, model.pending(id.0, true), "pending on {}", id);
        prop_assert_eq!(account.available(), model.available(id.0), "available of {}", id);
        prop_assert_eq!(account.reach(), model.reach(id.0), "reach of {}", id);
        let balance = account.balance();
        prop_assert_eq!(balance.posted - balance.pending, balance.available);
        prop_assert!(counters.plus(&Change::default()).is_some(), "{:?}", counters);
        prop_assert_eq!(account.limit, model.limit(id.0));
        prop_assert!(model.is_kept(id.0, account.limit), "limit of {}", id);
        all_debits += i128::from(counters.debits_posted);
        all_credits += i128::from(counters.credits_posted);
    }
    prop_assert_eq!(all_debits, all_credits);
    for (n, of) in model.transfers.iter().enumerate() {
        let undone = model.transfers.iter().filter(|t| t.undoes == Some(n));
        prop_assert!(undone.map(|t| t.amount).sum::<i128>() <= of.amount, "transfer {}", n);
    }
    Ok(())
}

fn account() -> impl Strategy<Value = i64> {
    1..=ACCOUNTS
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 1..100i64, 1 => -1..=0i64, 1 => (i64::MAX - 100)..=i64::MAX]
}

fn limit() -> impl Strategy<Value = Limit> {
    let most = || prop::option::of(prop_oneof![4 => 0..150i64, 1 => Just(i64::MAX)]);
    (most(), most()).prop_map(|(overdraft, balance)| Limit::stored(overdraft, balance))
}

fn step() -> impl Strategy<Value = Step> {
    let leg = || (account(), account(), amount());
    let accounts = (account(), 1..ACCOUNTS).prop_map(|(a, n)| (a, (a - 1 + n) % ACCOUNTS + 1));
    let positive = prop_oneof![20 => 1..100i64, 1 => (i64::MAX - 100)..=i64::MAX];
    let how = prop_oneof![Just(Balancing::Debit), Just(Balancing::Credit), Just(Balancing::Both)];
    let part = || prop::option::of(prop_oneof![9 => 1..60i64, 1 => -1..=0i64]);
    prop_oneof![
        8 => prop::collection::vec(leg(), 1..5).prop_map(Step::Post),
        2 => (leg(), how).prop_map(|((d, c, most), how)| Step::Balance(d, c, most, how)),
        1 => (prop::collection::vec(account(), 0..4), account())
            .prop_map(|(from, to)| Step::Sweep(from, to)),
        3 => (0..99usize, part()).prop_map(|(n, part)| Step::Undo(n, part)),
        6 => (accounts, positive).prop_map(|((d, c), amount)| Step::Hold(d, c, amount)),
        6 => (0..20usize, prop::option::of(1..60i64), prop::bool::weighted(0.2))
            .prop_map(|(n, part, last)| Step::Settle(n, part, last)),
        2 => (0..20usize).prop_map(Step::Release),
        2 => (0..20usize).prop_map(Step::Expire),
        2 => (account(), limit()).prop_map(|(id, limit)| Step::SetLimit(id, limit)),
        2 => (account(), prop::bool::weighted(0.3)).prop_map(|(id, is)| Step::Freeze(id, is)),
    ]
}

/// A step on a hold or a transfer takes one that exists.
fn aim(step: Step, model: &Model) -> Option<Step> {
    let pick = |n: usize, of: usize| (of > 0).then(|| n % of);
    let holds = model.holds.len();
    Some(match step {
        Step::Settle(n, part, last) => Step::Settle(pick(n, holds)?, part, last),
        Step::Release(n) => Step::Release(pick(n, holds)?),
        Step::Expire(n) => Step::Expire(pick(n, holds)?),
        Step::Undo(n, part) => Step::Undo(pick(n, model.transfers.len())?, part),
        other => other,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_adding_up_from_scratch(
        steps in prop::collection::vec(step(), 1..90)
    ) {
        let (mut model, mut rules) = (Model::new(), Rules::new());
        for step in steps {
            let Some(step) = aim(step, &model) else { continue };
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
