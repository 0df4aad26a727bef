//! Sweeps, limits and freezing in SQL.

use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::json::JsonArg;
use crate::ledger::account::{AccountId, Limit};
use crate::ledger::accounts::balance;
use crate::ledger::api::Reference;
use crate::ledger::api::transfers::{by_hand, rows};
use crate::ledger::error::LedgerError;
use crate::ledger::{access, limits, store, sweep};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// An account with what it may do, as the functions below give it.
type Row = (i64, String, Option<i64>, Option<i64>, Option<TimestampWithTimeZone>, i64, i64, i64);

fn row(id: AccountId) -> Result<TableIterator<'static, Row>> {
    let account = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    let now = balance(id)?;
    Ok(TableIterator::once((
        id.0,
        account.currency.to_string(),
        account.limit.max_overdraft(),
        account.limit.max_balance(),
        account.frozen_at,
        now.posted,
        now.pending,
        now.available,
    )))
}

/// Sets how far the balance of an account may go below zero (`p_max_overdraft`) and how
/// far it may grow (`p_max_balance`), in minor units; null for no limit. For admins of
/// the ledger and the service role. The change is logged, with `p_reason`.
///
/// PT404 unknown account; PT409 closed, or its balance does not keep to the new limit,
/// with what holds may take and bring; 22023 below zero.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "set_limit", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_set_limit(
    p_account: Option<i64>,
    p_max_overdraft: Option<i64>,
    p_max_balance: default!(Option<i64>, "null"),
    p_reason: default!(Option<&str>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(account_id, i64),
            name!(currency, String),
            name!(max_overdraft, Option<i64>),
            name!(max_balance, Option<i64>),
            name!(frozen_at, Option<TimestampWithTimeZone>),
            name!(posted, i64),
            name!(held, i64),
            name!(available, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let id = AccountId(required(p_account, "p_account")?);
        limits::set_limit(id, Limit::stored(p_max_overdraft, p_max_balance), p_reason)?;
        row(id)
    })
}

/// Stops everything that would be posted to an account, held on it or settled, until it
/// is unfrozen; holds are still released and expire. For admins of the ledger and the
/// service role. The change is logged, with `p_reason`. Again, it changes nothing.
///
/// PT404 unknown account; PT409 closed; 22023 without a reason.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "freeze_account",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_freeze_account(
    p_account: Option<i64>,
    p_reason: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(account_id, i64),
            name!(currency, String),
            name!(max_overdraft, Option<i64>),
            name!(max_balance, Option<i64>),
            name!(frozen_at, Option<TimestampWithTimeZone>),
            name!(posted, i64),
            name!(held, i64),
            name!(available, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let id = AccountId(required(p_account, "p_account")?);
        limits::freeze(id, required(p_reason, "p_reason")?)?;
        row(id)
    })
}

/// Lets an account that was frozen take postings again; the rest as for
/// ledger.freeze_account.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "unfreeze_account",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_unfreeze_account(
    p_account: Option<i64>,
    p_reason: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(account_id, i64),
            name!(currency, String),
            name!(max_overdraft, Option<i64>),
            name!(max_balance, Option<i64>),
            name!(frozen_at, Option<TimestampWithTimeZone>),
            name!(posted, i64),
            name!(held, i64),
            name!(available, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let id = AccountId(required(p_account, "p_account")?);
        limits::unfreeze(id, required(p_reason, "p_reason")?)?;
        row(id)
    })
}

/// Where a sweep takes from.
struct Sources<'a> {
    codes: Option<Vec<Option<String>>>,
    ids: Option<Vec<Option<i64>>>,
    parent: Reference<'a>,
}

impl Sources<'_> {
    /// The accounts: those that are named, or the parts of the parent that have the
    /// currency of `to`.
    fn find(self, system: &str, to: AccountId) -> Result<Vec<AccountId>> {
        let parent = self.parent.code.is_some() || self.parent.id.is_some();
        let given = [self.codes.is_some(), self.ids.is_some(), parent];
        match given.iter().filter(|given| **given).count() {
            0 => return Err(Error::missing("p_from").hint(HINT)),
            1 => {}
            _ => return Err(Error::invalid("p_from", "give one of them only").hint(HINT)),
        }
        let named = self.codes.as_ref().map(Vec::len).or(self.ids.as_ref().map(Vec::len));
        if named == Some(0) {
            return Err(Error::invalid("p_from", "must name an account"));
        }
        if let Some(codes) = self.codes {
            let find = |(n, code): (usize, Option<String>)| {
                let code = required(code, &format!("p_from[{n}]"))?;
                store::accounts::find(system, &code)?
                    .ok_or_else(|| Error::not_found("account", format!("{system} {code}")))
            };
            return codes.into_iter().enumerate().map(find).collect();
        }
        if let Some(ids) = self.ids {
            let id = |(n, id): (usize, Option<i64>)| {
                required(id, &format!("p_from_account_ids[{n}]")).map(AccountId)
            };
            return ids.into_iter().enumerate().map(id).collect();
        }
        let parent = self.parent.find(system)?;
        store::accounts::describe(parent)?.ok_or(LedgerError::UnknownAccount(parent))?;
        store::limits::parts(parent, to)
    }
}

const HINT: &str = "Name the accounts by p_from or p_from_account_ids, or take all parts of p_parent \
                    or p_parent_account_id.";

/// Moves all that is available in several accounts into one, in one journal; a row for
/// each account that had something, no row where none had. For admins of the ledger and
/// the service role.
///
/// The accounts are named by codes in `p_system` (`p_from`) or by ids, or they are all
/// accounts directly below `p_parent` that have the currency of `p_to`. The same `p_id`
/// with the same accounts again gives what is stored. 22023 an account named twice or of
/// another currency; PT404 unknown account; PT409 closed, frozen, a limit, or the id is
/// taken; 22004 without accounts.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "sweep", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_sweep(
    p_system: Option<&str>,
    p_to: default!(Option<&str>, "null"),
    p_from: default!(Option<Vec<Option<String>>>, "null"),
    p_kind: default!(Option<&str>, "'sweep'"),
    p_parent: default!(Option<&str>, "null"),
    p_id: default!(Option<Uuid>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_metadata: default!(Option<JsonArg>, "null"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_to_account_id: default!(Option<i64>, "null"),
    p_from_account_ids: default!(Option<Vec<Option<i64>>>, "null"),
    p_parent_account_id: default!(Option<i64>, "null"),
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
        let to = Reference { code: p_to, id: p_to_account_id, field: "p_to" }.find(system)?;
        let parent = Reference { code: p_parent, id: p_parent_account_id, field: "p_parent" };
        let from = Sources { codes: p_from, ids: p_from_account_ids, parent }.find(system, to)?;
        let posted = sweep::sweep(&sweep::Sweep {
            id: p_id,
            system,
            kind: required(p_kind, "p_kind")?,
            from: &from,
            to,
            description: p_description,
            effective_at: p_effective_at,
            metadata: JsonArg::optional(p_metadata, "p_metadata")?,
        })?;
        match posted {
            Some(posted) => rows(by_hand("sweep", posted)?),
            None => Ok(TableIterator::new(Vec::new())),
        }
    })
}
