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
    days_after_start(0)
}

/// So many times 24 hours after [`transaction_start`].
pub fn days_after_start(days: i64) -> TimestampWithTimeZone {
    seconds_after_start(days.saturating_mul(86_400))
}

/// So many seconds after [`transaction_start`].
pub fn seconds_after_start(seconds: i64) -> TimestampWithTimeZone {
    // SAFETY: reads what the transaction remembers.
    let micros = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    TimestampWithTimeZone::try_from(micros.saturating_add(seconds.saturating_mul(1_000_000)))
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}

/// So many seconds after 1970.
pub fn from_unix(seconds: i64) -> TimestampWithTimeZone {
    const EPOCH: i64 = 946_684_800;
    let micros = seconds.saturating_sub(EPOCH).saturating_mul(1_000_000);
    TimestampWithTimeZone::try_from(micros)
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}
