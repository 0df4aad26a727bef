//! Chart, balance sheet and income statement of the books as they are.

use crate::kernel::clock::clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::chart::{Figures, Line, Node, in_normal_direction, outline};
use crate::ledger::journal::check_finite;
use crate::ledger::period::moment_before;
use crate::ledger::report::Basis;
use crate::ledger::statements::{self, Balances, Row, Shape};
use crate::ledger::store::chart as store;
use crate::ledger::totals;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::{BTreeMap, HashMap};

/// A statement with the accounts that its lines name.
pub struct Statement {
    pub nodes: Vec<Node>,
    pub rows: Vec<Row>,
}

/// The chart of a system with the balance of every account and every branch at a time.
pub fn chart(
    system: &str,
    at: Option<TimestampWithTimeZone>,
    depth: Option<i32>,
) -> Result<(Vec<Node>, Vec<Line>)> {
    let at = moment(at)?;
    let nodes = store::nodes(Some(system))?;
    if nodes.is_empty() {
        return Err(Error::not_found("system", system));
    }
    let mut own: HashMap<i64, Figures> = HashMap::new();
    for total in totals::as_of(Some(system), at, Basis::Effective)? {
        let balance = in_normal_direction(total.class, total.balance);
        own.insert(total.account.0, [balance, 0]);
    }
    let lines = outline(&nodes, &own, depth);
    Ok((nodes, lines))
}

/// The balance sheet of a system, or of all, at a time.
pub fn balance_sheet(
    system: Option<&str>,
    at: Option<TimestampWithTimeZone>,
    shape: Shape,
) -> Result<Statement> {
    let at = moment(at)?;
    let nodes = nodes(system)?;
    let mut balances = Balances::new();
    for total in totals::as_of(system, at, Basis::Effective)? {
        balances.insert(total.account.0, [total.balance, 0]);
    }
    let abroad: BTreeMap<Currency, i128> = match system {
        Some(system) => store::abroad(system, at)?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    let rows = statements::balance_sheet(&nodes, &balances, &abroad, shape);
    Ok(Statement { nodes, rows })
}

/// A period: from a time, with it, to a time, without it.
#[derive(Clone, Copy)]
pub struct Span {
    pub from: TimestampWithTimeZone,
    pub to: TimestampWithTimeZone,
}

impl Span {
    /// 22023 unless both times are finite and in order.
    pub fn new(
        from: TimestampWithTimeZone,
        to: TimestampWithTimeZone,
        fields: [&str; 2],
    ) -> Result<Self> {
        check_finite(fields[0], Some(&from))?;
        check_finite(fields[1], Some(&to))?;
        if from.into_inner() >= to.into_inner() {
            return Err(Error::invalid(fields[1], format!("must be after {}", fields[0])));
        }
        Ok(Span { from, to })
    }
}

/// The income statement of a system, or of all, for a period and one to compare with.
/// Closing entries are left out: a closed year shows what it showed before.
pub fn income_statement(
    system: Option<&str>,
    span: Span,
    compared: Option<Span>,
    shape: Shape,
) -> Result<Statement> {
    let nodes = nodes(system)?;
    let mut flows = Balances::new();
    for (n, span) in [Some(span), compared].into_iter().enumerate() {
        let Some(span) = span else { continue };
        let mut add = |account: i64, amount: i128| flows.entry(account).or_default()[n] += amount;
        let until = |at| totals::as_of(system, moment_before(at)?, Basis::Effective);
        for total in until(span.to)? {
            add(total.account.0, total.balance);
        }
        for total in until(span.from)? {
            add(total.account.0, -total.balance);
        }
        for (account, amount) in store::closing_flows(system, span.from, span.to)? {
            add(account, -amount);
        }
    }
    let rows = statements::income_statement(&nodes, &flows, shape);
    Ok(Statement { nodes, rows })
}

fn nodes(system: Option<&str>) -> Result<Vec<Node>> {
    let nodes = store::nodes(system)?;
    match system {
        Some(system) if nodes.is_empty() => Err(Error::not_found("system", system)),
        _ => Ok(nodes),
    }
}

fn moment(at: Option<TimestampWithTimeZone>) -> Result<TimestampWithTimeZone> {
    check_finite("p_at", at.as_ref())?;
    Ok(at.unwrap_or_else(clock))
}

/// 22023 unless a depth is none or from 0 to 1000.
pub fn check_depth(depth: Option<i32>) -> Result<Option<i32>> {
    match depth {
        Some(depth) if !(0..=1000).contains(&depth) => {
            Err(Error::invalid("p_depth", "must be from 0 to 1000"))
        }
        _ => Ok(depth),
    }
}
