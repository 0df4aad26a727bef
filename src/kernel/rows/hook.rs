//! A trigger whose work is done without calling it: the trigger manager would queue the
//! row, fetch it again and look the function up.

use crate::kernel::error::Result;
use pgrx::pg_sys::{self, Oid};
use std::cell::Cell;
use std::ffi::CStr;

/// What a trigger function does AFTER INSERT FOR EACH ROW, without WHEN.
#[derive(Clone, Copy)]
pub struct Hook {
    pub schema: &'static CStr,
    pub function: &'static CStr,
    /// Gets the table, the row and the trigger's arguments.
    pub run: unsafe fn(pg_sys::Relation, pg_sys::HeapTuple, &[String]) -> Result<()>,
}

thread_local! {
    static HOOK: Cell<Option<Hook>> = const { Cell::new(None) };
}

/// Takes the place of a trigger function where rows are written without the executor.
pub fn set(hook: Hook) {
    HOOK.set(Some(hook));
}

/// Whether the function is the one whose place was taken.
pub(super) unsafe fn is_hooked(function: Oid) -> bool {
    let Some(hook) = HOOK.get() else { return false };
    unsafe {
        let name = pg_sys::get_func_name(function);
        let schema = pg_sys::get_namespace_name(pg_sys::get_func_namespace(function));
        !name.is_null()
            && !schema.is_null()
            && CStr::from_ptr(name) == hook.function
            && CStr::from_ptr(schema) == hook.schema
    }
}

pub(super) unsafe fn run(
    relation: pg_sys::Relation,
    row: pg_sys::HeapTuple,
    arguments: &[String],
) -> Result<()> {
    match HOOK.get() {
        Some(hook) => unsafe { (hook.run)(relation, row, arguments) },
        None => Ok(()),
    }
}
