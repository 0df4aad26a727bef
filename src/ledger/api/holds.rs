//! Holds in SQL.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::json::JsonArg;
use crate::kernel::money::Money;
use crate::ledger::accounts::{balance, left_on};
use crate::ledger::api::{Reference, money};
use crate::ledger::hold::{NewHold, Settlement};
use crate::ledger::{access, expiry, holding};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// A hold as the functions below give it, with the balances of its accounts.
type Row = (
    Uuid,
    i64,
    i64,
    String,
    i64,
    i64,
    i64,
    String,
    Option<TimestampWithTimeZone>,
    i64,
    i64,
    i64,
    i64,
    bool,
);

fn row(id: Uuid, replayed: bool) -> Result<TableIterator<'static, Row>> {
    let hold = holding::find(id)?;
    let status = hold.status_at(clock());
    let (debit, credit) = (balance(hold.debit)?, balance(hold.credit)?);
    Ok(TableIterator::once((
        hold.id,
        hold.debit.0,
        hold.credit.0,
        hold.amount.currency.to_string(),
        hold.amount.minor,
        hold.settled,
        hold.left_at(clock()),
        status.as_str().to_owned(),
        hold.expires_at,
        debit.posted,
        debit.available,
        credit.posted,
        credit.available,
        replayed,
    )))
}

/// Sets an amount (minor units) aside for a transfer still to come: it counts
/// against what is available until it is settled, released, or `p_expires_at` comes.
/// For the service role.
///
/// Arguments and errors as those of ledger.transfer; 22023 for an expiry that is past.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "hold", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_hold(
    p_system: Option<&str>,
    p_debit: default!(Option<&str>, "null"),
    p_credit: default!(Option<&str>, "null"),
    p_amount: default!(Option<i64>, "null"),
    p_kind: default!(Option<&str>, "'transfer'"),
    p_expires_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_currency: default!(Option<&str>, "null"),
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
    p_debit_account_id: default!(Option<i64>, "null"),
    p_credit_account_id: default!(Option<i64>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Uuid),
            name!(debit_account_id, i64),
            name!(credit_account_id, i64),
            name!(currency, String),
            name!(amount, i64),
            name!(settled, i64),
            name!(remaining, i64),
            name!(status, String),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(debit_posted, i64),
            name!(debit_available, i64),
            name!(credit_posted, i64),
            name!(credit_available, i64),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_service()?;
        let system = required(p_system, "p_system")?;
        let debit = Reference { code: p_debit, id: p_debit_account_id, field: "p_debit" };
        let credit = Reference { code: p_credit, id: p_credit_account_id, field: "p_credit" };
        let (debit, credit) = (debit.find(system)?, credit.find(system)?);
        let placed = holding::place(&NewHold {
            id: p_id,
            system,
            kind: required(p_kind, "p_kind")?,
            debit,
            credit,
            amount: money(p_amount, p_currency, debit)?,
            expires_at: p_expires_at,
            description: p_description,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
        })?;
        row(placed.id, placed.replayed)
    })
}

/// Turns a part of a hold (`p_amount` in minor units) into a transfer, or all that is
/// left of it; `p_final` gives the rest back. For the service role.
///
/// Gives the transfer with the balances that it left, and what is left of the hold. The
/// same `p_id` again gives the same transfer. PT404 unknown hold; PT409 where it is not
/// open, less is left, or the id is taken; 22023 amount not above zero.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "settle", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_settle(
    p_hold_id: Option<Uuid>,
    p_amount: default!(Option<i64>, "null"),
    p_id: default!(Option<Uuid>, "null"),
    p_final: default!(Option<bool>, "false"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(transfer_id, Uuid),
            name!(hold_id, Uuid),
            name!(debit_account_id, i64),
            name!(credit_account_id, i64),
            name!(amount, i64),
            name!(currency, String),
            name!(remaining, i64),
            name!(status, String),
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
        let hold = required(p_hold_id, "p_hold_id")?;
        let last = required(p_final, "p_final")?;
        let currency = holding::find(hold)?.amount.currency;
        let amount = p_amount.map(|minor| Money::new(minor, currency));
        let posted = holding::post_settlement(&Settlement { hold, amount, id: p_id, last })?;
        let (held, line) = (holding::find(hold)?, posted.lines[0]);
        let (debit, credit) = (left_on(&posted, line.debit)?, left_on(&posted, line.credit)?);
        Ok(TableIterator::once((
            line.id,
            hold,
            line.debit.0,
            line.credit.0,
            line.amount.minor,
            line.amount.currency.to_string(),
            held.left_at(clock()),
            held.status_at(clock()).as_str().to_owned(),
            posted.recorded_at,
            debit.posted,
            debit.available,
            credit.posted,
            credit.available,
            posted.replayed,
        )))
    })
}

/// Gives back what is left of a hold. For the service role. Again, or after it has
/// expired, it changes nothing. PT404 unknown hold; PT409 where it is used up.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "release", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_release(
    p_hold_id: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Uuid),
            name!(debit_account_id, i64),
            name!(credit_account_id, i64),
            name!(currency, String),
            name!(amount, i64),
            name!(settled, i64),
            name!(remaining, i64),
            name!(status, String),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(debit_posted, i64),
            name!(debit_available, i64),
            name!(credit_posted, i64),
            name!(credit_available, i64),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_service()?;
        let id = required(p_hold_id, "p_hold_id")?;
        let changed = holding::give_back(id)?;
        row(id, !changed)
    })
}

/// Closes up to `p_limit` (1 to 10000) holds whose time has come; how many. For the
/// service role. It only tidies: an expired hold counts no more from its time on.
#[pg_extern(
    schema = "ledger",
    name = "expire_holds",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_expire_holds(p_limit: default!(Option<i32>, 1000)) -> Result<i64, ErrorReport> {
    entry(|| {
        access::require_service()?;
        let limit = required(p_limit, "p_limit")?;
        if !(1..=10_000).contains(&limit) {
            return Err(Error::invalid("p_limit", "must be from 1 to 10000"));
        }
        Ok(expiry::expire_holds(limit.into())? as i64)
    })
}
