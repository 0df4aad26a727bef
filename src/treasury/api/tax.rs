//! Invoices, and what tax law wants known.

use crate::kernel::caller;
use crate::kernel::error::{Error, entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::report::threshold::{self, Threshold};
use crate::treasury::store::{invoices, tax};
use crate::treasury::{SYSTEM, invoice, tax_profile};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// The invoice of charge `p_charge_id` (our id): issued with the seller's next number,
/// unless it was before; what was given back since becomes a note. For the seller, the
/// buyer and admins. Returns the invoice. 22004 no id, PT404 no charge of theirs, PT409
/// nothing was captured, the charge names no seller, or the seller has no tax profile with
/// a VAT identification number, or no rate is known.
#[pg_extern(
    schema = "treasury",
    name = "issue_invoice",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_issue_invoice(
    p_charge_id: Option<Uuid>,
) -> Result<composite_type!('static, "treasury.invoices"), ErrorReport> {
    entry(|| {
        let (caller, id) = (caller::current(), required(p_charge_id, "p_charge_id")?);
        let charge = invoices::charge(id)?;
        let sides = charge.map(|charge| [charge.seller, charge.buyer]);
        let theirs =
            caller.person().is_some() && sides.is_some_and(|of| of.contains(&caller.person()));
        if !theirs && !caller.is_admin(SYSTEM)? {
            return Err(Error::not_found("charge", id));
        }
        invoices::row(invoice::issue(id)?)
    })
}

/// Says who user `p_user_id` (the caller) is for tax, in place of what was said before:
/// `p_profile` has `name`, `address`, `country` (ISO 3166-1, two letters), and `vat_id`
/// (none). For the user and admins. Returns the profile. 22023/22004 bad input, PT404
/// unknown user, 42501 somebody else's.
#[pg_extern(
    schema = "treasury",
    name = "set_tax_profile",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_set_tax_profile(
    p_user_id: Option<Uuid>,
    p_profile: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.tax_profiles"), ErrorReport> {
    entry(|| {
        let profile = JsonArg::required(p_profile, "p_profile")?;
        tax::profile_row(tax_profile::set(&caller::current(), p_user_id, &profile)?)
    })
}

/// Writes down that the standard rate of VAT in `p_country` (ISO 3166-1, two letters) is
/// `p_basis_points` (hundredths of a per cent, 0 to 10000) from the day `p_valid_from` on.
/// Invoices that were issued keep theirs. For admins. Returns the rate. 22023/22004 bad
/// input, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "set_vat_rate",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_set_vat_rate(
    p_country: Option<&str>,
    p_valid_from: Option<Date>,
    p_basis_points: Option<i32>,
) -> Result<composite_type!('static, "treasury.vat_rates"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let country = required(p_country, "p_country")?;
        let from = required(p_valid_from, "p_valid_from")?;
        let rate = required(p_basis_points, "p_basis_points")?;
        invoice::check_rate(country, &from, rate)?;
        tax::set_rate(country, from, rate, caller.person())
    })
}

/// Writes down from what on `p_form` (1099-K, 1099-NEC) is required from the calendar year
/// `p_year` on: `p_amount_cents` of US dollars (a 1099-K for more, a 1099-NEC for this or
/// more) and more than `p_transactions` (0). For admins. Returns the threshold. 22023/22004
/// bad input, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "set_tax_threshold",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_set_tax_threshold(
    p_form: Option<&str>,
    p_year: Option<i32>,
    p_amount_cents: Option<i64>,
    p_transactions: default!(Option<i32>, "0"),
) -> Result<composite_type!('static, "treasury.tax_thresholds"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let (form, year) = (required(p_form, "p_form")?, required(p_year, "p_year")?);
        let amount = required(p_amount_cents, "p_amount_cents")?;
        let transactions = required(p_transactions, "p_transactions")?;
        let limit = Threshold { amount, transactions: transactions.into() };
        threshold::check(form, year, limit)?;
        tax::set_threshold(form, year, amount, transactions, caller.person())
    })
}
