//! Closing and reopening periods, and late postings, in SQL.

use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::ledger::access;
use crate::ledger::api::transfers::{by_hand, rows};
use crate::ledger::journal::Journal;
use crate::ledger::legs::read_legs;
use crate::ledger::period::closing::{Close, close};
use crate::ledger::period::{post_late, reopening};
use crate::ledger::store::periods;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Closes the books of `p_system` up to `p_until`, the first moment that stays open:
/// nothing is posted for an earlier time any more. For admins of the ledger and the
/// service role; again it changes nothing. Returns the closing.
///
/// With `p_retained_earnings`, the code of an equity account, income and expense are
/// carried there at the last moment of the period; in another currency than the account
/// has, into `code:USD`, which is opened. 22023 a time that has not come, or no equity
/// account; PT404 unknown system or account; PT409 where the books are closed further
/// already or with other entries, a limit forbids the entries, or transactions that may
/// have posted for the period do not end.
#[pg_extern(schema = "ledger", name = "close_period", security_definer, requires = ["ledger_periods"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_close_period(
    p_system: Option<&str>,
    p_until: Option<TimestampWithTimeZone>,
    p_retained_earnings: default!(Option<&str>, "null"),
    p_reason: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "ledger.periods"), ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let system = required(p_system, "p_system")?;
        let number = close(&Close {
            system,
            until: required(p_until, "p_until")?,
            retained_earnings: p_retained_earnings,
            reason: p_reason,
        })?;
        periods::row(system, number)
    })
}

/// Opens the books of `p_system` again from `p_until` on, or from the beginning where it
/// is null, and undoes the closing entries of what is open then. For admins of the ledger
/// and the service role; again it changes nothing. Returns the reopening.
///
/// 22004 without a reason; PT409 where nothing after `p_until` is closed, or a limit
/// forbids undoing the entries.
#[pg_extern(
    schema = "ledger",
    name = "reopen_period",
    security_definer,
    requires = ["ledger_periods"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reopen_period(
    p_system: Option<&str>,
    p_until: Option<TimestampWithTimeZone>,
    p_reason: Option<&str>,
) -> Result<composite_type!('static, "ledger.periods"), ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let system = required(p_system, "p_system")?;
        let number = reopening::reopen(system, p_until, required(p_reason, "p_reason")?)?;
        periods::row(system, number)
    })
}

/// Posts transfers together, as ledger.post_journal does, for `p_effective_at` or, where
/// that is in a closed period, for the first moment that is open. For the service role.
///
/// The time that they were meant for is kept in ledger.late_postings. The same `p_id`
/// with the same content again gives what is stored. Errors as those of
/// ledger.post_journal; 22004 without a time.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "post_late", security_definer, requires = ["ledger_periods"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_post_late(
    p_system: Option<&str>,
    p_kind: Option<&str>,
    p_legs: Option<JsonArg>,
    p_effective_at: Option<TimestampWithTimeZone>,
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(transfer_id, Uuid),
            name!(journal_id, Uuid),
            name!(debit_account_id, i64),
            name!(credit_account_id, i64),
            name!(amount, i64),
            name!(currency, String),
            name!(effective_at, TimestampWithTimeZone),
            name!(recorded_at, TimestampWithTimeZone),
            name!(debit_posted, Option<i64>),
            name!(debit_available, Option<i64>),
            name!(credit_posted, Option<i64>),
            name!(credit_available, Option<i64>),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_service()?;
        let system = required(p_system, "p_system")?;
        let kind = required(p_kind, "p_kind")?;
        let legs = read_legs(system, &required(p_legs, "p_legs")?)?;
        let posted = post_late(&Journal {
            id: p_id,
            system,
            kind,
            description: p_description,
            legs: &legs,
            effective_at: p_effective_at,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
        })?;
        rows(by_hand("post_late", posted)?)
    })
}
