//! Writing rows through the executor, for tables whose [`Shape`] asks for more than heap
//! and indexes.
//!
//! What logical replication does with a row that comes in: domains, constraints,
//! triggers for each row and indexes are served, but nothing is planned, no default is
//! filled in, and nobody's rights are asked. A table with INSERT triggers for each
//! statement is refused.
//!
//! [`Shape`]: crate::kernel::rows::shape::Shape

use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::rows::insert::places;
use crate::kernel::rows::open::OpenTable;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{IntoDatum, direct_function_call};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_void};

/// Writes rows, each with a value for every one of `columns`; the triggers run after
/// the last.
pub fn insert<'a, R: AsRef<[DatumWithOid<'a>]>>(
    open: &OpenTable,
    columns: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<()> {
    let columns: Vec<(Oid, Option<usize>)> = open
        .shape
        .columns
        .iter()
        .zip(places(open, columns)?)
        .map(|(column, place)| {
            (column.as_ref().map_or(pg_sys::InvalidOid, |column| column.type_oid), place)
        })
        .collect();
    // SAFETY: an ordinary table; every value is checked to be of its column's type.
    unsafe {
        let mut target = Target::open(open.relation)?;
        for row in rows {
            target.append(&columns, row.as_ref())?;
        }
        target.finish();
    }
    Ok(())
}

/// A table that is open for rows.
struct Target {
    state: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Target {
    unsafe fn open(relation: pg_sys::Relation) -> Result<Self> {
        unsafe {
            if (*(*relation).rd_rel).relkind as u8 != pg_sys::RELKIND_RELATION {
                return Err(Error::internal("rows are written to ordinary tables only"));
            }
            refuse_statement_triggers(relation)?;
            let state = pg_sys::CreateExecutorState();
            let result =
                pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()) as *mut pg_sys::ResultRelInfo;
            (*result).type_ = pg_sys::NodeTag::T_ResultRelInfo;
            pg_sys::InitResultRelInfo(result, relation, 0, std::ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, false);
            let kind = pg_sys::table_slot_callbacks(relation);
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, kind);
            pg_sys::AfterTriggerBeginQuery();
            Ok(Target { state, result, slot })
        }
    }

    unsafe fn append(
        &mut self,
        columns: &[(Oid, Option<usize>)],
        row: &[DatumWithOid<'_>],
    ) -> Result<()> {
        unsafe {
            if let Some(clear) = (*(*self.slot).tts_ops).clear {
                clear(self.slot);
            }
            for (n, (column, place)) in columns.iter().enumerate() {
                let value = place.and_then(|place| row.get(place));
                let value = value.map(|value| value_for(value, *column)).transpose()?.flatten();
                *(*self.slot).tts_isnull.add(n) = value.is_none();
                *(*self.slot).tts_values.add(n) = value.unwrap_or(Datum::null());
            }
            pg_sys::ExecStoreVirtualTuple(self.slot);
            pg_sys::ExecSimpleRelationInsert(self.result, self.state, self.slot);
        }
        Ok(())
    }

    /// Runs the triggers. An error before this leaves it all to the transaction's end.
    unsafe fn finish(self) {
        unsafe {
            pg_sys::AfterTriggerEndQuery(self.state);
            pg_sys::ExecCloseIndices(self.result);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::ExecCloseResultRelations(self.state);
            pg_sys::ExecResetTupleTable((*self.state).es_tupleTable, false);
            pg_sys::FreeExecutorState(self.state);
        }
    }
}

/// Only triggers for each row are run here; one for each statement that somebody put
/// on the table would be passed over in silence.
unsafe fn refuse_statement_triggers(relation: pg_sys::Relation) -> Result<()> {
    // SAFETY: the relation is open.
    let Some(triggers) = (unsafe { (*relation).trigdesc.as_ref() }) else { return Ok(()) };
    if !triggers.trig_insert_before_statement
        && !triggers.trig_insert_after_statement
        && !triggers.trig_insert_new_table
    {
        return Ok(());
    }
    let rule = "this table takes INSERT triggers for each row only, without transition tables";
    Err(Error::new(sqlstate::NOT_CONFIGURED, rule))
}

/// A value as the column's type has it.
pub unsafe fn value_for(value: &DatumWithOid<'_>, column: Oid) -> Result<Option<Datum>> {
    let (given, datum) = (value.oid(), value.datum().map(|datum| datum.sans_lifetime()));
    if given == column {
        return Ok(datum);
    }
    unsafe {
        if pg_sys::getBaseType(column) == given {
            check_domain(datum, column);
            return Ok(datum);
        }
        if given == pg_sys::TEXTOID && pg_sys::type_is_enum(column) {
            return datum.map(|label| enumerated(label, column)).transpose();
        }
    }
    Err(Error::internal(format!("a value of type {given:?} for a column of type {column:?}")))
}

thread_local! {
    /// What PostgreSQL keeps of domains between checks, in memory of the backend.
    static DOMAINS: RefCell<HashMap<Oid, *mut *mut c_void>> = RefCell::default();
}

unsafe fn check_domain(value: Option<Datum>, domain: Oid) {
    // One place for each domain, for good: PostgreSQL fills it in before it refuses a value.
    let kept = DOMAINS.with_borrow_mut(|domains| {
        *domains.entry(domain).or_insert_with(|| Box::leak(Box::new(std::ptr::null_mut())))
    });
    let raw = value.unwrap_or(Datum::null());
    unsafe {
        let memory = pg_sys::TopMemoryContext;
        pg_sys::domain_check(raw, value.is_none(), domain, kept, memory);
    }
}

unsafe fn enumerated(label: Datum, column: Oid) -> Result<Datum> {
    let text = unsafe { <String as pgrx::FromDatum>::from_datum(label, false) };
    let text =
        CString::new(text.unwrap_or_default()).map_err(|e| Error::internal(e.to_string()))?;
    let args = [text.as_c_str().into_datum(), column.into_datum()];
    // SAFETY: the input function of enumerations, which refuses other labels.
    let value: Option<Oid> = unsafe { direct_function_call(pg_sys::enum_in, &args) };
    value.map(|oid| Datum::from(oid.to_u32())).ok_or_else(|| Error::internal("no such label"))
}
