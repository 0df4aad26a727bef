//! How SQL is run: statements that are prepared once in a backend and kept.
//!
//! A module's `store.rs` declares each statement as a static [`Query`] and calls
//! it with arguments. Statements name every object with its schema, so a plan
//! outlives DDL and changes of search_path.

use crate::kernel::error::{Error, Result, catching, sqlstate};
use pgrx::datum::DatumWithOid;
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum};
use std::cell::Cell;
use std::ffi::{CString, c_char, c_int};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A kept plan; null until its first use. A backend runs one thread, so a
/// `static` needs no lock.
struct Plan(Cell<pg_sys::SPIPlanPtr>);
// SAFETY: only the backend's one thread ever touches a plan.
unsafe impl Sync for Plan {}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Takes no transaction id: also works on a replica.
    Read,
    /// Reads what is committed now, even if the caller's snapshot is older.
    ReadLatest,
    Write,
}

/// One SQL statement, prepared at its first use with the types of its arguments.
pub struct Query {
    sql: &'static str,
    mode: Mode,
    cursor_options: c_int,
    plan: Plan,
}

/// One row of a result.
pub struct Row<'r> {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
    /// Where values live on when the result is freed.
    memory: pg_sys::MemoryContext,
    result: PhantomData<&'r ()>,
}

impl Row<'_> {
    /// The value of a column (counted from 1) that is never NULL.
    pub fn get<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<T> {
        self.opt(column)?
            .ok_or_else(|| Error::internal(format!("column {column} is unexpectedly null")))
    }

    /// The value of a column (counted from 1) that may be NULL. One of a domain is
    /// read as the domain's type.
    pub fn opt<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<Option<T>> {
        let number = column as c_int;
        let mut is_null = false;
        // SAFETY: the result is open, and PostgreSQL refuses a column that is not there.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.desc, number, &mut is_null);
            if pg_sys::SPI_result == pg_sys::SPI_ERROR_NOATTRIBUTE {
                return Err(Error::internal(format!("a statement gave no column {column}")));
            }
            let mut type_oid = pg_sys::SPI_gettypeid(self.desc, number);
            if !T::is_compatible_with(type_oid) {
                type_oid = pg_sys::getBaseType(type_oid);
            }
            let memory = PgMemoryContexts::For(self.memory);
            T::try_from_datum_in_memory_context(memory, datum, is_null, type_oid)
                .map_err(|e| Error::internal(e.to_string()))
        }
    }
}

impl Query {
    /// A statement that only reads and locks nothing.
    pub const fn read(sql: &'static str) -> Self {
        Query { sql, mode: Mode::Read, cursor_options: 0, plan: Plan::none() }
    }

    /// A statement that reads what is committed when it runs, or was written by this
    /// transaction, whatever the snapshot of the caller: for what backends keep.
    pub const fn read_latest(sql: &'static str) -> Self {
        Query { sql, mode: Mode::ReadLatest, cursor_options: 0, plan: Plan::none() }
    }

    /// A statement that writes or locks (`select … for update` included).
    pub const fn write(sql: &'static str) -> Self {
        Query { sql, mode: Mode::Write, cursor_options: 0, plan: Plan::none() }
    }

    /// Planned once for all values of its arguments, where PostgreSQL would compare
    /// the costs again and again: for statements that arrays are unnested in.
    pub const fn generic(mut self) -> Self {
        self.cursor_options = pg_sys::CURSOR_OPT_GENERIC_PLAN as c_int;
        self
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
        let limit = if self.mode == Mode::Write { 0 } else { 1 };
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
        let connection = Connection::open()?;
        connection.execute(self.plan(args)?, self.mode, args, 0)
    }

    // Each call has an SPI connection of its own (40 ns): result tables are
    // freed when it closes, so long loops do not eat memory.
    fn fetch<T>(
        &self,
        args: &[DatumWithOid<'_>],
        limit: i64,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let connection = Connection::open()?;
        connection.execute(self.plan(args)?, self.mode, args, limit)?;
        connection.rows(map)
    }

    fn plan(&self, args: &[DatumWithOid<'_>]) -> Result<pg_sys::SPIPlanPtr> {
        let mut plan = self.plan.0.get();
        if plan.is_null() {
            plan = prepare(self.sql, args, self.cursor_options)?;
            // SAFETY: just prepared; a kept plan is never freed.
            if unsafe { pg_sys::SPI_keepplan(plan) } != 0 {
                return Err(Error::internal(format!("cannot be kept: {}", self.sql)));
            }
            self.plan.0.set(plan);
        }
        // SAFETY: the plan is kept.
        if unsafe { pg_sys::SPI_getargcount(plan) } != args.len() as c_int {
            return Err(Error::internal(format!("{} arguments: {}", args.len(), self.sql)));
        }
        Ok(plan)
    }
}

/// A plan that lives as long as the connection.
fn prepare(sql: &str, args: &[DatumWithOid<'_>], options: c_int) -> Result<pg_sys::SPIPlanPtr> {
    let text = CString::new(sql).map_err(|e| Error::internal(e.to_string()))?;
    let mut types: Vec<Oid> = args.iter().map(|arg| arg.oid()).collect();
    let (count, types) = (types.len() as c_int, types.as_mut_ptr());
    // SAFETY: the arguments outlive the call.
    let plan = unsafe { pg_sys::SPI_prepare_cursor(text.as_ptr(), count, types, options) };
    if plan.is_null() {
        return Err(Error::internal(format!("cannot be prepared: {sql}")));
    }
    Ok(plan)
}

impl Plan {
    const fn none() -> Self {
        Plan(Cell::new(std::ptr::null_mut()))
    }
}

/// An SPI connection; closing it frees what statements gave.
struct Connection {
    outside: pg_sys::MemoryContext,
}

impl Connection {
    fn open() -> Result<Self> {
        // SAFETY: only functions and triggers run this, so a transaction is open.
        unsafe {
            let outside = pg_sys::CurrentMemoryContext;
            match pg_sys::SPI_connect() {
                status if status == pg_sys::SPI_OK_CONNECT as c_int => Ok(Connection { outside }),
                status => Err(Error::internal(format!("SPI does not connect: {status}"))),
            }
        }
    }

    /// Runs a plan with as many values as it was prepared with; how many rows it touched.
    fn execute(
        &self,
        plan: pg_sys::SPIPlanPtr,
        mode: Mode,
        args: &[DatumWithOid<'_>],
        limit: i64,
    ) -> Result<usize> {
        if mode == Mode::Write {
            require_writable()?;
        }
        let null = |arg: &DatumWithOid<'_>| if arg.datum().is_some() { b' ' } else { b'n' };
        let nulls: Vec<c_char> = args.iter().map(|arg| null(arg) as c_char).collect();
        let mut values: Vec<Datum> = args
            .iter()
            .map(|arg| arg.datum().map_or(Datum::null(), |datum| datum.sans_lifetime()))
            .collect();
        // SAFETY: the plan and the values are alive.
        unsafe {
            // What this transaction wrote is seen by a statement with a snapshot of its own.
            let wrote = pg_sys::GetTopTransactionIdIfAny() != pg_sys::InvalidTransactionId;
            let read_only = match mode {
                Mode::Read => !wrote,
                Mode::ReadLatest => true,
                Mode::Write => false,
            };
            // In parallel mode PostgreSQL takes no new snapshot.
            let latest = mode == Mode::ReadLatest && !pg_sys::IsInParallelMode();
            if latest {
                pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
            }
            let (values, nulls) = (values.as_mut_ptr(), nulls.as_ptr());
            let status = pg_sys::SPI_execute_plan(plan, values, nulls, read_only, limit as _);
            if latest {
                pg_sys::PopActiveSnapshot();
            }
            if status < 0 {
                return Err(Error::internal(format!("SPI answered {status}")));
            }
            Ok(pg_sys::SPI_processed as usize)
        }
    }

    /// The rows that the last statement gave, each made into a `T`.
    fn rows<T>(&self, mut map: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        // SAFETY: the table is the last statement's, and lives until the connection closes.
        unsafe {
            let Some(table) = pg_sys::SPI_tuptable.as_ref() else {
                return Err(Error::internal("a statement gave no rows"));
            };
            let mut rows = Vec::with_capacity(table.numvals as usize);
            for n in 0..table.numvals as usize {
                let tuple = *table.vals.add(n);
                let (desc, memory) = (table.tupdesc, self.outside);
                rows.push(map(&Row { tuple, desc, memory, result: PhantomData })?);
            }
            Ok(rows)
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened above. After an error PostgreSQL has nothing left to free.
        unsafe { pg_sys::SPI_finish() };
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
        let connection = Connection::open()?;
        connection.execute(prepare(self.sql, args, 0)?, self.mode, args, 0)
    }

    /// The first column of all rows.
    pub fn all<T: IntoDatum + FromDatum>(&self, args: &[DatumWithOid<'_>]) -> Result<Vec<T>> {
        let connection = Connection::open()?;
        connection.execute(prepare(self.sql, args, 0)?, self.mode, args, 0)?;
        connection.rows(|row| row.get(1))
    }

    /// The first column of the one row that the statement always gives.
    pub fn one<T: IntoDatum + FromDatum>(&self, args: &[DatumWithOid<'_>]) -> Result<T> {
        let rows = self.all(args)?;
        rows.into_iter().next().ok_or_else(|| Error::internal("a statement gave no row"))
    }
}

/// 25006 in a transaction that only reads, a GET or any on a replica: said at once, and
/// what to do instead.
pub fn require_writable() -> Result<()> {
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
