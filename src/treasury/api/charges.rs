//! Refunds, disputes, and what Stripe says of its balance.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::store::{disputes, refunds};
use crate::treasury::{SYSTEM, balance_transaction, dispute, refund};
use pgrx::composite_type;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Asks for a refund of a charge with `p_refund`: `charge_id` (at Stripe, ch_…),
/// `amount_cents` (minor units of its currency; all that is left), `reason`. For whoever
/// paid it, and for admins. It goes to Stripe through `stripe_requests`; one that a buyer
/// asks for later than treasury.refund_days after the capture first waits for an admin
/// (status requested), as does one above treasury.two_person_amount of an admin or a
/// server. With an `Idempotency-Key` header a repeat changes nothing. Returns the refund.
/// 22023/22004 bad input, PT404 unknown charge (to admins), PT409 more than is left,
/// 42501 not your charge.
#[pg_extern(
    schema = "treasury",
    name = "request_refund",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_request_refund(
    p_refund: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.refunds"), ErrorReport> {
    entry(|| {
        let data = JsonArg::required(p_refund, "p_refund")?;
        refunds::row(refund::request(&caller::current(), &data)?)
    })
}

/// Decides on a refund that waits (status requested): with `p_approve` it goes out,
/// without it is canceled, for which `p_note` says why to whoever asked; why it goes out
/// is kept in the audit log. For admins. The same decision again changes nothing. Returns
/// the refund. 22023/22004 bad input or no note, PT404 unknown refund, PT409 it does not
/// wait, no more so much is left, or it is above treasury.two_person_amount
/// (apply_override with refund_approve then has a second admin agree), 42501 not an
/// admin, or the buyer.
#[pg_extern(
    schema = "treasury",
    name = "decide_refund",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_decide_refund(
    p_refund_id: Option<i64>,
    p_approve: Option<bool>,
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "treasury.refunds"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let id = required(p_refund_id, "p_refund_id")?;
        refund::decide(&caller, id, required(p_approve, "p_approve")?, p_note)?;
        refunds::row(id)
    })
}

/// The disputes that are not over, the most urgent first; page with limit and offset. For
/// admins; 42501 otherwise.
#[pg_extern(
    schema = "treasury",
    name = "list_open_disputes",
    stable,
    security_definer,
    requires = ["treasury_charges"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_list_open_disputes()
-> Result<SetOfIterator<'static, composite_type!('static, "treasury.disputes")>, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        Ok(SetOfIterator::new(disputes::open()?))
    })
}

/// Notes something down on a dispute with `p_comment`: `dispute_id` (its number, or dp_… at
/// Stripe), `comment` (or `body`; 1 to 20,000 characters), `kind` (comment; evidence is what
/// is to be sent to the bank). For admins. With an `Idempotency-Key` header a repeat changes
/// nothing. Returns the note. 22023/22004 bad input, PT404 unknown dispute, 42501 not an
/// admin.
#[pg_extern(
    schema = "treasury",
    name = "comment_on_dispute",
    security_definer,
    requires = ["treasury_charges"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_comment_on_dispute(
    p_comment: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.dispute_comments"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let data = JsonArg::required(p_comment, "p_comment")?;
        disputes::comment_row(dispute::comment(&caller, &data)?)
    })
}

/// Takes over balance transactions that a server fetched from Stripe: a list of at most
/// 1000 of its objects, or its answer with them in `data`. Their fees are posted, once each,
/// whichever way a transaction comes. For servers. Returns how many were new. 22023/22004
/// bad input, and then none of them, 42501 no server.
#[pg_extern(
    schema = "treasury",
    name = "apply_balance_transactions",
    security_definer,
    requires = ["treasury_charges"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_apply_balance_transactions(
    p_transactions: Option<JsonArg>,
) -> Result<i64, ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let list = JsonArg::required(p_transactions, "p_transactions")?;
        balance_transaction::apply_list("p_transactions", &list)
    })
}
