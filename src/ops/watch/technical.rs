//! The technical metrics of a period, as far as the database has them.

use crate::kernel::error::Result;
use crate::kernel::registry::Registry;
use crate::ops::watch::collect;
use crate::ops::watch::period::Period;
use serde_json::{Map, Value, json};

/// What a module above can say about a period, under names of its own.
pub type Contribute = fn(&Period) -> Result<Map<String, Value>>;

static CONTRIBUTORS: Registry<Contribute> = Registry::new();

/// Called once for each module when the library is loaded.
pub fn register(contribute: Contribute) {
    CONTRIBUTORS.register(contribute);
}

pub fn report(period: &Period) -> Result<Value> {
    let mut report = Map::new();
    report.insert("period".to_owned(), json!({"from": period.from, "to": period.to}));
    for contribute in CONTRIBUTORS.all() {
        report.extend(contribute(period)?);
    }
    report.insert("connections".to_owned(), collect::connections()?);
    report.insert("database".to_owned(), collect::database()?);
    report.insert("statements".to_owned(), collect::statements()?);
    report.insert("not_in_the_database".to_owned(), elsewhere(&report["statements"]));
    Ok(Value::Object(report))
}

/// What people look for here and find elsewhere.
fn elsewhere(statements: &Value) -> Value {
    let mut metrics = Map::new();
    let log = "access log of the gateway: seconds, upstream_seconds and status of every request";
    metrics.insert("response_time".to_owned(), json!(log));
    metrics.insert("error_rate".to_owned(), json!(log));
    if statements.is_null() {
        let why =
            "install the extension pg_stat_statements and put it into shared_preload_libraries";
        metrics.insert("query_time".to_owned(), json!(why));
    }
    Value::Object(metrics)
}
