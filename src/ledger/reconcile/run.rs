//! Matching what is free of a statement with what is free of the books.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::ids::new_id;
use crate::ledger::account::Side;
use crate::ledger::error::LedgerError;
use crate::ledger::reconcile::matching::{self, Entry, Match};
use crate::ledger::reconcile::parse::Line;
use crate::ledger::reconcile::rules::Rules;
use crate::ledger::store;
use crate::ledger::store::reconcile::{NewMatch, Statement};
use pgrx::Uuid;
use std::collections::{HashMap, HashSet};

/// The most transfers that a statement is compared with.
const MOST_TRANSFERS: usize = 200_000;

/// A row of the answer.
#[derive(Default)]
pub struct Row {
    pub outcome: &'static str,
    pub match_id: Option<Uuid>,
    pub score: Option<i16>,
    pub reasons: Vec<String>,
    pub line_numbers: Vec<i32>,
    pub lines: Vec<Uuid>,
    pub transfers: Vec<Uuid>,
    pub lines_amount: i64,
    pub transfers_amount: i64,
}

/// What is compared.
struct Sides {
    line_ids: Vec<(Uuid, i32)>,
    lines: Vec<Line>,
    transfer_ids: Vec<Uuid>,
    entries: Vec<Entry>,
    rejected: HashSet<(u32, u32)>,
}

/// The statement, or PT404.
pub fn statement(id: Uuid) -> Result<Statement> {
    store::reconcile::find(id)?.ok_or_else(|| Error::not_found("statement", id))
}

/// The side on which the statement's account grows.
pub fn side(of: &Statement) -> Result<Side> {
    let found = store::accounts::describe(of.account)?;
    Ok(found.ok_or(LedgerError::UnknownAccount(of.account))?.class.normal_side())
}

/// Finds matches and, unless it is a dry run, stores them.
pub fn reconcile(id: Uuid, rules: &Rules, dry_run: bool) -> Result<Vec<Row>> {
    let of = statement(id)?;
    if !dry_run {
        store::reconcile::lock(of.account)?;
    }
    let sides = load(&of, rules)?;
    let tick = || {
        pgrx::check_for_interrupts!();
    };
    let found = matching::find(&sides.lines, &sides.entries, &sides.rejected, rules, &tick);
    let mut rows = Vec::new();
    for one in &found.matched {
        let match_id = (!dry_run).then(new_id);
        rows.push(Row { match_id, ..row(&sides, "matched", one)? });
    }
    if !dry_run {
        let new: Vec<_> = rows.iter().filter_map(to_store).collect();
        store::reconcile::insert_matches(&of, &new, caller::current().person())?;
    }
    for one in &found.suggested {
        rows.push(row(&sides, "suggested", one)?);
    }
    unmatched(&of, &sides, &found.matched, &mut rows)?;
    if !found.complete {
        let reasons = vec!["search_stopped".to_owned()];
        rows.push(Row { outcome: "incomplete", reasons, ..Row::default() });
    }
    Ok(rows)
}

fn load(of: &Statement, rules: &Rules) -> Result<Sides> {
    let mut line_ids = Vec::new();
    let mut lines = Vec::new();
    for (id, number, line) in store::reconcile::free_lines(of.id)? {
        line_ids.push((id, number));
        lines.push(line);
    }
    let days = (of.starts - rules.days, of.ends + rules.days + 1);
    let (account, keys) = ((of.account, side(of)?), &rules.reference_keys);
    let most = MOST_TRANSFERS as i64 + 1;
    let loaded = store::reconcile::free_transfers(account, days, &of.time_zone, keys, most)?;
    if loaded.len() > MOST_TRANSFERS {
        return Err(Error::invalid(
            "p_statement_id",
            format!("the account has more than {MOST_TRANSFERS} free transfers in these days"),
        )
        .hint("Import statements of shorter periods."));
    }
    let (transfer_ids, entries): (Vec<Uuid>, Vec<Entry>) = loaded.into_iter().unzip();
    let line_at: HashMap<Uuid, u32> = (0..).zip(&line_ids).map(|(n, (id, _))| (*id, n)).collect();
    let entry_at: HashMap<Uuid, u32> = (0..).zip(&transfer_ids).map(|(n, id)| (*id, n)).collect();
    let rejected = store::reconcile::rejections(of.id)?
        .iter()
        .filter_map(|(line, transfer)| Some((*line_at.get(line)?, *entry_at.get(transfer)?)))
        .collect();
    Ok(Sides { line_ids, lines, transfer_ids, entries, rejected })
}

fn row(sides: &Sides, outcome: &'static str, one: &Match) -> Result<Row> {
    let lines = || one.lines.iter().map(|n| *n as usize);
    let entries = || one.entries.iter().map(|n| *n as usize);
    Ok(Row {
        outcome,
        match_id: None,
        score: Some(one.score.into()),
        reasons: one.reasons.clone(),
        line_numbers: lines().map(|n| sides.line_ids[n].1).collect(),
        lines: lines().map(|n| sides.line_ids[n].0).collect(),
        transfers: entries().map(|n| sides.transfer_ids[n]).collect(),
        lines_amount: total(lines().map(|n| sides.lines[n].amount))?,
        transfers_amount: total(entries().map(|n| sides.entries[n].change))?,
    })
}

/// A sum of minor units, or 22003.
pub fn total(amounts: impl Iterator<Item = i64>) -> Result<i64> {
    i64::try_from(amounts.map(i128::from).sum::<i128>())
        .map_err(|_| Error::new(sqlstate::OUT_OF_RANGE, "a sum does not fit 64 bits"))
}

fn to_store(row: &Row) -> Option<NewMatch<'static>> {
    Some(NewMatch {
        id: row.match_id?,
        score: row.score,
        reasons: row.reasons.clone(),
        lines: row.lines.clone(),
        transfers: row.transfers.clone(),
        lines_amount: row.lines_amount,
        transfers_amount: row.transfers_amount,
        note: None,
    })
}

/// What is left: lines, and the transfers of the statement's own days.
fn unmatched(of: &Statement, sides: &Sides, matched: &[Match], rows: &mut Vec<Row>) -> Result<()> {
    let taken = |of: fn(&Match) -> &Vec<u32>| -> HashSet<usize> {
        matched.iter().flat_map(of).map(|n| *n as usize).collect()
    };
    let (lines, entries) = (taken(|one| &one.lines), taken(|one| &one.entries));
    for (n, line) in sides.lines.iter().enumerate().filter(|(n, _)| !lines.contains(n)) {
        rows.push(Row {
            outcome: "unmatched_line",
            line_numbers: vec![sides.line_ids[n].1],
            lines: vec![sides.line_ids[n].0],
            lines_amount: line.amount,
            ..Row::default()
        });
    }
    let days = of.starts..=of.ends;
    let left = sides.entries.iter().enumerate().filter(|(n, _)| !entries.contains(n));
    for (n, entry) in left.filter(|(_, entry)| days.contains(&entry.day)) {
        rows.push(Row {
            outcome: "unmatched_transfer",
            transfers: vec![sides.transfer_ids[n]],
            transfers_amount: entry.change,
            ..Row::default()
        });
    }
    Ok(())
}
