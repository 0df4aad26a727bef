//! Random sequences of everything, against a model that adds up from scratch.
//!
//! The model keeps nothing but what happened: lists of transfers and holds in 128-bit
//! integers, and what each account may do. After every step the accounts must equal what
//! the lists add up to, and a refusal must be one that the model foresees and change
//! nothing. Two drivers do the steps: the rules alone ([`rules`]), and the functions of
//! the ledger in a database (`pgrx_tests/ledger/model.rs`).

pub mod foresee;
#[cfg(test)]
mod rules;
pub mod steps;

use crate::ledger::account::{Class, Limit, MAX_HELD_ON_STRIPED, MAX_IN_STRIPE, Side};
pub use crate::ledger::batch::Mode;
pub use crate::ledger::hold::Status;

pub const ACCOUNTS: i64 = 6;

#[derive(Clone, Debug, PartialEq)]
pub struct ModelHold {
    pub debit: i64,
    pub credit: i64,
    /// Of an expired one: what still stands in the counters.
    pub left: i128,
    pub settled: i128,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelTransfer {
    pub debit: i64,
    pub credit: i64,
    pub amount: i128,
    pub undoes: Option<usize>,
    /// The first transfer of its journal, where it is not on its own.
    pub journal: Option<usize>,
    /// Whether a batch that asks for the same finds it.
    pub plain: bool,
}

/// What happened, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub transfers: Vec<ModelTransfer>,
    pub holds: Vec<ModelHold>,
    pub limits: Vec<Limit>,
    pub frozen: Vec<bool>,
    pub closed: Vec<bool>,
    /// Over how many rows the counters of each account are spread, all by one backend.
    pub stripes: Vec<i32>,
    /// Requests that can be repeated; of one for a hold, that hold.
    pub requests: Vec<Option<usize>>,
    /// How many journals have a key.
    pub keys: usize,
}

pub fn class(id: i64) -> Class {
    [Class::Asset, Class::Liability, Class::Equity, Class::Income, Class::Expense, Class::Liability]
        [(id - 1) as usize]
}

pub fn first_limit(id: i64) -> Limit {
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
    pub fn new(stripes: Vec<i32>) -> Self {
        Model {
            transfers: Vec::new(),
            holds: Vec::new(),
            limits: (1..=ACCOUNTS).map(first_limit).collect(),
            frozen: vec![false; ACCOUNTS as usize],
            closed: vec![false; ACCOUNTS as usize],
            stripes,
            requests: Vec::new(),
            keys: 0,
        }
    }

    fn transfer(&mut self, debit: i64, credit: i64, amount: i128) {
        let (undoes, journal) = (None, None);
        self.transfers.push(ModelTransfer { debit, credit, amount, undoes, journal, plain: true });
    }

    /// Makes one journal of the transfers from this one on.
    fn join(&mut self, first: usize) {
        if self.transfers.len() - first > 1 {
            for transfer in &mut self.transfers[first..] {
                (transfer.journal, transfer.plain) = (Some(first), false);
            }
        }
    }

    pub fn posted(&self, id: i64) -> (i128, i128) {
        let sum = |side: fn(&ModelTransfer) -> i64| {
            self.transfers.iter().filter(|t| side(t) == id).map(|t| t.amount).sum()
        };
        (sum(|t| t.debit), sum(|t| t.credit))
    }

    /// What holds that are open still hold, expired or not.
    pub fn pending(&self, id: i64, expired: bool) -> (i128, i128) {
        let counts = |hold: &&ModelHold| {
            hold.status == Status::Open || (expired && hold.status == Status::Expired)
        };
        let open: Vec<_> = self.holds.iter().filter(counts).collect();
        let sum = |side: fn(&ModelHold) -> i64| {
            open.iter().filter(|hold| side(hold) == id).map(|hold| hold.left).sum()
        };
        (sum(|hold| hold.debit), sum(|hold| hold.credit))
    }

    /// Posted, and held of that.
    pub fn balance(&self, id: i64) -> (i128, i128) {
        let ((debits, credits), (held_debits, held_credits)) =
            (self.posted(id), self.pending(id, false));
        match class(id).normal_side() {
            Side::Debit => (debits - credits, held_credits),
            Side::Credit => (credits - debits, held_debits),
        }
    }

    pub fn available(&self, id: i64) -> i128 {
        let (posted, held) = self.balance(id);
        posted - held
    }

    /// What the balance comes to where every open hold brings what it may.
    pub fn reach(&self, id: i64) -> i128 {
        let (debits, credits) = self.pending(id, false);
        let expected = if class(id).normal_side() == Side::Debit { debits } else { credits };
        self.balance(id).0 + expected
    }

    pub fn limit(&self, id: i64) -> Limit {
        self.limits[(id - 1) as usize]
    }

    pub fn is_kept(&self, id: i64, limit: Limit) -> bool {
        limit.max_overdraft().is_none_or(|most| self.available(id) >= -i128::from(most))
            && limit.max_balance().is_none_or(|most| self.reach(id) <= i128::from(most))
    }

    /// How much of a transfer has not been undone.
    pub fn left_of(&self, n: usize) -> i128 {
        let undone = self.transfers.iter().filter(|t| t.undoes == Some(n));
        self.transfers[n].amount - undone.map(|t| t.amount).sum::<i128>()
    }

    /// The transfers of the journal that this one belongs to.
    pub fn journal_of(&self, n: usize) -> Vec<usize> {
        let journal = self.transfers[n].journal;
        let together =
            |m: &usize| *m == n || (journal.is_some() && self.transfers[*m].journal == journal);
        (0..self.transfers.len()).filter(together).collect()
    }

    /// The SQLSTATEs of all reasons not to go from `before` to `self`.
    fn refusals(&self, before: &Model) -> Vec<&'static str> {
        let mut codes = Vec::new();
        let transfers = self.transfers[before.transfers.len()..].iter();
        let mut touched: Vec<i64> = transfers.flat_map(|t| [t.debit, t.credit]).collect();
        let holds = self.holds[before.holds.len()..].iter();
        touched.extend(holds.flat_map(|hold| [hold.debit, hold.credit]));
        let taken = |id: &i64| self.frozen[(id - 1) as usize] || self.closed[(id - 1) as usize];
        if touched.iter().any(taken) {
            codes.push("PT409");
        }
        for id in 1..=ACCOUNTS {
            if !self.fits(id) {
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

    /// Whether every counter is in its range.
    fn fits(&self, id: i64) -> bool {
        let ((debits, credits), (held_debits, held_credits)) =
            (self.posted(id), self.pending(id, true));
        let striped = self.stripes[(id - 1) as usize] > 1;
        let (most, most_held) =
            if striped { (MAX_IN_STRIPE, MAX_HELD_ON_STRIPED) } else { (i64::MAX, i64::MAX) };
        (debits + held_debits).max(credits + held_credits) <= i128::from(i64::MAX)
            && debits.max(credits) <= most.into()
            && held_debits.max(held_credits) <= most_held.into()
    }
}
