//! What people and programs ask about the system.

use crate::kernel::caller;
use crate::kernel::error::{Result as Outcome, entry, required};
use crate::ops::watch::period::Period;
use crate::ops::watch::{alert, check, health, metric, technical};
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid, composite_type};
use serde_json::json;

/// How the system is: `status` (ok, warning, critical), `reasons`, and the facts they
/// follow from. For admins of ops; 42501 otherwise.
#[pg_extern(
    schema = "ops",
    name = "health",
    stable,
    security_definer,
    requires = ["ops_watch"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_health() -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin("ops")?;
        health::report().map(JsonB)
    })
}

/// The technical metrics from `p_from` (with it) to `p_to` (without it): sign-ins and
/// sessions of the period, and what PostgreSQL has counted since its statistics were
/// reset. For admins of ops; 22023 where the period is none, 42501 not an admin.
#[pg_extern(
    schema = "ops",
    name = "technical_metrics",
    stable,
    security_definer,
    requires = ["ops_watch"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_technical_metrics(
    p_from: default!(Option<TimestampWithTimeZone>, "now() - interval '1 day'"),
    p_to: default!(Option<TimestampWithTimeZone>, "now()"),
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin("ops")?;
        technical::report(&Period::new(p_from, p_to)?).map(JsonB)
    })
}

/// Runs all quick checks now, or all thorough ones, which read whole tables; how many
/// and what they found. For admins of ops; 42501 otherwise.
#[pg_extern(schema = "ops", name = "run_checks", security_definer, requires = ["ops_watch"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_run_checks(p_thorough: default!(Option<bool>, false)) -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin("ops")?;
        let thorough = required(p_thorough, "p_thorough")?;
        let outcome = if thorough { check::thoroughly() } else { check::quickly() }?;
        Ok(JsonB(json!({
            "checks": outcome.checks, "problems": outcome.problems, "failed": outcome.failed,
        })))
    })
}

/// Resolves an alert with a note, for admins of ops; the alert. 22023 an empty note,
/// PT404 no such alert, PT409 resolved already, 42501 not an admin.
#[pg_extern(schema = "ops", name = "resolve_alert", security_definer, requires = ["ops_watch"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_resolve_alert(
    p_id: Option<Uuid>,
    p_note: Option<&str>,
) -> Result<composite_type!('static, "ops.alerts"), ErrorReport> {
    entry(|| alert::resolve(required(p_id, "p_id")?, required(p_note, "p_note")?))
}

/// Everything that Prometheus may scrape, in its text format. For admins of ops;
/// 42501 otherwise.
#[pg_extern(
    schema = "ops",
    name = "metrics",
    stable,
    security_definer,
    requires = ["ops_watch"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_metrics() -> Result<PlainText, ErrorReport> {
    entry(|| -> Outcome<PlainText> {
        caller::current().require_admin("ops")?;
        metric::all().map(PlainText)
    })
}

/// A value of the domain `ops."text/plain"`, which PostgREST sends as it is.
struct PlainText(String);

// SAFETY: a domain over text is stored as text.
unsafe impl SqlTranslatable for PlainText {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(PlainText);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("ops.\"text/plain\""));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("ops.\"text/plain\"")));
}

// SAFETY: as above.
unsafe impl BoxRet for PlainText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.0.into_datum() {
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}
