//! Tables that are open.

use crate::kernel::error::{Error, Result};
use crate::kernel::rows::shape::{Number, Shape, shape_of};
use crate::kernel::spi::require_writable;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;
use std::rc::Rc;

/// A table that a store reaches without statements. It declares each as a static.
pub struct Table {
    pub schema: &'static CStr,
    pub name: &'static CStr,
    /// The CHECKs of the table, and the domains of its columns, that hold for whatever
    /// the store writes: it has made sure of them.
    pub vouched: &'static [&'static str],
}

/// Columns of a table by name, in an order of the store's.
pub struct Columns(pub &'static [&'static str]);

impl Table {
    /// Opens the table for writing; its lock stays until the transaction ends.
    pub fn open(&self) -> Result<OpenTable> {
        require_writable()?;
        let oid = self.oid()?;
        // SAFETY: an error leaves it to the transaction's end, like any other.
        unsafe {
            let relation = pg_sys::table_open(oid, pg_sys::RowExclusiveLock as _);
            Ok(OpenTable { relation, shape: shape_of(relation), vouched: self.vouched })
        }
    }

    pub(super) fn oid(&self) -> Result<Oid> {
        // SAFETY: look-ups in PostgreSQL's caches.
        let oid = unsafe {
            let schema = pg_sys::get_namespace_oid(self.schema.as_ptr(), false);
            pg_sys::get_relname_relid(self.name.as_ptr(), schema)
        };
        if oid == pg_sys::InvalidOid {
            return Err(Error::internal(format!("there is no table {:?}", self.name)));
        }
        Ok(oid)
    }
}

/// A table that is open for writing, until this is dropped.
pub struct OpenTable {
    pub(super) relation: pg_sys::Relation,
    pub(super) shape: Rc<Shape>,
    pub(super) vouched: &'static [&'static str],
}

impl OpenTable {
    /// The numbers of columns.
    pub fn numbers(&self, columns: &Columns) -> Result<Vec<Number>> {
        let number = |name: &&str| {
            let missing = || Error::internal(format!("there is no column {name}"));
            self.shape.number(name).ok_or_else(missing)
        };
        columns.0.iter().map(number).collect()
    }
}

impl Drop for OpenTable {
    fn drop(&mut self) {
        // SAFETY: opened with it. The lock stays.
        unsafe { pg_sys::table_close(self.relation, pg_sys::NoLock as _) };
    }
}

/// An index that is open, until this is dropped.
pub(super) struct OpenIndex(pub pg_sys::Relation);

impl OpenIndex {
    pub unsafe fn open(oid: Oid) -> Self {
        // SAFETY: the caller holds the lock of its table.
        OpenIndex(unsafe { pg_sys::index_open(oid, pg_sys::RowExclusiveLock as _) })
    }
}

impl Drop for OpenIndex {
    fn drop(&mut self) {
        // SAFETY: opened with it. The lock stays.
        unsafe { pg_sys::index_close(self.0, pg_sys::NoLock as _) };
    }
}
