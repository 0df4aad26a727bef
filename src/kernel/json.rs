//! JSON as it comes in, which may be more than Rust can hold, and JSON that
//! PostgreSQL made and that goes out as it is.

use crate::kernel::error::{Error, Result, required};
use crate::kernel::jsonb_read::{self, Scalar};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, IntoDatum, pg_sys};
use serde_json::Value;
use std::ffi::CStr;
use std::ptr::NonNull;
use std::result;

/// The text of a `json` value. Unlike [`pgrx::Json`] it is not parsed and
/// written anew, which would turn 1.10 into 1.1.
pub struct JsonText(pub String);

impl IntoDatum for JsonText {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONOID
    }
}

// SAFETY: a json datum is stored as the text it is.
unsafe impl SqlTranslatable for JsonText {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(JsonText);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("json"));
    const RETURN_SQL: result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("json")));
}

// SAFETY: as above.
unsafe impl BoxRet for JsonText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.into_datum() {
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

/// A `jsonb` argument, read when it is asked for. Unlike [`pgrx::JsonB`] it does not
/// panic, which would be a 5xx, where the value is more than Rust reads: a number beyond
/// 1e308, or lists and objects more than 127 deep.
pub struct JsonArg(Option<NonNull<pg_sys::Jsonb>>);

impl JsonArg {
    /// The value, or 22023.
    pub fn value(&self, field: &str) -> Result<Value> {
        self.read().map_err(|reason| Error::invalid(field, format!("cannot be read: {reason}")))
    }

    fn read(&self) -> result::Result<Value, String> {
        let json = self.0.ok_or("it is NULL")?;
        // SAFETY: a jsonb, whose output function gives a text in the server's encoding;
        // it is freed with the memory of the call.
        let text = unsafe {
            let datum = pg_sys::Datum::from(json.as_ptr());
            let text = pgrx::direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]);
            text.ok_or("it is NULL")?.to_str()
        };
        serde_json::from_str(text.map_err(|e| e.to_string())?)
            .map_err(|e| reason(&e.to_string()).to_owned())
    }

    /// The value of an argument that must be there.
    pub fn required(argument: Option<Self>, field: &str) -> Result<Value> {
        required(argument, field)?.value(field)
    }

    /// The value of an argument that may be left out.
    pub fn optional(argument: Option<Self>, field: &str) -> Result<Option<Value>> {
        argument.map(|json| json.value(field)).transpose()
    }

    /// How many elements an array has, known without reading it; nothing where it is none.
    pub fn array_length(&self) -> Option<usize> {
        // SAFETY: it was unpacked when it came, into the memory of the call.
        unsafe { jsonb_read::array_length(self.0?.as_ptr()) }
    }

    /// The objects of an array of plain ones: see [`jsonb_read::objects`].
    pub fn objects<T: Default>(
        &self,
        set: impl FnMut(&mut T, &str, Scalar<'_>) -> Option<()>,
    ) -> Option<Vec<T>> {
        // SAFETY: it was unpacked when it came, into the memory of the call.
        unsafe { jsonb_read::objects(self.0?.as_ptr(), set) }
    }
}

impl FromDatum for JsonArg {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the caller says that it is a jsonb.
        let json = unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) };
        Some(JsonArg(NonNull::new(json.cast())))
    }
}

/// Without the place in the text, which is PostgreSQL's and not the client's.
fn reason(message: &str) -> &str {
    message.split(" at line").next().unwrap_or(message)
}

// SAFETY: a jsonb datum is what from_polymorphic_datum expects.
unsafe impl<'fcx> ArgAbi<'fcx> for JsonArg {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum().unwrap_or(JsonArg(None)) }
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum().into() }
    }
}

// SAFETY: as above.
unsafe impl SqlTranslatable for JsonArg {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(JsonArg);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
