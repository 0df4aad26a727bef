//! Up to which time every transfer is there that will ever be there.
//!
//! `recorded_at` is read from the clock while the posting holds locks on rows of its
//! accounts, so its transaction holds locks on the accounts' tables until it ends. Of
//! the transactions that hold such a lock now, none has recorded anything before it
//! began; all others have ended, or will record later than the moment before the look.
//! Of a prepared transaction nobody knows when it began: nothing is sealed until it ends.
//! Transactions of other databases and those that only read do not count.

use crate::kernel::clock::clock;
use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ledger::store::seals as store;

/// The last microsecond that is complete; `i64::MIN` while nobody knows.
pub fn find() -> Result<i64> {
    let delay: i64 = settings::get("ledger", "seal_delay_seconds")?;
    let now = clock().into_inner();
    // Everything below is read after this moment, and rows after that.
    let oldest = store::oldest_writer()?;
    Ok(complete(now, oldest, delay))
}

fn complete(now: i64, oldest_writer: Option<i64>, delay_s: i64) -> i64 {
    let settled = now.saturating_sub(delay_s.saturating_mul(1_000_000));
    oldest_writer.map_or(settled, |oldest| oldest.min(settled)).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn it_lies_before_now_and_before_every_writer_began() {
        assert_eq!(complete(10_000_000, None, 0), 9_999_999);
        assert_eq!(complete(10_000_000, Some(4_000_000), 0), 3_999_999);
        assert_eq!(complete(10_000_000, Some(8_000_000), 5), 4_999_999);
        assert_eq!(complete(10_000_000, Some(20_000_000), 0), 9_999_999);
    }

    #[test]
    fn a_writer_that_nobody_knows_the_beginning_of_stops_it() {
        assert_eq!(complete(10_000_000, Some(i64::MIN), 0), i64::MIN);
    }
}
