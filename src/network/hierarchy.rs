//! The hierarchy: who stands below whom, and how deep a line may go.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::error::NetworkError;
use crate::network::profile::{self, Role};
use crate::network::store::promoters as store;
use pgrx::Uuid;
use serde_json::{Value, json};

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
}
