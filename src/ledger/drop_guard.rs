//! DROP EXTENSION deletes all data, without CASCADE and without a question. While
//! there is money in the books it is refused, whatever leads to it: DROP
//! EXTENSION, or CASCADE from its schema, its owner or its language.
//!
//! It takes two steps. When such a command starts, an event trigger notes whether
//! there is money, while the tables are still there. When PostgreSQL then comes to
//! the extension itself, a hook refuses, which undoes the whole command; other
//! drops never get that far. DROP DATABASE asks nobody.

use crate::kernel::error::{Error, SqlState, entry, trigger_entry};
use crate::kernel::spi::Query;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};
use std::cell::Cell;
use std::ffi::{CString, c_int, c_void};

/// What a superuser sets `backoffice.allow_drop` to.
const CONSENT: &str = "yes, delete all data";
const DEPENDENT_OBJECTS_STILL_EXIST: SqlState = SqlState::new("2BP01");

static ALLOW_DROP: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

static HAS_MONEY: Query = Query::read(
    "select exists (select from ledger.all_transfers) or exists (select from ledger.holds)
         or exists (select from ledger.accounts where debits_posted <> 0 or credits_posted <> 0)",
);

thread_local! {
    static THERE_IS_MONEY: Cell<bool> = const { Cell::new(false) };
    static NEXT_HOOK: Cell<pg_sys::object_access_hook_type> = const { Cell::new(None) };
}

/// Runs once in every backend that loads the library.
pub fn init() {
    GucRegistry::define_string_guc(
        c"backoffice.allow_drop",
        c"Lets DROP EXTENSION backoffice delete the books.",
        c"Only the text 'yes, delete all data' does.",
        &ALLOW_DROP,
        GucContext::Suset,
        GucFlags::DISALLOW_IN_FILE,
    );
    // SAFETY: a backend has one thread, and hooks are set while the library loads.
    unsafe {
        NEXT_HOOK.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(ledger_on_object_access);
    }
}

/// `ledger.guard_drop()`: at the start of commands that may drop the extension.
#[pg_extern(sql = false)]
fn ledger_guard_drop() -> Result<(), ErrorReport> {
    entry(|| {
        THERE_IS_MONEY.set(HAS_MONEY.one(&[], |row| row.get(1))?);
        Ok(())
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn ledger_on_object_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: c_int,
    argument: *mut c_void,
) {
    // SAFETY: called by PostgreSQL with what the next hook expects as well.
    unsafe {
        if access == pg_sys::ObjectAccessType::OAT_DROP
            && class == pg_sys::ExtensionRelationId
            && THERE_IS_MONEY.get()
            && object == pg_sys::get_extension_oid(c"backoffice".as_ptr(), true)
            && !is_allowed()
        {
            let Ok(()) = trigger_entry(|| Err::<(), _>(refusal()));
        }
        if let Some(next) = NEXT_HOOK.get() {
            next(access, class, object, part, argument);
        }
    }
}

fn is_allowed() -> bool {
    ALLOW_DROP.get().is_some_and(|text| text.to_bytes() == CONSENT.as_bytes())
}

fn refusal() -> Error {
    Error::new(
        DEPENDENT_OBJECTS_STILL_EXIST,
        "dropping the extension backoffice would delete the books",
    )
    .detail("The ledger has transfers, holds or balances.")
    .hint(format!(
        "Make a dump first; then, as a superuser: set backoffice.allow_drop = '{CONSENT}'."
    ))
}
