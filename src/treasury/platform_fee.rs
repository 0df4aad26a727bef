//! What the platform keeps: two settings, whose values are written down as they change,
//! so that what was charged earlier is split by the fee of then.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::kernel::settings::Settings;
use crate::treasury::SYSTEM;
use crate::treasury::split::Fee;
use crate::treasury::store::platform_fees as store;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::json;
use std::collections::BTreeMap;

/// The settings changed. Changes of both at once wait for each other, so that each sees
/// what the other did.
pub fn keep() -> Result<()> {
    store::lock()?;
    let settings = Settings::of(SYSTEM)?;
    let fixed: BTreeMap<String, i64> = settings.get("platform_fee_fixed")?;
    store::insert(new_id(), settings.get("platform_fee_basis_points")?, json!(fixed))
}

/// The fee on an amount of a currency that was charged at a time.
pub fn at(currency: Currency, time: TimestampWithTimeZone) -> Result<Fee> {
    Ok(store::at(currency, time)?.unwrap_or(Fee { basis_points: 0, fixed: 0 }))
}
