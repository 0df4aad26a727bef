//! Summaries by period.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::network::period::Granularity;
use crate::network::summary;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

/// What promoter `p_promoter_id` did each day, week or month (`p_granularity`) from
/// `p_from` (so that there are twelve periods) to `p_to` (today), in the time zone of
/// the setting network.time_zone: customers and promoters brought, commissions earned,
/// PINs, withdrawals. NULL is the whole network, for admins. At most 400 rows; periods
/// in which nothing happened are there too, and the first and last are cut to the days
/// asked for. For the promoter or an admin. 22023 bad input, PT404 unknown profile,
/// 42501 not allowed.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "network",
    name = "get_period_summary",
    stable,
    security_definer,
    requires = ["network_archive"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_period_summary(
    p_promoter_id: default!(Option<Uuid>, "null"),
    p_from: default!(Option<Date>, "null"),
    p_to: default!(Option<Date>, "null"),
    p_granularity: default!(Option<&str>, "'day'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(period_start, Date),
            name!(period_end, Date),
            name!(customers, i64),
            name!(promoters, i64),
            name!(commission_count, i64),
            name!(commissions, AnyNumeric),
            name!(pins_used, i64),
            name!(pins_received, i64),
            name!(withdrawals_requested, AnyNumeric),
            name!(withdrawals_paid, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let granularity = Granularity::parse(required(p_granularity, "p_granularity")?)?;
        let caller = caller::current();
        let periods = summary::by_period(&caller, p_promoter_id, p_from, p_to, granularity)?;
        Ok(TableIterator::new(periods.into_iter().map(|(start, end, p)| {
            (
                start,
                end,
                p.customers,
                p.promoters,
                p.commission_count,
                p.commissions,
                p.pins_used,
                p.pins_received,
                p.withdrawals_requested,
                p.withdrawals_paid,
            )
        })))
    })
}
