//! Times that come as text.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, subtransaction};
use pgrx::datum::TimestampWithTimeZone;

static READ: Query = Query::read("select $1::timestamptz");

/// As PostgreSQL reads it; 22023 for what is none or has no end.
pub fn read(text: &str) -> Result<TimestampWithTimeZone> {
    let read = || READ.one(&[text.into()], |row| row.get::<TimestampWithTimeZone>(1));
    let at = subtransaction(read).ok().filter(|at| at.is_finite());
    at.ok_or_else(|| Error::invalid("p_payout.scheduled_for", "must be a time"))
}
