//! Errors with any SQLSTATE.
//!
//! pgrx knows a closed list of SQLSTATEs and turns every other one into XX000,
//! also those that pass through from SQL. PostgREST derives the HTTP status
//! from the SQLSTATE, so the codes matter. [`entry`] therefore lets pgrx unwind
//! and raise as usual, and puts the wanted code on the error from an
//! error-context callback, which PostgreSQL runs after all Rust frames are gone.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportable};
use pgrx::pg_sys::{self};
use std::cell::Cell;
use std::convert::Infallible;
use std::ffi::{c_char, c_int, c_void};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A SQLSTATE as PostgreSQL packs it into an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlState(i32);

impl SqlState {
    /// Packs a five-character code; a wrong length does not compile.
    pub const fn new(code: &str) -> Self {
        let bytes = code.as_bytes();
        assert!(bytes.len() == 5);
        let (mut i, mut packed) = (0, 0);
        while i < 5 {
            packed |= ((bytes[i] as i32 - b'0' as i32) & 0x3f) << (6 * i);
            i += 1;
        }
        SqlState(packed)
    }

    /// The five characters again.
    pub fn code(self) -> String {
        (0..5).map(|i| (((self.0 >> (6 * i)) & 0x3f) as u8 + b'0') as char).collect()
    }
}

/// The codes we raise. The HTTP status in brackets is what PostgREST makes of it.
pub mod sqlstate {
    use super::SqlState;
    /// A value that is not allowed (400).
    pub const INVALID: SqlState = SqlState::new("22023");
    /// NULL where a value is required (400).
    pub const NULL_VALUE: SqlState = SqlState::new("22004");
    /// A number too large or too small (400).
    pub const OUT_OF_RANGE: SqlState = SqlState::new("22003");
    /// Not this caller's to do (401 for anon, 403 otherwise).
    pub const FORBIDDEN: SqlState = SqlState::new("42501");
    /// The token is no longer good (401).
    pub const UNAUTHENTICATED: SqlState = SqlState::new("PT401");
    /// No such row (404).
    pub const NOT_FOUND: SqlState = SqlState::new("PT404");
    /// The row is in a state that does not allow it (409).
    pub const CONFLICT: SqlState = SqlState::new("PT409");
    /// A rule of sign-in refuses it (422).
    pub const UNPROCESSABLE: SqlState = SqlState::new("PT422");
    /// A value that must be unique is taken (409).
    pub const UNIQUE_VIOLATION: SqlState = SqlState::new("23505");
    /// A write in a transaction that only reads (405).
    pub const READ_ONLY: SqlState = SqlState::new("25006");
    /// The server has not been configured for this.
    pub const NOT_CONFIGURED: SqlState = SqlState::new("55000");
    /// A row that breaks a rule of its table (400).
    pub const CHECK_VIOLATION: SqlState = SqlState::new("23514");
    /// A bug of ours.
    pub const INTERNAL: SqlState = SqlState::new("XX000");
}

/// What a function of ours raises.
#[derive(Debug)]
pub struct Error {
    pub sqlstate: SqlState,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Error { sqlstate, message: message.into(), detail: None, hint: None }
    }

    /// 22023: `field` has a value that is not allowed; `rule` says what is.
    pub fn invalid(field: &str, rule: impl Display) -> Self {
        Error::new(sqlstate::INVALID, format!("{field}: {rule}"))
    }

    /// 22004: `field` must be given.
    pub fn missing(field: &str) -> Self {
        Error::new(sqlstate::NULL_VALUE, format!("{field}: a value is required"))
    }

    /// 22003: `field` is a number outside its range.
    pub fn out_of_range(field: &str, rule: impl Display) -> Self {
        Error::new(sqlstate::OUT_OF_RANGE, format!("{field}: {rule}"))
    }

    /// 42501: this caller may not do it.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Error::new(sqlstate::FORBIDDEN, why)
    }

    /// PT404: no `what` has this key.
    pub fn not_found(what: &str, key: impl Display) -> Self {
        Error::new(sqlstate::NOT_FOUND, format!("no such {what}")).detail(format!("{what} {key}"))
    }

    /// PT409: the state of things does not allow it.
    pub fn conflict(why: impl Into<String>) -> Self {
        Error::new(sqlstate::CONFLICT, why)
    }

    /// XX000: something that cannot happen did.
    pub fn internal(what: impl Into<String>) -> Self {
        Error::new(sqlstate::INTERNAL, what)
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<pgrx::spi::Error> for Error {
    fn from(e: pgrx::spi::Error) -> Self {
        Error::internal(e.to_string())
    }
}

/// The value of a required argument, or 22004 naming it.
pub fn required<T>(value: Option<T>, field: &str) -> Result<T> {
    value.ok_or_else(|| Error::missing(field))
}

unsafe extern "C-unwind" {
    // Exported by PostgreSQL but absent from pgrx's bindings; plain setters on
    // the error being raised.
    fn errcode(sqlerrcode: c_int) -> c_int;
    fn err_generic_string(field: c_int, value: *const c_char) -> c_int;
}

/// Lives in PostgreSQL's memory while [`entry`] runs, because the callback
/// fires when the Rust frames are already gone.
#[repr(C)]
struct Scope {
    callback: pg_sys::ErrorContextCallback,
    /// The code for the error that is about to be raised; 0 keeps its own.
    code: i32,
    /// The last error that came out of SQL inside this scope.
    seen: *mut pg_sys::ErrorData,
    /// Whether the next error is the one that leaves the function.
    raising: bool,
}

fn scope_memory() -> pg_sys::MemoryContext {
    unsafe {
        if pg_sys::TopTransactionContext.is_null() {
            pg_sys::TopMemoryContext
        } else {
            pg_sys::TopTransactionContext
        }
    }
}

impl Scope {
    fn enter() -> *mut Scope {
        unsafe {
            let scope =
                pg_sys::MemoryContextAllocZero(scope_memory(), size_of::<Scope>()) as *mut Scope;
            (*scope).callback = pg_sys::ErrorContextCallback {
                previous: pg_sys::error_context_stack,
                callback: Some(on_error),
                arg: scope.cast(),
            };
            pg_sys::error_context_stack = scope.cast();
            scope
        }
    }

    unsafe fn leave(scope: *mut Scope) {
        unsafe {
            pg_sys::error_context_stack = (*scope).callback.previous;
            pg_sys::pfree(scope.cast());
        }
    }
}

/// Called by PostgreSQL for every error raised while a [`Scope`] is on the stack.
unsafe extern "C-unwind" fn on_error(arg: *mut c_void) {
    unsafe {
        let scope = &mut *(arg as *mut Scope);
        if scope.raising {
            if scope.code != 0 {
                errcode(scope.code);
            }
            if let Some(seen) = scope.seen.as_ref() {
                restore_names(seen);
            }
            return;
        }
        let old = pg_sys::MemoryContextSwitchTo(scope_memory());
        let seen = pg_sys::CopyErrorData();
        pg_sys::MemoryContextSwitchTo(old);
        if (*seen).elevel >= pg_sys::PGERROR as c_int {
            scope.seen = seen;
        } else {
            pg_sys::FreeErrorData(seen);
        }
    }
}

/// Puts back the fields that pgrx drops when an error passes through it.
unsafe fn restore_names(seen: &pg_sys::ErrorData) {
    let names = [
        (b's', seen.schema_name),
        (b't', seen.table_name),
        (b'c', seen.column_name),
        (b'd', seen.datatype_name),
        (b'n', seen.constraint_name),
    ];
    for (field, name) in names {
        if !name.is_null() {
            unsafe { err_generic_string(c_int::from(field), name) };
        }
    }
}

thread_local! {
    /// How many of our functions are running inside each other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static AT_END: Cell<fn() -> Result<()>> = const { Cell::new(|| Ok(())) };
}

/// What runs at the end of the outermost of our functions, if it was successful:
/// for what is cheaper to do once than row by row.
pub fn at_end(work: fn() -> Result<()>) {
    AT_END.set(work);
}

/// One of our functions is running, until this is dropped.
struct Depth;

impl Depth {
    fn deeper<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
        DEPTH.set(DEPTH.get() + 1);
        let _depth = Depth;
        let value = body()?;
        if DEPTH.get() == 1 {
            AT_END.get()()?;
        }
        Ok(value)
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Whether one of our functions is running, so that what [`at_end`] names will.
pub fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// The body of every function that SQL sees.
///
/// `Err` is raised with its own SQLSTATE. An error that SQL raised inside keeps
/// the SQLSTATE and the constraint it was raised with. Costs 28 ns a call.
#[track_caller]
pub fn entry<T>(body: impl FnOnce() -> Result<T>) -> Result<T, ErrorReport> {
    let scope = Scope::enter();
    let outcome = catch_unwind(AssertUnwindSafe(|| Depth::deeper(body)));
    unsafe {
        match outcome {
            Ok(Ok(value)) => {
                Scope::leave(scope);
                Ok(value)
            }
            Ok(Err(error)) => {
                (*scope).code = error.sqlstate.0;
                (*scope).seen = std::ptr::null_mut();
                (*scope).raising = true;
                Err(report(error))
            }
            Err(panic) => {
                match panic.downcast_ref::<CaughtError>() {
                    Some(CaughtError::PostgresError(_)) if !(*scope).seen.is_null() => {
                        (*scope).code = (*(*scope).seen).sqlerrcode;
                        (*scope).raising = true;
                    }
                    _ => pg_sys::error_context_stack = (*scope).callback.previous,
                }
                resume_unwind(panic)
            }
        }
    }
}

/// Runs `body` and gives an error that PostgreSQL raised in it as an [`Error`] with
/// its own SQLSTATE. Whoever calls must roll back what was begun before.
pub fn catching<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let scope = Scope::enter();
    let outcome = catch_unwind(AssertUnwindSafe(body));
    // SAFETY: the error of the innermost scope that saw it; copied before the scope goes.
    let code = unsafe {
        let code = (*scope).seen.as_ref().map(|seen| SqlState(seen.sqlerrcode));
        Scope::leave(scope);
        code
    };
    let panic = match outcome {
        Ok(result) => return result,
        Err(panic) => panic,
    };
    match panic.downcast_ref::<CaughtError>() {
        Some(CaughtError::PostgresError(report)) => {
            Err(Error::new(code.unwrap_or(sqlstate::INTERNAL), report.message()))
        }
        Some(CaughtError::ErrorReport(report)) => {
            Err(Error::new(SqlState(report.sql_error_code() as i32), report.message()))
        }
        _ => resume_unwind(panic),
    }
}

fn report(error: Error) -> ErrorReport {
    let mut report =
        ErrorReport::new(PgSqlErrorCode::ERRCODE_RAISE_EXCEPTION, error.message, "backoffice");
    if let Some(detail) = error.detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint {
        report = report.set_hint(hint);
    }
    report
}

/// [`entry`] for triggers, whose `Err` pgrx would print as XX000.
#[track_caller]
pub fn trigger_entry<T>(body: impl FnOnce() -> Result<T>) -> Result<T, Infallible> {
    Ok(entry(body).unwrap_or_report())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_survives_packing() {
        for code in ["22023", "PT409", "42501", "XX000", "P0001"] {
            assert_eq!(SqlState::new(code).code(), code);
        }
    }
}
