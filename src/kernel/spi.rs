//! How SQL is run: statements that are prepared once in a backend and kept.
//!
//! A module's `store.rs` declares each statement as a static [`Query`] and calls
//! it with arguments. Statements name every object with its schema, so a plan
//! outlives DDL and changes of search_path.

use crate::kernel::error::{Error, Result, catching};
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
            Mode::Write => Spi::connect_mut(|client| {
                let plan = self.plan(client, args)?;
                collect(client.update(plan, limit, args)?)
            }),
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

/// A statement that is made at run time, from the catalog or a registry. Prepared
/// anew each time.
pub struct Text<'a> {
    sql: &'a str,
    mode: Mode,
}

impl<'a> Text<'a> {
    /// A statement that only reads and locks nothing.
    pub fn read(sql: &'a str) -> Self {
        Text { sql, mode: Mode::Read }
    }

    /// A statement that writes.
    pub fn write(sql: &'a str) -> Self {
        Text { sql, mode: Mode::Write }
    }

    /// Runs the statement; how many rows it touched.
    pub fn run(&self, args: &[DatumWithOid<'_>]) -> Result<usize> {
        Spi::connect_mut(|client| Ok(client.update(self.sql, None, args)?.len()))
    }

    /// The first column of all rows.
    pub fn all<T: IntoDatum + FromDatum>(&self, args: &[DatumWithOid<'_>]) -> Result<Vec<T>> {
        let collect = |table: pgrx::spi::SpiTupleTable<'_>| {
            table.map(|tuple| Row(tuple).get(1)).collect::<Result<Vec<T>>>()
        };
        match self.mode {
            Mode::Read => Spi::connect(|client| collect(client.select(self.sql, None, args)?)),
            Mode::Write => Spi::connect_mut(|client| collect(client.update(self.sql, None, args)?)),
        }
    }

    /// The first column of the one row that the statement always gives.
    pub fn one<T: IntoDatum + FromDatum>(&self, args: &[DatumWithOid<'_>]) -> Result<T> {
        let rows = self.all(args)?;
        rows.into_iter().next().ok_or_else(|| Error::internal("a statement gave no row"))
    }
}

/// Runs `body` in a subtransaction: all of it, or none of it.
///
/// The only safe way to go on after SQL failed. An `Err` of `body` and an error
/// that PostgreSQL raised both undo what `body` did; the latter comes back as an
/// [`Error`](crate::kernel::error::Error) with its SQLSTATE.
pub fn subtransaction<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
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
