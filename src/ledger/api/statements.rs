//! The chart of accounts, balance sheet and income statement in SQL.

use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::money::Currency;
use crate::ledger::access;
use crate::ledger::account::AccountId;
use crate::ledger::accounting::{self, Span, Statement, check_depth};
use crate::ledger::chart::move_account;
use crate::ledger::statements::Shape;
use crate::ledger::store::chart;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, composite_type};

/// Makes account `p_account` part of `p_parent_id`, or of none where that is null. For
/// admins of the ledger and the service role; again it changes nothing. Returns the
/// account.
///
/// Both must be of one system and class; the currency may differ. 22004 no account, 22023
/// another system or class, or the account itself or a part of it; PT404 unknown account.
#[pg_extern(schema = "ledger", name = "move_account", security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_move_account(
    p_account: Option<i64>,
    p_parent_id: Option<i64>,
) -> Result<composite_type!('static, "ledger.accounts"), ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let id = AccountId(required(p_account, "p_account")?);
        move_account(id, p_parent_id.map(AccountId))?;
        chart::row(id)
    })
}

/// The chart of accounts of `p_system` as a tree, with the balance of each account and
/// each branch in minor units, now or up to and with `p_at` by effective time. For admins
/// of the system or of the ledger, and the service role.
///
/// A branch has a row for each currency in it. `p_depth` leaves out what is deeper; the
/// branches hold it all the same. 22004 no system, 22023 another depth or a time that is
/// not finite, PT404 unknown system.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "ledger", name = "chart", stable, security_definer, requires = ["ledger_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ledger_chart(
    p_system: Option<&str>,
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_depth: default!(Option<i32>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(account_id, i64),
            name!(parent_id, Option<i64>),
            name!(depth, i32),
            name!(path, String),
            name!(code, String),
            name!(name, String),
            name!(class, String),
            name!(currency, String),
            name!(closed, bool),
            name!(own, AnyNumeric),
            name!(total, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_books(p_system)?;
        let system = required(p_system, "p_system")?;
        let (nodes, lines) = accounting::chart(system, p_at, check_depth(p_depth)?)?;
        Ok(TableIterator::new(lines.into_iter().map(move |line| {
            let node = &nodes[line.node];
            (
                node.id,
                node.parent,
                line.depth,
                line.path,
                node.code.clone(),
                node.name.clone(),
                node.class.as_str().to_owned(),
                line.currency.to_string(),
                node.closed,
                AnyNumeric::from(line.own[0]),
                AnyNumeric::from(line.total[0]),
            )
        })))
    })
}

fn shape(currency: Option<&str>, depth: Option<i32>) -> Result<Shape> {
    let currency = currency.map(|code| Currency::parse(code, "p_currency")).transpose()?;
    Ok(Shape { currency, depth: check_depth(depth)? })
}

/// The balance sheet of `p_system`, or of all systems, in minor units: now or up to and
/// with `p_at` by effective time, for each currency or `p_currency`. For admins of the
/// system or of the ledger, and the service role; of all systems not for the former.
///
/// Sections: assets, liabilities, equity, result (income less expenses that no closing has
/// carried into equity), other_systems (what they were credited for debits here, less the
/// other way round). A row without account is the sum of its section. The last row proves
/// the sheet: difference is assets less all the rest, and must be 0. `p_depth` as for
/// ledger.chart. 22023 another currency or depth, PT404 unknown system.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "balance_sheet",
    stable,
    security_definer,
    requires = ["ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_balance_sheet(
    p_system: default!(Option<&str>, "null"),
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
    p_currency: default!(Option<&str>, "null"),
    p_depth: default!(Option<i32>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(currency, String),
            name!(section, String),
            name!(account_id, Option<i64>),
            name!(depth, Option<i32>),
            name!(path, Option<String>),
            name!(name, Option<String>),
            name!(own, Option<AnyNumeric>),
            name!(amount, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_books(p_system)?;
        let shape = shape(p_currency, p_depth)?;
        let Statement { nodes, rows } = accounting::balance_sheet(p_system, p_at, shape)?;
        Ok(TableIterator::new(rows.into_iter().map(move |row| {
            let node = row.line.as_ref().map(|line| &nodes[line.node]);
            (
                row.currency.to_string(),
                row.section.to_owned(),
                node.map(|node| node.id),
                row.line.as_ref().map(|line| line.depth),
                row.line.as_ref().map(|line| line.path.clone()),
                node.map(|node| node.name.clone()),
                row.line.as_ref().map(|line| AnyNumeric::from(line.own[0])),
                AnyNumeric::from(row.total[0]),
            )
        })))
    })
}

/// The period to compare with, if one is given.
fn compared(
    from: Option<TimestampWithTimeZone>,
    to: Option<TimestampWithTimeZone>,
) -> Result<Option<Span>> {
    match (from, to) {
        (Some(from), Some(to)) => {
            Ok(Some(Span::new(from, to, ["p_compare_from", "p_compare_to"])?))
        }
        (None, None) => Ok(None),
        (None, _) => Err(Error::missing("p_compare_from")),
        (_, None) => Err(Error::missing("p_compare_to")),
    }
}

/// Income and expenses of `p_system`, or of all systems, in minor units: from `p_from`
/// (with it) to `p_to` (without it) by effective time, for each currency or `p_currency`,
/// beside another period if one is given to compare with. For the same callers as
/// ledger.balance_sheet.
///
/// Sections: income, expenses, result. A row without account is the sum of its section.
/// Closing entries are left out, so that a closed year shows what it showed before.
/// `p_depth` as for ledger.chart. 22004 no period, or half of one to compare with; 22023 a
/// period that ends before it begins, another currency or depth; PT404 unknown system.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[pg_extern(
    schema = "ledger",
    name = "income_statement",
    stable,
    security_definer,
    requires = ["ledger_periods"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_income_statement(
    p_system: default!(Option<&str>, "null"),
    p_from: default!(Option<TimestampWithTimeZone>, "null"),
    p_to: default!(Option<TimestampWithTimeZone>, "null"),
    p_currency: default!(Option<&str>, "null"),
    p_compare_from: default!(Option<TimestampWithTimeZone>, "null"),
    p_compare_to: default!(Option<TimestampWithTimeZone>, "null"),
    p_depth: default!(Option<i32>, "null"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(currency, String),
            name!(section, String),
            name!(account_id, Option<i64>),
            name!(depth, Option<i32>),
            name!(path, Option<String>),
            name!(name, Option<String>),
            name!(own, Option<AnyNumeric>),
            name!(amount, AnyNumeric),
            name!(compared, Option<AnyNumeric>),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        access::require_books(p_system)?;
        let from = required(p_from, "p_from")?;
        let span = Span::new(from, required(p_to, "p_to")?, ["p_from", "p_to"])?;
        let compared = compared(p_compare_from, p_compare_to)?;
        let shape = shape(p_currency, p_depth)?;
        let statement = accounting::income_statement(p_system, span, compared, shape)?;
        let (nodes, compares) = (statement.nodes, compared.is_some());
        Ok(TableIterator::new(statement.rows.into_iter().map(move |row| {
            let node = row.line.as_ref().map(|line| &nodes[line.node]);
            (
                row.currency.to_string(),
                row.section.to_owned(),
                node.map(|node| node.id),
                row.line.as_ref().map(|line| line.depth),
                row.line.as_ref().map(|line| line.path.clone()),
                node.map(|node| node.name.clone()),
                row.line.as_ref().map(|line| AnyNumeric::from(line.own[0])),
                AnyNumeric::from(row.total[0]),
                compares.then(|| AnyNumeric::from(row.total[1])),
            )
        })))
    })
}
