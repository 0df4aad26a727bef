//! Anomalies.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::anomaly;
use crate::treasury::store::anomalies as store;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, composite_type};

/// Looks for anomalies now, in everything that is new and in the books; what the job
/// detect_anomalies and the check treasury_drift do by themselves. For admins. Returns how
/// many charges were looked at, anomalies and drifts found, and whether there is more to
/// do. 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "detect_anomalies",
    security_definer,
    requires = ["treasury_anomalies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_detect_anomalies() -> Result<JsonB, ErrorReport> {
    entry(|| anomaly::detect_now(&caller::current()).map(JsonB))
}

/// Anomalies, the latest first: of `p_severity` (low, medium, high; all), and of
/// `p_status` (open; resolved, all); at most `p_limit` (100, up to 1000) after `p_offset`
/// (0). For admins. 22023 bad input, 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "list_anomalies",
    stable,
    security_definer,
    requires = ["treasury_anomalies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_list_anomalies(
    p_severity: default!(Option<&str>, "null"),
    p_status: default!(Option<&str>, "'open'"),
    p_limit: default!(Option<i32>, 100),
    p_offset: default!(Option<i32>, 0),
) -> Result<SetOfIterator<'static, composite_type!('static, "treasury.anomalies")>, ErrorReport> {
    entry(|| {
        let caller = caller::current();
        anomaly::list(&caller, p_severity, p_status, p_limit, p_offset).map(SetOfIterator::new)
    })
}

/// Says that anomaly `p_anomaly_id` has been looked at, and in `p_note` (at most 500
/// characters) what it was. Its alert is over then. For admins. Returns the anomaly.
/// 22004 no id or note, 22023 too long, PT404 unknown, PT409 resolved already, 42501 not
/// an admin.
#[pg_extern(
    schema = "treasury",
    name = "resolve_anomaly",
    security_definer,
    requires = ["treasury_anomalies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_resolve_anomaly(
    p_anomaly_id: Option<i64>,
    p_note: Option<&str>,
) -> Result<composite_type!('static, "treasury.anomalies"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        let id = required(p_anomaly_id, "p_anomaly_id")?;
        store::row(anomaly::resolve(&caller, id, required(p_note, "p_note")?)?)
    })
}

/// What resolve_anomaly does, with a JSON object `p_request`: `id` (or `anomaly_id`) and
/// `note`. For admins. Returns the anomaly. Errors as there, and 22023 other keys.
#[pg_extern(
    schema = "treasury",
    name = "resolve_anomaly_request",
    security_definer,
    requires = ["treasury_anomalies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_resolve_anomaly_request(
    p_request: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.anomalies"), ErrorReport> {
    entry(|| {
        let request = JsonArg::required(p_request, "p_request")?;
        store::row(anomaly::resolve_request(&caller::current(), &request)?)
    })
}

/// Flags what a model outside has found, as `p_anomaly` says: `detector` (its name),
/// `key` (what makes two of it the same), `kind` (a word of its own), `severity` (low,
/// medium, high), `description` (ids and numbers, no personal data), and maybe `score`,
/// `related_entry_id`, `charge` (an id of ours or Stripe's), `user_id`, `explanation` (an
/// object). High and medium ones are sent as alerts. A repeat changes nothing. For admins
/// and servers. Returns the anomaly. 22023/22004 bad input, PT404 unknown charge or user,
/// 42501 not an admin.
#[pg_extern(
    schema = "treasury",
    name = "flag_anomaly",
    security_definer,
    requires = ["treasury_anomalies"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_flag_anomaly(
    p_anomaly: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.anomalies"), ErrorReport> {
    entry(|| {
        let anomaly = JsonArg::required(p_anomaly, "p_anomaly")?;
        store::row(anomaly::flag(&caller::current(), &anomaly)?)
    })
}
