//! Withdrawals.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::input::free_text;
use crate::kernel::json::JsonArg;
use crate::network::store::withdrawals as store;
use crate::network::{SYSTEM, withdrawal};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB, Uuid, composite_type};

/// Asks for `p_amount` (major units, rupees) of promoter `p_promoter_id`'s wallet,
/// which is held at once.
///
/// Keys of `p_bank_details`: account_holder_name, account_number (9 to 18 digits),
/// ifsc_code, bank_name, branch; the first three are needed. They are kept
/// encrypted, the row shows them masked. For the promoter or an admin. With an
/// `Idempotency-Key` header a repeat returns the same request. 22023/22004 bad input
/// or below the minimum, PT404 unknown profile, PT409 more than is available, 42501
/// not allowed.
#[pg_extern(
    schema = "network",
    name = "create_withdrawal_request",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_withdrawal_request(
    p_promoter_id: Option<Uuid>,
    p_amount: Option<AnyNumeric>,
    p_bank_details: Option<JsonArg>,
) -> Result<composite_type!('static, "network.withdrawal_requests"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        let amount = required(p_amount, "p_amount")?;
        let bank = JsonArg::required(p_bank_details, "p_bank_details")?;
        store::row(withdrawal::create(promoter, &amount, &bank)?)
    })
}

/// Decides on a withdrawal: `p_status` approved, rejected (releases the amount) or
/// processed (pays out what was approved). `p_request_id` is its id or its number
/// (BPVW…), `p_admin_id` the caller or NULL. For admins. The same decision again
/// changes nothing. Returns the request. 22023 another status, PT404 unknown
/// request, PT409 a step its state does not allow, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "process_withdrawal_request",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_process_withdrawal_request(
    p_request_id: Option<&str>,
    p_admin_id: default!(Option<Uuid>, "null"),
    p_status: default!(Option<&str>, "null"),
    p_notes: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.withdrawal_requests"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let request = required(p_request_id, "p_request_id")?;
        let status = withdrawal::decision(required(p_status, "p_status")?)?;
        let notes = free_text(p_notes, "p_notes")?;
        store::row(withdrawal::decide(&caller, request, p_admin_id, status, notes)?)
    })
}

/// The withdrawals of promoter `p_promoter_id`, newest first; page with limit and
/// offset. For the promoter or an admin; 42501 otherwise.
#[pg_extern(
    schema = "network",
    name = "get_withdrawal_history",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_withdrawal_history(
    p_promoter_id: Option<Uuid>,
) -> Result<
    SetOfIterator<'static, composite_type!('static, "network.withdrawal_requests")>,
    ErrorReport,
> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        Ok(SetOfIterator::new(store::history(promoter)?))
    })
}

/// The bank details of a withdrawal in clear; every look is written to the audit
/// log. For admins. PT404 unknown request, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "get_withdrawal_bank_details",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_withdrawal_bank_details(p_request_id: Option<&str>) -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        withdrawal::bank_details(required(p_request_id, "p_request_id")?).map(JsonB)
    })
}
