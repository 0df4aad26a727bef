//! Payouts.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::store::{payout_runs, payouts as store};
use crate::treasury::{initiation, payable, payout_run};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// What user `p_user_id` has of `p_currency` (ISO 4217), in minor units: `earned` and not
/// paid out yet; `held`, of charges that are too young; `reserved`; `payable` now; and
/// `receivable`, what they owe instead. For the user and admins. 22023/22004 bad input,
/// PT404 unknown user, 42501 not allowed.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "payable",
    stable,
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_payable(
    p_user_id: Option<Uuid>,
    p_currency: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(earned, i64),
            name!(held, i64),
            name!(reserved, i64),
            name!(payable, i64),
            name!(receivable, i64),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let user = required(p_user_id, "p_user_id")?;
        let currency = required(p_currency, "p_currency")?;
        let found = payable::show(&caller::current(), user, currency)?;
        let row = (found.earned, found.held, found.reserved, found.payable, found.receivable);
        Ok(TableIterator::once(row))
    })
}

/// Pays somebody out of their earnings: `p_payout` has `currency` (ISO 4217), `user_id` (the
/// caller; others for admins), `amount_cents` (minor units; all that is payable), `method`
/// (standard, instant or scheduled) and `scheduled_for` (a time within
/// payout_schedule_days; needed where it is scheduled). One that seems risky waits for an
/// admin: its status is review. With an `Idempotency-Key` header a repeat changes nothing.
/// Returns the payout. 22023/22004 bad input, PT404 unknown user, PT409 the account at
/// Stripe is not ready, not so much is payable, it is below the minimum or beyond what may
/// be instant, 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "initiate_payout",
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_initiate_payout(
    p_payout: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.payouts"), ErrorReport> {
    entry(|| {
        let data = JsonArg::required(p_payout, "p_payout")?;
        store::row(initiation::initiate(&caller::current(), &data)?)
    })
}

/// Payout `p_payout_id`, or the caller's latest. For whom it goes to and admins. PT404
/// unknown (to admins) or none, 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "get_payout_status",
    stable,
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_get_payout_status(
    p_payout_id: default!(Option<i64>, "null"),
) -> Result<composite_type!('static, "treasury.payouts"), ErrorReport> {
    entry(|| store::row(initiation::find(&caller::current(), p_payout_id)?))
}

/// Takes payout `p_payout_id` back, as long as no worker has been given it; again it changes
/// nothing. For whom it goes to and admins. Returns the payout. 22004 no number, PT404
/// unknown (to admins), PT409 Stripe may have been asked, 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "cancel_payout",
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_cancel_payout(
    p_payout_id: Option<i64>,
) -> Result<composite_type!('static, "treasury.payouts"), ErrorReport> {
    entry(|| {
        let id = required(p_payout_id, "p_payout_id")?;
        initiation::cancel(&caller::current(), id)?;
        store::row(id)
    })
}

/// Lets payout `p_payout_id` go that is under review (`p_approve`), or gives its money
/// back; `p_note` (1 to 500 characters) says why. The same again changes nothing. For
/// admins, but not about their own. Returns the payout. 22023/22004 bad input, PT404
/// unknown, PT409 it is not under review, whose it is owes by now, or it is above
/// treasury.two_person_amount (apply_override with payout_approve then has a second admin
/// agree), 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "decide_payout",
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_decide_payout(
    p_payout_id: Option<i64>,
    p_approve: Option<bool>,
    p_note: Option<&str>,
) -> Result<composite_type!('static, "treasury.payouts"), ErrorReport> {
    entry(|| {
        let id = required(p_payout_id, "p_payout_id")?;
        let approve = required(p_approve, "p_approve")?;
        initiation::decide(&caller::current(), id, approve, required(p_note, "p_note")?)?;
        store::row(id)
    })
}

/// Pays everybody who is payable in `p_currency` (ISO 4217; all): today's run, taken up
/// where it had not come to the end; one that is finished changes nothing. A call looks at
/// payout_run_accounts of them; `finished_at` is null where there are more. For admins.
/// Returns the run. 22023 bad input, PT409 another one is under way, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "run_payouts",
    security_definer,
    requires = ["treasury_payouts"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_run_payouts(
    p_currency: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "treasury.payout_runs"), ErrorReport> {
    entry(|| payout_runs::row(payout_run::run(&caller::current(), p_currency)?))
}
