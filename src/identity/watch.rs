//! What identity has to say to those who watch.

use crate::identity::store::watch;
use crate::kernel::error::Result;
use crate::ops::watch::metric::{self, Kind, Metric};
use crate::ops::watch::period::Period;
use crate::ops::watch::technical;
use serde_json::{Map, Value};

/// Called once when the library is loaded.
pub fn init() {
    technical::register(about);
    metric::register(metrics);
}

fn about(period: &Period) -> Result<Map<String, Value>> {
    match watch::about(period)? {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

fn metrics() -> Result<Vec<Metric>> {
    let now = watch::now()?;
    let results = [("success", now.sign_ins), ("failure", now.sign_in_failures)];
    Ok(vec![
        Metric::one(
            "backoffice_sessions_open",
            "Sessions that are good.",
            Kind::Gauge,
            now.sessions as f64,
        ),
        Metric::by(
            "backoffice_sign_ins_recent",
            "Sign-ins of the last five minutes.",
            Kind::Gauge,
            "result",
            results.map(|(result, count)| (result.to_owned(), count as f64)),
        ),
    ])
}
