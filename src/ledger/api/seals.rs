//! Sealing and verifying in SQL.

use crate::kernel::error::entry;
use crate::ledger::access;
use crate::ledger::seal;
use crate::ledger::store::seals::time;
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Seals what has been posted since the last block: how many `transfers` in how many
/// `blocks`, whether there is `more`, and the new head. For admins of the ledger and the
/// service role; the job `seal_ledger` calls it.
///
/// One call seals at most about 50000 transfers. What a running transaction may still
/// post before, and what is younger than `ledger.seal_delay_seconds`, waits.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "seal", security_definer, requires = ["ledger_seal"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_seal() -> Result<
    TableIterator<
        'static,
        (name!(transfers, i64), name!(blocks, i32), name!(more, bool), name!(head, Option<String>)),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let done = seal::seal()?;
        let head = seal::head()?.map(|block| block.head());
        Ok(TableIterator::once((done.transfers as i64, done.blocks as i32, done.more, head)))
    })
}

/// The last block of the chain; no row before the first. For admins of the ledger and the
/// service role.
///
/// `head` is height and hash: what is to be published elsewhere, for ledger.verify.
/// Everything recorded up to `sealed_until` is sealed.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "seal_head",
    stable,
    security_definer,
    requires = ["ledger_seal"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_seal_head() -> Result<
    TableIterator<
        'static,
        (
            name!(height, i64),
            name!(hash, String),
            name!(sealed_until, TimestampWithTimeZone),
            name!(sealed_at, TimestampWithTimeZone),
            name!(head, String),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let head = seal::head()?.into_iter().map(|block| {
            let hash = seal::hex(&block.hash);
            (block.height, hash, time(block.until.0), time(block.sealed_at), block.head())
        });
        Ok(TableIterator::new(head))
    })
}

/// Compares what was sealed with what is there: no row when all is well. For admins of the
/// ledger and the service role.
///
/// The chain is compared with itself and with `p_head`, a head that ledger.seal_head gave
/// before; transfers recorded from `p_from` up to `p_to`, or all, with what was sealed of
/// them. The first transfer that is not as it was is named: transfer_altered,
/// transfer_missing, transfer_extra, journal_altered, account_altered; of the chain
/// block_altered, block_missing, head_missing, head_differs. 22023 for a p_head that is
/// none, or a p_to before p_from.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "verify",
    stable,
    security_definer,
    requires = ["ledger_seal"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_verify(
    p_from: default!(Option<TimestampWithTimeZone>, "null"),
    p_to: default!(Option<TimestampWithTimeZone>, "null"),
    p_head: default!(Option<&str>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(problem, String),
            name!(block, Option<i64>),
            name!(transfer_id, Option<Uuid>),
            name!(detail, String),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_admin()?;
        let micros = |at: Option<TimestampWithTimeZone>| at.map(|at| at.into_inner());
        let findings = seal::verify(micros(p_from), micros(p_to), p_head)?;
        Ok(TableIterator::new(findings.into_iter().map(|found| {
            (found.problem.as_str().to_owned(), found.block, found.transfer, found.detail)
        })))
    })
}
