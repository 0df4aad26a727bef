//! Tax deducted at source: rules, PANs, certificates.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonText;
use crate::kernel::settings::Settings;
use crate::network::profile::{self, Role};
use crate::network::store::tax as store;
use crate::network::tax::FinancialYear;
use crate::network::tax_rule::{self, NewRule};
use crate::network::{SYSTEM, pan};
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, composite_type};

/// Writes the tax rule that begins on `p_valid_from`: from then on tax is deducted
/// from withdrawals when they are processed, at `p_rate_with_pan` or
/// `p_rate_without_pan` per cent, once a promoter's financial year (April to March)
/// exceeds `p_yearly_threshold` (major units). A rate of 0 ends it. For admins;
/// again it changes nothing. Returns the rule. 22023/22004/22003 bad input, PT409
/// where withdrawals were paid since that day, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "set_tax_rule",
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_set_tax_rule(
    p_valid_from: Option<Date>,
    p_section: Option<&str>,
    p_rate_with_pan: Option<AnyNumeric>,
    p_rate_without_pan: Option<AnyNumeric>,
    p_yearly_threshold: default!(Option<AnyNumeric>, "0"),
) -> Result<composite_type!('static, "network.tax_rules"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let valid_from = required(p_valid_from, "p_valid_from")?;
        let new = NewRule {
            valid_from,
            section: required(p_section, "p_section")?,
            rate_with_pan: required(p_rate_with_pan, "p_rate_with_pan")?,
            rate_without_pan: required(p_rate_without_pan, "p_rate_without_pan")?,
            yearly_threshold: required(p_yearly_threshold, "p_yearly_threshold")?,
        };
        tax_rule::set(&caller, new)?;
        store::rule_row(valid_from)
    })
}

/// Removes the tax rule that begins on `p_valid_from`; whether there was one. For
/// admins. 22023/22004 bad input, PT409 where withdrawals were paid since that day,
/// 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "remove_tax_rule",
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_remove_tax_rule(p_valid_from: Option<Date>) -> Result<bool, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        tax_rule::remove(required(p_valid_from, "p_valid_from")?)
    })
}

/// Keeps the PAN of promoter `p_promoter_id`, encrypted; the row shows its last four
/// characters. For the promoter or an admin; again it changes nothing. 22023/22004
/// bad input, PT404 unknown profile, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "set_promoter_pan",
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_set_promoter_pan(
    p_promoter_id: Option<Uuid>,
    p_pan: Option<&str>,
) -> Result<composite_type!('static, "network.tax_identities"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        pan::set(promoter, required(p_pan, "p_pan")?)?;
        store::identity_row(promoter)
    })
}

/// The PAN of promoter `p_promoter_id` in clear; every look is written to the audit
/// log. For admins. PT404 unknown profile or no PAN, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "get_promoter_pan",
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_promoter_pan(p_promoter_id: Option<Uuid>) -> Result<String, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        pan::show(required(p_promoter_id, "p_promoter_id")?)
    })
}

/// What the tax certificate of promoter `p_promoter_id` for `p_financial_year` (such
/// as 2026-27) says: totals, quarters, sections with their rates, and every payout.
/// Amounts in major units. For the promoter or an admin. 22023/22004 bad input,
/// PT404 unknown profile, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_tax_certificate",
    stable,
    security_definer,
    requires = ["network_payout_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_tax_certificate(
    p_promoter_id: Option<Uuid>,
    p_financial_year: Option<&str>,
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        let year = required(p_financial_year, "p_financial_year")?;
        let year = FinancialYear::parse(year, "p_financial_year")?;
        profile::require(promoter, Role::Promoter, "p_promoter_id")?;
        let settings = Settings::of(SYSTEM)?;
        let name: Option<String> = settings.get("deductor_name")?;
        let tan: Option<String> = settings.get("deductor_tan")?;
        store::certificate(promoter, year, name.as_deref(), tan.as_deref()).map(JsonText)
    })
}
