//! A row by its primary key, as it is now.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::open::{Columns, OpenIndex, OpenTable};
use crate::kernel::rows::shape::Number;
use pgrx::datum::DatumWithOid;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::AllocatedByRust;
use pgrx::{FromDatum, IntoDatum, direct_function_call};
use std::ffi::CStr;

/// A whole row of a table, as a function returns it.
pub type Record = PgHeapTuple<'static, AllocatedByRust>;

/// The newest version of a row that is committed, or was written by this transaction.
pub struct Row<'t> {
    pub(super) slot: *mut pg_sys::TupleTableSlot,
    pub(super) numbers: &'t [Number],
}

impl Row<'_> {
    /// The value of a column (counted from 0 in the store's order) that is never NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<T> {
        self.opt(column)?
            .ok_or_else(|| Error::internal(format!("column {column} is unexpectedly null")))
    }

    /// The label of an enumeration that is never NULL.
    pub fn label(&self, column: usize) -> Result<String> {
        let label = self.numbers.get(column).filter(|_| self.is_set(column)).map(|number| {
            // SAFETY: the slot holds the row; the column is an enumeration.
            unsafe {
                let datum = *(*self.slot).tts_values.add(*number as usize - 1);
                direct_function_call::<&CStr>(pg_sys::enum_out, &[Some(datum)])
                    .map(|label| label.to_string_lossy().into_owned())
            }
        });
        let missing = || Error::internal(format!("column {column} is no enumeration"));
        label.flatten().ok_or_else(missing)
    }

    /// Whether a column (counted from 0 in the store's order) is not NULL.
    pub fn is_set(&self, column: usize) -> bool {
        self.numbers.get(column).is_some_and(|number| {
            // SAFETY: the slot holds the row, and all its columns were taken apart.
            !unsafe { *(*self.slot).tts_isnull.add(*number as usize - 1) }
        })
    }

    /// The value of a column (counted from 0 in the store's order) that may be NULL. A
    /// text lives as long as the row.
    pub fn opt<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<Option<T>> {
        let number = *self
            .numbers
            .get(column)
            .ok_or_else(|| Error::internal(format!("a row has no column {column}")))?;
        let place = number as usize - 1;
        // SAFETY: the slot holds the row, and all its columns were taken apart.
        unsafe {
            let is_null = *(*self.slot).tts_isnull.add(place);
            Ok(T::from_datum(*(*self.slot).tts_values.add(place), is_null))
        }
    }
}

impl OpenTable {
    /// Whether a row that is committed, or was written by this transaction, has this key.
    pub fn has(&self, key: &[DatumWithOid<'_>]) -> Result<bool> {
        Finder::new(self)?.find(key)
    }

    /// The whole row with this key, as a function returns it.
    pub fn record(&self, key: &[DatumWithOid<'_>]) -> Result<Option<Record>> {
        let mut finder = Finder::new(self)?;
        if !finder.find(key)? {
            return Ok(None);
        }
        // SAFETY: the slot holds the row, which is copied, and the table is open.
        unsafe {
            let datum = pg_sys::ExecFetchSlotHeapTupleDatum(finder.slot.0);
            Ok(Some(Record::from_composite_datum(datum)))
        }
    }

    /// For reading rows by their keys.
    pub fn reader<'t>(&'t self, columns: &Columns) -> Result<Reader<'t>> {
        Ok(Reader { finder: Finder::new(self)?, numbers: self.numbers(columns)? })
    }
}

/// Reads rows of one table as they are now, and locks nothing.
pub struct Reader<'t> {
    finder: Finder<'t>,
    numbers: Vec<Number>,
}

impl Reader<'_> {
    /// What `read` makes of the row with this key, if there is one.
    pub fn get<T>(
        &mut self,
        key: &[DatumWithOid<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        if !self.finder.find(key)? {
            return Ok(None);
        }
        read(&Row { slot: self.finder.slot.0, numbers: &self.numbers }).map(Some)
    }
}

/// A version of a row that was read, to be changed if nobody is faster.
pub struct Version(pub(super) pg_sys::HeapTuple);

impl Reader<'_> {
    /// As [`Self::get`], with the version that was read.
    pub fn version<T>(
        &mut self,
        key: &[DatumWithOid<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<(T, Version)>> {
        let Some(value) = self.get(key, read)? else { return Ok(None) };
        // SAFETY: the slot holds the row. The copy lives as long as the function's memory.
        let version = unsafe { Version(pg_sys::heap_copytuple(self.finder.slot.tuple())) };
        Ok(Some((value, version)))
    }
}

/// A place for one row; it pins the page that the row is on.
pub(super) struct Slot(pub *mut pg_sys::TupleTableSlot);

impl Slot {
    pub unsafe fn of(relation: pg_sys::Relation) -> Self {
        // SAFETY: the relation is open.
        unsafe {
            let kind = pg_sys::table_slot_callbacks(relation);
            Slot(pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, kind))
        }
    }
}

impl Slot {
    /// The row that the slot holds.
    pub unsafe fn tuple(&self) -> pg_sys::HeapTuple {
        let mut free = false;
        // SAFETY: the caller's.
        unsafe { pg_sys::ExecFetchSlotHeapTuple(self.0, false, &mut free) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: made above.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
    }
}

/// Looks rows up by the primary key, one after the other.
pub(super) struct Finder<'t> {
    table: &'t OpenTable,
    index: OpenIndex,
    pub slot: Slot,
    snapshot: Box<pg_sys::SnapshotData>,
    /// The scan, kept from one look to the next; null where there is none.
    scan: pg_sys::IndexScanDesc,
    keys: Vec<pg_sys::ScanKeyData>,
}

impl<'t> Finder<'t> {
    pub fn new(table: &'t OpenTable) -> Result<Self> {
        let index = table
            .shape
            .primary_key
            .ok_or_else(|| Error::internal("a table without a primary key"))?;
        // SAFETY: the table is open.
        unsafe {
            let (index, slot) = (OpenIndex::open(index), Slot::of(table.relation));
            let (snapshot, scan, keys) = (dirty_snapshot(), std::ptr::null_mut(), Vec::new());
            Ok(Finder { table, index, slot, snapshot, scan, keys })
        }
    }

    /// Puts the row with this key into the slot, all its columns taken apart; false
    /// where there is none. One that another transaction is changing is found as it was.
    pub fn find(&mut self, key: &[DatumWithOid<'_>]) -> Result<bool> {
        self.keys = scan_keys(key)?;
        // SAFETY: table and index are open; what the scan pins the slot keeps.
        unsafe {
            let (heap, index) = (self.table.relation, self.index.0);
            if self.scan.is_null() {
                self.scan = begin_scan(heap, index, &mut self.snapshot, &mut self.keys);
            } else {
                let (first, count) = (self.keys.as_mut_ptr(), self.keys.len() as i32);
                pg_sys::index_rescan(self.scan, first, count, std::ptr::null_mut(), 0);
            }
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            while pg_sys::index_getnext_slot(self.scan, forward, self.slot.0) {
                // One that another transaction has just written is not there yet.
                if self.snapshot.xmin == pg_sys::InvalidTransactionId {
                    pg_sys::slot_getsomeattrs_int(self.slot.0, (*(*heap).rd_att).natts);
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }

    /// Ends the scan: whoever waits for a row must not keep a page of the index from
    /// being tidied.
    pub fn rest(&mut self) {
        if !self.scan.is_null() {
            // SAFETY: begun here. The slot has a pin of its own.
            unsafe { pg_sys::index_endscan(self.scan) };
            self.scan = std::ptr::null_mut();
        }
    }
}

impl Drop for Finder<'_> {
    fn drop(&mut self) {
        self.rest();
    }
}

/// A snapshot that sees what is committed at each look, and what is not yet.
pub(super) fn dirty_snapshot() -> Box<pg_sys::SnapshotData> {
    let snapshot_type = pg_sys::SnapshotType::SNAPSHOT_DIRTY;
    Box::new(pg_sys::SnapshotData { snapshot_type, ..Default::default() })
}

/// Looks for keys in an index. All that is given must stay until the scan ends.
pub(super) unsafe fn begin_scan(
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: &mut pg_sys::SnapshotData,
    keys: &mut [pg_sys::ScanKeyData],
) -> pg_sys::IndexScanDesc {
    let count = keys.len() as i32;
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(heap, index, snapshot, std::ptr::null_mut(), count, 0);
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(heap, index, snapshot, count, 0);
        pg_sys::index_rescan(scan, keys.as_mut_ptr(), count, std::ptr::null_mut(), 0);
        scan
    }
}

fn scan_keys(key: &[DatumWithOid<'_>]) -> Result<Vec<pg_sys::ScanKeyData>> {
    let mut keys = Vec::with_capacity(key.len());
    for (n, value) in key.iter().enumerate() {
        let datum = value.datum().map_or(Datum::null(), |datum| datum.sans_lifetime());
        let mut one = pg_sys::ScanKeyData::default();
        let (number, equal) = (n as i16 + 1, pg_sys::BTEqualStrategyNumber as u16);
        // SAFETY: fills in the key; the value outlives the scan.
        unsafe { pg_sys::ScanKeyInit(&mut one, number, equal, equality(value.oid())?, datum) };
        keys.push(one);
    }
    Ok(keys)
}

fn equality(type_oid: Oid) -> Result<pg_sys::RegProcedure> {
    let function = match type_oid {
        pg_sys::INT2OID => pg_sys::F_INT2EQ,
        pg_sys::INT8OID => pg_sys::F_INT8EQ,
        pg_sys::UUIDOID => pg_sys::F_UUID_EQ,
        other => return Err(Error::internal(format!("{other:?} is no type of a key"))),
    };
    Ok(Oid::from(function))
}
