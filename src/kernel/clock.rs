//! The time.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

/// The time on the clock, unlike `now()`, which stands still in a transaction.
pub fn clock() -> TimestampWithTimeZone {
    // SAFETY: reads the clock. It never gives a time outside PostgreSQL's range.
    let micros = unsafe { pg_sys::GetCurrentTimestamp() };
    TimestampWithTimeZone::try_from(micros)
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}

/// The time when the transaction began: `now()`.
pub fn transaction_start() -> TimestampWithTimeZone {
    // SAFETY: reads what the transaction remembers.
    let micros = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    TimestampWithTimeZone::try_from(micros)
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}
