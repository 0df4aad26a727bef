//! What the books say, as the document shows it.

use crate::kernel::caller;
use crate::kernel::error::entry;
use crate::kernel::money::Currency;
use crate::treasury::ledger_entry::{self, Wanted};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The entries of user `p_user_id` as treasury.ledger_entries shows them, the newest first;
/// without one the caller's own, and to admins those of all accounts. `p_currency` (ISO
/// 4217) and the times from `p_from` up to `p_to`, without it, choose among them; at most
/// `p_limit` (1 to 1000) after `p_offset` (at most 100000). Amounts are minor units.
/// 22023/22004 bad input, 42501 somebody else's.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "list_ledger_entries",
    stable,
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_list_ledger_entries(
    p_user_id: default!(Option<Uuid>, "null"),
    p_currency: default!(Option<&str>, "null"),
    p_from: default!(Option<TimestampWithTimeZone>, "null"),
    p_to: default!(Option<TimestampWithTimeZone>, "null"),
    p_limit: default!(Option<i32>, 100),
    p_offset: default!(Option<i32>, 0),
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, i64),
            name!(user_id, Option<Uuid>),
            name!(amount_cents, i64),
            name!(currency, String),
            name!(type, String),
            name!(event_source, String),
            name!(reference_id, Option<String>),
            name!(created_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let currency = p_currency.map(|code| Currency::parse(code, "p_currency")).transpose()?;
        let (limit, offset) = ledger_entry::page(p_limit, p_offset)?;
        let (user, from, to) = (p_user_id, p_from, p_to);
        let wanted = Wanted { user, currency, from, to, limit, offset };
        Ok(TableIterator::new(ledger_entry::list(&caller::current(), &wanted)?))
    })
}
