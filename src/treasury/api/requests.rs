//! What is asked of Stripe, by a worker.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::request::{self, Report};
use crate::treasury::store::requests as store;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid, composite_type};

/// Leases up to `p_limit` (1 to 1000) calls of Stripe that are due to `p_worker` for
/// `p_lease_seconds` (1 to 3600), in the order in which they are due, those of one refund
/// or payout one after the other. `id` is the Idempotency-Key, `stripe_account_id` the
/// header Stripe-Account. A call that workers have claimed as often as they may without a
/// word, or first 23 hours ago, is dead instead. For the service role. 22023/22004 bad
/// input, 42501 for anybody else.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "claim_stripe_requests",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_claim_stripe_requests(
    p_worker: Option<&str>,
    p_limit: default!(Option<i32>, 10),
    p_lease_seconds: default!(Option<i32>, 60),
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(method, String),
            name!(path, String),
            name!(stripe_account_id, Option<String>),
            name!(params, JsonB),
            name!(attempts, i32),
            name!(created_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_service()?;
        let worker = required(p_worker, "p_worker")?;
        let limit = required(p_limit, "p_limit")?;
        let seconds = required(p_lease_seconds, "p_lease_seconds")?;
        let rows = request::claim(worker, limit, seconds)?;
        Ok(TableIterator::new(rows.into_iter().map(|one| {
            let (path, account) = (one.path, one.account);
            (one.id, one.method, path, account, one.params, one.attempts, one.created_at)
        })))
    })
}

/// Says what Stripe answered to call `p_id` that `p_worker` claimed: the HTTP status
/// `p_status` (100 to 599; null where nobody answered), the body `p_response`, or in
/// `p_error` why there is none. 2xx is done, which needs the body; 4xx but 401, 403, 408, 409
/// and 429 is refused; all else is tried again later, and dead after the last attempt. The
/// same again changes nothing. Returns the status then: done, refused, pending or dead. For the
/// service role. 22023/22004 bad input, PT404 unknown, PT409 another worker has it, 42501
/// for anybody else.
#[pg_extern(
    schema = "treasury",
    name = "acknowledge_stripe_request",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_acknowledge_stripe_request(
    p_id: Option<Uuid>,
    p_worker: Option<&str>,
    p_status: Option<i32>,
    p_response: default!(Option<JsonArg>, "null"),
    p_error: default!(Option<&str>, "null"),
) -> Result<String, ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let response = JsonArg::optional(p_response, "p_response")?;
        let report = Report {
            worker: required(p_worker, "p_worker")?,
            status: p_status,
            response: response.as_ref(),
            error: p_error,
        };
        request::acknowledge(required(p_id, "p_id")?, &report)
    })
}

/// Has the dead call `p_id` tried again, with its key, so that nothing happens twice. For
/// admins. Returns the call. 22004 no id, PT404 unknown, PT409 it is not dead or Stripe may
/// have forgotten its key, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "retry_stripe_request",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_retry_stripe_request(
    p_id: Option<Uuid>,
) -> Result<composite_type!('static, "treasury.stripe_requests"), ErrorReport> {
    entry(|| {
        let id = required(p_id, "p_id")?;
        request::retry(&caller::current(), id)?;
        store::row(id)
    })
}

/// Says that Stripe did not do the dead call `p_id`, as an admin has seen there, who says
/// so in `p_note`: it is refused, and a payout that hangs on it fails. Of a call that was
/// to bring the money of a failed payout back, also of a refused one, it says that the
/// money is back otherwise: the person can be paid again. For admins. Returns the call.
/// 22023/22004 bad input, PT404 unknown, PT409 it is not dead, Stripe is known to have
/// done it, or its payout is above treasury.two_person_amount (apply_override with
/// close_stripe_request then has a second admin agree), 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "close_stripe_request",
    security_definer,
    requires = ["treasury_requests"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_close_stripe_request(
    p_id: Option<Uuid>,
    p_note: Option<&str>,
) -> Result<composite_type!('static, "treasury.stripe_requests"), ErrorReport> {
    entry(|| {
        let id = required(p_id, "p_id")?;
        request::close(&caller::current(), id, required(p_note, "p_note")?)?;
        store::row(id)
    })
}
