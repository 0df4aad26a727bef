//! What the database knows about a person: which columns, how they are exported
//! and how they are erased.
//!
//! Every module registers its columns as rows of `backoffice.personal_columns`.
//! The statements are made from these rows, so a new table needs no code. The
//! audit log is the exception: its rows are redacted, and by ops.

mod mark;
mod redaction;

pub use mark::{erasable, erasing};
pub use redaction::{Identifiers, REDACTED, without};

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::{Query, Text};
use pgrx::Uuid;
use pgrx::datum::DatumWithOid;
use std::collections::BTreeMap;

static REGISTRY: Query = Query::read(
    "select c.table_name, c.person, c.column_name, c.kind, c.export, c.erasure,
            array(select a.attname::text
                    from pg_catalog.pg_index i
                    join pg_catalog.pg_attribute a
                      on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                   where i.indrelid = pg_catalog.to_regclass(c.table_name) and i.indisprimary
                   order by pg_catalog.array_position(i.indkey::smallint[], a.attnum))
       from backoffice.personal_columns c
      where c.person <> 'nobody'
      order by c.table_name, c.person, c.column_name",
);

// Bytes are no text: in what PostgreSQL writes of them no address is found.
static COLUMN_TYPES: Query = Query::read(
    "select distinct c.table_name, c.column_name,
            'jsonb'::regtype in (a.atttypid, y.typbasetype)
       from backoffice.personal_columns c
       join pg_catalog.pg_attribute a
         on a.attrelid = pg_catalog.to_regclass(c.table_name) and a.attname = c.column_name
       join pg_catalog.pg_type y on y.oid = a.atttypid
      where c.kind = 'content' and c.erasure in ('null', 'empty', 'pseudonym', 'addresses')
        and a.atttypid <> 'bytea'::regtype
      order by 1, 2",
);

/// One column that holds something about a person.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: String,
    pub export: String,
    pub erasure: String,
}

/// The columns of a table that are about the same person.
#[derive(Clone, Debug)]
pub struct Group {
    pub table: String,
    /// A column with the person's id, or a condition on the row `t`.
    pub person: String,
    pub key: Vec<String>,
    pub columns: Vec<Column>,
}

/// Whose data: the id, and every address that the person has or had.
pub struct Subject {
    pub id: Uuid,
    pub addresses: Vec<String>,
}

impl Subject {
    fn args(&self) -> [DatumWithOid<'static>; 2] {
        [self.id.into(), self.addresses.clone().into()]
    }
}

/// All groups of all tables.
pub fn registry() -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    REGISTRY.all(&[], |row| {
        let (table, person): (String, String) = (row.get(1)?, row.get(2)?);
        let column = Column {
            name: row.get(3)?,
            kind: row.get(4)?,
            export: row.get(5)?,
            erasure: row.get(6)?,
        };
        match groups.last_mut() {
            Some(last) if last.table == table && last.person == person => last.columns.push(column),
            _ => groups.push(Group { table, person, key: row.get(7)?, columns: vec![column] }),
        }
        Ok(())
    })?;
    Ok(groups)
}

impl Group {
    /// Whether the rows are about the person, rather than about something else in
    /// which the person had a part.
    pub fn is_about(&self) -> bool {
        self.columns.iter().any(|column| column.kind != "reference")
    }

    /// Whether ops exports and redacts these rows.
    fn is_redacted(&self) -> bool {
        self.columns.iter().any(|column| column.erasure == "redact")
    }

    /// The table under which the log has these rows: an archive has those of another.
    pub fn logged_table(&self) -> &str {
        self.table.strip_suffix("_archive").unwrap_or(&self.table)
    }

    /// The columns that are emptied, rather than kept or deleted with their row.
    fn emptied(&self) -> Vec<&str> {
        let emptied = |column: &&Column| replacement(&column.erasure).is_some();
        self.columns.iter().filter(emptied).map(|column| column.name.as_str()).collect()
    }

    /// The column with the person's id, where there is one.
    pub fn person_column(&self) -> Option<&str> {
        let plain = self.person.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        plain.then_some(self.person.as_str())
    }

    fn condition(&self) -> String {
        match self.person_column() {
            Some(column) => format!("t.{} = $1", quoted(column)),
            None => format!("({})", self.person),
        }
    }

    fn relation(&self) -> String {
        qualified(&self.table)
    }

    /// The SQL that gives the keys of the person's rows, as the audit log writes them.
    pub fn keys_sql(&self) -> String {
        let parts: Vec<_> =
            self.key.iter().map(|name| format!("t.{}::text", quoted(name))).collect();
        let (relation, condition) = (self.relation(), self.condition());
        format!("select concat_ws(',', {}) from {relation} t where {condition}", parts.join(", "))
    }

    /// The SQL that deletes or empties what is to go; `None` where all is kept.
    fn erasure_sql(&self) -> Option<String> {
        let (relation, condition) = (self.relation(), self.condition());
        if self.columns.iter().any(|column| column.erasure == "delete") {
            return Some(format!("delete from {relation} t where {condition}"));
        }
        let changes: Vec<(String, &str)> = self
            .columns
            .iter()
            .filter_map(|column| Some((quoted(&column.name), replacement(&column.erasure)?)))
            .collect();
        if changes.is_empty() {
            return None;
        }
        let set: Vec<_> = changes.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let differs: Vec<_> = changes
            .iter()
            .map(|(name, value)| format!("t.{name} is distinct from {value}"))
            .collect();
        let (set, differs) = (set.join(", "), differs.join(" or "));
        Some(format!("update {relation} t set {set} where {condition} and ({differs})"))
    }

    /// The SQL of a JSON object with what the person is shown of the row `t`.
    fn object_sql(&self) -> String {
        let hidden =
            |name: &String| self.columns.iter().any(|c| c.name == *name && c.export != "yes");
        let key = self.key.iter().filter(|name| !hidden(name)).map(|name| shown(name, "yes"));
        let columns = self
            .columns
            .iter()
            .filter(|column| column.export != "no" && !self.key.contains(&column.name))
            .map(|column| shown(&column.name, &column.export));
        let pairs: Vec<_> = key.chain(columns).collect();
        format!(
            "case when {} then jsonb_build_object({}) else '{{}}' end",
            self.condition(),
            pairs.join(", ")
        )
    }
}

fn shown(name: &str, export: &str) -> String {
    let column = quoted(name);
    let label = name.replace('\'', "''");
    match export {
        "secret" => format!("'{label}', case when t.{column} is not null then 'present' end"),
        _ => format!("'{label}', t.{column}"),
    }
}

/// What a column holds afterwards; `None` where it is kept.
fn replacement(erasure: &str) -> Option<&'static str> {
    match erasure {
        "null" => Some("null"),
        "empty" => Some("'{}'"),
        "pseudonym" => Some("'erased ' || $1::text"),
        _ => None,
    }
}

fn qualified(table: &str) -> String {
    table.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What is exported of each table: its name, and a JSON array of rows.
pub fn export(subject: &Subject) -> Result<BTreeMap<String, String>> {
    let mut tables: BTreeMap<String, Vec<Group>> = BTreeMap::new();
    for group in registry()?.into_iter().filter(|group| !group.is_redacted()) {
        tables.entry(group.table.clone()).or_default().push(group);
    }
    tables
        .into_iter()
        .map(|(table, groups)| {
            let rows = Text::read(&export_sql(&groups)).one::<String>(&subject.args())?;
            Ok((table, rows))
        })
        .collect()
}

/// Each row once, with what each of the groups shows of it.
fn export_sql(groups: &[Group]) -> String {
    let objects: Vec<_> = groups.iter().map(Group::object_sql).collect();
    let conditions: Vec<_> = groups.iter().map(Group::condition).collect();
    let relation = groups.first().map(Group::relation).unwrap_or_default();
    format!(
        "select coalesce(jsonb_agg(x.shown), '[]')::text
           from (select {} as shown from {relation} t where {}) x",
        objects.join(" || "),
        conditions.join(" or ")
    )
}

/// Deletes or empties what is registered; how many rows of each table.
pub fn erase(subject: &Subject) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    let groups = registry()?.into_iter().filter(|group| !group.is_redacted()).collect();
    for group in ordered(groups)? {
        let Some(sql) = group.erasure_sql() else { continue };
        let rows = mark::erasing(&group.table, &group.emptied(), || {
            Text::write(&sql).run(&subject.args())
        })?;
        if rows > 0 {
            *counts.entry(group.table).or_default() += rows;
        }
    }
    Ok(counts)
}

/// Takes the person's addresses out of what was written about others; how many
/// rows of each table. Names are too common to be looked for there.
pub fn sweep(known: &Identifiers) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    let columns = COLUMN_TYPES
        .all(&[], |row| Ok((row.get::<String>(1)?, row.get::<String>(2)?, row.get::<bool>(3)?)))?;
    let addresses: Vec<String> = known.addresses.iter().cloned().collect();
    for (table, name, is_json) in columns {
        let relation = qualified(&table);
        let column = quoted(&name);
        // A row stays where it is while it is locked.
        let find = format!(
            "select array[t.ctid::text, t.{column}::text] from {relation} t
              where exists (select from unnest($1) a (address)
                             where position(a.address in lower(t.{column}::text)) > 0) for update"
        );
        let kind = if is_json { "jsonb" } else { "text" };
        let replace = format!("update {relation} set {column} = $2::{kind} where ctid = $1::tid");
        for row in Text::write(&find).all::<Vec<String>>(&[addresses.clone().into()])? {
            let [place, text] = row.as_slice() else { continue };
            let clean = redaction::cleaned(text, is_json, known);
            let rows = mark::erasing(&table, &[name.as_str()], || {
                Text::write(&replace).run(&[place.as_str().into(), clean.into()])
            })?;
            *counts.entry(table.clone()).or_default() += rows;
        }
    }
    Ok(counts)
}

/// A condition that reads another table comes before the other table's rows go.
fn ordered(mut waiting: Vec<Group>) -> Result<Vec<Group>> {
    let mut order: Vec<Group> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = |table: &str| {
            !waiting.iter().any(|other| other.table != table && other.person.contains(table))
        };
        let (now, later): (Vec<_>, Vec<_>) =
            waiting.iter().cloned().partition(|group| free(&group.table));
        if now.is_empty() {
            let names: Vec<_> = later.into_iter().map(|group| group.table).collect();
            return Err(Error::internal(format!(
                "conditions of personal_columns need each other: {}",
                names.join(", ")
            )));
        }
        order.extend(now);
        waiting = later;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(table: &str, person: &str, columns: &[(&str, &str, &str)]) -> Group {
        Group {
            table: table.to_owned(),
            person: person.to_owned(),
            key: vec!["id".to_owned()],
            columns: columns
                .iter()
                .map(|(name, export, erasure)| Column {
                    name: (*name).to_owned(),
                    kind: "content".to_owned(),
                    export: (*export).to_owned(),
                    erasure: (*erasure).to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn only_what_is_not_kept_is_changed_and_only_where_it_differs() {
        let group = group(
            "a.b",
            "owner",
            &[("x", "yes", "null"), ("y", "yes", "kept"), ("z", "yes", "empty")],
        );
        assert_eq!(
            group.erasure_sql().unwrap(),
            r#"update "a"."b" t set "x" = null, "z" = '{}' where t."owner" = $1 and (t."x" is distinct from null or t."z" is distinct from '{}')"#
        );
    }

    #[test]
    fn what_is_kept_needs_no_statement() {
        assert_eq!(group("a.b", "owner", &[("x", "yes", "kept")]).erasure_sql(), None);
    }

    #[test]
    fn one_column_that_takes_the_row_with_it_takes_all() {
        let group = group("a.b", "t.q = any ($2)", &[("x", "yes", "delete"), ("y", "yes", "kept")]);
        assert_eq!(group.erasure_sql().unwrap(), r#"delete from "a"."b" t where (t.q = any ($2))"#);
    }

    #[test]
    fn a_secret_is_shown_as_present_and_a_hidden_key_not_at_all() {
        let sql =
            group("a.b", "owner", &[("id", "no", "kept"), ("s", "secret", "kept")]).object_sql();
        assert!(sql.contains("'s', case when t.\"s\" is not null then 'present' end"), "{sql}");
        assert!(!sql.contains("'id'"), "{sql}");
    }

    #[test]
    fn what_is_read_to_find_rows_goes_after_them() {
        let parent = group("a.parent", "owner", &[("x", "yes", "delete")]);
        let child = group("a.child", "t.p in (select id from a.parent)", &[("x", "yes", "delete")]);
        let grandchild =
            group("a.leaf", "t.c in (select id from a.child)", &[("x", "yes", "delete")]);
        let order = ordered(vec![parent.clone(), grandchild, child]).unwrap();
        let names: Vec<_> = order.iter().map(|group| group.table.as_str()).collect();
        assert_eq!(names, ["a.leaf", "a.child", "a.parent"]);
        let circle =
            group("a.parent", "t.c in (select id from a.child)", &[("x", "yes", "delete")]);
        let other = group("a.child", "t.p in (select id from a.parent)", &[("x", "yes", "delete")]);
        assert!(ordered(vec![circle, other]).is_err());
    }
}
