//! What a step must lead to.

use crate::ledger::account::Side;
use crate::ledger::balancing::Balancing;
use crate::ledger::batch::Mode;
use crate::ledger::hold::Status;
use crate::ledger::model::steps::{Item, Like, Step};
use crate::ledger::model::{Model, ModelHold, ModelTransfer, class};

pub type Code = &'static str;

/// What must happen to the lists, and the SQLSTATEs of which one is the answer if it
/// must not.
pub fn foresee(model: &Model, step: &Step) -> (Model, Vec<Code>) {
    let mut next = model.clone();
    let refused = match step {
        Step::Post(legs) | Step::Keyed(legs) => post(&mut next, legs),
        Step::Balance(debit, credit, most, how) => balance(&mut next, *debit, *credit, *most, *how),
        Step::Sweep(from, to) => sweep(&mut next, from, *to),
        Step::Undo(n, part) => undo(&mut next, *n, *part),
        Step::UndoJournal(n) => undo_journal(&mut next, *n),
        Step::SetLimit(id, limit) => {
            next.limits[(id - 1) as usize] = *limit;
            let refuses = model.closed[(id - 1) as usize] || !model.is_kept(*id, *limit);
            refuses.then_some("PT409")
        }
        Step::Freeze(id, frozen) => {
            next.frozen[(id - 1) as usize] = *frozen;
            model.closed[(id - 1) as usize].then_some("PT409")
        }
        Step::Close(id) => close(&mut next, *id),
        Step::Tidy => {
            for hold in next.holds.iter_mut().filter(|hold| hold.status == Status::Expired) {
                hold.left = 0;
            }
            None
        }
        Step::Again(n) => again(model, *n),
        Step::Other(_) => Some("PT409"),
        Step::Batch(items, mode) => return foresee_batch(model, items, *mode),
        _ => foresee_hold(&mut next, step),
    };
    if let Some(code) = refused {
        return (model.clone(), vec![code]);
    }
    if is_repeatable(model, &next, step) {
        let hold = matches!(step, Step::Hold(..)).then_some(model.holds.len());
        next.requests.push(hold);
    }
    next.keys += usize::from(matches!(step, Step::Keyed(_)));
    let refusals = next.refusals(model);
    (next, refusals)
}

/// Whether the step is a request that was posted under an id.
fn is_repeatable(model: &Model, next: &Model, step: &Step) -> bool {
    next.holds.len() > model.holds.len()
        || (next.transfers.len() > model.transfers.len() && !matches!(step, Step::Batch(..)))
}

/// The time of a hold is a part of what was asked for: its request is another one once
/// that was changed.
fn again(model: &Model, n: usize) -> Option<Code> {
    let hold = model.requests[n].map(|hold| model.holds[hold].status);
    (hold == Some(Status::Expired)).then_some("PT409")
}

fn post(next: &mut Model, legs: &[(i64, i64, i64)]) -> Option<Code> {
    if legs.iter().any(|leg| leg.2 <= 0 || leg.0 == leg.1) {
        return Some("22023");
    }
    let first = next.transfers.len();
    for (debit, credit, amount) in legs {
        next.transfer(*debit, *credit, i128::from(*amount));
    }
    next.join(first);
    None
}

fn balance(next: &mut Model, debit: i64, credit: i64, most: i64, how: Balancing) -> Option<Code> {
    if most <= 0 || debit == credit {
        return Some("22023");
    }
    let amount = amount(next, debit, credit, most, how);
    if amount <= 0 {
        return Some("PT409");
    }
    next.transfer(debit, credit, amount);
    None
}

fn amount(model: &Model, debit: i64, credit: i64, most: i64, how: Balancing) -> i128 {
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

fn sweep(next: &mut Model, from: &[i64], to: i64) -> Option<Code> {
    let mut unique = from.to_vec();
    unique.sort_unstable();
    unique.dedup();
    if from.contains(&to) || unique.len() < from.len() {
        return Some("22023");
    }
    let model = next.clone();
    for id in from.iter().filter(|id| model.available(**id) > 0) {
        match class(*id).normal_side() {
            Side::Debit => next.transfer(to, *id, model.available(*id)),
            Side::Credit => next.transfer(*id, to, model.available(*id)),
        }
    }
    next.join(model.transfers.len());
    None
}

fn undo(next: &mut Model, n: usize, part: Option<i64>) -> Option<Code> {
    let (of, left) = (next.transfers[n], next.left_of(n));
    let amount = part.map_or(left, i128::from);
    match (of.undoes, left) {
        (Some(_), _) | (None, 0) => return Some("PT409"),
        _ if amount <= 0 => return Some("22023"),
        _ if amount > left => return Some("PT409"),
        _ => {}
    }
    next.transfers.push(mirror(&of, n, amount));
    None
}

fn mirror(of: &ModelTransfer, n: usize, amount: i128) -> ModelTransfer {
    let (debit, credit, undoes) = (of.credit, of.debit, Some(n));
    ModelTransfer { debit, credit, amount, undoes, journal: None, plain: false }
}

/// A transfer on its own is a journal of one, of which a part may have been undone.
fn undo_journal(next: &mut Model, n: usize) -> Option<Code> {
    let (all, first) = (next.journal_of(n), next.transfers.len());
    if all.len() == 1 {
        return undo(next, n, None);
    }
    for m in all {
        let of = next.transfers[m];
        if of.undoes.is_some() || next.left_of(m) < of.amount {
            return Some("PT409");
        }
        next.transfers.push(mirror(&of, m, of.amount));
    }
    next.join(first);
    None
}

fn close(next: &mut Model, id: i64) -> Option<Code> {
    if next.balance(id).0 != 0 || next.pending(id, false) != (0, 0) {
        return Some("PT409");
    }
    next.closed[(id - 1) as usize] = true;
    None
}

/// The same for what happens to holds; a SQLSTATE where it must not.
fn foresee_hold(next: &mut Model, step: &Step) -> Option<Code> {
    match step {
        Step::Hold(debit, credit, amount) => next.holds.push(ModelHold {
            debit: *debit,
            credit: *credit,
            left: i128::from(*amount),
            settled: 0,
            status: Status::Open,
        }),
        Step::Settle(n, amount, last) => {
            let hold = &mut next.holds[*n];
            let part = amount.map_or(hold.left, i128::from);
            if hold.status != Status::Open || part > hold.left {
                return Some("PT409");
            }
            hold.left -= part;
            hold.settled += part;
            if hold.left == 0 {
                hold.status = Status::Settled;
            } else if *last {
                (hold.left, hold.status) = (0, Status::Released);
            }
            let (debit, credit) = (hold.debit, hold.credit);
            next.transfer(debit, credit, part);
            next.transfers.last_mut().expect("just posted").plain = false;
        }
        Step::Release(n) => {
            let hold = &mut next.holds[*n];
            match hold.status {
                Status::Settled => return Some("PT409"),
                Status::Open => (hold.left, hold.status) = (0, Status::Released),
                Status::Expired | Status::Released => hold.left = 0,
            }
        }
        Step::Expire(n) if next.holds[*n].status == Status::Open => {
            next.holds[*n].status = Status::Expired;
        }
        _ => {}
    }
    None
}

/// The whole batch, or the SQLSTATEs of the first transfer that refuses all.
fn foresee_batch(model: &Model, items: &[Item], mode: Mode) -> (Model, Vec<Code>) {
    let (next, results) = judge_batch(model, items);
    let refused: Vec<_> = results.into_iter().filter(|codes| is_refused(codes)).collect();
    match refused.first() {
        Some(first) if mode == Mode::All => {
            // Whether a stripe can count a transfer is found last, when all others have
            // been judged.
            let late = first.contains(&"22003");
            let codes = if late { refused.concat() } else { first.clone() };
            (model.clone(), codes)
        }
        _ => (next, Vec::new()),
    }
}

fn is_refused(codes: &[Code]) -> bool {
    !matches!(codes, ["ok"] | ["exists"])
}

/// Every transfer, judged by what those before it left: `ok`, `exists`, or the SQLSTATEs
/// it may be refused with.
pub fn judge_batch(model: &Model, items: &[Item]) -> (Model, Vec<Vec<Code>>) {
    let mut next = model.clone();
    let judge = |item: &Item| {
        let mut codes = Vec::new();
        if item.amount <= 0 || item.debit == item.credit {
            codes.push("22023");
        }
        match item.like {
            Like::Same(n) if model.transfers[n].plain => return vec!["exists"],
            Like::Same(_) | Like::Other(_) => codes.push("PT409"),
            Like::New if codes.is_empty() => {
                let mut after = next.clone();
                after.transfer(item.debit, item.credit, i128::from(item.amount));
                codes = after.refusals(&next);
                if codes.is_empty() {
                    next = after;
                    codes.push("ok");
                }
            }
            Like::New => {}
        }
        codes
    };
    let results = items.iter().map(judge).collect();
    (next, results)
}
