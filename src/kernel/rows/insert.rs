//! Writing rows.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::find::Slot;
use crate::kernel::rows::indexes::{Entry, Indexes, Taken};
use crate::kernel::rows::open::{OpenTable, Table};
use crate::kernel::rows::{self, command_done, general, hook};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, Datum};
use std::ffi::CStr;

/// Where rows go, and which columns they give; the others are NULL. No default is
/// filled in.
pub struct Insert {
    pub(super) table: Table,
    pub(super) columns: &'static [&'static str],
}

/// What became of a row whose key may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Yes,
    /// A key is taken, or is being written by a transaction that has not ended. Nothing
    /// was stored.
    Taken,
    /// Only a statement can store it in this table. Nothing was stored.
    NotHere,
}

/// So many rows go to their pages together.
const AT_ONCE: usize = 500;

impl Insert {
    pub const fn into(
        schema: &'static CStr,
        name: &'static CStr,
        columns: &'static [&'static str],
    ) -> Self {
        Insert { table: Table { schema, name, vouched: &[] }, columns }
    }

    /// CHECKs of the table that hold for all rows of this store, and triggers that have
    /// nothing to do for them.
    pub const fn vouching(mut self, checks: &'static [&'static str]) -> Self {
        self.table.vouched = checks;
        self
    }

    /// Writes rows, each with a value for every column. A text becomes a value of the
    /// column's enumeration. 23505 where a key is taken.
    pub fn run<'a, R: AsRef<[DatumWithOid<'a>]>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<()> {
        let open = self.table.open()?;
        if !open.shape.takes_inserts(self.table.vouched) {
            return general::insert(&open, self.columns, rows);
        }
        let mut writer = Writer::new(&open, self.columns)?;
        let mut rows = rows.into_iter();
        loop {
            let some: Vec<R> = rows.by_ref().take(AT_ONCE).collect();
            match some.as_slice() {
                [] => return Ok(()),
                some if some.iter().any(|row| !writer.is_proved(row.as_ref())) => {
                    general::insert(&open, self.columns, some.iter().map(R::as_ref))?;
                }
                [one] if !writer.is_complex => {
                    writer.write_one(one.as_ref(), Taken::Refuse)?;
                }
                some => writer.write_many(some)?,
            }
        }
    }

    /// Writes a row if its keys are free. It waits for nobody.
    pub fn run_unless_taken(&self, row: &[DatumWithOid<'_>]) -> Result<Stored> {
        let open = self.table.open()?;
        if !rows::sees_latest() || !open.shape.takes_inserts(self.table.vouched) {
            return Ok(Stored::NotHere);
        }
        let mut writer = Writer::new(&open, self.columns)?;
        if writer.is_complex || !writer.is_proved(row) {
            return Ok(Stored::NotHere);
        }
        writer.write_one(row, Taken::Tell)
    }
}

/// For each column of a table, which value of a row it takes.
pub(super) fn places(open: &OpenTable, columns: &[&str]) -> Result<Vec<Option<usize>>> {
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let of = &open.shape.columns;
    let places: Vec<_> =
        of.iter().map(|column| column.as_ref().and_then(|one| place(&one.name))).collect();
    if places.iter().flatten().count() == columns.len() {
        return Ok(places);
    }
    Err(Error::internal(format!("a table lacks a column of {columns:?}")))
}

struct Writer<'t> {
    open: &'t OpenTable,
    /// Whether the executor has a part in entering rows into indexes.
    is_complex: bool,
    places: Vec<Option<usize>>,
    indexes: Indexes<'t>,
    slots: Vec<Slot>,
}

impl<'t> Writer<'t> {
    fn new(open: &'t OpenTable, columns: &[&str]) -> Result<Self> {
        let (places, indexes) = (places(open, columns)?, Indexes::of(open));
        let is_complex = open.shape.indexes.iter().flatten().any(|index| index.is_complex);
        Ok(Writer { open, is_complex, places, indexes, slots: Vec::new() })
    }

    /// Whether no foreign key of the row is to be looked up.
    fn is_proved(&self, row: &[DatumWithOid<'_>]) -> bool {
        let is_null = |number: &i16| {
            let value = self.places[*number as usize - 1].and_then(|place| row.get(place));
            value.is_none_or(|value| value.datum().is_none())
        };
        self.open.shape.unproved().all(|columns| columns.iter().any(is_null))
    }

    fn write_one(&mut self, row: &[DatumWithOid<'_>], taken: Taken) -> Result<Stored> {
        let count = self.places.len();
        let (mut values, mut nulls) = (vec![Datum::null(); count], vec![true; count]);
        self.fill(row, &mut values, &mut nulls)?;
        let heap = self.open.relation;
        // SAFETY: the values are of the columns' types.
        unsafe {
            let nowhere = std::ptr::null_mut();
            let entry =
                Entry { values: &values, nulls: &nulls, place: nowhere, slot: nowhere.cast() };
            if taken == Taken::Tell && self.indexes.is_taken(&entry)? {
                return Ok(Stored::Taken);
            }
            let tuple =
                pg_sys::heap_form_tuple((*heap).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            let command = pg_sys::GetCurrentCommandId(true);
            pg_sys::heap_insert(heap, tuple, command, 0, std::ptr::null_mut());
            let place = &mut (*tuple).t_self;
            let slot = std::ptr::null_mut();
            let entry = Entry { values: &values, nulls: &nulls, place, slot };
            if !self.indexes.enter(&entry, taken)? {
                command_done();
                pg_sys::simple_heap_delete(heap, place);
                return Ok(Stored::Taken);
            }
            self.tell(tuple)?;
            pg_sys::heap_freetuple(tuple);
        }
        Ok(Stored::Yes)
    }

    fn write_many<'a, R: AsRef<[DatumWithOid<'a>]>>(&mut self, rows: &[R]) -> Result<()> {
        let (heap, columns) = (self.open.relation, self.places.len());
        let mut count = 0;
        // SAFETY: every slot has room for a value of each column.
        unsafe {
            for row in rows {
                if count == self.slots.len() {
                    self.slots.push(Slot::of(heap));
                }
                let slot = self.slots[count].0;
                if let Some(clear) = (*(*slot).tts_ops).clear {
                    clear(slot);
                }
                let values = std::slice::from_raw_parts_mut((*slot).tts_values, columns);
                let nulls = std::slice::from_raw_parts_mut((*slot).tts_isnull, columns);
                self.fill(row.as_ref(), values, nulls)?;
                pg_sys::ExecStoreVirtualTuple(slot);
                count += 1;
            }
            let mut slots: Vec<_> = self.slots[..count].iter().map(|slot| slot.0).collect();
            let command = pg_sys::GetCurrentCommandId(true);
            let (first, none) = (slots.as_mut_ptr(), std::ptr::null_mut());
            pg_sys::heap_multi_insert(heap, first, count as i32, command, 0, none);
            for slot in slots {
                let values = std::slice::from_raw_parts((*slot).tts_values, columns);
                let nulls = std::slice::from_raw_parts((*slot).tts_isnull, columns);
                let entry = Entry { values, nulls, place: &mut (*slot).tts_tid, slot };
                self.indexes.enter(&entry, Taken::Refuse)?;
                if self.open.shape.hooks().next().is_some() {
                    let mut free = false;
                    self.tell(pg_sys::ExecFetchSlotHeapTuple(slot, true, &mut free))?;
                }
            }
        }
        Ok(())
    }

    /// Does what triggers would.
    unsafe fn tell(&self, row: pg_sys::HeapTuple) -> Result<()> {
        for arguments in self.open.shape.hooks() {
            // SAFETY: the table is open, and the row is of it.
            unsafe { hook::run(self.open.relation, row, arguments)? };
        }
        Ok(())
    }

    /// A row as the table has it.
    fn fill(
        &self,
        row: &[DatumWithOid<'_>],
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> Result<()> {
        for (n, column) in self.open.shape.columns.iter().enumerate() {
            let Some(column) = column else {
                nulls[n] = true;
                continue;
            };
            let value = self.places[n].and_then(|place| row.get(place));
            // SAFETY: a value's type is checked against the column's.
            let value = value
                .map(|value| unsafe { general::value_for(value, column.type_oid) })
                .transpose()?
                .flatten();
            if value.is_none() && column.not_null {
                let message = format!("a row has no value for {}", column.name);
                return Err(Error::internal(message));
            }
            nulls[n] = value.is_none();
            values[n] = value.unwrap_or(Datum::null());
        }
        Ok(())
    }
}
