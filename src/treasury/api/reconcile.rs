//! The comparison with Stripe.

use crate::kernel::caller;
use crate::kernel::error::{Error, Result as Outcome, entry, required};
use crate::kernel::money::Currency;
use crate::treasury::reconcile::{self, Days};
use pgrx::JsonB;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Compares Stripe's balance transactions in `p_currency` (ISO 4217) from day `p_from` to
/// `p_to` (UTC, both included, at most 366) with the books. The findings are rows of
/// treasury.reconciliation; again it goes on from where it was. For admins and servers.
/// Returns how many of these days are matched, missing_in_books, missing_at_stripe and
/// amount_differs, and how many transactions are new. 22023/22004 bad input, 42501 not an
/// admin.
#[pg_extern(
    schema = "treasury",
    name = "reconcile_stripe",
    security_definer,
    requires = ["treasury_reconcile"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_reconcile_stripe(
    p_currency: Option<&str>,
    p_from: Option<Date>,
    p_to: Option<Date>,
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        let currency = Currency::parse(required(p_currency, "p_currency")?, "p_currency")?;
        let days = Days::new(day(p_from, "p_from")?, day(p_to, "p_to")?)?;
        Ok(JsonB(reconcile::reconcile(&caller::current(), currency, days)?))
    })
}

/// Days since 2000-01-01; 22023 for a date that is none or so far away that its calendar
/// is not ours.
fn day(date: Option<Date>, field: &str) -> Outcome<i32> {
    let date = required(date, field)?;
    let days = date.to_pg_epoch_days();
    if date.is_infinity() || date.is_neg_infinity() || !(-36_524..=2_921_939).contains(&days) {
        return Err(Error::invalid(field, "must be a day from 1900 to 9999"));
    }
    Ok(days)
}
