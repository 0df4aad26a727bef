//! Commissions, summaries and wallets.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonText;
use crate::network::store::reports;
use crate::network::wallet::Operation;
use crate::network::{SYSTEM, commission, platform, profile, wallet};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, composite_type};

/// Pays the commission for `p_customer_id`, whom `p_initiator_promoter_id` brought.
/// The trigger does so when a customer is made; a repeat returns what exists. For
/// the service role. Returns the rows, one for each level. 22023 not a customer, or
/// not this promoter's, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "distribute_affiliate_commission",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_distribute_affiliate_commission(
    p_customer_id: Option<Uuid>,
    p_initiator_promoter_id: Option<Uuid>,
) -> Result<
    SetOfIterator<'static, composite_type!('static, "network.affiliate_commissions")>,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_service()?;
        let customer = required(p_customer_id, "p_customer_id")?;
        let initiator = required(p_initiator_promoter_id, "p_initiator_promoter_id")?;
        commission::distribute_once(customer, initiator)?;
        Ok(SetOfIterator::new(reports::commissions_of(customer)?))
    })
}

/// What a promoter earned: totals, balance, and a row for each level. Amounts in
/// major units. For the promoter or an admin. PT404 or 22023 where the id is not a
/// promoter's, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_promoter_commission_summary",
    stable,
    security_definer,
    requires = ["network_views"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_promoter_commission_summary(
    p_promoter_id: Option<Uuid>,
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        profile::require(promoter, profile::Role::Promoter, "p_promoter_id")?;
        reports::promoter_summary(promoter).map(JsonText)
    })
}

/// What the network paid in commissions: totals, the admin wallet, and a row for
/// each level. Amounts in major units. For admins; 42501 otherwise.
#[pg_extern(
    schema = "network",
    name = "get_admin_commission_summary",
    stable,
    security_definer,
    requires = ["network_views"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_admin_commission_summary() -> Result<JsonText, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        reports::admin_summary().map(JsonText)
    })
}

/// Corrects a promoter's wallet by hand: `p_operation` credit or debit, `p_amount`
/// in major units (rupees), above zero. For the service role. With an
/// `Idempotency-Key` header a repeat changes nothing. Returns the wallet. 22023 bad
/// input, PT404 unknown profile, PT409 more than there is, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "update_promoter_wallet",
    security_definer,
    requires = ["network_views"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_update_promoter_wallet(
    p_promoter_id: Option<Uuid>,
    p_amount: Option<AnyNumeric>,
    p_operation: Option<&str>,
) -> Result<composite_type!('static, "network.promoter_wallet"), ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        let operation = Operation::parse(required(p_operation, "p_operation")?)?;
        wallet::adjust_promoter(promoter, &required(p_amount, "p_amount")?, operation)?;
        reports::promoter_wallet(promoter)
    })
}

/// Corrects the admin wallet by hand; as update_promoter_wallet.
#[pg_extern(
    schema = "network",
    name = "update_admin_wallet",
    security_definer,
    requires = ["network_views"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_update_admin_wallet(
    p_amount: Option<AnyNumeric>,
    p_operation: Option<&str>,
) -> Result<composite_type!('static, "network.admin_wallet"), ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        platform::load()?;
        let operation = Operation::parse(required(p_operation, "p_operation")?)?;
        wallet::adjust_admin(&required(p_amount, "p_amount")?, operation)?;
        reports::admin_wallet()
    })
}

/// Compares every fact of the network that is derived or kept twice with what it
/// follows from: PINs with their transactions, places with parents, copies with
/// persons, commissions, reversals, withdrawals and tax with the ledger. No rows: all is well. For admins.
#[pg_extern(
    schema = "network",
    name = "check",
    stable,
    security_definer,
    requires = ["network_tables", "ledger_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_check() -> Result<
    TableIterator<'static, (name!(rule, String), name!(record_id, String), name!(problem, String))>,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        let problems = reports::check()?;
        Ok(TableIterator::new(problems.into_iter().map(|p| (p.rule, p.record_id, p.problem))))
    })
}
