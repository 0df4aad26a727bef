//! Rows that a backend appends to one of our tables without planning a statement.
//!
//! What logical replication does with a row that comes in: triggers, constraints
//! and indexes are served, the caller's rights are not asked, for it is not the
//! caller who writes. Only for columns whose type is no domain: nobody checks it.

use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::c_int;

/// A table, open for rows until it is dropped.
pub struct Appender {
    relation: pg_sys::Relation,
    state: *mut pg_sys::EState,
    target: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Appender {
    /// Opens an ordinary table.
    ///
    /// # Safety
    /// `table` must be an ordinary table, and a snapshot must be active.
    pub unsafe fn open(table: Oid) -> Self {
        unsafe {
            let relation = pg_sys::table_open(table, pg_sys::RowExclusiveLock as c_int);
            let state = pg_sys::CreateExecutorState();
            let target =
                pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()) as *mut pg_sys::ResultRelInfo;
            (*target).type_ = pg_sys::NodeTag::T_ResultRelInfo;
            pg_sys::InitResultRelInfo(target, relation, 0, std::ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(target, false);
            let slot = pg_sys::MakeSingleTupleTableSlot(
                (*relation).rd_att,
                pg_sys::table_slot_callbacks(relation),
            );
            pg_sys::AfterTriggerBeginQuery();
            Appender { relation, state, target, slot }
        }
    }

    /// Appends a row whose columns `value` gives by name; `None` is NULL.
    ///
    /// # Safety
    /// Each value must be of its column's type.
    pub unsafe fn append(&mut self, mut value: impl FnMut(&str) -> Option<Datum>) {
        unsafe {
            if let Some(clear) = (*(*self.slot).tts_ops).clear {
                clear(self.slot);
            }
            let desc = pgrx::PgTupleDesc::from_pg_unchecked((*self.relation).rd_att);
            for (n, attribute) in desc.iter().enumerate() {
                let datum = if attribute.attisdropped { None } else { value(attribute.name()) };
                *(*self.slot).tts_isnull.add(n) = datum.is_none();
                *(*self.slot).tts_values.add(n) = datum.unwrap_or(Datum::null());
            }
            pg_sys::ExecStoreVirtualTuple(self.slot);
            pg_sys::ExecSimpleRelationInsert(self.target, self.state, self.slot);
        }
    }

    /// Runs the triggers and closes the table; its lock stays until the transaction ends.
    pub fn finish(self) {
        // SAFETY: opened above. An error before this leaves it all to the transaction's end.
        unsafe {
            pg_sys::AfterTriggerEndQuery(self.state);
            pg_sys::ExecCloseIndices(self.target);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::ExecCloseResultRelations(self.state);
            pg_sys::FreeExecutorState(self.state);
            pg_sys::table_close(self.relation, pg_sys::NoLock as c_int);
        }
    }
}
