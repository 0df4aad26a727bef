//! SQL of the platform's fee.

use crate::kernel::error::Result;
use crate::kernel::money::Currency;
use crate::kernel::spi::Query;
use crate::treasury::split::Fee;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

static LOCK: Query =
    Query::write("select pg_advisory_xact_lock(hashtextextended('treasury.platform_fees', 0))");
static INSERT: Query = Query::write(
    "insert into treasury.platform_fees (id, basis_points, fixed, valid_from)
     select $1, $2, $3, greatest(clock_timestamp(), max(valid_from)) from treasury.platform_fees",
);
// Ids sort by the time of their making, which decides between two of one moment.
static AT: Query = Query::read_latest(
    "select basis_points, coalesce((fixed ->> $1)::bigint, 0) from treasury.platform_fees
      where valid_from <= $2 order by valid_from desc, id desc limit 1",
);

pub fn lock() -> Result<()> {
    LOCK.run(&[])?;
    Ok(())
}

/// Writes down what the fee is from now on.
pub fn insert(id: Uuid, basis_points: i64, fixed: Value) -> Result<()> {
    INSERT.run(&[id.into(), (basis_points as i32).into(), JsonB(fixed).into()])?;
    Ok(())
}

/// The fee of a time; nothing where it had never been set.
pub fn at(currency: Currency, time: TimestampWithTimeZone) -> Result<Option<Fee>> {
    AT.first(&[currency.code().into(), time.into()], |row| {
        Ok(Fee { basis_points: i64::from(row.get::<i32>(1)?), fixed: row.get(2)? })
    })
}
