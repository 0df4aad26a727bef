//! Changing rows: compare and swap.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::find::{Finder, Row, Version};
use crate::kernel::rows::indexes::Entry;
use crate::kernel::rows::open::OpenTable;
use crate::kernel::rows::shape::Number;
use crate::kernel::rows::{command_done, indexes};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, Datum};

/// What to do with a row that was found.
pub enum Decision<'a, T> {
    /// Leave it as it is.
    Keep(T),
    /// Set the columns that were announced to these values.
    Set(T, Vec<DatumWithOid<'a>>),
}

/// Changes rows of one table, of which always the same columns.
pub struct Changer<'t> {
    table: &'t OpenTable,
    finder: Finder<'t>,
    numbers: Vec<Number>,
    changed: Vec<Number>,
}

impl OpenTable {
    /// For changing the columns `changed`, places in `columns`; nothing where the table
    /// does not allow it without a statement.
    pub fn changer<'t>(
        &'t self,
        columns: &super::Columns,
        changed: &[usize],
    ) -> Result<Option<Changer<'t>>> {
        let numbers = self.numbers(columns)?;
        let changed: Vec<Number> = changed.iter().map(|place| numbers[*place]).collect();
        if !self.shape.takes_updates(self.vouched, &changed) {
            return Ok(None);
        }
        Ok(Some(Changer { table: self, finder: Finder::new(self)?, numbers, changed }))
    }
}

impl Changer<'_> {
    /// Changes the row with this key as `decide` says of its newest version. Where
    /// another transaction changes it first, this waits for that one and decides anew;
    /// so `decide` must do nothing but decide. Nothing where there is no such row, or
    /// where only a statement may change it.
    pub fn change<'a, T>(
        &mut self,
        key: &[DatumWithOid<'_>],
        mut decide: impl FnMut(&Row<'_>) -> Result<Decision<'a, T>>,
    ) -> Result<Option<T>> {
        loop {
            let found = self.finder.find(key)?;
            self.finder.rest();
            // SAFETY: the slot holds the row.
            if !found || self.is_unchecked(unsafe { self.finder.slot.tuple() }) {
                return Ok(None);
            }
            let row = Row { slot: self.finder.slot.0, numbers: &self.numbers };
            let (outcome, values) = match decide(&row)? {
                Decision::Keep(outcome) => return Ok(Some(outcome)),
                Decision::Set(outcome, values) => (outcome, values),
            };
            // SAFETY: the slot holds the version that was decided on.
            match unsafe { self.replace(self.finder.slot.tuple(), &values)? } {
                pg_sys::TM_Result::TM_Ok => return Ok(Some(outcome)),
                pg_sys::TM_Result::TM_Updated => (),
                // Written by the command that is running.
                pg_sys::TM_Result::TM_Invisible => command_done(),
                pg_sys::TM_Result::TM_Deleted => return Ok(None),
                other => return Err(Error::internal(format!("an update gave {other}"))),
            }
        }
    }

    /// A row that this transaction wrote, whose foreign keys PostgreSQL may not have
    /// checked yet: it would check the new version then.
    fn is_unchecked(&self, row: pg_sys::HeapTuple) -> bool {
        // SAFETY: a tuple of the table, which is open.
        unsafe {
            let desc = (*self.table.relation).rd_att;
            let is_null = |number: &Number| pg_sys::heap_attisnull(row, (*number).into(), desc);
            let refers = |columns: &Vec<Number>| !columns.iter().any(is_null);
            let writer = (*(*row).t_data).t_choice.t_heap.t_xmin;
            pg_sys::TransactionIdIsCurrentTransactionId(writer)
                && self.table.shape.references().any(refers)
        }
    }

    /// Changes a row if the version that was read is still the newest. False where it is
    /// not, or where only a statement may change it.
    pub fn swap(&self, version: &Version, values: &[DatumWithOid<'_>]) -> Result<bool> {
        if self.is_unchecked(version.0) {
            return Ok(false);
        }
        // SAFETY: a copy of a tuple of this table.
        match unsafe { self.replace(version.0, values)? } {
            pg_sys::TM_Result::TM_Ok => Ok(true),
            pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted => Ok(false),
            other => Err(Error::internal(format!("an update gave {other}"))),
        }
    }

    unsafe fn replace(
        &self,
        old: pg_sys::HeapTuple,
        values: &[DatumWithOid<'_>],
    ) -> Result<pg_sys::TM_Result::Type> {
        let mut columns: Vec<i32> = self.changed.iter().map(|n| i32::from(*n)).collect();
        let datum = |value: &DatumWithOid<'_>| {
            value.datum().map_or(Datum::null(), |datum| datum.sans_lifetime())
        };
        let mut data: Vec<Datum> = values.iter().map(datum).collect();
        let mut nulls: Vec<bool> = values.iter().map(|value| value.datum().is_none()).collect();
        if data.len() != columns.len() {
            return Err(Error::internal("a change has another number of values than columns"));
        }
        let heap = self.table.relation;
        unsafe {
            let mut place = (*old).t_self;
            let (count, desc) = (columns.len() as i32, (*heap).rd_att);
            let new = pg_sys::heap_modify_tuple_by_cols(
                old,
                desc,
                count,
                columns.as_mut_ptr(),
                data.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            let outcome = update(heap, &mut place, new);
            if outcome == pg_sys::TM_Result::TM_Ok
                && (*(*new).t_data).t_infomask2 as u32 & pg_sys::HEAP_ONLY_TUPLE == 0
            {
                self.enter(new)?;
            }
            pg_sys::heap_freetuple(new);
            Ok(outcome)
        }
    }

    /// Enters a version that did not fit on its page into the indexes.
    unsafe fn enter(&self, new: pg_sys::HeapTuple) -> Result<()> {
        unsafe {
            let desc = (*self.table.relation).rd_att;
            let count = (*desc).natts as usize;
            let (mut values, mut nulls) = (vec![Datum::null(); count], vec![false; count]);
            pg_sys::heap_deform_tuple(new, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            let (place, slot) = (&mut (*new).t_self as *mut _, std::ptr::null_mut());
            let entry = Entry { values: &values, nulls: &nulls, place, slot };
            indexes::enter_again(self.table, entry)
        }
    }
}

/// Swaps a version of a row for another if it is still the newest; waits for whoever
/// is changing it.
unsafe fn update(
    heap: pg_sys::Relation,
    place: pg_sys::ItemPointer,
    new: pg_sys::HeapTuple,
) -> pg_sys::TM_Result::Type {
    let (mut failure, mut lock) = (pg_sys::TM_FailureData::default(), 0);
    unsafe {
        let command = pg_sys::GetCurrentCommandId(true);
        let any = std::ptr::null_mut();
        #[cfg(feature = "pg15")]
        return pg_sys::heap_update(heap, place, new, command, any, true, &mut failure, &mut lock);
        #[cfg(not(feature = "pg15"))]
        {
            let mut indexes = 0;
            pg_sys::heap_update(
                heap,
                place,
                new,
                command,
                any,
                true,
                &mut failure,
                &mut lock,
                &mut indexes,
            )
        }
    }
}
