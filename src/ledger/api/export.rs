//! Exports in SQL.

use crate::kernel::error::{Error, Result, entry, required};
use crate::kernel::request;
use crate::ledger::access;
use crate::ledger::export::{self, Format, Request};
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};
use serde_json::json;
use std::result;

/// A whole file, which PostgREST gives out as it is.
struct File(String);

// SAFETY: a value of a domain over text is a text.
unsafe impl SqlTranslatable for File {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(File);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("ledger.\"*/*\""));
    const RETURN_SQL: result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("ledger.\"*/*\"")));
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

/// A day, which must be one.
fn day(date: Option<Date>, field: &str) -> Result<Option<i32>> {
    match date {
        Some(date) if date.is_infinity() || date.is_neg_infinity() => {
            Err(Error::invalid(field, "must be a finite day"))
        }
        date => Ok(date.map(|date| date.to_pg_epoch_days())),
    }
}

/// The transfers that touch an account of a system, or all, as lines of text, in the order
/// of their effect. For admins of the ledger and the service role.
///
/// `p_format` is csv, jsonl or beancount. Days from `p_from` on and before `p_to` count,
/// in `p_time_zone`. At most `p_limit` transfers (1 to 100000): the next page of csv and
/// jsonl comes after the last one's id (`p_after`); beancount is one whole or 22023.
/// 22023 for another format, limit or time zone; PT404 where `p_after` is no transfer.
#[allow(clippy::too_many_arguments)]
#[pg_extern(
    schema = "ledger",
    name = "export",
    stable,
    security_definer,
    requires = ["ledger_export"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_export(
    p_system: default!(Option<&str>, "null"),
    p_format: default!(Option<&str>, "'csv'"),
    p_from: default!(Option<Date>, "null"),
    p_to: default!(Option<Date>, "null"),
    p_time_zone: default!(Option<&str>, "'UTC'"),
    p_limit: default!(Option<i32>, 10000),
    p_after: default!(Option<Uuid>, "null"),
) -> Result<SetOfIterator<'static, String>, ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let lines = export::export(&Request {
            system: p_system,
            format: Format::parse(required(p_format, "p_format")?, "p_format")?,
            from: day(p_from, "p_from")?,
            to: day(p_to, "p_to")?,
            time_zone: required(p_time_zone, "p_time_zone")?,
            limit: required(p_limit, "p_limit")?,
            after: p_after,
        })?;
        Ok(SetOfIterator::new(lines))
    })
}

/// The same as one file: through PostgREST it has its own Content-Type and a name. For
/// admins of the ledger and the service role. Arguments and errors as those of
/// ledger.export.
#[allow(clippy::too_many_arguments)]
#[pg_extern(
    schema = "ledger",
    name = "export_file",
    stable,
    security_definer,
    requires = ["ledger_export"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_export_file(
    p_system: default!(Option<&str>, "null"),
    p_format: default!(Option<&str>, "'csv'"),
    p_from: default!(Option<Date>, "null"),
    p_to: default!(Option<Date>, "null"),
    p_time_zone: default!(Option<&str>, "'UTC'"),
    p_limit: default!(Option<i32>, 10000),
    p_after: default!(Option<Uuid>, "null"),
) -> Result<File, ErrorReport> {
    entry(|| {
        access::require_admin()?;
        let format = Format::parse(required(p_format, "p_format")?, "p_format")?;
        let lines = export::export(&Request {
            system: p_system,
            format,
            from: day(p_from, "p_from")?,
            to: day(p_to, "p_to")?,
            time_zone: required(p_time_zone, "p_time_zone")?,
            limit: required(p_limit, "p_limit")?,
            after: p_after,
        })?;
        let disposition = format!("attachment; filename=\"{}\"", file_name(p_system, format));
        let headers = json!([
            {"Content-Type": format.media_type()},
            {"Content-Disposition": disposition},
        ]);
        request::set_local(c"response.headers", &headers.to_string());
        let line_break = if format == Format::Csv { "\r\n" } else { "\n" };
        Ok(File(lines.into_iter().map(|line| line + line_break).collect()))
    })
}

/// Without what a file's name or a header cannot have.
fn file_name(system: Option<&str>, format: Format) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = system.unwrap_or("ledger").chars().take(60).map(plain).collect();
    format!("{name}.{}", format.file_ending())
}
