//! What a table demands of whoever writes to it without a statement.

use crate::kernel::rows::hook;
use pgrx::pg_sys::{self, Oid};
use pgrx::{PgList, PgTupleDesc};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::rc::Rc;

/// A column, counted from 1.
pub type Number = i16;

/// An index that rows are entered into.
#[derive(Clone, Debug)]
pub struct Index {
    pub oid: Oid,
    pub unique: bool,
    /// B-trees need nothing but the key.
    pub is_btree: bool,
    /// The columns, those that are only included last.
    pub keys: Vec<Number>,
    pub key_count: usize,
    /// Only rows that have a value here are entered.
    pub not_null: Option<Number>,
    /// Whether it has expressions or another condition, which the executor evaluates.
    pub is_complex: bool,
}

/// What is true of a table until PostgreSQL says that its definition has changed.
#[derive(Debug)]
pub struct Shape {
    /// In the order of the columns; none for a column that was dropped.
    pub columns: Vec<Option<Column>>,
    /// Nothing where an index excludes, or is deferred or half made.
    pub indexes: Option<Vec<Index>>,
    pub primary_key: Option<Oid>,
    checks: Vec<String>,
    is_plain: bool,
    triggers: Vec<Trigger>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub type_oid: Oid,
    pub not_null: bool,
}

#[derive(Debug)]
pub struct Trigger {
    name: String,
    on_insert: bool,
    on_update: bool,
    /// UPDATE OF these; all where there are none.
    columns: Vec<Number>,
    /// A side of a foreign key, which an update concerns only where it changes a key.
    foreign_key: Option<ForeignKey>,
    /// The arguments, where what the trigger does is done without it ([`hook`]).
    ///
    /// [`hook`]: crate::kernel::rows::hook
    pub hooked: Option<Vec<String>>,
}

#[derive(Debug, PartialEq)]
enum ForeignKey {
    Referenced,
    /// The columns that refer.
    Referring(Vec<Number>),
}

impl Shape {
    /// The number of a column.
    pub fn number(&self, name: &str) -> Option<Number> {
        let found = self
            .columns
            .iter()
            .position(|column| column.as_ref().is_some_and(|column| column.name == name))?;
        Some(found as Number + 1)
    }

    fn is_direct(&self, vouched: &[&str]) -> bool {
        // Of a session that plays replica other triggers fire.
        // SAFETY: a plain global of the backend.
        let role = unsafe { pg_sys::SessionReplicationRole };
        self.is_plain
            && role == pg_sys::SESSION_REPLICATION_ROLE_ORIGIN as i32
            && self.checks.iter().all(|check| vouched.contains(&check.as_str()))
    }

    /// Whether rows can be written without the executor, if the store vouches for the
    /// CHECKs named here, and that triggers named here have nothing to do.
    pub fn takes_inserts(&self, vouched: &[&str]) -> bool {
        let passes = |trigger: &Trigger| {
            !trigger.on_insert
                || trigger.hooked.is_some()
                || matches!(trigger.foreign_key, Some(ForeignKey::Referring(_)))
                || vouched.contains(&trigger.name.as_str())
        };
        self.is_direct(vouched) && self.indexes.is_some() && self.triggers.iter().all(passes)
    }

    /// Foreign keys that must be looked up for a row with values in all of the columns.
    pub fn unproved(&self) -> impl Iterator<Item = &Vec<Number>> {
        self.triggers.iter().filter(|trigger| trigger.on_insert).filter_map(
            |trigger| match &trigger.foreign_key {
                Some(ForeignKey::Referring(columns)) => Some(columns),
                _ => None,
            },
        )
    }

    /// The triggers whose work is done without them when a row was written.
    pub fn hooks(&self) -> impl Iterator<Item = &Vec<String>> {
        let on_insert = self.triggers.iter().filter(|trigger| trigger.on_insert);
        on_insert.filter_map(|trigger| trigger.hooked.as_ref())
    }

    /// Whether these columns can be changed without the executor, if the CHECKs named
    /// here hold.
    pub fn takes_updates(&self, vouched: &[&str], changed: &[Number]) -> bool {
        let Some(indexes) = &self.indexes else { return false };
        let is_key = |number: &Number| {
            let concerns =
                |index: &Index| index.keys.contains(number) || index.not_null == Some(*number);
            indexes.iter().any(concerns)
        };
        self.is_direct(vouched)
            && indexes.iter().all(|index| index.is_btree && !index.is_complex)
            && !changed.iter().any(is_key)
            && !self.triggers.iter().any(|trigger| trigger.fires_on_update(changed))
    }

    /// The columns of each foreign key of the table.
    pub fn references(&self) -> impl Iterator<Item = &Vec<Number>> {
        self.triggers.iter().filter_map(Trigger::refers)
    }
}

impl Trigger {
    fn refers(&self) -> Option<&Vec<Number>> {
        match &self.foreign_key {
            Some(ForeignKey::Referring(columns)) => Some(columns),
            _ => None,
        }
    }

    fn fires_on_update(&self, changed: &[Number]) -> bool {
        // No key is among the columns that may be changed here.
        self.on_update
            && self.foreign_key.is_none()
            && (self.columns.is_empty()
                || self.columns.iter().any(|column| changed.contains(column)))
    }
}

thread_local! {
    static SHAPES: RefCell<HashMap<Oid, Rc<Shape>>> = RefCell::default();
    /// The tables and indexes whose change makes shapes wrong.
    static WATCHED: RefCell<HashSet<Oid>> = RefCell::default();
}

/// Runs once in every backend.
pub fn init() {
    // SAFETY: the callback lives as long as the backend.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_change), pg_sys::Datum::null()) };
}

/// PostgreSQL may run this wherever it looks at its catalogs, so nothing here does.
unsafe extern "C-unwind" fn on_change(_: pg_sys::Datum, relation: Oid) {
    let concerns = relation == pg_sys::InvalidOid
        || WATCHED.with_borrow(|watched| watched.contains(&relation));
    if concerns {
        SHAPES.with_borrow_mut(HashMap::clear);
    }
}

/// The shape of a table that is open and locked: nobody can change it meanwhile.
pub unsafe fn shape_of(relation: pg_sys::Relation) -> Rc<Shape> {
    // SAFETY: the caller's.
    unsafe {
        let oid = (*relation).rd_id;
        if let Some(shape) = SHAPES.with_borrow(|shapes| shapes.get(&oid).cloned()) {
            return shape;
        }
        let shape = Rc::new(read(relation));
        let indexes = shape.indexes.iter().flatten().map(|index| index.oid);
        WATCHED.with_borrow_mut(|watched| watched.extend(indexes.chain([oid])));
        SHAPES.with_borrow_mut(|shapes| shapes.insert(oid, shape.clone()));
        shape
    }
}

unsafe fn read(relation: pg_sys::Relation) -> Shape {
    unsafe {
        let desc = PgTupleDesc::from_pg_unchecked((*relation).rd_att);
        let columns = desc
            .iter()
            .map(|attribute| {
                (!attribute.attisdropped).then(|| Column {
                    name: attribute.name().to_owned(),
                    type_oid: attribute.atttypid,
                    not_null: attribute.attnotnull,
                })
            })
            .collect();
        let constraints = (*(*relation).rd_att).constr.as_ref();
        let class = &*(*relation).rd_rel;
        Shape {
            columns,
            indexes: read_indexes(relation),
            primary_key: primary_key(relation),
            checks: constraints.map(|constraints| checks(constraints)).unwrap_or_default(),
            is_plain: class.relkind as u8 == pg_sys::RELKIND_RELATION
                && class.relam == pg_sys::HEAP_TABLE_AM_OID
                && !class.relispartition
                && !constraints.is_some_and(is_generated),
            triggers: triggers(relation),
        }
    }
}

fn is_generated(constraints: &pg_sys::TupleConstr) -> bool {
    #[cfg(feature = "pg18")]
    if constraints.has_generated_virtual {
        return true;
    }
    constraints.has_generated_stored
}

unsafe fn checks(constraints: &pg_sys::TupleConstr) -> Vec<String> {
    let count = usize::from(constraints.num_check);
    let name = |n| unsafe { CStr::from_ptr((*constraints.check.add(n)).ccname) };
    (0..count).map(|n| name(n).to_string_lossy().into_owned()).collect()
}

unsafe fn primary_key(relation: pg_sys::Relation) -> Option<Oid> {
    #[cfg(feature = "pg18")]
    let oid = unsafe { pg_sys::RelationGetPrimaryKeyIndex(relation, false) };
    #[cfg(not(feature = "pg18"))]
    let oid = unsafe { pg_sys::RelationGetPrimaryKeyIndex(relation) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

unsafe fn triggers(relation: pg_sys::Relation) -> Vec<Trigger> {
    unsafe {
        let Some(desc) = (*relation).trigdesc.as_ref() else { return Vec::new() };
        let all = std::slice::from_raw_parts(desc.triggers, desc.numtriggers as usize);
        // Disabled ones, and those for a session that plays replica, do not fire.
        let fires = |trigger: &&pg_sys::Trigger| [b'O', b'A'].contains(&(trigger.tgenabled as u8));
        all.iter().filter(fires).map(|trigger| read_trigger(relation, trigger)).collect()
    }
}

unsafe fn read_trigger(relation: pg_sys::Relation, trigger: &pg_sys::Trigger) -> Trigger {
    unsafe {
        let kind = trigger.tgtype as u32;
        let foreign_key = match pg_sys::RI_FKey_trigger_type(trigger.tgfoid) as u32 {
            pg_sys::RI_TRIGGER_PK => Some(ForeignKey::Referenced),
            pg_sys::RI_TRIGGER_FK => {
                Some(ForeignKey::Referring(referring(relation, trigger.tgconstraint)))
            }
            _ => None,
        };
        let after_row = kind & pg_sys::TRIGGER_TYPE_ROW != 0
            && kind & (pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSTEAD) == 0;
        let plain = after_row && trigger.tgqual.is_null() && !trigger.tgdeferrable;
        let arguments = || {
            let one = |n| CStr::from_ptr(*trigger.tgargs.add(n)).to_string_lossy().into_owned();
            (0..trigger.tgnargs as usize).map(one).collect()
        };
        Trigger {
            name: CStr::from_ptr(trigger.tgname).to_string_lossy().into_owned(),
            on_insert: kind & pg_sys::TRIGGER_TYPE_INSERT != 0,
            on_update: kind & pg_sys::TRIGGER_TYPE_UPDATE != 0,
            columns: (0..trigger.tgnattr as usize).map(|n| *trigger.tgattr.add(n)).collect(),
            foreign_key,
            hooked: (plain && hook::is_hooked(trigger.tgfoid)).then(arguments),
        }
    }
}

/// The columns of a foreign key that refer; none where it is not found, and then every
/// row is looked up.
unsafe fn referring(relation: pg_sys::Relation, constraint: Oid) -> Vec<Number> {
    unsafe {
        let list = pg_sys::RelationGetFKeyList(relation);
        let keys = PgList::<pg_sys::ForeignKeyCacheInfo>::from_pg(list);
        let found = keys.iter_ptr().map(|key| &*key).find(|key| key.conoid == constraint);
        found.map(|key| key.conkey[..key.nkeys as usize].to_vec()).unwrap_or_default()
    }
}

/// All indexes, or nothing where one asks for more than entering rows.
unsafe fn read_indexes(relation: pg_sys::Relation) -> Option<Vec<Index>> {
    unsafe {
        let list = PgList::<i32>::from_pg(pg_sys::RelationGetIndexList(relation));
        let oids: Vec<Oid> = list.iter_oid().collect();
        oids.into_iter().map(|oid| read_index(oid)).collect()
    }
}

unsafe fn read_index(oid: Oid) -> Option<Index> {
    unsafe {
        let index = pg_sys::index_open(oid, pg_sys::AccessShareLock as _);
        let row = &*(*index).rd_index;
        let keys = row.indkey.values.as_slice(row.indnatts as usize);
        let unique = row.indisunique;
        let is_btree = (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID;
        let predicate = PgList::<pg_sys::Node>::from_pg(pg_sys::RelationGetIndexPredicate(index));
        let not_null = predicate.get_ptr(0).and_then(|node| column_not_null(node));
        let is_complex = keys.contains(&0) || predicate.len() != usize::from(not_null.is_some());
        let usable = row.indisready
            && row.indisvalid
            && row.indislive
            && row.indimmediate
            && !row.indisexclusion
            && (is_btree || !unique);
        let (keys, key_count) = (keys.to_vec(), row.indnkeyatts as usize);
        pg_sys::index_close(index, pg_sys::AccessShareLock as _);
        usable.then_some(Index { oid, unique, is_btree, keys, key_count, not_null, is_complex })
    }
}

/// The column of a condition `column is not null`.
unsafe fn column_not_null(node: *mut pg_sys::Node) -> Option<Number> {
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_NullTest {
            return None;
        }
        let test = &*node.cast::<pg_sys::NullTest>();
        let is_column = (*test.arg).type_ == pg_sys::NodeTag::T_Var;
        (test.nulltesttype == pg_sys::NullTestType::IS_NOT_NULL && is_column)
            .then(|| (*test.arg.cast::<pg_sys::Var>()).varattno)
    }
}
