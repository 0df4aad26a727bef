//! `jsonb` that is made piece by piece, without a text to be parsed in between.

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::JsonbIteratorToken::{
    Type as Token, WJB_BEGIN_OBJECT, WJB_END_OBJECT, WJB_KEY, WJB_VALUE,
};
use pgrx::pg_sys::jbvType::{Type as Kind, jbvBinary, jbvBool, jbvNumeric, jbvString};
use pgrx::pg_sys::{self, JsonbValue};
use pgrx::{FromDatum, IntoDatum};
use std::ffi::c_int;

/// An object that grows.
pub struct Object {
    state: *mut pg_sys::JsonbParseState,
}

impl Object {
    pub fn begin() -> Self {
        let mut object = Object { state: std::ptr::null_mut() };
        // SAFETY: begins an object; there is no value yet.
        unsafe { object.push(WJB_BEGIN_OBJECT, std::ptr::null_mut()) };
        object
    }

    /// The name of the value that comes next.
    ///
    /// # Safety
    /// The text must live until [`Object::end`].
    pub unsafe fn key(&mut self, name: &str) {
        unsafe { self.text_as(WJB_KEY, name.as_bytes()) };
    }

    /// # Safety
    /// The text must live until [`Object::end`].
    pub unsafe fn text(&mut self, text: &[u8]) {
        unsafe { self.text_as(WJB_VALUE, text) };
    }

    pub fn boolean(&mut self, value: bool) {
        // SAFETY: the kind says which part of the union is set.
        unsafe { self.value(jbvBool, |it| it.val.boolean = value) };
    }

    pub fn integer(&mut self, value: i64) {
        // SAFETY: as above.
        unsafe { self.value(jbvNumeric, |it| it.val.numeric = pg_sys::int64_to_numeric(value)) };
    }

    /// A whole `jsonb`.
    ///
    /// # Safety
    /// `datum` must be one, and live until [`Object::end`].
    pub unsafe fn jsonb(&mut self, datum: pg_sys::Datum) {
        unsafe {
            let jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) as *mut pg_sys::Jsonb;
            let root = &raw mut (*jsonb).root;
            // A scalar is kept as an array of one, which only its owner may open.
            self.value(jbvBinary, |it| {
                it.val.binary.len = pgrx::varsize_any_exhdr(jsonb.cast()) as c_int;
                it.val.binary.data = root;
            });
        }
    }

    /// The finished object, which lives until it is dropped or the transaction ends.
    pub fn end(mut self) -> Jsonb {
        // SAFETY: what was begun is ended; the copy is in memory of the transaction.
        unsafe {
            let value = self.push(WJB_END_OBJECT, std::ptr::null_mut());
            let memory = PgMemoryContexts::TopTransactionContext.value();
            let old = pg_sys::MemoryContextSwitchTo(memory);
            let jsonb = pg_sys::JsonbValueToJsonb(value);
            pg_sys::MemoryContextSwitchTo(old);
            Jsonb(jsonb)
        }
    }

    unsafe fn text_as(&mut self, token: Token, text: &[u8]) {
        let mut value = JsonbValue { type_: jbvString, ..JsonbValue::default() };
        value.val.string.len = text.len() as c_int;
        value.val.string.val = text.as_ptr() as *mut _;
        unsafe { self.push(token, &mut value) };
    }

    unsafe fn value(&mut self, kind: Kind, set: impl FnOnce(&mut JsonbValue)) {
        let mut value = JsonbValue { type_: kind, ..JsonbValue::default() };
        set(&mut value);
        unsafe { self.push(WJB_VALUE, &mut value) };
    }

    unsafe fn push(&mut self, token: Token, value: *mut JsonbValue) -> *mut JsonbValue {
        unsafe { pg_sys::pushJsonbValue(&mut self.state, token, value) }
    }
}

/// A `jsonb` in memory of the transaction.
pub struct Jsonb(*mut pg_sys::Jsonb);

impl Drop for Jsonb {
    fn drop(&mut self) {
        // SAFETY: made by `Object::end`; whoever keeps one drops it before the
        // transaction's memory goes.
        unsafe { pg_sys::pfree(self.0.cast()) };
    }
}

impl IntoDatum for &Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

/// A text as bytes, where it is or unpacked; it lives as long as the current memory context.
///
/// # Safety
/// `datum` must be a text.
pub unsafe fn bytes_of_text<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    unsafe { <&[u8] as FromDatum>::from_datum(datum, false).unwrap_or_default() }
}
