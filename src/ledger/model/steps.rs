//! What can be done in a sequence, drawn at random.

use crate::ledger::account::Limit;
use crate::ledger::balancing::Balancing;
use crate::ledger::batch::Mode;
use crate::ledger::hold::Status;
use crate::ledger::model::{ACCOUNTS, Model};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub enum Step {
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
    /// What follows needs a database.
    /// A journal under a key.
    Keyed(Vec<(i64, i64, i64)>),
    Batch(Vec<Item>, Mode),
    /// The journal that a transfer belongs to.
    UndoJournal(usize),
    Close(i64),
    /// Closes holds whose time has come.
    Tidy,
    /// A request that was posted before, word for word.
    Again(usize),
    /// One with the same ids and something else in it.
    Other(usize),
}

/// A transfer of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub debit: i64,
    pub credit: i64,
    pub amount: i64,
    pub like: Like,
}

/// What id a transfer of a batch has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Like {
    /// One of its own.
    New,
    /// That of a transfer that was posted, whose content it has, too.
    Same(usize),
    /// That of one, with other content.
    Other(usize),
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

fn legs() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    prop::collection::vec((account(), account(), amount()), 1..5)
}

/// What the rules decide without a database.
pub fn step() -> impl Strategy<Value = Step> {
    let leg = (account(), account(), amount());
    let accounts = (account(), 1..ACCOUNTS).prop_map(|(a, n)| (a, (a - 1 + n) % ACCOUNTS + 1));
    let positive = prop_oneof![20 => 1..100i64, 1 => (i64::MAX - 100)..=i64::MAX];
    let how = prop_oneof![Just(Balancing::Debit), Just(Balancing::Credit), Just(Balancing::Both)];
    let part = || prop::option::of(prop_oneof![9 => 1..60i64, 1 => -1..=0i64]);
    prop_oneof![
        8 => legs().prop_map(Step::Post),
        2 => (leg, how).prop_map(|((d, c, most), how)| Step::Balance(d, c, most, how)),
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

/// Everything that the ledger does.
pub fn any_step() -> impl Strategy<Value = Step> {
    let like = prop_oneof![
        4 => Just(Like::New),
        1 => (0..99usize).prop_map(Like::Same),
        1 => (0..99usize).prop_map(Like::Other),
    ];
    let item = (account(), account(), amount(), like)
        .prop_map(|(debit, credit, amount, like)| Item { debit, credit, amount, like });
    let mode = prop_oneof![Just(Mode::All), Just(Mode::Each)];
    prop_oneof![
        30 => step(),
        3 => (prop::collection::vec(item, 1..6), mode).prop_map(|(all, how)| Step::Batch(all, how)),
        2 => legs().prop_map(Step::Keyed),
        1 => (0..99usize).prop_map(Step::UndoJournal),
        1 => account().prop_map(Step::Close),
        1 => Just(Step::Tidy),
        3 => (0..99usize).prop_map(Step::Again),
        3 => (0..99usize).prop_map(Step::Other),
    ]
}

/// A step on a hold, a transfer or a request takes one that exists.
pub fn aim(step: Step, model: &Model) -> Option<Step> {
    let pick = |n: usize, of: usize| (of > 0).then(|| n % of);
    let (holds, transfers) = (model.holds.len(), model.transfers.len());
    Some(match step {
        Step::Settle(n, part, last) => Step::Settle(pick(n, holds)?, part, last),
        Step::Release(n) => Step::Release(pick(n, holds)?),
        Step::Expire(n) => Step::Expire(pick(n, holds)?),
        Step::Undo(n, part) => Step::Undo(pick(n, transfers)?, part),
        Step::UndoJournal(n) => Step::UndoJournal(pick(n, transfers)?),
        Step::Again(n) => Step::Again(pick(n, model.requests.len())?),
        Step::Other(n) => Step::Other(pick(n, model.requests.len())?),
        Step::Batch(items, mode) => {
            // When an expired hold is closed in the midst of it matters to full counters.
            let expired = |hold: &crate::ledger::model::ModelHold| {
                hold.status == Status::Expired && hold.left > 0
            };
            if model.holds.iter().any(expired) {
                return None;
            }
            Step::Batch(items.into_iter().map(|item| aim_item(item, model)).collect(), mode)
        }
        other => other,
    })
}

fn aim_item(item: Item, model: &Model) -> Item {
    let count = model.transfers.len();
    match item.like {
        Like::Same(n) if count > 0 => {
            let of = model.transfers[n % count];
            // What was posted fits 64 bits.
            let amount = of.amount as i64;
            Item { debit: of.debit, credit: of.credit, amount, like: Like::Same(n % count) }
        }
        Like::Other(n) if count > 0 => {
            let of = model.transfers[n % count];
            let amount = if of.amount > 1 { of.amount as i64 - 1 } else { 2 };
            Item { debit: of.debit, credit: of.credit, amount, like: Like::Other(n % count) }
        }
        _ => Item { like: Like::New, ..item },
    }
}
