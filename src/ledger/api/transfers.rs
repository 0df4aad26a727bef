//! Transfers and journals in SQL.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Result, entry, required};
use crate::kernel::json::JsonArg;
use crate::ledger::access;
use crate::ledger::accounts::left_on;
use crate::ledger::api::{Reference, money};
use crate::ledger::balancing::{Balancing, post_up_to};
use crate::ledger::journal::{Journal, Leg, Posted};
use crate::ledger::keyed::post_keyed;
use crate::ledger::legs::read_legs;
use crate::ledger::posting::post;
use crate::ledger::reversal::{undo_journal, undo_transfer};
use crate::ops::audit::{self, Change};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::Map;

/// A transfer as the functions below give it, with the balances that it left.
pub(super) type Row = (
    Uuid,
    Uuid,
    i64,
    i64,
    i64,
    String,
    TimestampWithTimeZone,
    TimestampWithTimeZone,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    bool,
);

/// Logs what a person or a server did through the API: no product's log has it.
pub(super) fn by_hand(action: &str, posted: Posted) -> Result<Posted> {
    if caller::current().kind != Kind::Trusted && !posted.replayed {
        let ids: Vec<String> = posted.transfer_ids.iter().map(Uuid::to_string).collect();
        audit::record(Change {
            action: action.to_owned(),
            table: "ledger".to_owned(),
            record_id: Some(posted.journal_id.to_string()),
            old: None,
            new: Some(Map::from_iter([("transfer_ids".to_owned(), ids.into())]).into()),
        })?;
    }
    Ok(posted)
}

pub(super) fn rows(posted: Posted) -> Result<TableIterator<'static, Row>> {
    let mut rows = Vec::with_capacity(posted.lines.len());
    for line in &posted.lines {
        let debit = left_on(&posted, line.debit)?;
        let credit = left_on(&posted, line.credit)?;
        rows.push((
            line.id,
            posted.journal_id,
            line.debit.0,
            line.credit.0,
            line.amount.minor,
            line.amount.currency.to_string(),
            posted.effective_at.unwrap_or(posted.recorded_at),
            posted.recorded_at,
            debit.posted,
            debit.available,
            credit.posted,
            credit.available,
            posted.replayed,
        ));
    }
    Ok(TableIterator::new(rows))
}

/// Moves an amount (minor units) from one account to another: debits `p_debit`,
/// credits `p_credit`. For admins of the ledger and the service role.
///
/// Accounts are named by their codes in `p_system` or by their ids. `p_currency`
/// must be that of both; left out, it is not asked. The same `p_id` with the same
/// content again gives what is stored. With `p_balancing` the amount, or without one
/// everything, is the most that is moved: `debit` moves what the debited account has in
/// credit, `credit` what the credited one has in debit, `both` no more than either.
/// The balances are those that it left, null for a striped account.
/// 22023 amount not above zero, same account, other currency; 22003 out of range;
/// PT404 unknown account; PT409 closed, frozen, a limit, nothing to be moved, or the id
/// is taken.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "transfer", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_transfer(
    p_system: Option<&str>,
    p_debit: default!(Option<&str>, "null"),
    p_credit: default!(Option<&str>, "null"),
    p_amount: default!(Option<i64>, "null"),
    p_kind: default!(Option<&str>, "'transfer'"),
    p_currency: default!(Option<&str>, "null"),
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_debit_account_id: default!(Option<i64>, "null"),
    p_credit_account_id: default!(Option<i64>, "null"),
    p_balancing: default!(Option<&str>, "null"),
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
        access::require_admin()?;
        let system = required(p_system, "p_system")?;
        let debit = Reference { code: p_debit, id: p_debit_account_id, field: "p_debit" };
        let credit = Reference { code: p_credit, id: p_credit_account_id, field: "p_credit" };
        let (debit, credit) = (debit.find(system)?, credit.find(system)?);
        let balancing = p_balancing.map(|text| Balancing::parse(text, "p_balancing"));
        let balancing = balancing.transpose()?;
        // As much as there is, where no amount says how much at the most.
        let minor = p_amount.or(balancing.map(|_| i64::MAX));
        let journal = Journal {
            id: None,
            system,
            kind: required(p_kind, "p_kind")?,
            description: p_description,
            legs: &[Leg { id: p_id, debit, credit, amount: money(minor, p_currency, debit)? }],
            effective_at: p_effective_at,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
        };
        let posted = match balancing {
            Some(balancing) => post_up_to(&journal, balancing)?,
            None => post(&journal)?,
        };
        rows(by_hand("transfer", posted)?)
    })
}

/// Posts several transfers together, or none. For the service role.
///
/// `p_legs` is an array of at most 10000 objects with `debit` and `credit` (codes in
/// `p_system`) or `debit_account_id` and `credit_account_id`, `amount` (minor units)
/// and, if wanted, `id` and `currency`. The same `p_id`, or the same `p_key` (a text of
/// up to 200 bytes, unique in the system), with the same content again gives what is
/// stored; with other content it is PT409, naming the first field that differs. Errors as those of ledger.transfer, and 22023 for a key that
/// is not known.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "post_journal",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_post_journal(
    p_system: Option<&str>,
    p_kind: Option<&str>,
    p_legs: Option<JsonArg>,
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_key: default!(Option<&str>, "null"),
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
        let journal = Journal {
            id: p_id,
            system,
            kind,
            description: p_description,
            legs: &legs,
            effective_at: p_effective_at,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
        };
        let posted = match p_key {
            Some(key) => post_keyed(&journal, key)?,
            None => post(&journal)?,
        };
        rows(by_hand("post_journal", posted)?)
    })
}

/// Undoes a part of a transfer (`p_amount` in minor units), or what is left of it, by a
/// new one that names it; never more than the whole. For admins of the ledger and the
/// service role. The same `p_id` with the same content again gives what is stored.
/// PT404 unknown transfer; PT409 less is left or nothing, a reversal itself, or a limit
/// forbids it; 22023 without a reason or an amount that is not above zero.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "reverse_transfer",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reverse_transfer(
    p_transfer_id: Option<Uuid>,
    p_reason: Option<&str>,
    p_id: default!(Option<Uuid>, "null"),
    p_amount: default!(Option<i64>, "null"),
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
        access::require_admin()?;
        let id = required(p_transfer_id, "p_transfer_id")?;
        let posted = undo_transfer(id, p_amount, p_id, required(p_reason, "p_reason")?)?;
        rows(by_hand("reverse_transfer", posted)?)
    })
}

/// Undoes every transfer of a journal by a new journal that names it, once. For
/// admins of the ledger and the service role. Errors as those of
/// ledger.reverse_transfer.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "reverse_journal",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reverse_journal(
    p_journal_id: Option<Uuid>,
    p_reason: Option<&str>,
    p_id: default!(Option<Uuid>, "null"),
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
        access::require_admin()?;
        let id = required(p_journal_id, "p_journal_id")?;
        let posted = undo_journal(id, p_id, required(p_reason, "p_reason")?)?;
        rows(by_hand("reverse_journal", posted)?)
    })
}
