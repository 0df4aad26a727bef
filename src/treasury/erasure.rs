//! What the treasury has to say before a person is erased. What it keeps of them is under
//! an id alone: books and tax records.

use crate::kernel::error::{Error, Result};
use crate::treasury::store::erasure as store;
use pgrx::Uuid;

/// PT409 while the person has earnings or owes money, and while a payout, a refund, a
/// dispute, an adjustment or an override of theirs is open.
pub fn may_erase(person: Uuid) -> Result<()> {
    if let Some((balance, currency)) = store::unsettled(person)? {
        let (why, hint) = match balance {
            ..0 => (
                "the person owes money to the treasury",
                "Take it in, or write it off with treasury.apply_override.",
            ),
            _ => (
                "the person has earnings in the treasury",
                "Pay them out, or correct them with treasury.create_adjustment.",
            ),
        };
        return Err(Error::conflict(why)
            .detail(format!("{balance} {currency} (minor units)"))
            .hint(hint));
    }
    match store::open(person)? {
        None => Ok(()),
        Some((what, id)) => Err(Error::conflict(format!("the person has an open {what}"))
            .detail(format!("{what} {id}"))
            .hint("Wait until it is over, or decide it.")),
    }
}
