//! Which lines and transfers are the same money: on plain values, always with the same
//! result, and with bounds that keep hostile input from taking for ever.
//!
//! First lines and transfers are paired, the best pair of all first. Then what is left is
//! tried as sums: by a reference that they share, and then by their amounts alone.

use crate::ledger::reconcile::groups;
use crate::ledger::reconcile::parse::Line;
use crate::ledger::reconcile::pool::{Item, Pool};
use crate::ledger::reconcile::rules::{Reference, Rules};
use crate::ledger::reconcile::words::{Index, Link, Names};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

/// How many candidates of one kind a line is compared with.
const MOST_CANDIDATES: usize = 100;
/// The most lines or transfers that share a reference and are one.
const MOST_OF_A_REFERENCE: usize = 1000;
/// How many amounts are tried as a sum, and how many items are looked at to find them.
const SUM_CANDIDATES: usize = 20;
const SUM_LOOKS: usize = 200;
/// Steps of one search for a sum, and of all together.
const STEPS_OF_A_SUM: u64 = 50_000;
const STEPS_OF_SUMS: u64 = 20_000_000;

/// A transfer as the account sees it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Days since 2000-01-01.
    pub day: i32,
    /// What it adds to the balance of the account.
    pub change: i64,
    /// What names it: ids, and the metadata that the rules say.
    pub references: Vec<String>,
    pub description: Option<String>,
}

/// Lines and transfers, by their places, that are or may be the same money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub lines: Vec<u32>,
    pub entries: Vec<u32>,
    pub score: u8,
    pub reasons: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub matched: Vec<Match>,
    pub suggested: Vec<Match>,
    /// Whether every bound held; else something may have been missed.
    pub complete: bool,
}

const LINES: usize = 0;
const ENTRIES: usize = 1;

/// How well two items fit; the best is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    score: Reverse<u8>,
    days: u32,
    off: u64,
    link: Reverse<Link>,
}

/// Matches what is free. `rejected` are places of lines and entries that are not the same;
/// `tick` is called often and may end it all.
pub fn find(
    lines: &[Line],
    entries: &[Entry],
    rejected: &HashSet<(u32, u32)>,
    rules: &Rules,
    tick: &dyn Fn(),
) -> Found {
    let items = items(lines, entries);
    let free = [Pool::new(&items[LINES]), Pool::new(&items[ENTRIES])];
    let mut matcher = Matcher {
        items,
        free,
        rejected,
        rules,
        tick,
        steps: STEPS_OF_SUMS,
        found: Found { complete: true, ..Found::default() },
    };
    matcher.pair();
    for one in [LINES, ENTRIES] {
        matcher.by_reference(one);
    }
    for one in [LINES, ENTRIES] {
        matcher.by_sum(one);
    }
    matcher.suggest();
    matcher.found
}

/// Lines and entries with numbers for what names them.
fn items(lines: &[Line], entries: &[Entry]) -> [Vec<Item>; 2] {
    let mut index = Index::default();
    let of_lines: Vec<_> = lines.iter().map(|line| index.own(line.reference.as_deref())).collect();
    let of_entries: Vec<_> = entries
        .iter()
        .map(|entry| index.own(entry.references.iter().map(String::as_str)))
        .collect();
    let names = |own: Vec<u32>, texts: &[&str]| {
        let mut mentions = Vec::new();
        for text in texts {
            mentions.extend(index.mentions(text));
        }
        mentions.retain(|key| !own.contains(key));
        mentions.dedup();
        Names { own, mentions }
    };
    let line = |(line, own): (&Line, Vec<u32>)| {
        let texts = [line.reference.as_deref(), line.description.as_deref()];
        let texts: Vec<&str> = texts.into_iter().flatten().collect();
        Item { day: line.day, amount: line.amount, names: names(own, &texts) }
    };
    let entry = |(entry, own): (&Entry, Vec<u32>)| {
        let texts: Vec<&str> = entry.description.as_deref().into_iter().collect();
        Item { day: entry.day, amount: entry.change, names: names(own, &texts) }
    };
    let lines = lines.iter().zip(of_lines).map(line).collect();
    [lines, entries.iter().zip(of_entries).map(entry).collect()]
}

/// Lines that are the same but for their place, and are still free.
#[derive(Default)]
struct Kind {
    lines: VecDeque<u32>,
    /// The score at which there are as many of them as entries that fit.
    clear_at: Option<u8>,
}

struct Matcher<'a> {
    items: [Vec<Item>; 2],
    free: [Pool; 2],
    rejected: &'a HashSet<(u32, u32)>,
    rules: &'a Rules,
    tick: &'a dyn Fn(),
    /// What is left for sums.
    steps: u64,
    found: Found,
}

impl Matcher<'_> {
    fn item(&self, side: usize, n: u32) -> &Item {
        &self.items[side][n as usize]
    }

    fn link(&self, one: &Item, other: &Item) -> Link {
        match self.rules.reference {
            Reference::Ignore => Link::None,
            _ => one.names.link(&other.names),
        }
    }

    fn is_rejected(&self, side: usize, one: u32, other: u32) -> bool {
        let pair = if side == LINES { (one, other) } else { (other, one) };
        self.rejected.contains(&pair)
    }

    /// How well an amount, a distance in days and references fit, if they do at all.
    fn fit(&self, target: i64, amount: i128, days: u32, link: Link) -> Option<Fit> {
        let off = u64::try_from((i128::from(target) - amount).abs()).ok()?;
        let same_direction = (target > 0) == (amount > 0) && target != 0 && amount != 0;
        if off > self.rules.tolerance || !same_direction || days > self.rules.days.unsigned_abs() {
            return None;
        }
        let score = score(off, self.rules.tolerance, days, self.rules.days.unsigned_abs(), link);
        Some(Fit { score: Reverse(score), days, off, link: Reverse(link) })
    }

    /// The free entries that fit a line, the best first.
    fn candidates(&self, line: u32, most: usize) -> Vec<(Fit, u32)> {
        let (item, pool, rules) = (self.item(LINES, line), &self.free[ENTRIES], self.rules);
        let mut places = pool.of_amount(item.amount, rules.tolerance, item.day, rules.days, most);
        if rules.reference != Reference::Ignore {
            for name in item.names.all() {
                places.extend(pool.of_name(name, item.day, rules.days).take(most));
            }
        }
        places.sort_unstable();
        places.dedup();
        let fit = |entry: u32| {
            let other = self.item(ENTRIES, entry);
            let days = item.day.abs_diff(other.day);
            let link = self.link(item, other);
            let fit = self.fit(item.amount, other.amount.into(), days, link)?;
            (!self.is_rejected(LINES, line, entry)).then_some((fit, entry))
        };
        let mut fitting: Vec<_> = places.into_iter().filter_map(fit).collect();
        fitting.sort_unstable();
        fitting
    }

    /// Whether a pair of this fit is a match, and not just a suggestion.
    fn is_enough(&self, fit: &Fit) -> bool {
        let named = self.rules.reference != Reference::Require || fit.link.0 > Link::None;
        named && fit.score.0 >= self.rules.minimum_score
    }

    /// Pairs lines and entries, the best pair of all first.
    fn pair(&mut self) {
        let mut kinds = self.kinds();
        let mut waiting: Vec<usize> = (0..kinds.len()).collect();
        let mut evaluations = 10 * self.items[LINES].len() + 1000;
        loop {
            let before = self.found.matched.len();
            let mut best = BinaryHeap::new();
            for kind in waiting {
                best.extend(self.best_of(kind, &kinds[kind]));
            }
            let mut unclear = Vec::new();
            while let Some(Reverse((fit, line, entry, kind))) = best.pop() {
                if evaluations == 0 {
                    self.found.complete = false;
                    return;
                }
                evaluations -= 1;
                if self.free[ENTRIES].is_free(entry) {
                    if !self.is_clear(line, &fit, &mut kinds[kind]) {
                        unclear.push(kind);
                        continue;
                    }
                    kinds[kind].lines.pop_front();
                    self.accept(vec![line], vec![entry], &fit, &[]);
                }
                best.extend(self.best_of(kind, &kinds[kind]));
            }
            if unclear.is_empty() || self.found.matched.len() == before {
                return;
            }
            // Pairs taken made room: what was one of several may now be the only one.
            waiting = unclear;
        }
    }

    /// The best pair that a kind of lines has left, if one is good enough.
    fn best_of(&self, kind: usize, of: &Kind) -> Option<Reverse<(Fit, u32, u32, usize)>> {
        (self.tick)();
        let line = *of.lines.front()?;
        let candidates = self.candidates(line, MOST_CANDIDATES);
        let (fit, entry) = *candidates.iter().find(|(fit, _)| self.is_enough(fit))?;
        Some(Reverse((fit, line, entry, kind)))
    }

    /// Whether no more entries fit as well as this than there are equal lines.
    fn is_clear(&self, line: u32, fit: &Fit, kind: &mut Kind) -> bool {
        // One taken of each leaves it as clear as it was.
        if self.rules.take_first || kind.clear_at == Some(fit.score.0) {
            return true;
        }
        let rivals = kind.lines.len();
        let candidates = self.candidates(line, MOST_CANDIDATES.max(rivals + 1));
        let as_good = |other: &Fit| other.score == fit.score && self.is_enough(other);
        let ties = candidates.iter().filter(|(other, _)| as_good(other)).count();
        if ties <= rivals {
            kind.clear_at = Some(fit.score.0);
        }
        ties <= rivals
    }

    /// Lines that are the same for matching are one kind: as many equal entries are no
    /// riddle, and they need not each be compared with the same entries.
    fn kinds(&self) -> Vec<Kind> {
        let particular: HashSet<u32> = self.rejected.iter().map(|(line, _)| *line).collect();
        let (mut kinds, mut places) = (Vec::<Kind>::new(), HashMap::new());
        for (n, item) in (0..).zip(&self.items[LINES]) {
            let next = kinds.len();
            let place = match particular.contains(&n) {
                true => next,
                false => *places.entry(item).or_insert(next),
            };
            if place == next {
                kinds.push(Kind::default());
            }
            kinds[place].lines.push_back(n);
        }
        kinds
    }

    fn accept(&mut self, lines: Vec<u32>, entries: Vec<u32>, fit: &Fit, more: &[&str]) {
        for (side, places) in [(LINES, &lines), (ENTRIES, &entries)] {
            for n in places {
                self.free[side].take(*n, &self.items[side][*n as usize]);
            }
        }
        let found = made(lines, entries, fit, more);
        self.found.matched.push(found);
    }

    /// Several on the other side that bear the same reference and add up.
    fn by_reference(&mut self, one: usize) {
        if self.rules.max_group < 2 || self.rules.reference == Reference::Ignore {
            return;
        }
        for n in 0..self.items[one].len() as u32 {
            (self.tick)();
            if !self.free[one].is_free(n) {
                continue;
            }
            let names: Vec<u32> = self.item(one, n).names.all().collect();
            for name in names {
                let Some((fit, many)) = self.of_reference(one, n, name) else { continue };
                let (lines, entries) = sides(one, n, many);
                self.accept(lines, entries, &fit, &[kind_of_sum(one), "same_reference"]);
                break;
            }
        }
    }

    fn of_reference(&mut self, one: usize, n: u32, name: u32) -> Option<(Fit, Vec<u32>)> {
        let (item, pool) = (self.item(one, n), &self.free[1 - one]);
        let mut many: Vec<u32> = pool
            .of_name(name, item.day, self.rules.days)
            .take(MOST_OF_A_REFERENCE + 1)
            .filter(|other| !self.is_rejected(one, n, *other))
            .filter(|other| self.link(item, self.item(1 - one, *other)) > Link::None)
            .filter(|other| (self.item(1 - one, *other).amount > 0) == (item.amount > 0))
            .collect();
        if !(2..=MOST_OF_A_REFERENCE).contains(&many.len()) {
            return None;
        }
        many.sort_unstable();
        let fit = self.fit_many(one, n, &many)?;
        self.is_enough(&fit).then_some((fit, many))
    }

    /// How well many on the other side fit one: as the worst of them.
    fn fit_many(&self, one: usize, n: u32, many: &[u32]) -> Option<Fit> {
        let item = self.item(one, n);
        let others = || many.iter().map(|other| self.item(1 - one, *other));
        let sum: i128 = others().map(|other| i128::from(other.amount)).sum();
        let days = others().map(|other| item.day.abs_diff(other.day)).max()?;
        let link = others().map(|other| self.link(item, other)).min()?;
        let mut fit = self.fit(item.amount, sum, days, link)?;
        // Each more is one more chance to be wrong.
        let doubt = if link == Link::None { 5 * (many.len() - 1).min(10) as u8 } else { 0 };
        fit.score.0 = fit.score.0.saturating_sub(doubt);
        Some(fit)
    }

    /// A few on the other side that add up. Only where there is one way to do so.
    fn by_sum(&mut self, one: usize) {
        if self.rules.max_group < 2 {
            return;
        }
        for n in 0..self.items[one].len() as u32 {
            (self.tick)();
            if self.steps == 0 {
                self.found.complete = false;
                return;
            }
            if self.free[one].is_free(n) && !self.has_single(one, n) {
                self.sum_of(one, n);
            }
        }
    }

    /// Whether one alone would do, which then is a suggestion.
    fn has_single(&self, one: usize, n: u32) -> bool {
        let (item, rules) = (self.item(one, n), self.rules);
        let pool = &self.free[1 - one];
        !pool.of_amount(item.amount, rules.tolerance, item.day, rules.days, 1).is_empty()
    }

    fn sum_of(&mut self, one: usize, n: u32) {
        let places = self.parts(one, n);
        self.steps = self.steps.saturating_sub(SUM_LOOKS as u64);
        if places.len() < 2 {
            return;
        }
        let part = |other: &u32| self.item(1 - one, *other).amount.unsigned_abs();
        let amounts: Vec<u64> = places.iter().map(part).collect();
        let (target, rules) = (self.item(one, n).amount.unsigned_abs(), self.rules);
        let allowed = STEPS_OF_A_SUM.min(self.steps);
        let (mut steps, enough) = (allowed, rules.suggestions.max(1) + 1);
        let sums =
            groups::sums(target, rules.tolerance, &amounts, rules.max_group, enough, &mut steps);
        self.steps -= allowed - steps;
        self.found.complete &= sums.complete || steps > 0;
        let mut fitting: Vec<(Fit, Vec<u32>)> = sums
            .found
            .into_iter()
            .map(|sum| sum.into_iter().map(|part| places[part]).collect::<Vec<u32>>())
            .filter_map(|many| Some((self.fit_many(one, n, &many)?, many)))
            .collect();
        fitting.sort();
        let kind = kind_of_sum(one);
        if let [(fit, many)] = &fitting[..]
            && sums.complete
            && self.is_enough(fit)
        {
            let (lines, entries) = sides(one, n, many.clone());
            return self.accept(lines, entries, &fit.clone(), &[kind, "only_sum"]);
        }
        let unsure = match (fitting.len(), sums.complete) {
            (1, true) => "below_minimum",
            (1, false) => "search_stopped",
            _ => "several_sums",
        };
        for (fit, many) in fitting.into_iter().take(rules.suggestions) {
            let (lines, entries) = sides(one, n, many);
            self.found.suggested.push(made(lines, entries, &fit, &[kind, unsure]));
        }
    }

    /// What may be a part of a sum: those with a reference first, then the nearest days.
    fn parts(&self, one: usize, n: u32) -> Vec<u32> {
        let (item, rules) = (self.item(one, n), self.rules);
        let most = item.amount.unsigned_abs().saturating_add(rules.tolerance);
        let mut parts: Vec<(Reverse<Link>, u32, u32)> = self.free[1 - one]
            .of_day(item.amount, item.day, rules.days)
            .take(SUM_LOOKS)
            .filter(|other| !self.is_rejected(one, n, *other))
            .map(|other| (self.item(1 - one, other), other))
            .filter(|(part, _)| part.amount != 0 && part.amount.unsigned_abs() < most)
            .map(|(part, other)| {
                (Reverse(self.link(item, part)), item.day.abs_diff(part.day), other)
            })
            .collect();
        parts.sort_unstable();
        parts.into_iter().take(SUM_CANDIDATES).map(|(_, _, other)| other).collect()
    }

    /// What else the lines that are left may be, and why they are not.
    fn suggest(&mut self) {
        // A sum that was suggested may have lost a part to another line.
        let (free, suggested) = (&self.free, std::mem::take(&mut self.found.suggested));
        let is_free = |side: usize, places: &[u32]| places.iter().all(|n| free[side].is_free(*n));
        let still = |one: &Match| is_free(LINES, &one.lines) && is_free(ENTRIES, &one.entries);
        self.found.suggested = suggested.into_iter().filter(still).collect();
        for line in 0..self.items[LINES].len() as u32 {
            if !self.free[LINES].is_free(line) {
                continue;
            }
            (self.tick)();
            let candidates = self.candidates(line, MOST_CANDIDATES);
            for (fit, entry) in candidates.into_iter().take(self.rules.suggestions) {
                let unsure = match fit {
                    fit if fit.score.0 < self.rules.minimum_score => "below_minimum",
                    fit if !self.is_enough(&fit) => "no_reference",
                    _ => "several_fit",
                };
                self.found.suggested.push(made(vec![line], vec![entry], &fit, &[unsure]));
            }
        }
        self.found.suggested.sort_by(|one, other| {
            (Reverse(one.score), &one.lines, &one.entries).cmp(&(
                Reverse(other.score),
                &other.lines,
                &other.entries,
            ))
        });
    }
}

fn kind_of_sum(one: usize) -> &'static str {
    if one == LINES { "sum_of_transfers" } else { "sum_of_lines" }
}

fn sides(one: usize, n: u32, many: Vec<u32>) -> (Vec<u32>, Vec<u32>) {
    if one == LINES { (vec![n], many) } else { (many, vec![n]) }
}

/// 50 for the amount, 20 for the day, 30 for the reference: one that is found is worth more
/// than any day.
fn score(off: u64, tolerance: u64, days: u32, most_days: u32, link: Link) -> u8 {
    let amount = match off {
        0 => 50,
        off => 40 - (u128::from(off) * 10 / u128::from(tolerance.max(1))) as u32,
    };
    let day = 20 * (most_days + 1 - days.min(most_days)) / (most_days + 1);
    let reference = match link {
        Link::Exact => 30,
        Link::Contained => 22,
        Link::None => 0,
    };
    (amount + day + reference) as u8
}

fn made(lines: Vec<u32>, entries: Vec<u32>, fit: &Fit, more: &[&str]) -> Match {
    let amount = if fit.off == 0 { "amount" } else { "amount_within_tolerance" };
    let day = if fit.days == 0 { "same_day" } else { "days_apart" };
    let reference = match fit.link.0 {
        Link::Exact => Some("reference"),
        Link::Contained => Some("reference_in_text"),
        Link::None => None,
    };
    let reasons = [amount, day].into_iter().chain(reference).chain(more.iter().copied());
    Match { lines, entries, score: fit.score.0, reasons: reasons.map(str::to_owned).collect() }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
