//! A stretch of time that somebody asks about.

use crate::kernel::error::{Error, Result, required};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

#[derive(Clone, Copy)]
pub struct Period {
    /// With it.
    pub from: TimestampWithTimeZone,
    /// Without it.
    pub to: TimestampWithTimeZone,
}

impl Period {
    pub fn new(
        from: Option<TimestampWithTimeZone>,
        to: Option<TimestampWithTimeZone>,
    ) -> Result<Self> {
        let (from, to) = (required(from, "p_from")?, required(to, "p_to")?);
        for (field, time) in [("p_from", from), ("p_to", to)] {
            // As PostgreSQL keeps the infinities.
            let time = pg_sys::TimestampTz::from(time);
            if time == i64::MIN || time == i64::MAX {
                return Err(Error::invalid(field, "must be finite"));
            }
        }
        if pg_sys::TimestampTz::from(from) >= pg_sys::TimestampTz::from(to) {
            return Err(Error::invalid("p_to", "must be after p_from"));
        }
        Ok(Period { from, to })
    }
}
