//! Summaries by period: what a promoter, or the whole network, did each day, week
//! or month.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::network::SYSTEM;
use crate::network::period::{self, Granularity, Range};
use crate::network::profile::{self, Role};
use crate::network::store::periods;
use crate::network::store::summaries::{self as store, Period};
use pgrx::Uuid;
use pgrx::datum::Date;

/// The periods of a promoter, or of the whole network, from the first to the last
/// day: until today and twelve periods long unless the caller says otherwise.
pub fn by_period(
    caller: &Caller,
    promoter: Option<Uuid>,
    from: Option<Date>,
    to: Option<Date>,
    granularity: Granularity,
) -> Result<Vec<Period>> {
    match promoter {
        Some(promoter) => {
            caller.require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
            profile::require(promoter, Role::Promoter, "p_promoter_id")?;
        }
        None => caller.require_admin(SYSTEM)?,
    }
    let zone = period::time_zone()?;
    let to = match to {
        Some(to) => period::day(to, "p_to")?,
        None => periods::today(&zone)?,
    };
    let from = match from {
        Some(from) => period::day(from, "p_from")?,
        None => periods::eleven_periods_before(to, granularity.as_str())?,
    };
    let range = Range::new(from, to, granularity)?;
    store::by_period(&range, &zone, promoter)
}
