//! Reconciliation: is what Stripe says moved our balance there what the books say?
//!
//! Each balance transaction becomes a line of a statement about the account `stripe:CUR`,
//! once, and its fee another, because the books post both apart. The ledger's matcher finds
//! what bears the same reference. What is left is compared by [subject](pair_up): a refund
//! may be in the books under its charge, whose name the matcher does not know. The findings
//! are rows of `treasury.reconciliation`.

use crate::kernel::caller::Caller;
use crate::kernel::clock::transaction_start;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::kernel::settings::Settings;
use crate::ledger::AccountId;
use crate::ledger::reconcile::import::{Source, import};
use crate::ledger::reconcile::{Rules, manual, run};
use crate::ops::jobs::Job;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::Check;
use crate::treasury::SYSTEM;
use crate::treasury::books::{self, Account};
use crate::treasury::store::reconcile::{self as store, Transaction};
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many balance transactions make a statement, which holds twice as many lines.
const BATCH: i64 = 10_000;
/// The longest period, in days.
const LONGEST: i32 = 366;
/// So many days before a period the books may have had what Stripe has in it, and mostly no
/// more than so many later.
const EARLIER: i32 = 7;
const LATER: i32 = 7;

/// Days since 2000-01-01, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub from: i32,
    pub to: i32,
}

impl Days {
    pub fn new(from: i32, to: i32) -> Result<Self> {
        if from > to {
            return Err(Error::invalid("p_to", "must not be before p_from"));
        }
        match to.checked_sub(from) {
            Some(days) if days < LONGEST => Ok(Days { from, to }),
            _ => Err(Error::invalid("p_to", format!("at most {LONGEST} days at once"))),
        }
    }
}

/// A line of Stripe that is in no match.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: Uuid,
    pub statement: Uuid,
    pub subject: String,
    pub amount: i64,
}

/// A transfer of the account that is in no match.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: Uuid,
    pub subject: String,
    pub change: i64,
}

/// Lines and transfers of one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub lines: Vec<Uuid>,
    pub entries: Vec<Uuid>,
    lines_amount: i128,
    entries_amount: i128,
}

/// All that is left of a subject on both sides, where it adds up to the same. What is in
/// several statements stays as it is: a match is of one.
pub fn pair_up(lines: &[Line], entries: &[Entry]) -> Vec<(Uuid, Group)> {
    let mut of_subject: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        of_subject.entry(&line.subject).or_default().push(line);
    }
    let mut groups: BTreeMap<&str, (Uuid, Group)> = BTreeMap::new();
    for (subject, lines) in of_subject {
        let statement = lines[0].statement;
        if lines.iter().any(|line| line.statement != statement) {
            continue;
        }
        let group = Group {
            lines: lines.iter().map(|line| line.id).collect(),
            lines_amount: lines.iter().map(|line| i128::from(line.amount)).sum(),
            ..Group::default()
        };
        groups.insert(subject, (statement, group));
    }
    for entry in entries {
        if let Some((_, group)) = groups.get_mut(entry.subject.as_str()) {
            group.entries.push(entry.id);
            group.entries_amount += i128::from(entry.change);
        }
    }
    let adds_up =
        |group: &Group| !group.entries.is_empty() && group.entries_amount == group.lines_amount;
    groups.into_values().filter(|(_, group)| adds_up(group)).collect()
}

/// Compares the days of a currency; how many there are of each outcome.
pub fn reconcile(caller: &Caller, currency: Currency, days: Days) -> Result<Value> {
    caller.require_admin(SYSTEM)?;
    compare(currency, days)
}

fn compare(currency: Currency, days: Days) -> Result<Value> {
    // Accounts first, as whoever posts has them.
    let account = books::accounts(currency, &[Account::Stripe])?[0];
    store::lock(currency)?;
    let mut fed = 0;
    loop {
        let batch = store::new_transactions(currency, days, BATCH)?;
        if batch.is_empty() {
            break;
        }
        fed += batch.len() as i64;
        feed(account, currency, &batch)?;
    }
    let rules = Rules::read(&json!({"reference": "require", "max_group": 6}))?;
    for statement in store::open_statements(account, days)? {
        run::reconcile(statement, &rules, false)?;
    }
    // All that was recorded since is only looked through where there is something to be found.
    let soon = Some(days.to.saturating_add(LATER));
    let until = if pair(account, days, soon)? { soon } else { None };
    if until.is_none() {
        pair(account, days, None)?;
    }
    store::write_down(account, currency, days, until)?;
    let mut counts = store::count(currency, days)?;
    counts["transactions"] = json!(fed);
    Ok(counts)
}

/// Matches what is left of both sides by subject; whether no line is left then.
fn pair(account: AccountId, days: Days, until: Option<i32>) -> Result<bool> {
    let lines = store::open_lines(account, days)?;
    if lines.is_empty() {
        return Ok(true);
    }
    let around = Days { from: days.from - EARLIER, ..days };
    let mut left = lines.len();
    for (statement, group) in pair_up(&lines, &store::open_entries(account, around, until)?) {
        let reasons = ["amount", "reference", "same_subject"];
        manual::accept(statement, &group.lines, &group.entries, &reasons)?;
        left -= group.lines.len();
    }
    Ok(left == 0)
}

/// Makes a statement of balance transactions: a line for each amount and each fee.
fn feed(account: AccountId, currency: Currency, batch: &[Transaction]) -> Result<()> {
    let (mut rows, mut parts) = (Vec::new(), Vec::new());
    for one in batch {
        let named = one.source.as_deref().unwrap_or(&one.id);
        let lines = [("amount", one.amount, named), ("fee", -one.fee, one.id.as_str())];
        for (part, amount, reference) in lines.into_iter().filter(|(_, amount, _)| *amount != 0) {
            rows.push(json!({
                "date": one.date, "amount": amount, "reference": reference,
                "description": format!("{} {} {part}", one.kind, one.id),
            }));
            parts.push((one.id.clone(), part));
        }
    }
    let first = batch.first().map_or("", |one| one.id.as_str());
    let reference = format!("stripe {currency} {first}");
    let options = json!({"amounts": "minor"});
    let imported = import(account, &reference, &Source::Rows(&json!(rows)), &options)?;
    store::remember(imported.statement.id, &parts)
}

/// The job: every currency of the treasury, so many days back and some days ago.
pub const JOB: Job = Job {
    name: "reconcile_stripe",
    system: SYSTEM,
    schedule: "37 3 * * *",
    description: "Compares Stripe's balance transactions with the books",
    run: every_currency,
};

/// Looks for what differs between Stripe and the books.
pub const CHECK: Check = Check { name: DIFFERS, thorough: false, run: differs };
const DIFFERS: &str = "treasury_reconciliation";

fn differs() -> Result<Vec<Alert>> {
    let counts = store::open()?;
    let count: i64 = counts.values().sum();
    let alert = || Alert {
        severity: Severity::Warning,
        kind: DIFFERS,
        of: None,
        message: format!("Stripe and the books of the treasury differ in {count} things."),
        detail: json!({"system": SYSTEM, "open": counts}),
    };
    Ok((count > 0).then(alert).into_iter().collect())
}

fn every_currency() -> Result<Value> {
    let settings = Settings::of(SYSTEM)?;
    let (back, grace): (i64, i64) =
        (settings.get("reconcile_days")?, settings.get("reconcile_grace_days")?);
    let today = i64::from(transaction_start()).div_euclid(86_400_000_000);
    let to = (today - grace) as i32;
    let days = Days::new(to - back as i32 + 1, to)?;
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for currency in store::currencies()? {
        // What is open is looked at until it is not, however long ago it was.
        let days = match store::oldest_open(currency)? {
            Some(day) => {
                Days::new(day.clamp(to - LONGEST + 1, days.from.max(to - LONGEST + 1)), to)?
            }
            None => days,
        };
        let counts = compare(currency, days)?;
        for (name, count) in counts.as_object().into_iter().flatten() {
            *sums.entry(name.clone()).or_default() += count.as_i64().unwrap_or(0);
        }
    }
    Ok(json!(sums))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn line(n: u8, statement: u8, subject: &str, amount: i64) -> Line {
        Line { id: id(n), statement: id(statement), subject: subject.to_owned(), amount }
    }

    fn entry(n: u8, subject: &str, change: i64) -> Entry {
        Entry { id: id(n), subject: subject.to_owned(), change }
    }

    #[test]
    fn what_adds_up_to_the_same_under_one_subject_is_the_same() {
        let lines = [line(1, 9, "ch_1", -500), line(2, 9, "ch_1", -15), line(3, 9, "ch_2", 7)];
        let entries = [entry(4, "ch_1", -515), entry(5, "ch_2", 8), entry(6, "ch_3", 1)];
        let found = pair_up(&lines, &entries);
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].1.lines, &found[0].1.entries), (&vec![id(1), id(2)], &vec![id(4)]));
    }

    #[test]
    fn what_has_nothing_on_the_other_side_is_not_paired() {
        assert!(pair_up(&[line(1, 9, "a", 5), line(2, 9, "a", -5)], &[]).is_empty());
        assert!(pair_up(&[], &[entry(1, "a", 0)]).is_empty());
    }

    #[test]
    fn what_is_in_two_statements_is_left() {
        let lines = [line(1, 8, "a", 5), line(2, 9, "a", 5)];
        assert!(pair_up(&lines, &[entry(3, "a", 10)]).is_empty());
        assert!(pair_up(&lines, &[entry(3, "a", 5)]).is_empty());
    }

    #[test]
    fn a_period_has_bounds() {
        assert!(Days::new(1, 1).is_ok() && Days::new(1, LONGEST).is_ok());
        for (from, to) in [(2, 1), (1, LONGEST + 1), (i32::MIN, i32::MAX)] {
            assert_eq!(Days::new(from, to).unwrap_err().sqlstate.code(), "22023");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_paired_twice_and_every_pair_adds_up(
            lines in prop::collection::vec((0u8..4, 0u8..5, -3i64..4), 0..20),
            entries in prop::collection::vec((0u8..5, -3i64..4), 0..20),
        ) {
            let lines: Vec<Line> = (0..)
                .zip(&lines)
                .map(|(n, (statement, subject, amount))| {
                    line(n, 200 + statement, &subject.to_string(), *amount)
                })
                .collect();
            let entries: Vec<Entry> = (100..)
                .zip(&entries)
                .map(|(n, (subject, change))| entry(n, &subject.to_string(), *change))
                .collect();
            let mut seen = std::collections::BTreeSet::new();
            for (statement, group) in pair_up(&lines, &entries) {
                let of = |ids: &[Uuid]| -> i64 {
                    let amount = |id: &Uuid| {
                        let line = lines.iter().find(|line| line.id == *id);
                        let entry = entries.iter().find(|entry| entry.id == *id);
                        line.map(|line| line.amount).or(entry.map(|entry| entry.change)).unwrap()
                    };
                    ids.iter().map(amount).sum()
                };
                prop_assert_eq!(of(&group.lines), of(&group.entries));
                for id in group.lines.iter().chain(&group.entries) {
                    prop_assert!(seen.insert(*id.as_bytes()));
                }
                let here = |id: &Uuid| lines.iter().any(|l| l.id == *id && l.statement == statement);
                prop_assert!(group.lines.iter().all(here));
            }
        }
    }
}
