//! How SQL is run: statements that are prepared once in a backend and kept.
//!
//! A module's `store.rs` declares each statement as a static [`Query`] and calls
//! it with arguments. Statements name every object with its schema, so a plan
//! outlives DDL and changes of search_path.

use crate::kernel::error::{Error, Result, catching, sqlstate};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, PgOid};
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiHeapTupleData};
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A kept plan. A backend runs one thread, so a `static` needs no lock.
struct Plan(OnceCell<OwnedPreparedStatement>);
// SAFETY: only the backend's one thread ever touches a plan.
unsafe impl Sync for Plan {}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Takes no transaction id: also works on a replica.
    Read,
    Write,
}

/// One SQL statement, prepared at its first use with the types of its arguments.
pub struct Query {
    sql: &'static str,
    mode: Mode,
    plan: Plan,
}

/// One row of a result.
pub struct Row<'r>(SpiHeapTupleData<'r>);

impl Row<'_> {
    /// The value of a column (counted from 1) that is never NULL.
    pub fn get<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<T> {
        self.opt(column)?
            .ok_or_else(|| Error::internal(format!("column {column} is unexpectedly null")))
    }

    /// The value of a column (counted from 1) that may be NULL.
    pub fn opt<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<Option<T>> {
        Ok(self.0.get(column)?)
    }
}

impl Query {
    /// A statement that only reads and locks nothing.
    pub const fn read(sql: &'static str) -> Self {
        Query { sql, mode: Mode::Read, plan: Plan(OnceCell::new()) }
    }

    /// A statement that writes or locks (`select … for update` included).
    pub const fn write(sql: &'static str) -> Self {
        Query { sql, mode: Mode::Write, plan: Plan(OnceCell::new()) }
    }

    /// All rows, each made into a `T`.
    pub fn all<T>(
        &self,
        args: &[DatumWithOid<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.fetch(args, 0, map)
    }

    /// The first row, if there is one. A statement that writes still runs to its end.
    pub fn first<T>(
        &self,
        args: &[DatumWithOid<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let limit = if self.mode == Mode::Read { 1 } else { 0 };
        Ok(self.fetch(args, limit, map)?.into_iter().next())
    }

    /// The one row that the statement always gives.
    pub fn one<T>(
        &self,
        args: &[DatumWithOid<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.first(args, map)?.ok_or_else(|| Error::internal("a statement gave no row"))
    }

    /// Runs the statement; how many rows it touched.
    pub fn run(&self, args: &[DatumWithOid<'_>]) -> Result<usize> {
        require_writable()?;
        Spi::connect_mut(|client| {
            let plan = self.plan(client, args)?;
            Ok(client.update(plan, None, args)?.len())
        })
    }

    // Each call has an SPI connection of its own (40 ns): result tables are
    // freed when it closes, so long loops do not eat memory.
    fn fetch<T>(
        &self,
        args: &[DatumWithOid<'_>],
        limit: i64,
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let limit = (limit > 0).then_some(limit as _);
        let mut collect = |table: pgrx::spi::SpiTupleTable<'_>| {
            let mut rows = Vec::with_capacity(table.len());
            for tuple in table {
                rows.push(map(&Row(tuple))?);
            }
            Ok(rows)
        };
        match self.mode {
            Mode::Read => Spi::connect(|client| {
                let plan = self.plan(client, args)?;
                collect(client.select(plan, limit, args)?)
            }),
            Mode::Write => {
                require_writable()?;
                Spi::connect_mut(|client| {
                    let plan = self.plan(client, args)?;
                    collect(client.update(plan, limit, args)?)
                })
            }
        }
    }

    fn plan(
        &self,
        client: &SpiClient<'_>,
        args: &[DatumWithOid<'_>],
    ) -> Result<&OwnedPreparedStatement> {
        if let Some(plan) = self.plan.0.get() {
            return Ok(plan);
        }
        let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
        let plan = match self.mode {
            Mode::Read => client.prepare(self.sql, &types)?,
            Mode::Write => client.prepare_mut(self.sql, &types)?,
        };
        Ok(self.plan.0.get_or_init(|| plan.keep()))
    }
}

/// 25006 in a transaction that only reads: a GET, or any on a replica. pgrx takes a
/// transaction id before it writes, which a replica refuses as an internal error.
fn require_writable() -> Result<()> {
    // SAFETY: plain reads of the state of this backend.
    if !unsafe { pg_sys::XactReadOnly } {
        return Ok(());
    }
    let refused = |message: &str| Error::new(sqlstate::READ_ONLY, message);
    Err(if unsafe { pg_sys::RecoveryInProgress() } {
        refused("this server is a replica: it answers what only reads").hint("Ask the primary.")
    } else {
        refused("this transaction only reads").hint("Call functions that write with POST.")
    })
}

/// Runs `body` in a subtransaction: all of it, or none of it.
///
/// The only safe way to go on after SQL failed. An `Err` of `body` and an error
/// that PostgreSQL raised both undo what `body` did; the latter comes back as an
/// [`Error`](crate::kernel::error::Error) with its SQLSTATE.
pub fn subtransaction<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    require_writable()?;
    unsafe {
        let memory = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        let contexts = pg_sys::error_context_stack;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(memory);
        // Reads below must see what the outer transaction wrote; pgrx decides
        // that by whether this subtransaction has an id.
        pg_sys::GetCurrentTransactionId();
        let outcome = catch_unwind(AssertUnwindSafe(|| catching(body)));
        match outcome {
            Ok(Ok(_)) => pg_sys::ReleaseCurrentSubTransaction(),
            _ => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(memory);
        pg_sys::CurrentResourceOwner = owner;
        pg_sys::error_context_stack = contexts;
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
