//! Archiving: old PIN transactions, commissions and finished withdrawals move to
//! tables beside their own. Summaries and `network.check()` read both.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::network::SYSTEM;
use crate::network::store::archive as store;
use crate::ops::archive::{BATCH, move_rows};
use serde_json::{Value, json};

/// The job: moves rows older than the setting `network.archive_months`, at most
/// [`BATCH`] of each table. `more` is true where a further run would find more.
pub fn archive_old_rows() -> Result<Value> {
    let months: Option<i64> = settings::get(SYSTEM, "archive_months")?;
    let mut counts = json!({"more": false});
    for (name, source) in store::SOURCES {
        let rows = months.map_or(Ok(0), |months| move_rows(source, months))?;
        counts[name] = json!(rows);
        if rows as i64 == BATCH {
            counts["more"] = json!(true);
        }
    }
    Ok(counts)
}
