//! Entering rows into indexes.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::find::{Slot, begin_scan, dirty_snapshot};
use crate::kernel::rows::open::{OpenIndex, OpenTable};
use crate::kernel::rows::shape::Index;
use pgrx::pg_sys::{self, Datum, IndexUniqueCheck};

/// A row on its page.
pub struct Entry<'r> {
    pub values: &'r [Datum],
    pub nulls: &'r [bool],
    pub place: pg_sys::ItemPointer,
    /// The row in a slot, for the indexes that the executor has a part in.
    pub slot: *mut pg_sys::TupleTableSlot,
}

/// The indexes of a table that rows are entered into, opened when a row needs them.
pub struct Indexes<'t> {
    table: &'t OpenTable,
    open: Vec<Option<Open>>,
    executor: Option<Executor>,
}

struct Open {
    index: OpenIndex,
    info: *mut pg_sys::IndexInfo,
    /// The condition of a complex index, ready to be evaluated; null where there is none.
    condition: *mut pg_sys::ExprState,
}

/// What evaluates expressions and conditions of indexes.
struct Executor {
    state: *mut pg_sys::EState,
    context: *mut pg_sys::ExprContext,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Taken {
    /// A key that is taken is 23505.
    Refuse,
    /// A key that is taken, or may be once another transaction ends, is told.
    Tell,
}

impl<'t> Indexes<'t> {
    pub fn of(table: &'t OpenTable) -> Self {
        let count = table.shape.indexes.as_ref().map_or(0, Vec::len);
        Indexes { table, open: (0..count).map(|_| None).collect(), executor: None }
    }

    /// Whether a unique key of the row is taken, or will be once another transaction ends.
    /// A row that is entered all the same would keep others waiting for this transaction.
    pub unsafe fn is_taken(&mut self, entry: &Entry<'_>) -> Result<bool> {
        for n in 0..self.open.len() {
            let Some(index) = self.index(n).filter(|index| index.unique) else { continue };
            // SAFETY: the caller's row.
            if !is_left_out(index, entry) && unsafe { self.has_key(n, index, entry)? } {
                return Ok(true);
            }
        }
        Ok(false)
    }

    unsafe fn has_key(&mut self, n: usize, index: &Index, entry: &Entry<'_>) -> Result<bool> {
        let at = |key: &i16| *key as usize - 1;
        if index.keys.iter().any(|key| entry.nulls[at(key)]) {
            return Ok(false);
        }
        // SAFETY: the table is open and locked, and the values outlive the scan.
        unsafe {
            let open = self.open[n].get_or_insert_with(|| Open::of(index, None));
            let mut keys = Vec::with_capacity(index.keys.len());
            for (n, key) in index.keys.iter().enumerate().take(index.key_count) {
                keys.push(equal_to(open.index.0, n, entry.values[at(key)])?);
            }
            let (mut snapshot, slot) = (dirty_snapshot(), Slot::of(self.table.relation));
            let scan = begin_scan(self.table.relation, open.index.0, &mut snapshot, &mut keys);
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let found = pg_sys::index_getnext_slot(scan, forward, slot.0);
            pg_sys::index_endscan(scan);
            Ok(found)
        }
    }

    /// Enters a row; false where a key is taken and that is to be told. The row is then
    /// in some of the indexes and must be deleted.
    pub unsafe fn enter(&mut self, entry: &Entry<'_>, taken: Taken) -> Result<bool> {
        // Unique ones first: what is taken is then known soonest.
        for unique in [true, false] {
            for n in 0..self.open.len() {
                let Some(index) = self.index(n).filter(|index| index.unique == unique) else {
                    continue;
                };
                if is_left_out(index, entry) {
                    continue;
                }
                let check = match (unique, taken) {
                    (false, _) => IndexUniqueCheck::UNIQUE_CHECK_NO,
                    (true, Taken::Refuse) => IndexUniqueCheck::UNIQUE_CHECK_YES,
                    (true, Taken::Tell) => IndexUniqueCheck::UNIQUE_CHECK_PARTIAL,
                };
                // SAFETY: the caller's row.
                if !unsafe { self.insert(n, entry, check, false) } && taken == Taken::Tell && unique
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn index(&self, n: usize) -> Option<&'t Index> {
        self.table.shape.indexes.as_ref()?.get(n)
    }

    unsafe fn insert(
        &mut self,
        n: usize,
        entry: &Entry<'_>,
        check: IndexUniqueCheck::Type,
        unchanged: bool,
    ) -> bool {
        let Some(index) = self.index(n) else { return true };
        // SAFETY: the table is open and locked.
        unsafe {
            if index.is_complex {
                return self.insert_complex(n, index, entry, check);
            }
            let open = self.open[n].get_or_insert_with(|| Open::of(index, None));
            let at = |key: &i16| *key as usize - 1;
            let mut values: Vec<Datum> =
                index.keys.iter().map(|key| entry.values[at(key)]).collect();
            let mut nulls: Vec<bool> = index.keys.iter().map(|key| entry.nulls[at(key)]).collect();
            pg_sys::index_insert(
                open.index.0,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                entry.place,
                self.table.relation,
                check,
                unchanged,
                open.info,
            )
        }
    }

    /// As [`Self::insert`], for an index with expressions or a condition of its own.
    unsafe fn insert_complex(
        &mut self,
        n: usize,
        index: &Index,
        entry: &Entry<'_>,
        check: IndexUniqueCheck::Type,
    ) -> bool {
        unsafe {
            let executor = self.executor.get_or_insert_with(|| Executor::start());
            (*executor.context).ecxt_scantuple = entry.slot;
            let open = self.open[n].get_or_insert_with(|| Open::of(index, Some(executor)));
            if !executor.holds(open.condition) {
                return true;
            }
            let (mut values, mut nulls) =
                (vec![Datum::null(); index.keys.len()], vec![false; index.keys.len()]);
            pg_sys::FormIndexDatum(
                open.info,
                entry.slot,
                executor.state,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            pg_sys::index_insert(
                open.index.0,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                entry.place,
                self.table.relation,
                check,
                false,
                open.info,
            )
        }
    }
}

impl Executor {
    unsafe fn start() -> Self {
        unsafe {
            let state = pg_sys::CreateExecutorState();
            // The context that FormIndexDatum uses too.
            Executor { state, context: pg_sys::MakePerTupleExprContext(state) }
        }
    }

    /// Whether a condition is true of the row.
    unsafe fn holds(&self, condition: *mut pg_sys::ExprState) -> bool {
        unsafe {
            let Some(evaluate) = condition.as_ref().and_then(|state| state.evalfunc) else {
                return true;
            };
            let mut is_null = false;
            let value = evaluate(condition, self.context, &mut is_null);
            !is_null && value.value() != 0
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // SAFETY: started with it.
        unsafe { pg_sys::FreeExecutorState(self.state) };
    }
}

/// A column of an index, counted from 0, with this value.
unsafe fn equal_to(
    index: pg_sys::Relation,
    column: usize,
    value: Datum,
) -> Result<pg_sys::ScanKeyData> {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: the index is open and has such a column.
    unsafe {
        let kind = *(*index).rd_opcintype.add(column);
        let (family, equal) = (*(*index).rd_opfamily.add(column), pg_sys::BTEqualStrategyNumber);
        let operator = pg_sys::get_opfamily_member(family, kind, kind, equal as i16);
        let function = pg_sys::get_opcode(operator);
        if function == pg_sys::InvalidOid {
            return Err(Error::internal("an index without equality"));
        }
        let collation = *(*index).rd_indcollation.add(column);
        pg_sys::ScanKeyEntryInitialize(
            &mut key,
            0,
            column as i16 + 1,
            equal as u16,
            pg_sys::InvalidOid,
            collation,
            function,
            value,
        );
    }
    Ok(key)
}

/// Enters a new version of a row, none of whose keys has changed, into all indexes.
pub unsafe fn enter_again(table: &OpenTable, entry: Entry<'_>) -> Result<()> {
    let mut indexes = Indexes::of(table);
    for n in 0..indexes.open.len() {
        let Some(index) = indexes.index(n).filter(|index| !is_left_out(index, &entry)) else {
            continue;
        };
        let check = match index.unique {
            true => IndexUniqueCheck::UNIQUE_CHECK_YES,
            false => IndexUniqueCheck::UNIQUE_CHECK_NO,
        };
        // SAFETY: the caller's row.
        unsafe { indexes.insert(n, &entry, check, true) };
    }
    Ok(())
}

fn is_left_out(index: &Index, entry: &Entry<'_>) -> bool {
    index.not_null.is_some_and(|number| entry.nulls[number as usize - 1])
}

impl Open {
    unsafe fn of(index: &Index, executor: Option<&Executor>) -> Self {
        unsafe {
            let open = OpenIndex::open(index.oid);
            let needs_info = !index.is_btree || index.is_complex;
            let info =
                if needs_info { pg_sys::BuildIndexInfo(open.0) } else { std::ptr::null_mut() };
            let condition = match executor {
                Some(executor) => pg_sys::ExecPrepareQual((*info).ii_Predicate, executor.state),
                None => std::ptr::null_mut(),
            };
            Open { index: open, info, condition }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        if !self.info.is_null() {
            // SAFETY: opened with it.
            unsafe { pg_sys::index_insert_cleanup(self.index.0, self.info) };
        }
    }
}
