//! Statements of others, and matching them, in SQL.

use crate::kernel::error::{Error, entry, required};
use crate::kernel::json::JsonArg;
use crate::ledger::access;
use crate::ledger::account::AccountId;
use crate::ledger::reconcile::import::{Source, import};
use crate::ledger::reconcile::manual::{self, ids};
use crate::ledger::reconcile::{Rules, proof, run};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Stores a statement that somebody else (a bank) made about an account. For admins of
/// the ledger and the service role.
///
/// `p_csv` is a text of at most 8 MiB, `p_rows` an array of objects with `date`,
/// `amount`, `reference` and `description`; one of both is given, with at most 20000
/// lines. `p_options` says how to read them. `p_reference` names the statement: the same
/// again gives what is stored. Amounts in the answer are minor units.
/// 22023 for a line or an option that cannot be read, naming it; 22003 out of range;
/// PT404 unknown account; PT409 where the account has another statement of this name.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "import_statement",
    security_definer,
    requires = ["ledger_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_import_statement(
    p_account: Option<i64>,
    p_reference: Option<&str>,
    p_csv: default!(Option<&str>, "null"),
    p_rows: default!(Option<JsonArg>, "null"),
    p_options: default!(Option<JsonArg>, "'{}'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(statement_id, Uuid),
            name!(account_id, i64),
            name!(reference, String),
            name!(lines, i32),
            name!(total, i64),
            name!(opening_balance, Option<i64>),
            name!(closing_balance, Option<i64>),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let account = AccountId(required(p_account, "p_account")?);
        let reference = required(p_reference, "p_reference")?;
        let options = JsonArg::required(p_options, "p_options")?;
        let rows = JsonArg::optional(p_rows, "p_rows")?;
        let source = match (p_csv, &rows) {
            (Some(csv), None) => Source::Csv(csv),
            (None, Some(rows)) => Source::Rows(rows),
            (None, None) => return Err(Error::missing("p_csv").hint("Or give p_rows.")),
            (Some(_), Some(_)) => {
                return Err(Error::invalid("p_csv", "give either this or p_rows"));
            }
        };
        let imported = import(account, reference, &source, &options)?;
        let of = imported.statement;
        Ok(TableIterator::once((
            of.id,
            of.account.0,
            of.reference,
            of.lines,
            of.total,
            of.opening,
            of.closing,
            imported.replayed,
        )))
    })
}

/// Finds the transfers that the lines of a statement are about, and stores the matches;
/// a dry run only tells them. For admins of the ledger and the service role.
///
/// `p_rules` is an object: `amount_tolerance` (minor units), `days`, `reference`,
/// `reference_keys`, `minimum_score`, `max_group`, `ambiguous`, `suggestions`. Only what
/// is in no match is looked at. `outcome` is matched, suggested, unmatched_line,
/// unmatched_transfer, or incomplete where the search gave up. Amounts are minor units.
/// PT404 unknown statement; 22023 for a rule that is not known, or too many transfers.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "reconcile",
    security_definer,
    requires = ["ledger_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reconcile(
    p_statement_id: Option<Uuid>,
    p_rules: default!(Option<JsonArg>, "'{}'"),
    p_dry_run: default!(Option<bool>, "false"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(outcome, String),
            name!(match_id, Option<Uuid>),
            name!(score, Option<i16>),
            name!(reasons, Vec<String>),
            name!(line_numbers, Vec<i32>),
            name!(line_ids, Vec<Uuid>),
            name!(transfer_ids, Vec<Uuid>),
            name!(lines_amount, i64),
            name!(transfers_amount, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let id = required(p_statement_id, "p_statement_id")?;
        let rules = Rules::read(&JsonArg::required(p_rules, "p_rules")?)?;
        let rows = run::reconcile(id, &rules, required(p_dry_run, "p_dry_run")?)?;
        Ok(TableIterator::new(rows.into_iter().map(|row| {
            (
                row.outcome.to_owned(),
                row.match_id,
                row.score,
                row.reasons,
                row.line_numbers,
                row.lines,
                row.transfers,
                row.lines_amount,
                row.transfers_amount,
            )
        })))
    })
}

/// Says that lines of a statement and transfers are the same money. For admins of the
/// ledger and the service role.
///
/// Their amounts may differ by `p_tolerance` (minor units). Either side may be empty,
/// where the other adds up to nothing. The same again gives what is stored.
/// PT404 unknown statement, line of it, or transfer of its account; PT409 where one is in
/// another match; 22023 where the amounts differ.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "confirm_match",
    security_definer,
    requires = ["ledger_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_confirm_match(
    p_statement_id: Option<Uuid>,
    p_line_ids: Option<Vec<Option<Uuid>>>,
    p_transfer_ids: Option<Vec<Option<Uuid>>>,
    p_tolerance: default!(Option<i64>, 0),
    p_note: default!(Option<&str>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(match_id, Uuid),
            name!(lines_amount, i64),
            name!(transfers_amount, i64),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let one = manual::confirm(
            required(p_statement_id, "p_statement_id")?,
            &ids(p_line_ids, "p_line_ids")?,
            &ids(p_transfer_ids, "p_transfer_ids")?,
            required(p_tolerance, "p_tolerance")?,
            p_note,
        )?;
        Ok(TableIterator::once((
            one.match_id,
            one.lines_amount,
            one.transfers_amount,
            one.replayed,
        )))
    })
}

/// Says that none of some lines is any of some transfers: they are not matched or
/// suggested by themselves; how many pairs were not rejected before. For admins of the
/// ledger and the service role. PT404 unknown statement, line or transfer; PT409 where
/// they are matched; 22023 without a reason.
#[pg_extern(
    schema = "ledger",
    name = "reject_match",
    security_definer,
    requires = ["ledger_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reject_match(
    p_statement_id: Option<Uuid>,
    p_line_ids: Option<Vec<Option<Uuid>>>,
    p_transfer_ids: Option<Vec<Option<Uuid>>>,
    p_reason: Option<&str>,
) -> Result<i64, ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let rejected = manual::reject(
            required(p_statement_id, "p_statement_id")?,
            &ids(p_line_ids, "p_line_ids")?,
            &ids(p_transfer_ids, "p_transfer_ids")?,
            required(p_reason, "p_reason")?,
        )?;
        Ok(rejected as i64)
    })
}

/// Undoes a match; its pairs are rejected, so that they are not matched again by
/// themselves. When it was undone; again gives the same. For admins of the ledger and the
/// service role. PT404 unknown match; 22023 without a reason.
#[pg_extern(schema = "ledger", name = "unmatch", security_definer, requires = ["ledger_reconcile"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_unmatch(
    p_match_id: Option<Uuid>,
    p_reason: Option<&str>,
) -> Result<TimestampWithTimeZone, ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let id = required(p_match_id, "p_match_id")?;
        manual::undo(id, required(p_reason, "p_reason")?)
    })
}

/// Explains the difference between the balance of a statement and that of the books, item
/// by item, in minor units. For admins of the ledger and the service role.
///
/// From `opening_difference` to `unexplained` the amounts add up to `closing_difference`.
/// PT404 unknown statement.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "reconciliation",
    stable,
    security_definer,
    requires = ["ledger_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_reconciliation(
    p_statement_id: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (name!(item, String), name!(amount, Option<i64>), name!(count, Option<i64>)),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let items = proof::proof(required(p_statement_id, "p_statement_id")?)?;
        Ok(TableIterator::new(
            items.into_iter().map(|(item, amount, count)| (item.to_owned(), amount, count)),
        ))
    })
}
