//! Forgetting: files after a while, invoices when the law does not want them any more.
//! Rows of reports stay.

use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::treasury::SYSTEM;
use crate::treasury::store::{invoices, reports};

/// What was deleted.
pub struct Purged {
    pub files: usize,
    pub invoices: usize,
}

/// Deletes up to `most` of each.
pub fn purge(most: i64) -> Result<Purged> {
    let settings = Settings::of(SYSTEM)?;
    let days: i64 = settings.get("report_days")?;
    let years: i64 = settings.get("invoice_years")?;
    Ok(Purged { files: reports::purge(days, years, most)?, invoices: invoices::purge(most)? })
}
