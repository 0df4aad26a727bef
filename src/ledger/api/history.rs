//! Checkpoints and opening balances in SQL.

use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{entry, required};
use crate::ledger::accounts::balance;
use crate::ledger::api::Reference;
use crate::ledger::opening::{self, Opening};
use crate::ledger::{access, history};
use crate::ops::audit::{self, Change};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::{Map, json};

/// Makes the checkpoints that are due, so that balances and statements as of a time are
/// quick; the job checkpoint_ledger does it too. For admins of the ledger and the service
/// role.
///
/// Looks at accounts with new transfers, and with `p_whole` at all of them. Gives how many
/// `accounts` it looked at and how many `checkpoints` it made. Transfers of the last few
/// seconds, and those that a running transaction could still come before, are left for
/// the next time.
#[pg_extern(
    schema = "ledger",
    name = "make_checkpoints",
    security_definer,
    requires = ["ledger_history"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_make_checkpoints(p_whole: default!(Option<bool>, false)) -> Result<JsonB, ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let whole = required(p_whole, "p_whole")?;
        Ok(JsonB(history::checkpoint_all(whole)?))
    })
}

/// Posts what an account had when its books began: a transfer between it and an account of
/// equity, once for each account. For admins of the ledger and the service role.
///
/// Accounts are named by their codes in `p_system` or by their ids. `p_amount` is in minor
/// units in the account's normal direction, below zero for the other; it counts for
/// `p_effective_at`, and nothing else of the account may count for an earlier time. The same
/// again gives what is stored. 22023 amount of 0, `p_equity` not of the class equity or of
/// another currency; PT404 unknown account; PT409 another opening balance (reverse it
/// first), something earlier, or closed.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "open_balance",
    security_definer,
    requires = ["ledger_history"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_open_balance(
    p_system: Option<&str>,
    p_account: default!(Option<&str>, "null"),
    p_amount: default!(Option<i64>, "null"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_equity: default!(Option<&str>, "null"),
    p_description: default!(Option<&str>, "null"),
    p_account_id: default!(Option<i64>, "null"),
    p_equity_account_id: default!(Option<i64>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(transfer_id, Uuid),
            name!(account_id, i64),
            name!(amount, i64),
            name!(currency, String),
            name!(effective_at, TimestampWithTimeZone),
            name!(recorded_at, TimestampWithTimeZone),
            name!(posted, i64),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let system = required(p_system, "p_system")?;
        let amount = required(p_amount, "p_amount")?;
        let effective_at = required(p_effective_at, "p_effective_at")?;
        let account = Reference { code: p_account, id: p_account_id, field: "p_account" };
        let equity = Reference { code: p_equity, id: p_equity_account_id, field: "p_equity" };
        let (account, equity) = (account.find(system)?, equity.find(system)?);
        let posted = opening::open_balance(&Opening {
            system,
            account,
            equity,
            amount,
            effective_at,
            description: p_description,
        })?;
        if caller::current().kind != Kind::Trusted && !posted.replayed {
            audit::record(Change {
                action: "open_balance".to_owned(),
                table: "ledger".to_owned(),
                record_id: Some(posted.journal_id.to_string()),
                old: None,
                new: Some(Map::from_iter([("account_id".to_owned(), json!(account.0))]).into()),
            })?;
        }
        let balance = balance(account)?;
        Ok(TableIterator::once((
            posted.journal_id,
            account.0,
            amount,
            balance.currency.to_string(),
            effective_at,
            posted.recorded_at,
            balance.posted,
            posted.replayed,
        )))
    })
}
