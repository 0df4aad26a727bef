//! What a backend keeps in memory of tables that hardly ever change.
//!
//! A table whose rows are kept has the trigger `backoffice.forget_kept()`. It makes
//! PostgreSQL tell every backend, as it tells them of changed tables: this one at
//! once, the others when the transaction commits, and this one again when it is
//! undone. What is kept must be read with `Query::read_latest`: an older snapshot
//! would bring back what was just forgotten.

use crate::kernel::error::Result;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    /// Goes up whenever something that is kept may have changed.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    /// The table that PostgreSQL names when it tells.
    static SIGNAL: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// Values by name, from their last reading.
pub struct Kept<T> {
    generation: Cell<u64>,
    values: RefCell<HashMap<String, Rc<T>>>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { generation: Cell::new(0), values: RefCell::default() }
    }
}

impl<T> Kept<T> {
    /// The value of this name; `read` finds it where it is not kept, and what it does
    /// not find is not kept either.
    pub fn get(
        &self,
        name: &str,
        read: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<Option<Rc<T>>> {
        // Taken before the look: a change meanwhile makes what was read old.
        let generation = GENERATION.get();
        if self.generation.replace(generation) != generation {
            self.values.borrow_mut().clear();
        }
        if let Some(value) = self.values.borrow().get(name) {
            return Ok(Some(value.clone()));
        }
        SIGNAL.set(signal());
        let value = read()?.map(Rc::new);
        // In parallel mode it came from the statement's snapshot, which may be old.
        // SAFETY: reads the state of the backend.
        if let Some(value) = &value
            && !unsafe { pg_sys::IsInParallelMode() }
        {
            self.values.borrow_mut().insert(name.to_owned(), value.clone());
        }
        Ok(value)
    }
}

/// Runs once in every backend.
pub fn init() {
    // SAFETY: the callback lives as long as the backend.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_change), pg_sys::Datum::null()) };
}

/// May run anywhere, and so only counts.
unsafe extern "C-unwind" fn on_change(_: pg_sys::Datum, table: pg_sys::Oid) {
    if table == pg_sys::InvalidOid || table == SIGNAL.get() {
        GENERATION.set(GENERATION.get() + 1);
    }
}

/// Makes every backend forget what it keeps.
pub fn forget() {
    // SAFETY: the table exists as long as there are triggers that run this.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(signal()) };
}

fn signal() -> pg_sys::Oid {
    // SAFETY: look-ups in PostgreSQL's caches.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"backoffice".as_ptr(), true);
        pg_sys::get_relname_relid(c"settings".as_ptr(), schema)
    }
}
