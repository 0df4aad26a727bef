//! The chart of accounts: which account is part of which, and what branches add up to.
//!
//! An account is part of at most one other, of the same system and the same class.
//! The currency may differ: a branch has a total for each currency in it.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Class, Side};
use crate::ledger::error::LedgerError;
use crate::ledger::store;
use crate::ledger::store::accounts::Description;
use std::collections::{BTreeMap, HashMap};

/// An account of the chart.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: i64,
    pub parent: Option<i64>,
    pub system: String,
    pub code: String,
    pub name: String,
    pub class: Class,
    pub currency: Currency,
    pub closed: bool,
}

/// What a report says of an account: a figure, and the one that it is compared with.
pub type Figures = [i128; 2];

/// A line of the chart: an account with one of the currencies in its branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the account stands in the list of nodes.
    pub node: usize,
    /// 0 for an account that is part of no other.
    pub depth: i32,
    /// The codes from the top down, separated by slashes.
    pub path: String,
    pub currency: Currency,
    /// Of the account itself.
    pub own: Figures,
    /// Of the account and everything below it.
    pub total: Figures,
}

/// The accounts in the order of the chart: classes in their order, then by code, each
/// with what is below it, down to `depth`. `own` holds figures by account, in the
/// account's currency.
pub fn outline(nodes: &[Node], own: &HashMap<i64, Figures>, depth: Option<i32>) -> Vec<Line> {
    let order = walk(nodes);
    let mut totals: Vec<BTreeMap<Currency, Figures>> = vec![BTreeMap::new(); nodes.len()];
    // From the leaves up: a part comes after what it is part of.
    for place in order.iter().rev() {
        let node = &nodes[place.node];
        let figures = own.get(&node.id).copied().unwrap_or_default();
        add(totals[place.node].entry(node.currency).or_default(), &figures);
        if let Some(parent) = place.parent {
            let parts = totals[place.node].clone();
            for (currency, figures) in parts {
                add(totals[parent].entry(currency).or_default(), &figures);
            }
        }
    }
    let shown = order.into_iter().filter(|place| depth.is_none_or(|most| place.depth <= most));
    let lines = shown.flat_map(|place| {
        let node = &nodes[place.node];
        let of_account = own.get(&node.id).copied().unwrap_or_default();
        std::mem::take(&mut totals[place.node]).into_iter().map(move |(currency, total)| Line {
            node: place.node,
            depth: place.depth,
            path: place.path.clone(),
            currency,
            own: if currency == node.currency { of_account } else { Figures::default() },
            total,
        })
    });
    lines.collect()
}

/// Sums of balances of 63 bits: no number of accounts overflows 128.
pub fn add(sum: &mut Figures, figures: &Figures) {
    for (sum, figure) in sum.iter_mut().zip(figures) {
        *sum += figure;
    }
}

/// A node's place in the chart.
struct Place {
    node: usize,
    parent: Option<usize>,
    depth: i32,
    path: String,
}

/// Every node once, parents before their parts. A node whose parent is not there, or
/// that is part of itself after all, stands at the top.
fn walk(nodes: &[Node]) -> Vec<Place> {
    let by_id: HashMap<i64, usize> =
        nodes.iter().enumerate().map(|(n, node)| (node.id, n)).collect();
    let parent = |n: usize| nodes[n].parent.and_then(|id| by_id.get(&id).copied());
    let mut sorted: Vec<usize> = (0..nodes.len()).collect();
    let key = |n: usize| {
        let node = &nodes[n];
        (node.class as u8, &node.system, &node.code, node.id)
    };
    sorted.sort_by(|a, b| key(*a).cmp(&key(*b)));
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut tops = Vec::new();
    for n in &sorted {
        match parent(*n) {
            Some(above) => parts[above].push(*n),
            None => tops.push(*n),
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    let mut seen = vec![false; nodes.len()];
    // Whatever the tops do not lead to goes round in a circle.
    for top in tops.into_iter().chain(sorted) {
        let mut waiting = vec![(top, None, 0, String::new())];
        while let Some((n, parent, depth, above)) = waiting.pop() {
            if std::mem::replace(&mut seen[n], true) {
                continue;
            }
            let path = match above.as_str() {
                "" => nodes[n].code.clone(),
                above => format!("{above}/{}", nodes[n].code),
            };
            // The last one waiting comes next.
            waiting.extend(parts[n].iter().rev().map(|m| (*m, Some(n), depth + 1, path.clone())));
            order.push(Place { node: n, parent, depth, path });
        }
    }
    order
}

/// A balance of debits less credits, as the class shows it.
pub fn in_normal_direction(class: Class, debits_less_credits: i128) -> i128 {
    match class.normal_side() {
        Side::Debit => debits_less_credits,
        Side::Credit => -debits_less_credits,
    }
}

/// 22023 unless an account of this system and class may be part of `parent`.
pub fn check_parent(system: &str, class: Class, parent: &Description) -> Result<()> {
    if parent.system != system {
        return Err(Error::invalid("parent", "must be an account of the same system"));
    }
    if parent.class != class {
        let rule = format!("must be an account of the same class, {}", class.as_str());
        return Err(Error::invalid("parent", rule)
            .detail(format!("it is of the class {}", parent.class.as_str())));
    }
    Ok(())
}

/// Makes an account part of another, or of none. Again it changes nothing.
///
/// PT404 unknown account; 22023 where the other is of another system or class, or is
/// the account itself or a part of it.
pub fn move_account(id: AccountId, parent: Option<AccountId>) -> Result<()> {
    let account = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    // One at a time, or two moves could make a circle together.
    store::chart::lock(&account.system)?;
    if let Some(parent) = parent {
        let found = store::accounts::describe(parent)?;
        let found = found.ok_or(LedgerError::UnknownAccount(parent))?;
        check_parent(&account.system, account.class, &found)?;
        if store::chart::lineage(parent)?.contains(&id) {
            let rule = "must be neither the account itself nor a part of it";
            return Err(Error::invalid("parent", rule));
        }
    }
    store::chart::set_parent(id, parent)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn node(id: i64, parent: Option<i64>, class: Class, code: &str) -> Node {
        Node {
            id,
            parent,
            system: "test".to_owned(),
            code: code.to_owned(),
            name: code.to_owned(),
            class,
            currency: Currency::parse("INR", "c").unwrap(),
            closed: false,
        }
    }

    fn paths(nodes: &[Node]) -> Vec<String> {
        outline(nodes, &HashMap::new(), None).into_iter().map(|line| line.path).collect()
    }

    #[test]
    fn a_branch_adds_up_and_stands_below_its_parent() {
        let nodes = [
            node(1, None, Class::Expense, "rent"),
            node(2, None, Class::Asset, "cash"),
            node(3, Some(2), Class::Asset, "till"),
            node(4, Some(2), Class::Asset, "bank"),
            node(5, Some(4), Class::Asset, "sbi"),
        ];
        let own = HashMap::from([(2, [1, 0]), (3, [10, 7]), (5, [100, 0]), (1, [5, 5])]);
        let lines: Vec<_> = outline(&nodes, &own, None)
            .into_iter()
            .map(|line| (line.path, line.depth, line.own[0], line.total))
            .collect();
        assert_eq!(
            lines,
            [
                ("cash".to_owned(), 0, 1, [111, 7]),
                ("cash/bank".to_owned(), 1, 0, [100, 0]),
                ("cash/bank/sbi".to_owned(), 2, 100, [100, 0]),
                ("cash/till".to_owned(), 1, 10, [10, 7]),
                ("rent".to_owned(), 0, 5, [5, 5]),
            ]
        );
        let folded = outline(&nodes, &own, Some(0));
        assert_eq!(folded.iter().map(|line| line.total[0]).collect::<Vec<_>>(), [111, 5]);
    }

    #[test]
    fn a_branch_has_a_total_for_each_currency() {
        let dollars = Node {
            currency: Currency::parse("USD", "c").unwrap(),
            ..node(2, Some(1), Class::Asset, "b")
        };
        let nodes = [node(1, None, Class::Asset, "a"), dollars];
        let own = HashMap::from([(1, [5, 0]), (2, [7, 0])]);
        let lines: Vec<_> = outline(&nodes, &own, None)
            .into_iter()
            .map(|line| (line.path, line.currency.to_string(), line.own[0], line.total[0]))
            .collect();
        let line =
            |path: &str, code: &str, own, total| (path.to_owned(), code.to_owned(), own, total);
        assert_eq!(
            lines,
            [line("a", "INR", 5, 5), line("a", "USD", 0, 7), line("a/b", "USD", 7, 7)]
        );
    }

    #[test]
    fn accounts_in_a_circle_are_shown_once() {
        let nodes = [
            node(1, Some(2), Class::Asset, "a"),
            node(2, Some(1), Class::Asset, "b"),
            node(3, Some(99), Class::Asset, "c"),
        ];
        assert_eq!(paths(&nodes), ["c", "a", "a/b"]);
    }

    proptest! {
        #[test]
        fn the_tops_add_up_to_everything_whatever_the_tree_is(
            tree in prop::collection::vec((prop::option::of(0..40i64), any::<i64>()), 1..40)
        ) {
            let nodes: Vec<Node> = tree.iter().enumerate()
                .map(|(n, (parent, _))| node(n as i64, *parent, Class::Asset, &format!("a{n}")))
                .collect();
            let own: HashMap<i64, Figures> = tree.iter().enumerate()
                .map(|(n, (_, amount))| (n as i64, [i128::from(*amount), 1])).collect();
            let lines = outline(&nodes, &own, None);
            prop_assert_eq!(lines.len(), nodes.len());
            let mut sum = Figures::default();
            for line in lines.iter().filter(|line| line.depth == 0) {
                add(&mut sum, &line.total);
            }
            let all: i128 = tree.iter().map(|(_, amount)| i128::from(*amount)).sum();
            prop_assert_eq!(sum, [all, nodes.len() as i128]);
        }
    }
}
