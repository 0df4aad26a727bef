//! Accounts in SQL.

use crate::kernel::error::{entry, required};
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Class, Limit, NewAccount};
use crate::ledger::report::{self, Basis};
use crate::ledger::{access, accounts};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Opens an account, or finds the one that has the code and is the same; its id.
///
/// For the service role. `p_class` is asset, liability, equity, income or expense;
/// `p_max_overdraft` (minor units, null for no limit) is how far its balance may go
/// below zero, `p_max_balance` how far it may grow; `p_stripes` (2 to 64) spreads the counters of an account that nearly
/// every transfer touches. 22023 for values not allowed, PT404 unknown parent, PT409
/// where the code belongs to an account that differs.
#[allow(clippy::too_many_arguments)]
#[pg_extern(
    schema = "ledger",
    name = "open_account",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_open_account(
    p_system: Option<&str>,
    p_code: Option<&str>,
    p_currency: Option<&str>,
    p_class: Option<&str>,
    p_name: default!(Option<&str>, "null"),
    p_owner_id: default!(Option<Uuid>, "null"),
    p_max_overdraft: default!(Option<i64>, "null"),
    p_stripes: default!(Option<i32>, 0),
    p_parent_id: default!(Option<i64>, "null"),
    p_max_balance: default!(Option<i64>, "null"),
) -> Result<i64, ErrorReport> {
    entry(|| {
        access::require_service()?;
        let code = required(p_code, "p_code")?;
        let new = NewAccount {
            system: required(p_system, "p_system")?,
            code,
            name: p_name.unwrap_or(code),
            currency: Currency::parse(required(p_currency, "p_currency")?, "p_currency")?,
            class: Class::parse(required(p_class, "p_class")?, "p_class")?,
            owner: p_owner_id,
            limit: Limit::stored(p_max_overdraft, p_max_balance),
            stripes: required(p_stripes, "p_stripes")?,
        };
        Ok(accounts::open_account_below(&new, p_parent_id.map(AccountId))?.0)
    })
}

/// Closes an account that has neither a balance nor open holds; it takes no more
/// transfers. For the service role. PT404 unknown account, PT409 not empty.
#[pg_extern(
    schema = "ledger",
    name = "close_account",
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_close_account(p_account: Option<i64>) -> Result<(), ErrorReport> {
    entry(|| {
        access::require_service()?;
        accounts::close_account(AccountId(required(p_account, "p_account")?))
    })
}

/// The balance of an account in minor units, on the side that is normal for its
/// class: now, with what holds take from it, or what was posted up to and with a
/// time. For its owner, admins of its system or of the ledger, and the service role.
///
/// `p_basis` is effective or recorded: which of a transfer's two times counts.
/// 42501 for anybody else, PT404 unknown account, 22023 another basis.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "balance",
    stable,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_balance(
    p_account: Option<i64>,
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_basis: default!(Option<&str>, "'effective'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(account_id, i64),
            name!(currency, String),
            name!(posted, i64),
            name!(held, Option<i64>),
            name!(available, Option<i64>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let id = AccountId(required(p_account, "p_account")?);
        let basis = Basis::parse(required(p_basis, "p_basis")?, "p_basis")?;
        access::require_reader(id)?;
        let row = match p_at {
            Some(at) => {
                let (posted, currency) = report::balance_at(id, at, basis)?;
                (id.0, currency.to_string(), posted, None, None)
            }
            None => {
                let now = accounts::balance(id)?;
                let held = (Some(now.pending), Some(now.available));
                (id.0, now.currency.to_string(), now.posted, held.0, held.1)
            }
        };
        Ok(TableIterator::once(row))
    })
}
