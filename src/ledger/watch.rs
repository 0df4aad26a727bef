//! What the ledger has to say to those who watch.

use crate::kernel::error::Result;
use crate::ledger::report;
use crate::ledger::store;
use crate::ops::watch::alert::{Alert, Severity};
use crate::ops::watch::check::{self, Check};
use crate::ops::watch::{self, Finding, Probe};
use serde_json::json;

/// Called once when the library is loaded.
pub fn init() {
    check::register(Check { name: BOOKS, thorough: true, run: books });
    watch::register_probe(Probe { name: "ledger", run: totals });
}

/// The check that proves the books.
pub const BOOKS: &str = "ledger_books";

/// One alert for each kind of problem: a broken account may show in thousands of rows.
fn books() -> Result<Vec<Alert>> {
    let mut kinds = std::collections::BTreeMap::new();
    for problem in report::check()? {
        let kind = kinds.entry(problem.problem.clone()).or_insert((0, problem));
        kind.0 += 1;
    }
    Ok(kinds
        .into_iter()
        .map(|(kind, (count, first))| Alert {
            severity: Severity::Critical,
            kind: BOOKS,
            message: format!("The books do not agree: {kind}, {count} times."),
            detail: json!({
                "problem": kind,
                "count": count,
                "first_account": first.account,
                "first_transfer": first.transfer.map(|id| id.to_string()),
            }),
            of: Some(kind),
        })
        .collect())
}

/// The quick form: the totals of the accounts, without the transfers.
fn totals() -> Result<Finding> {
    let unbalanced = store::reports::unbalanced_currencies()?;
    let complaint = (!unbalanced.is_empty()).then(|| {
        (Severity::Critical, format!("debits are not credits in {}", unbalanced.join(", ")))
    });
    Ok(Finding {
        value: json!({"balanced": unbalanced.is_empty(), "unbalanced_currencies": unbalanced}),
        complaints: complaint.into_iter().collect(),
    })
}
