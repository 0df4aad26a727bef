//! Moving old rows of an append-only table to its archive.
//!
//! Rows that are a record are never deleted, and [`refuse_change`] sees to it. The
//! one way past it is [`moving`]: a mark in the memory of the backend that names
//! the tables and lasts as long as the one statement that moves rows. No SQL can
//! set it, whoever runs it.
//!
//! Whoever has to see every row once, wherever it is, calls [`hold_still`] first.
//!
//! [`refuse_change`]: crate::kernel::triggers

use crate::kernel::error::Result;
use crate::kernel::spi::Query;
use std::cell::Cell;

thread_local! {
    static MOVING: Cell<&'static [&'static str]> = const { Cell::new(&[]) };
}

static SHARE: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock_shared(
        pg_catalog.hashtextextended('backoffice archive', 0))",
);
static HOLD: Query = Query::write(
    "select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('backoffice archive', 0))",
);

/// To be called before rows move: waits while somebody wants them to hold still.
pub fn before_moving() -> Result<()> {
    SHARE.run(&[]).map(drop)
}

/// From here to the end of the transaction no row moves to an archive.
pub fn hold_still() -> Result<()> {
    HOLD.run(&[]).map(drop)
}

/// Takes the mark away whichever way the statement ends.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        MOVING.set(&[]);
    }
}

/// Runs `body`, a statement that moves rows of `tables` (`schema.table`) to their archives.
pub fn moving<T>(tables: &'static [&'static str], body: impl FnOnce() -> Result<T>) -> Result<T> {
    MOVING.set(tables);
    let _mark = Mark;
    body()
}

/// Whether rows of this table are being moved.
pub fn is_moving(schema: &str, table: &str) -> bool {
    MOVING.get().iter().any(|moving| moving.split_once('.') == Some((schema, table)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::Error;

    #[test]
    fn the_mark_is_for_its_tables_and_goes_with_the_statement() {
        let inside = moving(&["a.b", "ops.audit_logs"], || {
            Ok((is_moving("ops", "audit_logs"), is_moving("network", "audit_logs")))
        });
        assert_eq!(inside.unwrap(), (true, false));
        assert!(!is_moving("ops", "audit_logs"));
    }

    #[test]
    fn the_mark_goes_when_the_statement_fails() {
        assert!(moving(&["a.b"], || Err::<(), _>(Error::conflict("no"))).is_err());
        assert!(!is_moving("a", "b"));
        assert!(
            std::panic::catch_unwind(|| moving(&["a.b"], || -> Result<()> { panic!() })).is_err()
        );
        assert!(!is_moving("a", "b"));
    }
}
