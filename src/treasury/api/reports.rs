//! Reports.

use crate::kernel::caller;
use crate::kernel::error::{Error, entry, required};
use crate::kernel::json::JsonArg;
use crate::kernel::request;
use crate::treasury::SYSTEM;
use crate::treasury::report;
use crate::treasury::store::reports as store;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid, composite_type};
use serde_json::json;
use std::result;

/// A whole file, which PostgREST gives out as it is.
struct File(Vec<u8>);

// SAFETY: a value of a domain over bytea is a bytea.
unsafe impl SqlTranslatable for File {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(File);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("treasury.\"*/*\""));
    const RETURN_SQL: result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("treasury.\"*/*\"")));
}

// SAFETY: as above.
unsafe impl BoxRet for File {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.0.into_datum() {
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

/// Asks for a report of `p_type` (1099, vat_invoice, ledger_export) in `p_format` (csv,
/// json) about user `p_user_id` (the caller). `p_params`, days and years in the time zone
/// of reports: for a 1099 `year` and `currency` (USD); for a vat_invoice `charge_id` (ours
/// or Stripe's), or a seller's `year` or `from` a day and before the day `to`; for a
/// ledger_export the same period, `currency` (all), and for admins `everybody`. A job makes
/// it within a minute. The same again gives the report there is, while it waits or would
/// say the same. For the user, the charge's seller and buyer, and admins. Returns the
/// report. 22023/22004 bad input, PT404 unknown user or charge, PT409 too many wait, 42501
/// somebody else's.
#[pg_extern(
    schema = "treasury",
    name = "generate_report",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_generate_report(
    // Without a default PostgREST would say of `{}` that there is no such function.
    p_type: default!(Option<&str>, "null"),
    p_format: default!(Option<&str>, "'csv'"),
    p_params: default!(Option<JsonArg>, "'{}'"),
    p_user_id: default!(Option<Uuid>, "null"),
) -> Result<composite_type!('static, "treasury.reports"), ErrorReport> {
    entry(|| {
        let (kind, format) = (required(p_type, "p_type")?, required(p_format, "p_format")?);
        let parameters = JsonArg::required(p_params, "p_params")?;
        store::row(report::request(&caller::current(), kind, format, &parameters, p_user_id)?)
    })
}

/// The file of report `p_id`: through PostgREST with its own Content-Type, a name, and its
/// SHA-256 as ETag and Repr-Digest. For whose report it is, and admins. 22004 no id, PT404
/// no such report, somebody else's, or its file was deleted, PT409 not done.
#[pg_extern(
    schema = "treasury",
    name = "download_report",
    stable,
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_download_report(p_id: Option<i64>) -> Result<File, ErrorReport> {
    entry(|| {
        let file = report::download(&caller::current(), required(p_id, "p_id")?)?;
        let checksum = file.checksum.as_deref().unwrap_or_default();
        let disposition = format!("attachment; filename=\"{}\"", file.name());
        let headers = json!([
            {"Content-Type": file.media_type},
            {"Content-Disposition": disposition},
            {"ETag": format!("\"{checksum}\"")},
            {"Repr-Digest": format!("sha-256=:{}:", STANDARD.encode(bytes(checksum)))},
        ]);
        request::set_local(c"response.headers", &headers.to_string());
        let gone = || Error::internal("a report without its file");
        Ok(File(file.content.ok_or_else(gone)?))
    })
}

/// Of hexadecimal digits.
fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Makes up to 100 of the reports that wait, without waiting for the job. For admins and
/// servers. Returns how many were made, failed, and were left for another run. 42501 not an
/// admin.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "run_reports",
    security_definer,
    requires = ["treasury_reports"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_run_reports() -> Result<
    TableIterator<'static, (name!(done, i64), name!(failed, i64), name!(postponed, i64))>,
    ErrorReport,
> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        let outcome = report::run(100)?;
        Ok(TableIterator::once((outcome.done, outcome.failed, outcome.postponed)))
    })
}
