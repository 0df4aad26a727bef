//! Batches in SQL.

use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::json::JsonArg;
use crate::ledger::access;
use crate::ledger::account::Account;
use crate::ledger::batch::{Mode, Outcome};
use crate::ledger::batching::post_batch;
use crate::ledger::legs::read_batch;
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

type Row = (
    i32,
    Option<Uuid>,
    &'static str,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

/// Posts many transfers in one call. For the service role.
///
/// `p_transfers` is an array of 1 to 10000 objects with `debit` and `credit` (codes in
/// `p_system`) or `debit_account_id` and `credit_account_id`, `amount` (minor units)
/// and, if wanted, `id` (the idempotency key) and `currency`. `p_mode` is `all` (all or
/// nothing; the error names the first transfer that is refused) or `each`. Each transfer
/// is judged by what those before it left. A row for each, in their order: `result` is
/// `ok`, `exists` (posted before with the same content) or `refused`, then with
/// `sqlstate` and `reason`; balances are those that the transfer left, null for a striped
/// account. 22004, 22003, 22023 for a malformed batch; in `all` those of ledger.transfer.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "post_batch",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_post_batch(
    p_system: Option<&str>,
    p_kind: Option<&str>,
    p_transfers: Option<JsonArg>,
    p_mode: default!(Option<&str>, "'all'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(position, i32),
            name!(transfer_id, Option<Uuid>),
            name!(result, &'static str),
            name!(sqlstate, Option<String>),
            name!(reason, Option<String>),
            name!(debit_posted, Option<i64>),
            name!(debit_available, Option<i64>),
            name!(credit_posted, Option<i64>),
            name!(credit_available, Option<i64>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_service()?;
        let (system, kind) = (required(p_system, "p_system")?, required(p_kind, "p_kind")?);
        let mode = mode(required(p_mode, "p_mode")?)?;
        let transfers = required(p_transfers, "p_transfers")?;
        let items = read_batch(system, &transfers)?;
        let outcomes = post_batch(system, kind, &items, mode)?;
        let rows: Vec<Row> =
            outcomes.into_iter().enumerate().map(|(n, one)| row(n as i32 + 1, one)).collect();
        Ok(TableIterator::new(rows))
    })
}

fn mode(text: &str) -> Result<Mode> {
    match text {
        "all" => Ok(Mode::All),
        "each" => Ok(Mode::Each),
        _ => Err(Error::invalid("p_mode", "must be all or each")),
    }
}

fn row(position: i32, outcome: Outcome) -> Row {
    let nothing = (None, None);
    match outcome {
        Outcome::Posted(transfer, [debit, credit]) => {
            let ((debit_posted, debit_available), (credit_posted, credit_available)) =
                (balance(&debit), balance(&credit));
            (
                position,
                Some(transfer.id),
                "ok",
                None,
                None,
                debit_posted,
                debit_available,
                credit_posted,
                credit_available,
            )
        }
        Outcome::Exists(id) => {
            (position, Some(id), "exists", None, None, nothing.0, nothing.1, nothing.0, nothing.1)
        }
        Outcome::Refused(error) => {
            let reason = match error.detail {
                Some(detail) => format!("{} ({detail})", error.message),
                None => error.message,
            };
            let code = error.sqlstate.code();
            (position, None, "refused", Some(code), Some(reason), None, None, None, None)
        }
    }
}

/// Of a striped account no row tells.
fn balance(account: &Account) -> (Option<i64>, Option<i64>) {
    if account.stripes > 0 {
        return (None, None);
    }
    let balance = account.balance();
    (Some(balance.posted), Some(balance.available))
}
