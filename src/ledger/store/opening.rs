//! What stands in the books of an account before its opening balance.

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use crate::ledger::account::AccountId;
use crate::ledger::store::history::{by_index, transfers};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

// Openings that were taken back do not count, nor do the reversals that did so.
macro_rules! earlier {
    ($side:literal, $when:literal) => {
        concat!(
            "exists (select from ",
            transfers!(),
            " where ",
            $side,
            "_account_id = $1 and ",
            $when,
            " and id <> all ($3) and (reverses_id is null or reverses_id <> all ($3)))"
        )
    };
}

static HAS_EARLIER: Query = Query::read(concat!(
    "select ",
    earlier!("debit", "recorded_at < $2 and effective_at is null"),
    " or ",
    earlier!("credit", "recorded_at < $2 and effective_at is null"),
    " or ",
    earlier!("debit", "effective_at < $2"),
    " or ",
    earlier!("credit", "effective_at < $2"),
))
.generic();

/// Whether anything but `except` counts for a time before this one.
pub fn has_earlier(account: AccountId, at: TimestampWithTimeZone, except: &[Uuid]) -> Result<bool> {
    let args = [account.0.into(), at.into(), except.to_vec().into()];
    by_index(|| HAS_EARLIER.one(&args, |row| row.get(1)))
}
