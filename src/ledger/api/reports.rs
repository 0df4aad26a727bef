//! Statements, the trial balance and the proof in SQL.

use crate::kernel::error::{entry, required};
use crate::ledger::access;
use crate::ledger::account::AccountId;
use crate::ledger::report::{self, Basis, Range};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid};

/// The transfers of an account in order of time, each with the balance after it,
/// from `p_from` (with it) to `p_to` (without it). For its owner, admins of its system
/// or of the ledger, and the service role.
///
/// `p_basis` is effective or recorded: which time orders it. A page has `p_limit` rows
/// (1 to 1000); the next one comes after `p_after`, the transfer of the last row.
/// 42501 for anybody else; PT404 unknown account, or `p_after` is no transfer of it.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "statement",
    stable,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_statement(
    p_account: Option<i64>,
    p_from: default!(Option<TimestampWithTimeZone>, "null"),
    p_to: default!(Option<TimestampWithTimeZone>, "null"),
    p_limit: default!(Option<i32>, 100),
    p_after: default!(Option<Uuid>, "null"),
    p_basis: default!(Option<&str>, "'effective'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(transfer_id, Uuid),
            name!(journal_id, Uuid),
            name!(effective_at, TimestampWithTimeZone),
            name!(recorded_at, TimestampWithTimeZone),
            name!(system, String),
            name!(kind, String),
            name!(description, Option<String>),
            name!(direction, String),
            name!(amount, i64),
            name!(change, i64),
            name!(balance, i64),
            name!(counter_account_id, i64),
            name!(hold_id, Option<Uuid>),
            name!(reverses_id, Option<Uuid>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let id = AccountId(required(p_account, "p_account")?);
        let basis = Basis::parse(required(p_basis, "p_basis")?, "p_basis")?;
        let limit = required(p_limit, "p_limit")?;
        access::require_reader(id)?;
        let range = Range { basis, from: p_from, to: p_to, limit, after: p_after };
        let rows = report::statement(id, &range)?;
        Ok(TableIterator::new(rows.into_iter().map(|row| {
            let entry = row.entry;
            let direction = if entry.is_debit { "debit" } else { "credit" };
            (
                entry.transfer_id,
                entry.journal_id,
                entry.effective_at,
                entry.recorded_at,
                entry.system,
                entry.kind,
                entry.description,
                direction.to_owned(),
                entry.amount,
                row.change,
                row.balance,
                entry.counter_account.0,
                entry.hold_id,
                entry.reverses_id,
            )
        })))
    })
}

/// What every account was debited and credited, and its balance on the side where it
/// stands; after the accounts of a currency a row without account holds the totals.
/// For admins of the ledger and the service role.
///
/// Of one system or of all; of everything posted, or up to and with `p_at` by the
/// time that `p_basis` (effective or recorded) names. 22023 another basis.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "trial_balance",
    stable,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_trial_balance(
    p_system: default!(Option<&str>, "null"),
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_basis: default!(Option<&str>, "'effective'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(currency, String),
            name!(account_id, Option<i64>),
            name!(system, Option<String>),
            name!(code, Option<String>),
            name!(name, Option<String>),
            name!(class, Option<String>),
            name!(debits, AnyNumeric),
            name!(credits, AnyNumeric),
            name!(debit_balance, AnyNumeric),
            name!(credit_balance, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let basis = Basis::parse(required(p_basis, "p_basis")?, "p_basis")?;
        let rows = report::trial_balance(p_system, p_at, basis)?;
        Ok(TableIterator::new(rows.into_iter().map(|row| {
            (
                row.currency,
                row.account,
                row.system,
                row.code,
                row.name,
                row.class,
                row.debits,
                row.credits,
                row.debit_balance,
                row.credit_balance,
            )
        })))
    })
}

/// Proves the books: a row for everything that is not as it must be, none when all is
/// well. For admins of the ledger and the service role.
///
/// Every counter equals the sum of its transfers (stripes included) or open holds,
/// debits equal credits in every currency, no limit is broken, no transfer goes from
/// one currency to another, and what a transfer names exists and fits.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "check",
    stable,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_check() -> Result<
    TableIterator<
        'static,
        (
            name!(problem, String),
            name!(account_id, Option<i64>),
            name!(transfer_id, Option<Uuid>),
            name!(expected, Option<AnyNumeric>),
            name!(found, Option<AnyNumeric>),
            name!(detail, Option<String>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let problems = report::check()?;
        Ok(TableIterator::new(problems.into_iter().map(|row| {
            (row.problem, row.account, row.transfer, row.expected, row.found, row.detail)
        })))
    })
}

/// The systems whose accounts the signed-in person may read as an admin of theirs;
/// policies use it.
#[pg_extern(
    schema = "ledger",
    name = "admin_systems",
    stable,
    parallel_restricted,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_admin_systems() -> Result<SetOfIterator<'static, String>, ErrorReport> {
    entry(|| Ok(SetOfIterator::new(access::systems()?)))
}
