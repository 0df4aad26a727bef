//! Why the statement's balance and the books' are not the same, to the last unit.
//!
//! What the books moved in the statement's days is in a match of this statement, in one of
//! another, or in none. What the statement moved is matched, or not. So the difference
//! between both closing balances is that between the opening balances and what follows.

use crate::kernel::error::Result;
use crate::ledger::account::Side;
use crate::ledger::reconcile::run::{side, statement};
use crate::ledger::report::{Basis, Place};
use crate::ledger::store;
use crate::ledger::store::reconcile::{Parts, Statement, Sum};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// An amount in minor units and how many lines or transfers it stands for, if it does.
pub type Item = (&'static str, Option<i64>, Option<i64>);

/// The figures of a statement.
struct Figures {
    statement_opening: Option<i64>,
    lines: Sum,
    statement_closing: Option<i64>,
    ledger_opening: i64,
    ledger_closing: i64,
    parts: Parts,
}

/// The proof, item by item. Everything from `opening_difference` to `unexplained` adds up
/// to `closing_difference`.
pub fn proof(id: Uuid) -> Result<Vec<Item>> {
    let of = statement(id)?;
    let side = side(&of)?;
    let (from, until) = store::reconcile::bounds(&of)?;
    let figures = Figures {
        statement_opening: of.opening,
        lines: Sum { amount: of.total, count: of.lines.into() },
        statement_closing: of.closing,
        ledger_opening: posted(&of, side, from)?,
        ledger_closing: posted(&of, side, until)?,
        parts: store::reconcile::parts(&of, side, (from, until))?,
    };
    Ok(items(&figures))
}

/// What was posted to the account before a time.
fn posted(of: &Statement, side: Side, before: TimestampWithTimeZone) -> Result<i64> {
    let place = Place { at: before, id: None };
    Ok(store::history::posted_until(of.account, Basis::Effective, &place)?.posted(side))
}

fn items(figures: &Figures) -> Vec<Item> {
    let parts = &figures.parts;
    let unmatched_lines = Sum {
        amount: figures.lines.amount - parts.matched_lines.amount,
        count: figures.lines.count - parts.matched_lines.count,
    };
    let moved = figures.ledger_closing - figures.ledger_opening;
    let opening = figures.statement_opening.map(|opening| figures.ledger_opening - opening);
    let closing = figures.statement_closing.map(|closing| figures.ledger_closing - closing);
    let explained = [
        ("unmatched_transfers", parts.unmatched_transfers),
        ("unmatched_lines", negative(unmatched_lines)),
        ("transfers_of_other_statements", parts.elsewhere),
        ("transfers_of_other_days", negative(parts.outside)),
        (
            "differences_of_matches",
            Sum {
                amount: parts.matched_transfers.amount - parts.matched_lines.amount,
                count: parts.matches,
            },
        ),
    ];
    let sum: i64 = explained.iter().map(|(_, part)| part.amount).sum();
    let counted = |name, part: Sum| (name, Some(part.amount), Some(part.count));
    let mut items = vec![
        ("statement_opening", figures.statement_opening, None),
        counted("statement_lines", figures.lines),
        ("statement_closing", figures.statement_closing, None),
        ("ledger_opening", Some(figures.ledger_opening), None),
        ("ledger_transfers", Some(moved), None),
        ("ledger_closing", Some(figures.ledger_closing), None),
        ("closing_difference", closing, None),
        ("opening_difference", opening, None),
    ];
    items.extend(explained.map(|(name, part)| counted(name, part)));
    items.push(("unexplained", Some(moved - figures.lines.amount - sum), None));
    items
}

fn negative(sum: Sum) -> Sum {
    Sum { amount: -sum.amount, count: sum.count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(amount: i64, count: i64) -> Sum {
        Sum { amount, count }
    }

    #[test]
    fn the_parts_add_up_to_the_difference() {
        // Lines 100 and 7; transfers 100 (matched, with 1 off), 30 (only in the books), 5
        // (matched by another statement); a match of 50 is of a day before.
        let figures = Figures {
            statement_opening: Some(1000),
            lines: sum(157, 3),
            statement_closing: Some(1157),
            ledger_opening: 1002,
            ledger_closing: 1002 + 101 + 30 + 5,
            parts: Parts {
                matches: 2,
                matched_lines: sum(150, 2),
                matched_transfers: sum(151, 2),
                outside: sum(50, 1),
                unmatched_transfers: sum(30, 1),
                elsewhere: sum(5, 1),
            },
        };
        let items = items(&figures);
        let amount = |name: &str| items.iter().find(|item| item.0 == name).unwrap().1;
        assert_eq!(amount("closing_difference"), Some(-19));
        assert_eq!(amount("unexplained"), Some(0));
        let from = items.iter().position(|item| item.0 == "opening_difference").unwrap();
        let parts: i64 = items[from..].iter().filter_map(|item| item.1).sum();
        assert_eq!(Some(parts), amount("closing_difference"));
    }
}
