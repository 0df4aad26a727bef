//! Connected accounts at Stripe.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::store::stripe_accounts as store;
use crate::treasury::stripe_account;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Says that the account `p_stripe_account_id` (acct_…) at Stripe is that of user
/// `p_user_id`. For admins and servers; again it changes nothing. Returns the account.
/// 22023/22004 bad input, PT404 unknown user, PT409 the user has another account or the
/// account is another's, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "link_stripe_account",
    security_definer,
    requires = ["treasury_stripe"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_link_stripe_account(
    p_user_id: Option<Uuid>,
    p_stripe_account_id: Option<&str>,
) -> Result<composite_type!('static, "treasury.stripe_accounts"), ErrorReport> {
    entry(|| {
        let user = required(p_user_id, "p_user_id")?;
        let account = required(p_stripe_account_id, "p_stripe_account_id")?;
        stripe_account::link(&caller::current(), user, account)?;
        store::row(user)
    })
}

/// Takes over Stripe's account object `p_account` (of account.updated) from an event made
/// at `p_event_created`, in `p_live` mode or not (unknown). An older event changes
/// nothing; of two in one second the one that says more holds. For servers. Returns the
/// account. 22023/22004 bad input, PT404 nobody's account, PT409 of the other mode, 42501
/// no server.
#[pg_extern(
    schema = "treasury",
    name = "apply_stripe_account",
    security_definer,
    requires = ["treasury_stripe"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_apply_stripe_account(
    p_account: Option<JsonArg>,
    p_event_created: Option<TimestampWithTimeZone>,
    p_live: default!(Option<bool>, "null"),
) -> Result<composite_type!('static, "treasury.stripe_accounts"), ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let account = JsonArg::required(p_account, "p_account")?;
        let at = required(p_event_created, "p_event_created")?;
        store::row(stripe_account::apply(&account, at, p_live)?)
    })
}
