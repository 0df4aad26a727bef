//! What the books say of a user or of everybody: the document's ledger entries.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result, required};
use crate::kernel::money::Currency;
use crate::treasury::SYSTEM;
use crate::treasury::store::ledger_entries::{self as store, Row};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// The most entries of one answer, and how many may be passed over to get there.
const MOST: i32 = 1000;
const FARTHEST: i32 = 100_000;

/// Which entries are wanted.
pub struct Wanted {
    /// Whose earnings; of `None` the caller's, and everything for admins.
    pub user: Option<Uuid>,
    pub currency: Option<Currency>,
    pub from: Option<TimestampWithTimeZone>,
    pub to: Option<TimestampWithTimeZone>,
    pub limit: i32,
    pub offset: i32,
}

/// The event_source of an entry, as the view treasury.ledger_entries has it: what users get
/// of a charge is a split of it.
pub fn event_source(kind: String, of_user: bool) -> String {
    if of_user && kind == "stripe_charge" { "split".to_owned() } else { kind }
}

/// How many entries a caller wants, and after how many.
pub fn page(limit: Option<i32>, offset: Option<i32>) -> Result<(i32, i32)> {
    let (limit, offset) = (required(limit, "p_limit")?, required(offset, "p_offset")?);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::invalid("p_limit", format!("must be from 1 to {MOST}")));
    }
    if !(0..=FARTHEST).contains(&offset) {
        let rule = format!("must be from 0 to {FARTHEST}");
        return Err(Error::invalid("p_offset", rule).hint("Ask with p_to for what is older."));
    }
    Ok((limit, offset))
}

/// The newest entries first. 42501 for somebody else's, unless the caller is an admin.
pub fn list(caller: &Caller, wanted: &Wanted) -> Result<Vec<Row>> {
    let user = match wanted.user {
        Some(user) => {
            caller.require_self_or_admin(SYSTEM, user, "p_user_id")?;
            Some(user)
        }
        None if caller.is_admin(SYSTEM)? => None,
        None => Some(caller.require_person()?),
    };
    match user {
        Some(user) => store::of_user(user, wanted),
        None => store::of_all(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(page(Some(1), Some(0)).unwrap(), (1, 0));
        assert_eq!(page(Some(MOST), Some(FARTHEST)).unwrap(), (MOST, FARTHEST));
        for (limit, offset) in [(0, 0), (-1, 0), (MOST + 1, 0), (1, -1), (1, FARTHEST + 1)] {
            let error = page(Some(limit), Some(offset)).unwrap_err();
            assert_eq!(error.sqlstate.code(), "22023", "{limit} {offset}");
        }
        assert_eq!(page(None, Some(0)).unwrap_err().sqlstate.code(), "22004");
        assert_eq!(page(Some(1), None).unwrap_err().sqlstate.code(), "22004");
    }
}
