//! The accounts and holds that the rules of the ledger lead to.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::{Account, AccountId, Change, Counters, Limit, Side};
use crate::ledger::books::Books;
use crate::ledger::hold::{Hold, Settlement, Status};
use crate::ledger::journal::{Journal, Leg, Request};
use crate::ledger::model::foresee::foresee;
use crate::ledger::model::steps::{Step, aim, step};
use crate::ledger::model::{ACCOUNTS, Model, class, first_limit};
use crate::ledger::replay::StoredLine;
use crate::ledger::{limits, reversal, sweep};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
struct Rules {
    accounts: BTreeMap<AccountId, Account>,
    holds: Vec<Hold>,
    /// Each with what was undone of it.
    transfers: Vec<(StoredLine, i64)>,
}

fn inr(minor: i64) -> Money {
    Money::new(minor, Currency::parse("INR", "currency").unwrap())
}

/// When everything happens.
fn now() -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(1_000).unwrap()
}

fn id(n: usize) -> Uuid {
    Uuid::from_bytes((n as u128).to_be_bytes())
}

impl Rules {
    fn new() -> Self {
        let account = |id| Account {
            id: AccountId(id),
            currency: inr(0).currency,
            class: class(id),
            limit: first_limit(id),
            closed: false,
            frozen: false,
            stripes: 0,
            counters: Counters::default(),
            expired: 0,
            expired_expected: 0,
        };
        let accounts = (1..=ACCOUNTS).map(|id| (AccountId(id), account(id))).collect();
        Rules { accounts, holds: Vec::new(), transfers: Vec::new() }
    }

    fn is_open(&self, hold: usize) -> bool {
        self.holds[hold].status == Status::Open
    }

    fn run(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Post(legs) => {
                let legs: Vec<Leg> = legs.iter().map(|leg| as_leg(leg.0, leg.1, leg.2)).collect();
                self.post(&legs, None)?;
            }
            Step::Balance(debit, credit, most, balancing) => {
                let leg = as_leg(*debit, *credit, *most);
                request(&[leg])?;
                let (debit, credit) = (self.accounts[&leg.debit], self.accounts[&leg.credit]);
                let amount = inr(balancing.amount(&debit, &credit, *most)?);
                self.post(&[Leg { amount, ..leg }], None)?;
            }
            Step::Sweep(from, to) => self.sweep(from, *to)?,
            Step::Undo(n, part) => self.undo(*n, *part)?,
            Step::Hold(debit, credit, amount) => self.hold(*debit, *credit, *amount)?,
            Step::Settle(n, amount, last) => self.settle(*n, *amount, *last)?,
            Step::Release(n) if self.is_open(*n) => {
                let hold = &self.holds[*n];
                let status = match hold.status_at(now()) {
                    Status::Expired => Status::Expired,
                    _ => Status::Released,
                };
                // Giving back is not judged.
                for (id, change) in hold.changes(hold.left(), 0) {
                    let account = self.account(id);
                    account.counters = account.counters.plus(&change).expect("in range");
                }
                self.holds[*n].status = status;
            }
            Step::Release(n) if self.holds[*n].status == Status::Settled => {
                return Err(Error::conflict("it is used up"));
            }
            Step::Release(_) => {}
            Step::Expire(n) => self.holds[*n].expires_at = Some(now()),
            Step::SetLimit(id, limit) => self.set_limit(AccountId(*id), *limit)?,
            Step::Freeze(id, frozen) => self.account(AccountId(*id)).frozen = *frozen,
            other => unreachable!("{other:?} needs a database"),
        }
        self.leave_out_expired();
        Ok(())
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        self.accounts.get_mut(&id).expect("an account")
    }

    fn set_limit(&mut self, id: AccountId, limit: Limit) -> Result<()> {
        limits::check_kept(&self.accounts[&id], limit)?;
        self.account(id).limit = limit;
        Ok(())
    }

    fn change(&mut self, changes: &BTreeMap<AccountId, Change>) -> Result<()> {
        let after = Books::of(self.accounts.clone()).check(changes)?;
        self.accounts.extend(after.into_iter().map(|account| (account.id, account)));
        Ok(())
    }

    fn post(&mut self, legs: &[Leg], undoes: Option<Uuid>) -> Result<()> {
        let request = request(legs)?;
        self.change(&request.changes()?)?;
        for leg in legs {
            self.store(leg.debit, leg.credit, leg.amount, undoes);
        }
        Ok(())
    }

    fn store(
        &mut self,
        debit: AccountId,
        credit: AccountId,
        amount: Money,
        reverses: Option<Uuid>,
    ) {
        let line = StoredLine { id: id(self.transfers.len()), debit, credit, amount, reverses };
        self.transfers.push((line, 0));
    }

    fn sweep(&mut self, from: &[i64], to: i64) -> Result<()> {
        let from: Vec<AccountId> = from.iter().copied().map(AccountId).collect();
        let request = sweep::Sweep {
            id: None,
            system: "test",
            kind: "test",
            from: &from,
            to: AccountId(to),
            description: None,
            effective_at: None,
            metadata: None,
        };
        request.check()?;
        let to = self.accounts[&AccountId(to)];
        let legs: Vec<Leg> =
            from.iter().filter_map(|id| sweep::leg(&self.accounts[id], &to)).collect();
        if legs.is_empty() { Ok(()) } else { self.post(&legs, None) }
    }

    fn undo(&mut self, n: usize, part: Option<i64>) -> Result<()> {
        let (line, undone) = self.transfers[n];
        reversal::check_undoable(&[line])?;
        let left = line.amount.minor - undone;
        if left == 0 {
            return Err(Error::conflict("it is reversed already"));
        }
        let amount = inr(reversal::part_of(&line, left, part)?);
        let (debit, credit) = (line.credit, line.debit);
        self.post(&[Leg { id: None, debit, credit, amount }], Some(line.id))?;
        self.transfers[n].1 += amount.minor;
        Ok(())
    }

    fn hold(&mut self, debit: i64, credit: i64, amount: i64) -> Result<()> {
        let hold = Hold {
            id: id(self.holds.len()),
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

    fn settle(&mut self, n: usize, amount: Option<i64>, last: bool) -> Result<()> {
        let hold = self.holds[n].clone();
        let settlement = Settlement { hold: hold.id, amount: amount.map(inr), id: None, last };
        let part = hold.settlement(settlement.amount, now())?;
        let (ended, status) = settlement.end(part.minor, hold.left());
        self.change(&hold.changes(ended, part.minor))?;
        self.store(hold.debit, hold.credit, part, None);
        self.holds[n].settled += part.minor;
        self.holds[n].status = status;
        Ok(())
    }

    /// As the statement on holds does it: open ones whose time has come.
    fn leave_out_expired(&mut self) {
        for account in self.accounts.values_mut() {
            let gone = |hold: &&Hold| hold.status_at(now()) != hold.status;
            let sum = |of: fn(&Hold) -> AccountId| {
                let mine = self.holds.iter().filter(gone).filter(|hold| of(hold) == account.id);
                mine.map(Hold::left).sum::<i64>()
            };
            let (debits, credits) = (sum(|hold| hold.debit), sum(|hold| hold.credit));
            (account.expired, account.expired_expected) = match account.side() {
                Side::Credit => (debits, credits),
                Side::Debit => (credits, debits),
            };
        }
    }
}

fn as_leg(debit: i64, credit: i64, amount: i64) -> Leg {
    Leg { id: None, debit: AccountId(debit), credit: AccountId(credit), amount: inr(amount) }
}

fn request(legs: &[Leg]) -> Result<Request<'_>> {
    Request::new(&Journal {
        id: None,
        system: "test",
        kind: "test",
        description: None,
        legs,
        effective_at: None,
        metadata: None,
    })
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
    for n in 0..model.transfers.len() {
        prop_assert!(model.left_of(n) >= 0, "transfer {}", n);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_adding_up_from_scratch(
        steps in prop::collection::vec(step(), 1..90)
    ) {
        let (mut model, mut rules) = (Model::new(vec![0; ACCOUNTS as usize]), Rules::new());
        for step in steps {
            let Some(step) = aim(step, &model) else { continue };
            let (next, refusals) = foresee(&model, &step);
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
