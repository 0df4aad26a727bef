//! The functions of the schema `ops`.

mod jobs;

use crate::kernel::error::{entry, required};
use crate::kernel::{caller, roles, settings};
use crate::ops::outbox;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};

/// Leases up to `p_limit` (1 to 1000) messages of `p_channel` (email, sms, slack,
/// http) that are due to `p_worker` for `p_lease_seconds` (1 to 3600). For the
/// service role. 22023 for values outside these, 42501 for anybody else.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "ops",
    name = "claim_outbox",
    security_definer,
    requires = ["ops_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_claim_outbox(
    p_channel: Option<&str>,
    p_limit: default!(Option<i32>, 10),
    p_lease_seconds: default!(Option<i32>, 60),
    p_worker: default!(Option<&str>, "'worker'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(system, String),
            name!(template, String),
            name!(recipient, String),
            name!(payload, JsonB),
            name!(attempts, i32),
            name!(created_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_service()?;
        let (limit, seconds) =
            (required(p_limit, "p_limit")?, required(p_lease_seconds, "p_lease_seconds")?);
        let channel = required(p_channel, "p_channel")?;
        let rows = outbox::claim(channel, limit, seconds, required(p_worker, "p_worker")?)?;
        Ok(TableIterator::new(rows.into_iter().map(|m| {
            (m.id, m.system, m.template, m.recipient, m.payload, m.attempts, m.created_at)
        })))
    })
}

/// Marks a message that `p_worker` leased as sent and empties its payload. For
/// the service role. PT409 where the worker does not hold it.
#[pg_extern(schema = "ops", name = "complete_outbox", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_complete_outbox(
    p_id: Option<Uuid>,
    p_worker: default!(Option<&str>, "'worker'"),
) -> Result<(), ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        outbox::complete(required(p_id, "p_id")?, required(p_worker, "p_worker")?)
    })
}

/// Gives a message that `p_worker` leased back with an error; its status
/// afterwards: pending, to be tried again later, or dead. For the service role.
/// PT409 where the worker does not hold it.
#[pg_extern(schema = "ops", name = "fail_outbox", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_fail_outbox(
    p_id: Option<Uuid>,
    p_error: Option<&str>,
    p_worker: default!(Option<&str>, "'worker'"),
) -> Result<String, ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let id = required(p_id, "p_id")?;
        outbox::fail(id, required(p_worker, "p_worker")?, required(p_error, "p_error")?)
    })
}

/// All settings of `p_system` with their values in force. For its admins.
#[pg_extern(
    schema = "ops",
    name = "get_settings",
    stable,
    security_definer,
    requires = ["ops_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_get_settings(p_system: Option<&str>) -> Result<JsonB, ErrorReport> {
    entry(|| {
        let system = required(p_system, "p_system")?;
        caller::current().require_admin(system)?;
        settings::all(system).map(|values| JsonB(values.as_ref().clone()))
    })
}

/// Changes a setting, for admins of the system; the value in force afterwards.
/// PT404 unknown setting, 22023 a value it does not allow, 42501 not an admin.
#[pg_extern(schema = "ops", name = "set_setting", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_set_setting(
    p_system: Option<&str>,
    p_key: Option<&str>,
    p_value: Option<JsonB>,
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        let (system, key) = (required(p_system, "p_system")?, required(p_key, "p_key")?);
        // PostgREST sends a JSON null as an SQL NULL.
        let value = p_value.map_or(serde_json::Value::Null, |json| json.0);
        settings::change(system, key, &value).map(JsonB)
    })
}

/// Gives person `p_person_id` the role `p_role` in `p_system`. For admins of the
/// system; only an admin of every system gives a role in `*`. Twice is the same as
/// once. 22023 unknown role, 42501 not an admin.
#[pg_extern(schema = "ops", name = "grant_role", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_grant_role(
    p_person_id: Option<Uuid>,
    p_system: Option<&str>,
    p_role: Option<&str>,
    p_scope: default!(Option<&str>, "''"),
) -> Result<(), ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        let (system, role) = (required(p_system, "p_system")?, required(p_role, "p_role")?);
        roles::grant_for_caller(person, system, role, p_scope.unwrap_or_default())
    })
}

/// Takes a role away; whether the person had it. For admins of the system.
/// 22023 unknown role, 42501 not an admin.
#[pg_extern(schema = "ops", name = "revoke_role", security_definer, requires = ["ops_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_revoke_role(
    p_person_id: Option<Uuid>,
    p_system: Option<&str>,
    p_role: Option<&str>,
    p_scope: default!(Option<&str>, "''"),
) -> Result<bool, ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        let (system, role) = (required(p_system, "p_system")?, required(p_role, "p_role")?);
        roles::revoke_for_caller(person, system, role, p_scope.unwrap_or_default())
    })
}
