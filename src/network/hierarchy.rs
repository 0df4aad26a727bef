//! The hierarchy: who stands below whom, and how deep a line may go.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::error::NetworkError;
use crate::network::profile::{self, Role};
use crate::network::store::promoters as store;
use pgrx::Uuid;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A place in the hierarchy as a rule sees it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Everybody above, the parent first.
    pub ancestors: Vec<Uuid>,
}

impl Place {
    /// How many promoters the line holds down to and including this one.
    pub fn depth(&self) -> i64 {
        self.ancestors.len() as i64 + 1
    }

    /// The ancestors of somebody directly below `parent`, who stands here.
    pub fn below(&self, parent: Uuid) -> Vec<Uuid> {
        std::iter::once(parent).chain(self.ancestors.iter().copied()).collect()
    }
}

/// Whether `who`, with `height` promoters from them down to their lowest (one
/// when there is nobody below), may stand below `parent`.
pub fn check_move(
    who: Option<Uuid>,
    height: i64,
    parent: Option<(Uuid, &Place)>,
    max_depth: Option<i64>,
) -> Result<(), NetworkError> {
    let above = match parent {
        Some((id, place)) => {
            if who.is_some_and(|who| who == id || place.ancestors.contains(&who)) {
                return Err(NetworkError::Cycle);
            }
            place.depth()
        }
        None => 0,
    };
    match max_depth {
        Some(most) if above + height > most => Err(NetworkError::TooDeep { most }),
        _ => Ok(()),
    }
}

/// The line above a new promoter: checks the parent and the depth, and locks the
/// parent's place until the transaction ends, so that it does not move meanwhile.
pub fn line_below(parent: Option<Uuid>) -> Result<Vec<Uuid>> {
    let Some(parent) = parent else { return Ok(Vec::new()) };
    let place = require_parent(parent)?;
    check_move(None, 1, Some((parent, &place)), max_depth()?)?;
    Ok(place.below(parent))
}

/// Puts a promoter and everybody below them under another parent.
pub fn move_promoter(who: Uuid, parent: Option<Uuid>) -> Result<()> {
    // Two moves at once could each see a tree without the other: one at a time.
    store::lock_hierarchy()?;
    store::lock_branch(who)?;
    let height = store::height_below(who)?;
    let place = parent.map(require_parent).transpose()?;
    check_move(Some(who), height, parent.zip(place.as_ref()), max_depth()?)?;
    let line = parent.zip(place).map_or_else(Vec::new, |(id, place)| place.below(id));
    store::move_branch(who, parent, &line)
}

/// What `validate_promoter_hierarchy` answers.
pub fn validate(who: Uuid, parent: Option<Uuid>) -> Result<Value> {
    profile::require(who, Role::Promoter, "p_promoter_id")?;
    let height = store::height_below(who)?;
    let place = parent
        .map(|id| {
            profile::require(id, Role::Promoter, "p_parent_id")?;
            store::place(id)
        })
        .transpose()?;
    let verdict = check_move(Some(who), height, parent.zip(place.as_ref()), max_depth()?);
    let depth = place.map_or(1, |place| place.depth() + 1);
    let reason = verdict.err().map(|error| crate::kernel::error::Error::from(error).message);
    Ok(json!({"valid": reason.is_none(), "reason": reason, "depth": depth}))
}

fn max_depth() -> Result<Option<i64>> {
    settings::get(SYSTEM, "max_depth")
}

fn require_parent(parent: Uuid) -> Result<Place> {
    let found = profile::require(parent, Role::Promoter, "p_parent_promoter_id")?;
    if !found.active {
        return Err(NetworkError::Inactive { field: "p_parent_promoter_id" }.into());
    }
    store::lock_place(parent)
}

/// A promoter as the tree shows them.
pub struct Node {
    pub id: Uuid,
    pub parent: Option<Uuid>,
    pub promoter_id: String,
    pub name: Option<String>,
    pub role_level: String,
    pub status: String,
    pub depth: i32,
    pub customers: i64,
}

/// The hierarchy from `root` down as nested JSON, at most as many promoters as
/// the setting allows, those nearest the root first.
pub fn tree(root: Uuid) -> Result<Value> {
    profile::require(root, Role::Promoter, "p_promoter_id")?;
    let most: i64 = settings::get(SYSTEM, "hierarchy_nodes")?;
    let mut nodes = store::branch(root, most + 1)?;
    let truncated = nodes.len() as i64 > most;
    nodes.truncate(most as usize);
    let mut tree = nest(root, nodes);
    tree["truncated"] = json!(truncated);
    Ok(tree)
}

/// Builds the tree from rows in which a parent comes before its children. Each
/// node carries the totals of its whole branch.
pub fn nest(root: Uuid, nodes: Vec<Node>) -> Value {
    let mut built: HashMap<Uuid, Value> = HashMap::with_capacity(nodes.len());
    let order: Vec<(Uuid, Option<Uuid>)> = nodes.iter().map(|n| (n.id, n.parent)).collect();
    for node in nodes {
        built.insert(node.id, node.into_json());
    }
    // From the lowest up, so that a node is complete before it joins its parent.
    for (id, parent) in order.into_iter().rev().filter(|(id, _)| *id != root) {
        let (Some(mut child), Some(parent)) = (built.remove(&id), parent) else { continue };
        finish(&mut child);
        if let Some(parent) = built.get_mut(&parent) {
            adopt(parent, child);
        }
    }
    let mut tree = built.remove(&root).unwrap_or(Value::Null);
    finish(&mut tree);
    tree
}

/// Children were joined last first.
fn finish(node: &mut Value) {
    if let Some(children) = node["children"].as_array_mut() {
        children.reverse();
    }
}

fn adopt(parent: &mut Value, child: Value) {
    let total = |value: &Value, key: &str| value[key].as_i64().unwrap_or(0);
    let promoters = total(parent, "promoters_below") + 1 + total(&child, "promoters_below");
    let customers = total(parent, "branch_customers") + total(&child, "branch_customers");
    parent["promoters_below"] = json!(promoters);
    parent["branch_customers"] = json!(customers);
    if let Some(children) = parent["children"].as_array_mut() {
        children.push(child);
    }
}

impl Node {
    fn into_json(self) -> Value {
        json!({
            "id": self.id.to_string(),
            "promoter_id": self.promoter_id,
            "name": self.name,
            "role_level": self.role_level,
            "status": self.status,
            "level": self.depth,
            "customers": self.customers,
            "promoters_below": 0,
            "branch_customers": self.customers,
            "children": [],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ids::new_id;

    fn place(ancestors: &[Uuid]) -> Place {
        Place { ancestors: ancestors.to_vec() }
    }

    #[test]
    fn a_fifth_generation_is_refused_while_four_is_the_limit() {
        let (parent, line) = (new_id(), [new_id(), new_id(), new_id()]);
        let fourth = place(&line);
        let verdict = check_move(None, 1, Some((parent, &fourth)), Some(4));
        assert!(matches!(verdict, Err(NetworkError::TooDeep { most: 4 })));
        assert!(check_move(None, 1, Some((parent, &place(&line[..2]))), Some(4)).is_ok());
        assert!(check_move(None, 1, Some((parent, &fourth)), None).is_ok());
    }

    #[test]
    fn a_branch_counts_with_its_height() {
        let parent = new_id();
        let second = place(&[new_id()]);
        assert!(check_move(Some(new_id()), 2, Some((parent, &second)), Some(4)).is_ok());
        assert!(check_move(Some(new_id()), 3, Some((parent, &second)), Some(4)).is_err());
        assert!(check_move(Some(new_id()), 5, None, Some(4)).is_err());
    }

    #[test]
    fn nobody_stands_below_themselves() {
        let who = new_id();
        let below = place(&[new_id(), who]);
        let verdict = check_move(Some(who), 1, Some((new_id(), &below)), None);
        assert!(matches!(verdict, Err(NetworkError::Cycle)));
        let verdict = check_move(Some(who), 1, Some((who, &place(&[]))), None);
        assert!(matches!(verdict, Err(NetworkError::Cycle)));
    }

    #[test]
    fn the_tree_nests_and_adds_up_each_branch() {
        let node = |id, parent, depth, customers| Node {
            id,
            parent,
            promoter_id: String::new(),
            name: None,
            role_level: "Affiliate".into(),
            status: "Active".into(),
            depth,
            customers,
        };
        let ids: Vec<Uuid> = (0..4).map(|_| new_id()).collect();
        let tree = nest(
            ids[0],
            vec![
                node(ids[0], None, 1, 1),
                node(ids[1], Some(ids[0]), 2, 2),
                node(ids[2], Some(ids[0]), 2, 3),
                node(ids[3], Some(ids[1]), 3, 4),
            ],
        );
        assert_eq!(tree["promoters_below"], 3);
        assert_eq!(tree["branch_customers"], 10);
        assert_eq!(tree["children"][0]["id"], ids[1].to_string());
        assert_eq!(tree["children"][0]["branch_customers"], 6);
        assert_eq!(tree["children"][0]["children"][0]["id"], ids[3].to_string());
        assert_eq!(tree["children"][1]["children"], json!([]));
    }
}
