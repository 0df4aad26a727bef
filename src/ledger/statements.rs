//! Balance sheet and income statement: the rules, without a database.

use crate::kernel::money::Currency;
use crate::ledger::account::Class;
use crate::ledger::chart::{Figures, Line, Node, add, in_normal_direction, outline};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A line of a statement: an account, or, without one, the sum of its section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub currency: Currency,
    pub section: &'static str,
    pub line: Option<Line>,
    pub total: Figures,
}

/// What is asked for of a statement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Only this currency.
    pub currency: Option<Currency>,
    /// Accounts down to so many steps below the top; their parts count in them.
    pub depth: Option<i32>,
}

/// Debits less credits of accounts, by account.
pub type Balances = HashMap<i64, Figures>;

/// Assets, liabilities, equity, the result that is not in equity yet, and what other
/// systems owe or are owed. The last line of a currency proves the rest: assets less
/// everything else, always nothing. `abroad` holds by currency what accounts of other
/// systems were credited for debits here, less the other way round.
pub fn balance_sheet(
    nodes: &[Node],
    balances: &Balances,
    abroad: &BTreeMap<Currency, i128>,
    shape: Shape,
) -> Vec<Row> {
    let sheet = Sections::new(nodes, balances, shape);
    let mut rows = Vec::new();
    for currency in sheet.currencies(abroad.keys().copied()) {
        let total = |class| sheet.total(currency, class);
        let (assets, liabilities, equity) =
            (total(Class::Asset), total(Class::Liability), total(Class::Equity));
        let result = less(total(Class::Income), total(Class::Expense));
        let others = [abroad.get(&currency).copied().unwrap_or_default(), 0];
        let mut claims = Figures::default();
        for part in [liabilities, equity, result, others] {
            add(&mut claims, &part);
        }
        for class in [Class::Asset, Class::Liability, Class::Equity] {
            sheet.list(&mut rows, currency, class);
        }
        let sums =
            [("result", result), ("other_systems", others), ("difference", less(assets, claims))];
        rows.extend(sums.map(|(section, total)| Row { currency, section, line: None, total }));
    }
    rows
}

/// Income, expenses and the result, from what was debited and credited in a period
/// and in the one that it is compared with.
pub fn income_statement(nodes: &[Node], flows: &Balances, shape: Shape) -> Vec<Row> {
    let statement = Sections::new(nodes, flows, shape);
    let mut rows = Vec::new();
    for currency in statement.currencies(std::iter::empty()) {
        statement.list(&mut rows, currency, Class::Income);
        statement.list(&mut rows, currency, Class::Expense);
        let total = less(
            statement.total(currency, Class::Income),
            statement.total(currency, Class::Expense),
        );
        rows.push(Row { currency, section: "result", line: None, total });
    }
    rows
}

fn less(one: Figures, other: Figures) -> Figures {
    [one[0] - other[0], one[1] - other[1]]
}

fn section(class: Class) -> &'static str {
    match class {
        Class::Asset => "assets",
        Class::Liability => "liabilities",
        Class::Equity => "equity",
        Class::Income => "income",
        Class::Expense => "expenses",
    }
}

/// The accounts of a statement, by class.
struct Sections<'a> {
    nodes: &'a [Node],
    lines: Vec<Line>,
    totals: BTreeMap<(Currency, &'static str), Figures>,
    shape: Shape,
}

impl<'a> Sections<'a> {
    fn new(nodes: &'a [Node], balances: &Balances, shape: Shape) -> Self {
        let mut totals: BTreeMap<(Currency, &'static str), Figures> = BTreeMap::new();
        let mut own = HashMap::with_capacity(balances.len());
        for node in nodes {
            let Some(balance) = balances.get(&node.id) else { continue };
            let figures = balance.map(|balance| in_normal_direction(node.class, balance));
            // From the accounts themselves, not from the tree: a wrong tree shows.
            add(totals.entry((node.currency, section(node.class))).or_default(), &figures);
            own.insert(node.id, figures);
        }
        let lines = outline(nodes, &own, shape.depth);
        Sections { nodes, lines, totals, shape }
    }

    fn currencies(&self, more: impl Iterator<Item = Currency>) -> BTreeSet<Currency> {
        let known = self.totals.keys().map(|(currency, _)| *currency);
        let wanted = |currency: &Currency| self.shape.currency.is_none_or(|one| one == *currency);
        known.chain(more).chain(self.shape.currency).filter(wanted).collect()
    }

    fn total(&self, currency: Currency, class: Class) -> Figures {
        self.totals.get(&(currency, section(class))).copied().unwrap_or_default()
    }

    /// The accounts of a class in which there is something, then their sum.
    fn list(&self, rows: &mut Vec<Row>, currency: Currency, class: Class) {
        let section = section(class);
        let there = |line: &&Line| {
            line.currency == currency
                && self.nodes[line.node].class == class
                && (line.own, line.total) != Default::default()
        };
        rows.extend(self.lines.iter().filter(there).map(|line| Row {
            currency,
            section,
            line: Some(line.clone()),
            total: line.total,
        }));
        let total = self.total(currency, class);
        rows.push(Row { currency, section, line: None, total });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::chart::tests::node;
    use proptest::prelude::*;

    const CLASSES: [Class; 5] =
        [Class::Asset, Class::Liability, Class::Equity, Class::Income, Class::Expense];

    fn sum(rows: &[Row], name: &str) -> Figures {
        let found = rows.iter().find(|row| row.section == name && row.line.is_none());
        found.unwrap_or_else(|| panic!("no {name}")).total
    }

    #[test]
    fn assets_are_liabilities_equity_and_the_result() {
        let nodes: Vec<Node> = ["bank", "loan", "capital", "sales", "rent"]
            .iter()
            .zip(CLASSES)
            .enumerate()
            .map(|(n, (code, class))| node(n as i64, None, class, code))
            .collect();
        let balances = HashMap::from(
            [(0, 170), (1, -50), (2, -100), (3, -30), (4, 10)].map(|(id, b)| (id, [b, 0])),
        );
        let rows = balance_sheet(&nodes, &balances, &BTreeMap::new(), Shape::default());
        let sums: Vec<_> = rows
            .iter()
            .filter(|row| row.line.is_none())
            .map(|row| (row.section, row.total[0]))
            .collect();
        assert_eq!(
            sums,
            [
                ("assets", 170),
                ("liabilities", 50),
                ("equity", 100),
                ("result", 20),
                ("other_systems", 0),
                ("difference", 0)
            ]
        );
        let rows = income_statement(&nodes, &balances, Shape::default());
        assert_eq!(sum(&rows, "result"), [20, 0]);
        assert_eq!(rows.iter().filter(|row| row.line.is_some()).count(), 2);
    }

    #[test]
    fn a_currency_that_is_asked_for_is_shown_though_nothing_is_in_it() {
        let currency = Currency::parse("USD", "c").ok();
        let shape = Shape { currency, depth: None };
        let rows = balance_sheet(&[], &HashMap::new(), &BTreeMap::new(), shape);
        assert_eq!(sum(&rows, "difference"), [0, 0]);
    }

    proptest! {
        /// Accounts of two systems in two currencies, and transfers between any of one currency.
        #[test]
        fn the_sheet_of_every_system_proves_itself(
            transfers in prop::collection::vec((0..40usize, 0..40usize, 1..=i64::MAX), 0..60)
        ) {
            let codes = ["INR", "USD"].map(|code| Currency::parse(code, "c").unwrap());
            // Half of them are parts of accounts of the same class, some of another currency.
            let nodes: Vec<Node> = (0..40usize).map(|n| Node {
                system: if n < 20 { "a" } else { "b" }.to_owned(),
                currency: codes[n % 2],
                parent: (n % 20 >= 10).then_some(n as i64 - if n % 2 == 0 { 9 } else { 10 }),
                ..node(n as i64, None, CLASSES[n % 10 / 2], &format!("a{n}"))
            }).collect();
            let mut balances: Balances = HashMap::new();
            let mut abroad = [BTreeMap::new(), BTreeMap::new()];
            for (debit, credit, amount) in transfers {
                let (debit, amount) = (debit - debit % 2 + credit % 2, i128::from(amount));
                if debit == credit { continue }
                balances.entry(debit as i64).or_default()[0] += amount;
                balances.entry(credit as i64).or_default()[0] -= amount;
                if (debit < 20) != (credit < 20) {
                    let currency = nodes[debit].currency;
                    *abroad[usize::from(debit >= 20)].entry(currency).or_insert(0) += amount;
                    *abroad[usize::from(credit >= 20)].entry(currency).or_insert(0) -= amount;
                }
            }
            for (system, abroad) in ["a", "b"].iter().zip(&abroad) {
                let own: Vec<Node> = nodes.iter().filter(|node| node.system == *system).cloned().collect();
                let rows = balance_sheet(&own, &balances, abroad, Shape::default());
                for row in rows.iter().filter(|row| row.section == "difference") {
                    prop_assert_eq!(row.total, [0, 0]);
                }
                // What is shown of a section adds up to its sum.
                for total in rows.iter().filter(|row| row.line.is_none()) {
                    let tops = rows.iter().filter(|row| row.currency == total.currency
                        && row.section == total.section
                        && row.line.as_ref().is_some_and(|line| line.depth == 0));
                    if ["assets", "liabilities", "equity"].contains(&total.section) {
                        prop_assert_eq!(tops.map(|row| row.total[0]).sum::<i128>(), total.total[0]);
                    }
                }
            }
            let everything = balance_sheet(&nodes, &balances, &BTreeMap::new(), Shape::default());
            for row in everything.iter().filter(|row| row.section == "difference") {
                prop_assert_eq!(row.total, [0, 0]);
            }
        }
    }
}
