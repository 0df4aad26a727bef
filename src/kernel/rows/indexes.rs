//! Entering rows into indexes.

use crate::kernel::error::Result;
use crate::kernel::rows::open::{OpenIndex, OpenTable};
use crate::kernel::rows::shape::Index;
use pgrx::pg_sys::{self, Datum, IndexUniqueCheck};

/// A row on its page.
pub struct Entry<'r> {
    pub values: &'r [Datum],
    pub nulls: &'r [bool],
    pub place: pg_sys::ItemPointer,
}

/// The indexes of a table that rows are entered into, opened when a row needs them.
pub struct Indexes<'t> {
    table: &'t OpenTable,
    open: Vec<Option<Open>>,
}

struct Open {
    index: OpenIndex,
    info: *mut pg_sys::IndexInfo,
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
        Indexes { table, open: (0..count).map(|_| None).collect() }
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
        let heap = self.table.relation;
        // SAFETY: the table is open and locked.
        let open = self.open[n].get_or_insert_with(|| unsafe { Open::open(index) });
        let at = |key: &i16| *key as usize - 1;
        let mut values: Vec<Datum> = index.keys.iter().map(|key| entry.values[at(key)]).collect();
        let mut nulls: Vec<bool> = index.keys.iter().map(|key| entry.nulls[at(key)]).collect();
        unsafe {
            pg_sys::index_insert(
                open.index.0,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                entry.place,
                heap,
                check,
                unchanged,
                open.info,
            )
        }
    }
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
    unsafe fn open(index: &Index) -> Self {
        unsafe {
            let open = OpenIndex::open(index.oid);
            let info =
                if index.is_btree { std::ptr::null_mut() } else { pg_sys::BuildIndexInfo(open.0) };
            Open { index: open, info }
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
