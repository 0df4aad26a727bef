//! SQL of tax: who people are for it, and what admins wrote down of rates and thresholds.

use crate::kernel::error::Result;
use crate::kernel::rows::Record;
use crate::kernel::spi::Query;
use crate::treasury::report::threshold::Threshold;
use crate::treasury::tax_profile::Profile;
use pgrx::datum::Date;
use pgrx::{JsonB, Uuid};
use serde_json::Value;

static PROFILE: Query = Query::read_latest(
    "select to_jsonb(p) - '{user_id,created_at,updated_at}'::text[]
       from treasury.tax_profiles p where user_id = $1",
);
static SET_PROFILE: Query = Query::write(
    "insert into treasury.tax_profiles as p (user_id, name, address, country, vat_id)
     values ($1, $2, $3, $4, $5)
     on conflict (user_id) do update
        set name = excluded.name, address = excluded.address, country = excluded.country,
            vat_id = excluded.vat_id, updated_at = now()
      where (p.name, p.address, p.country, p.vat_id)
            is distinct from (excluded.name, excluded.address, excluded.country, excluded.vat_id)",
);
static PROFILE_ROW: Query =
    Query::read_latest("select p from treasury.tax_profiles p where user_id = $1");
static RATE: Query = Query::read_latest(
    "select valid_from::text, basis_points from treasury.vat_rates
      where country = $1 and valid_from <= $2::text::date order by valid_from desc limit 1",
);
static SET_RATE: Query = Query::write(
    "insert into treasury.vat_rates as r (country, valid_from, basis_points, created_by)
     values ($1, $2, $3, $4)
     on conflict (country, valid_from) do update
        set basis_points = excluded.basis_points, created_by = excluded.created_by,
            created_at = now()
      where r.basis_points <> excluded.basis_points",
);
static RATE_ROW: Query =
    Query::read_latest("select r from treasury.vat_rates r where country = $1 and valid_from = $2");
static THRESHOLD: Query = Query::read_latest(
    "select year, amount_cents, transactions from treasury.tax_thresholds
      where form = $1 and year <= $2 order by year desc limit 1",
);
static SET_THRESHOLD: Query = Query::write(
    "insert into treasury.tax_thresholds as t (form, year, amount_cents, transactions, created_by)
     values ($1, $2, $3, $4, $5)
     on conflict (form, year) do update
        set amount_cents = excluded.amount_cents, transactions = excluded.transactions,
            created_by = excluded.created_by, created_at = now()
      where (t.amount_cents, t.transactions) is distinct from (excluded.amount_cents, excluded.transactions)",
);
static THRESHOLD_ROW: Query =
    Query::read_latest("select t from treasury.tax_thresholds t where form = $1 and year = $2");

/// Somebody's tax profile as JSON: name, address, country, vat_id.
pub fn profile(user: Uuid) -> Result<Option<Value>> {
    PROFILE.first(&[user.into()], |row| Ok(row.get::<JsonB>(1)?.0))
}

pub fn set_profile(user: Uuid, profile: &Profile) -> Result<()> {
    SET_PROFILE.run(&[
        user.into(),
        profile.name.as_str().into(),
        profile.address.as_str().into(),
        profile.country.as_str().into(),
        profile.vat_id.clone().into(),
    ])?;
    Ok(())
}

pub fn profile_row(user: Uuid) -> Result<Record> {
    PROFILE_ROW.one(&[user.into()], |row| row.get(1))
}

/// The rate that an admin wrote down for a country on a day, and since when it holds.
pub fn rate(country: &str, day: &str) -> Result<Option<(String, i32)>> {
    RATE.first(&[country.into(), day.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

pub fn set_rate(country: &str, from: Date, basis_points: i32, by: Option<Uuid>) -> Result<Record> {
    SET_RATE.run(&[country.into(), from.into(), basis_points.into(), by.into()])?;
    RATE_ROW.one(&[country.into(), from.into()], |row| row.get(1))
}

/// The threshold that an admin wrote down for a form in a year, and from which year on.
pub fn threshold(form: &str, year: i32) -> Result<Option<(i32, Threshold)>> {
    THRESHOLD.first(&[form.into(), year.into()], |row| {
        let transactions = i64::from(row.get::<i32>(3)?);
        Ok((row.get(1)?, Threshold { amount: row.get(2)?, transactions }))
    })
}

pub fn set_threshold(
    form: &str,
    year: i32,
    amount: i64,
    transactions: i32,
    by: Option<Uuid>,
) -> Result<Record> {
    SET_THRESHOLD.run(&[
        form.into(),
        year.into(),
        amount.into(),
        transactions.into(),
        by.into(),
    ])?;
    THRESHOLD_ROW.one(&[form.into(), year.into()], |row| row.get(1))
}
