//! What admins change by hand.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::input::free_text;
use crate::kernel::json::JsonArg;
use crate::treasury::store::{adjustments, overrides};
use crate::treasury::{adjustment, overriding};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Corrects what a user has: `p_adjustment` is {user_id, type, amount_cents, currency,
/// reason, reference_id}; type credit gives, debit takes; amount_cents is in minor units of
/// the currency (ISO 4217), reason has 10 to 500 characters, reference_id may be left out.
/// For admins and servers. What is more than the setting two_person_amount, or for the
/// admin who asks, waits for a second one. With an `Idempotency-Key` header a repeat gives
/// the same answer. Returns the adjustment. 22023/22004 bad input, PT404 unknown user,
/// PT409 the user has less and adjustment_overdraft is off, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "create_adjustment",
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_create_adjustment(
    p_adjustment: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.adjustments"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        let sent = JsonArg::required(p_adjustment, "p_adjustment")?;
        adjustments::row(adjustment::create(&caller, &sent)?)
    })
}

/// An admin agrees to adjustment `p_id`, which posts it, or rejects it, with a note of at
/// most 500 characters. Only an admin who is signed in agrees, and neither who asked nor
/// whose money it is. Returns the adjustment; the same decision again changes nothing.
/// 22023/22004 bad input, PT404 unknown, PT409 decided otherwise or too late, 42501 not
/// theirs to agree to.
#[pg_extern(
    schema = "treasury",
    name = "decide_adjustment",
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_decide_adjustment(
    p_id: Option<Uuid>,
    p_approve: Option<bool>,
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "treasury.adjustments"), ErrorReport> {
    entry(|| {
        let id = required(p_id, "p_id")?;
        let approve = required(p_approve, "p_approve")?;
        let note = free_text(p_note, "p_note")?;
        adjustment::decide(&caller::current(), id, approve, note)?;
        adjustments::row(id)
    })
}

/// Does by hand what no other way leads to: `p_override` is {action, target, reason} and
/// what the action wants besides; docs/treasury-admin.md lists the actions. For admins and
/// servers; what moves money waits for a second admin as an adjustment does. With an
/// `Idempotency-Key` header a repeat gives the same answer. Returns the override, with the
/// target before and after. 22023/22004 bad input, PT404 no such target, PT409 nothing to
/// be done about it, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "apply_override",
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_apply_override(
    p_override: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.overrides"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        let sent = JsonArg::required(p_override, "p_override")?;
        overrides::row(overriding::apply(&caller, &sent)?)
    })
}

/// An admin agrees to override `p_id`, which is then done, or rejects it, with a note of at
/// most 500 characters. Who may, and what a repeat does, is as for adjustments. Returns the
/// override. 22023/22004 bad input, PT404 unknown, PT409 decided otherwise, too late, or
/// more than was asked for, 42501 not theirs to agree to.
#[pg_extern(
    schema = "treasury",
    name = "decide_override",
    security_definer,
    requires = ["treasury_adjustments"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_decide_override(
    p_id: Option<Uuid>,
    p_approve: Option<bool>,
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "treasury.overrides"), ErrorReport> {
    entry(|| {
        let id = required(p_id, "p_id")?;
        let approve = required(p_approve, "p_approve")?;
        let note = free_text(p_note, "p_note")?;
        overriding::decide(&caller::current(), id, approve, note)?;
        overrides::row(id)
    })
}
