//! What the network has to say to those who watch.

use crate::kernel::error::Result;
use crate::network::SYSTEM;
use crate::network::store::{events, reports, watch};
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::metric::{self, Kind, Metric};
use serde_json::json;

/// Called once when the library is loaded.
pub fn init() {
    events::SOURCES.iter().for_each(crate::ops::events::register);
    check::register(Check { name: OVERDUE, thorough: false, run: overdue });
    check::register(Check { name: FACTS, thorough: true, run: facts });
    metric::register(metrics);
}

const OVERDUE: &str = "network_withdrawals_overdue";
/// The check that compares what is kept twice.
pub const FACTS: &str = "network_facts";

fn overdue() -> Result<Vec<Alert>> {
    let count = watch::overdue_withdrawals()?;
    let alert = || Alert {
        severity: Severity::Warning,
        kind: OVERDUE,
        of: None,
        message: format!("{count} withdrawals have not been processed in time."),
        detail: json!({"system": SYSTEM, "withdrawals": count}),
    };
    Ok((count > 0).then(alert).into_iter().collect())
}

/// One alert for each rule that is broken.
fn facts() -> Result<Vec<Alert>> {
    let mut rules = std::collections::BTreeMap::new();
    for problem in reports::check()? {
        rules.entry(problem.rule).or_insert((0, problem.record_id)).0 += 1;
    }
    Ok(rules
        .into_iter()
        .map(|(rule, (count, first))| Alert {
            severity: Severity::Critical,
            kind: FACTS,
            message: format!("The network does not agree with itself: {rule}, {count} times."),
            detail: json!({"rule": rule, "count": count, "first": first}),
            of: Some(rule),
        })
        .collect())
}

fn metrics() -> Result<Vec<Metric>> {
    let withdrawals = watch::open_withdrawals()?;
    let money = watch::money()?;
    let gauge = |name, help, label, values| Metric::by(name, help, Kind::Gauge, label, values);
    let open = withdrawals.iter().map(|(status, count, _)| (status.clone(), *count as f64));
    let amounts = withdrawals.iter().map(|(status, _, amount)| (status.clone(), *amount));
    Ok(vec![
        Metric::by(
            "backoffice_network_numbers_issued_total",
            "Human numbers handed out, those of undone transactions included.",
            Kind::Counter,
            "counter",
            watch::numbers()?,
        ),
        gauge(
            "backoffice_network_withdrawals_open",
            "Withdrawals that wait for an admin.",
            "status",
            open.collect::<Vec<_>>(),
        ),
        gauge(
            "backoffice_network_withdrawals_open_amount",
            "What open withdrawals ask for, in major units.",
            "status",
            amounts.collect(),
        ),
        Metric::one(
            "backoffice_network_withdrawals_overdue",
            "Open withdrawals that are older than the setting withdrawal_processing_days.",
            Kind::Gauge,
            watch::overdue_withdrawals()? as f64,
        ),
        gauge(
            "backoffice_network_balance_amount",
            "Balances of the platform's accounts in the ledger, in major units.",
            "account",
            money,
        ),
    ])
}
