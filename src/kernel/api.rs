//! The functions of the schema `backoffice`.

use crate::kernel::error::{Error, entry, required};
use crate::kernel::json::JsonArg;
use crate::kernel::money::{Currency, Money};
use crate::kernel::{caller, jwt, numeric, roles, secrets, settings};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB, Uuid};
use serde_json::json;

/// The signed-in person, NULL for anybody else. Policies call it as
/// `(select backoffice.person_id())`, so that it runs once for each query.
#[pg_extern(schema = "backoffice", name = "person_id", stable, parallel_restricted)]
fn backoffice_person_id() -> Option<Uuid> {
    caller::current().person()
}

/// Whether the signed-in person holds `p_role` in `p_system`.
#[pg_extern(
    schema = "backoffice",
    name = "has_role",
    stable,
    parallel_restricted,
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_has_role(p_system: Option<&str>, p_role: Option<&str>) -> Result<bool, ErrorReport> {
    entry(|| {
        let system = required(p_system, "p_system")?;
        caller::current().has_role(system, required(p_role, "p_role")?)
    })
}

/// Whether the caller is an admin of `p_system`, the service role or psql.
#[pg_extern(
    schema = "backoffice",
    name = "is_admin",
    stable,
    parallel_restricted,
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_is_admin(p_system: Option<&str>) -> Result<bool, ErrorReport> {
    entry(|| caller::current().is_admin(required(p_system, "p_system")?))
}

/// Gives a person a role in a system. For admins of the system.
/// Twice is the same as once. 22023 unknown role, 42501 not an admin.
#[pg_extern(
    schema = "backoffice",
    name = "grant_role",
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_grant_role(
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
#[pg_extern(
    schema = "backoffice",
    name = "revoke_role",
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_revoke_role(
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

/// The value in force of a setting. For admins of the system.
/// PT404 unknown setting, 42501 not an admin.
#[pg_extern(
    schema = "backoffice",
    name = "get_setting",
    stable,
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_get_setting(
    p_system: Option<&str>,
    p_key: Option<&str>,
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        let (system, key) = (required(p_system, "p_system")?, required(p_key, "p_key")?);
        caller::current().require_admin(system)?;
        settings::value(system, key).map(JsonB)
    })
}

/// Changes a setting, for admins of the system; the value in force afterwards.
/// PT404 unknown setting, 22023 a value it does not allow, 42501 not an admin.
#[pg_extern(
    schema = "backoffice",
    name = "set_setting",
    security_definer,
    requires = ["kernel_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_set_setting(
    p_system: Option<&str>,
    p_key: Option<&str>,
    p_value: Option<JsonArg>,
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        let (system, key) = (required(p_system, "p_system")?, required(p_key, "p_key")?);
        // PostgREST sends a JSON null as an SQL NULL.
        let value = JsonArg::optional(p_value, "p_value")?.unwrap_or_default();
        settings::change(system, key, &value).map(JsonB)
    })
}

/// A key for API clients, valid for ten years. From psql only.
/// `p_role` is `anon` or `service_role`; 22023 otherwise, 55000 without key file.
#[pg_extern(schema = "backoffice", name = "api_key", requires = ["kernel_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_api_key(p_role: Option<&str>) -> Result<String, ErrorReport> {
    entry(|| {
        require_trusted()?;
        let role = required(p_role, "p_role")?;
        if !["anon", "service_role"].contains(&role) {
            return Err(Error::invalid("p_role", "must be anon or service_role"));
        }
        let now = jwt::unix_now();
        jwt::sign(&json!({"iss": "backoffice", "role": role, "iat": now, "exp": now + TEN_YEARS}))
    })
}

const TEN_YEARS: i64 = 10 * 365 * 24 * 3600;

/// Seals every secret anew under the first key of the root key file; how many
/// were under another. From psql only; run it after a key was put first.
#[pg_extern(schema = "backoffice", name = "rotate_secrets", requires = ["kernel_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_rotate_secrets() -> Result<i64, ErrorReport> {
    entry(|| {
        require_trusted()?;
        secrets::rotate()
    })
}

/// Every secret that does not open with the keys of the root key file; no rows mean
/// that all do. From psql only. 55000 without key file.
#[allow(clippy::type_complexity)]
#[pg_extern(schema = "backoffice", name = "check_secrets", stable, requires = ["kernel_tables"])]
#[search_path(pg_catalog, pg_temp)]
fn backoffice_check_secrets() -> Result<
    TableIterator<'static, (name!(id, Uuid), name!(purpose, String), name!(problem, String))>,
    ErrorReport,
> {
    entry(|| {
        require_trusted()?;
        Ok(TableIterator::new(secrets::broken()?))
    })
}

fn require_trusted() -> Result<(), Error> {
    match caller::current().kind {
        caller::Kind::Trusted => Ok(()),
        _ => Err(Error::forbidden("only psql as the database's owner may do this")),
    }
}

/// An amount of minor units in major units: `backoffice.major(50000, 'INR')` is 500.00.
/// 22023 for an unknown currency; NULL for NULL.
#[pg_extern(schema = "backoffice", name = "major", immutable, parallel_safe)]
fn backoffice_major(p_minor: i64, p_currency: &str) -> Result<AnyNumeric, ErrorReport> {
    entry(|| numeric::major(Money::new(p_minor, Currency::parse(p_currency, "p_currency")?)))
}
