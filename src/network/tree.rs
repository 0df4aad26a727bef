//! The hierarchy as a tree: promoters from one down, each with the totals of the
//! whole branch, also of what a limit leaves out.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::profile::{self, Role};
use crate::network::store::tree as store;
use pgrx::Uuid;
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::fmt::Write;

/// A promoter with what is counted of themselves.
pub struct Node {
    pub id: Uuid,
    pub parent: Option<Uuid>,
    pub promoter_id: String,
    pub name: Option<String>,
    pub role_level: String,
    pub status: String,
    pub depth: i32,
    pub own: Counts,
}

/// What is counted; added up it is the total of a branch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub customers: i64,
    pub active_customers: i64,
    pub commissions: Decimal,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Totals {
    below: i64,
    active_below: i64,
    counts: Counts,
}

/// How much of a tree to show.
pub struct Limits {
    /// Promoters altogether, those nearest the root first.
    pub nodes: usize,
    /// Levels below the root.
    pub depth: Option<i32>,
    /// Which of the promoters directly below the root, with everybody below them.
    pub offset: usize,
    pub page: Option<usize>,
}

impl Limits {
    /// 22023 for a limit that makes no sense.
    pub fn new(depth: Option<i32>, page: Option<i32>, offset: Option<i32>) -> Result<Self> {
        let count = |value: Option<i32>, least: i32, field: &str| match value {
            Some(value) if value < least => {
                Err(Error::invalid(field, format!("must be at least {least}")))
            }
            value => Ok(value.map(|value| value as usize)),
        };
        count(depth, 0, "p_max_depth")?;
        Ok(Limits {
            nodes: settings::get::<i64>(SYSTEM, "hierarchy_nodes")? as usize,
            depth,
            page: count(page, 1, "p_limit")?,
            offset: count(offset, 0, "p_offset")?.unwrap_or(0),
        })
    }
}

/// The tree from `root` down as JSON. The commissions are to an admin what the
/// promoters of a branch earned, to a promoter what they themselves earned from it.
pub fn describe(caller: &Caller, root: Uuid, limits: &Limits) -> Result<String> {
    profile::require(root, Role::Promoter, "p_promoter_id")?;
    let nodes = if caller.is_admin(SYSTEM)? {
        store::branch(root)?
    } else {
        store::branch_as(root, caller.require_person()?)?
    };
    Ok(Tree::build(&nodes, limits).to_json())
}

struct Tree<'a> {
    nodes: &'a [Node],
    totals: Vec<Totals>,
    /// Everybody directly below each.
    direct: Vec<usize>,
    /// Those of them that are shown.
    children: Vec<Vec<usize>>,
    truncated: bool,
}

impl<'a> Tree<'a> {
    /// From rows of which the first is the root and a parent comes before its children.
    fn build(nodes: &'a [Node], limits: &Limits) -> Self {
        let index: HashMap<Uuid, usize> =
            nodes.iter().enumerate().map(|(i, node)| (node.id, i)).collect();
        let parents: Vec<Option<usize>> = nodes
            .iter()
            .enumerate()
            .map(|(i, node)| node.parent.filter(|_| i > 0).and_then(|id| index.get(&id).copied()))
            .collect();
        let mut tree = Tree {
            nodes,
            totals: add_up(nodes, &parents),
            direct: vec![0; nodes.len()],
            children: vec![Vec::new(); nodes.len()],
            truncated: false,
        };
        tree.choose(&parents, limits);
        tree
    }

    fn choose(&mut self, parents: &[Option<usize>], limits: &Limits) {
        let mut shown = vec![false; self.nodes.len()];
        let mut count = 0;
        let last = limits.page.map_or(usize::MAX, |page| limits.offset.saturating_add(page));
        for (i, parent) in parents.iter().enumerate() {
            let fits = match parent {
                None => i == 0,
                Some(parent) => {
                    let place = self.direct[*parent];
                    self.direct[*parent] += 1;
                    let below = self.nodes[i].depth - self.nodes[0].depth;
                    shown[*parent]
                        && count < limits.nodes
                        && limits.depth.is_none_or(|most| below <= most)
                        && (*parent != 0 || (limits.offset..last).contains(&place))
                }
            };
            if fits {
                shown[i] = true;
                count += 1;
                if let Some(parent) = parent {
                    self.children[*parent].push(i);
                }
            }
        }
        self.truncated = count < self.nodes.len();
    }

    fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.nodes.len() * 400);
        if self.nodes.is_empty() {
            return "null".to_owned();
        }
        self.write(0, &mut out);
        out
    }

    // By hand, because a JSON number made by serde would lose its trailing zeros.
    fn write(&self, i: usize, out: &mut String) {
        let (node, totals) = (&self.nodes[i], &self.totals[i]);
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let name = node.name.as_deref().map_or_else(|| "null".to_owned(), text);
        // Writing to a String never fails.
        let _ = write!(
            out,
            "{{\"id\":\"{}\",\"promoter_id\":{},\"name\":{name},\"role_level\":{},\"status\":{},\
             \"level\":{},\"customers\":{},\"active_customers\":{},\"commissions\":{},\
             \"direct_promoters\":{},\"promoters_below\":{},\"active_promoters_below\":{},\
             \"branch_customers\":{},\"branch_active_customers\":{},\"branch_commissions\":{},",
            node.id,
            text(&node.promoter_id),
            text(&node.role_level),
            text(&node.status),
            node.depth,
            node.own.customers,
            node.own.active_customers,
            node.own.commissions,
            self.direct[i],
            totals.below,
            totals.active_below,
            totals.counts.customers,
            totals.counts.active_customers,
            totals.counts.commissions,
        );
        let truncated =
            if i == 0 { self.truncated } else { self.children[i].len() < self.direct[i] };
        let _ = write!(out, "\"truncated\":{truncated},\"children\":[");
        for (place, child) in self.children[i].iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            self.write(*child, out);
        }
        out.push_str("]}");
    }
}

/// From the lowest up, so that a branch is complete before it joins its parent's.
fn add_up(nodes: &[Node], parents: &[Option<usize>]) -> Vec<Totals> {
    let mut totals: Vec<Totals> =
        nodes.iter().map(|node| Totals { counts: node.own.clone(), ..Totals::default() }).collect();
    for (i, node) in nodes.iter().enumerate().rev() {
        let Some(parent) = parents[i] else { continue };
        let child = totals[i].clone();
        let above = &mut totals[parent];
        above.below += 1 + child.below;
        above.active_below += i64::from(node.status == "Active") + child.active_below;
        above.counts.customers += child.counts.customers;
        above.counts.active_customers += child.counts.active_customers;
        above.counts.commissions += child.counts.commissions;
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Nodes whose parents are given by their places; each has one customer more than
    /// the one before, and a commission of 1.10 each.
    fn nodes(parents: &[usize]) -> Vec<Node> {
        let ids: Vec<Uuid> = (0..=parents.len()).map(|_| new_id()).collect();
        let mut depths = vec![1];
        for parent in parents {
            depths.push(depths[*parent] + 1);
        }
        let mut nodes: Vec<Node> = (0..ids.len())
            .map(|i| Node {
                id: ids[i],
                parent: (i > 0).then(|| ids[parents[i - 1]]),
                promoter_id: format!("BPVP{i}"),
                name: Some("A \"B\"".to_owned()),
                role_level: "Affiliate".to_owned(),
                status: if i % 2 == 0 { "Active" } else { "Inactive" }.to_owned(),
                depth: depths[i],
                own: Counts {
                    customers: i as i64,
                    active_customers: 1,
                    commissions: Decimal::new(110, 2),
                },
            })
            .collect();
        nodes.sort_by_key(|node| node.depth);
        nodes
    }

    fn all() -> Limits {
        Limits { nodes: 1000, depth: None, offset: 0, page: None }
    }

    fn tree(nodes: &[Node], limits: &Limits) -> Value {
        serde_json::from_str(&Tree::build(nodes, limits).to_json()).unwrap()
    }

    #[test]
    fn each_branch_adds_up() {
        let tree = tree(&nodes(&[0, 0, 1]), &all());
        assert_eq!(tree["promoters_below"], 3);
        assert_eq!(tree["active_promoters_below"], 1);
        assert_eq!(tree["branch_customers"], 6);
        assert_eq!(tree["direct_promoters"], 2);
        assert_eq!(tree["truncated"], false);
        assert_eq!(tree["children"][0]["branch_customers"], 4);
        assert_eq!(tree["children"][0]["children"][0]["promoter_id"], "BPVP3");
        assert_eq!(tree["children"][1]["children"], serde_json::json!([]));
    }

    #[test]
    fn amounts_keep_their_zeros_and_names_their_quotes() {
        let json = Tree::build(&nodes(&[0]), &all()).to_json();
        assert!(json.contains("\"branch_commissions\":2.20,"), "{json}");
        assert!(json.contains(r#""name":"A \"B\"""#));
    }

    #[test]
    fn what_a_limit_leaves_out_still_counts() {
        let nodes = nodes(&[0, 0, 1]);
        for limits in [Limits { nodes: 2, ..all() }, Limits { depth: Some(0), ..all() }] {
            let tree = tree(&nodes, &limits);
            assert_eq!(tree["branch_customers"], 6);
            assert_eq!(tree["truncated"], true);
        }
    }

    #[test]
    fn a_page_is_of_those_directly_below() {
        let tree = tree(&nodes(&[0, 0, 0, 2]), &Limits { offset: 1, page: Some(1), ..all() });
        assert_eq!(tree["children"].as_array().unwrap().len(), 1);
        assert_eq!(tree["children"][0]["promoter_id"], "BPVP2");
        assert_eq!(tree["children"][0]["children"][0]["promoter_id"], "BPVP4");
        assert_eq!(tree["direct_promoters"], 3);
    }

    fn shown(tree: &Value) -> usize {
        1 + tree["children"].as_array().unwrap().iter().map(shown).sum::<usize>()
    }

    proptest! {
        #[test]
        fn totals_do_not_depend_on_limits(
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40), most in 1usize..50,
        ) {
            let parents: Vec<usize> =
                picks.iter().enumerate().map(|(i, pick)| pick.index(i + 1)).collect();
            let nodes = nodes(&parents);
            let whole = tree(&nodes, &all());
            let part = tree(&nodes, &Limits { nodes: most, ..all() });
            prop_assert_eq!(&whole["branch_customers"], &part["branch_customers"]);
            prop_assert_eq!(whole["promoters_below"].as_u64(), Some(parents.len() as u64));
            prop_assert_eq!(shown(&whole), nodes.len());
            prop_assert_eq!(shown(&part), most.min(nodes.len()));
        }
    }
}
