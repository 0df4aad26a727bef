//! What the audit log says about a person: to be exported, and to be redacted
//! when the person is erased.
//!
//! The log is two tables, of which one is the archive of the other, and each row is
//! in one of them. Both are append-only for everybody. The one exception is [`redact`]: while
//! it runs, and only in the process that runs it, the log's trigger lets values,
//! address and user agent change. The mark is in the memory of this library, so
//! no setting and no SQL can make it.

use crate::kernel::error::Result;
use crate::kernel::personal::{self, Group, Identifiers, REDACTED, Subject, without};
use crate::kernel::spi::{Query, Text};
use crate::ops::audit;
use pgrx::Uuid;
use serde_json::{Map, Value};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the log that are read at once.
const BATCH: usize = 500;

thread_local! {
    static REDACTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether [`redact`] is at work.
pub fn is_redacting() -> bool {
    REDACTING.get()
}

/// Ends with its scope, however that is left.
struct Mark;

impl Mark {
    fn set() -> Self {
        REDACTING.set(true);
        Mark
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        REDACTING.set(false);
    }
}

static AUDITED: Query = Query::read(
    "select t.tgrelid::regclass::text
       from pg_catalog.pg_trigger t
      where t.tgfoid = 'ops.audit_row()'::regprocedure",
);
static FORMER: Query = Query::read(
    "select distinct a.table_name, a.record_id
       from ops.audit_history a
       join unnest($2::text[], $3::text[]) as s (table_name, column_name)
         on s.table_name = a.table_name
      where a.record_id is not null
        and $1::text in (a.old_values ->> s.column_name, a.new_values ->> s.column_name)",
);
static IDENTIFIERS: Query = Query::read(
    "select distinct v.value #>> '{}'
       from ops.audit_history a
      cross join lateral jsonb_each(coalesce(a.old_values, '{}')) v
      where a.table_name = 'identity.users' and a.record_id = $1::text and v.key = any ($2)
        and jsonb_typeof(v.value) = 'string'
      union
     select distinct v.value #>> '{}'
       from ops.audit_history a
      cross join lateral jsonb_each(coalesce(a.new_values, '{}')) v
      where a.table_name = 'identity.users' and a.record_id = $1::text and v.key = any ($2)
        and jsonb_typeof(v.value) = 'string'",
);

/// The statements on one of the two tables that the log is in.
struct Log {
    table: &'static str,
    export: Query,
    forget_device: Query,
    candidates: Query,
    rows: Query,
    replace: Query,
}

macro_rules! log {
    ($table:literal) => {
        Log {
            table: $table,
            export: Query::read(concat!(
                "select coalesce(jsonb_agg(jsonb_build_object(
                'id', a.id, 'at', a.at, 'action', a.action, 'table_name', a.table_name,
                'record_id', a.record_id, 'actor_role', a.actor_role)
            || case when a.actor_id = $1 or a.actor_role = 'anonymous' and x.about
                then jsonb_build_object('actor_id', a.actor_id,
                     'ip_address', a.ip_address, 'user_agent', a.user_agent) else '{}' end
            || case when x.about then jsonb_build_object(
                'old_values', a.old_values, 'new_values', a.new_values) else '{}' end
            order by a.id), '[]')::text
       from ",
                $table,
                " a
      cross join lateral (
            select a.record_id = $1::text or exists (
                   select from unnest($2::text[], $3::text[]) as k (table_name, record_id)
                    where k.table_name = a.table_name and k.record_id = a.record_id) as about) x
      where a.actor_id = $1 or a.record_id = $1::text
         or (a.record_id = any ($3) and x.about)"
            )),
            // Who opened a link, or signed in, had no token yet: most likely the person.
            forget_device: Query::write(concat!(
                "update ",
                $table,
                " a set ip_address = null, user_agent = null
      where (a.ip_address is not null or a.user_agent is not null)
        and (a.actor_id = $1 or a.actor_role = 'anonymous' and (a.record_id = $1::text
             or (a.table_name, a.record_id) in (select * from unnest($2::text[], $3::text[]))))"
            )),
            // Addresses are kept in lower case and ASCII: lower() of other collations costs
            // several times as much, for every row of the log. As a write it sees what this
            // transaction wrote.
            candidates: Query::write(concat!(
                "select a.id
       from ",
                $table,
                " a
      where (a.old_values is not null or a.new_values is not null)
        and (a.record_id = $1::text
             or (a.table_name, a.record_id) in (select * from unnest($2::text[], $3::text[]))
             or exists (
                select from unnest($4::text[]) as w (address)
                 where position(w.address in lower(
                        concat_ws(' ', a.old_values::text, a.new_values::text) collate \"C\")) > 0))"
            )),
            rows: Query::write(concat!(
                "select a.id, a.table_name, a.old_values::text, a.new_values::text,
            coalesce(a.record_id = $1::text, false) or coalesce(
                (a.table_name, a.record_id) in (select * from unnest($2::text[], $3::text[])), false)
       from ",
                $table,
                " a where a.id = any ($4)"
            )),
            replace: Query::write(concat!(
                "update ",
                $table,
                " set old_values = $2::jsonb, new_values = $3::jsonb where id = $1"
            )),
        }
    };
}

static LOGS: [Log; 2] = [log!("ops.audit_logs"), log!("ops.audit_logs_archive")];

/// Adds what the log remembers of a person's former addresses and names.
pub fn add_former(known: &mut Identifiers, person: Uuid) -> Result<()> {
    let read = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        IDENTIFIERS
            .all(&[person.into(), columns.into()], |row| Ok(row.get::<String>(1)?.to_lowercase()))
    };
    known.addresses.extend(read(&["email", "phone", "new_email", "new_phone"])?);
    known.names.extend(read(&["name"])?);
    Ok(())
}

/// The records of the log that are about a person: those of rows that are there
/// now, and of rows that were.
pub struct Records {
    tables: Vec<String>,
    keys: Vec<String>,
    /// Of each table the columns that are erased.
    personal: BTreeMap<String, BTreeSet<String>>,
}

/// To be called before anything is erased: afterwards the rows are gone.
pub fn records(subject: &Subject) -> Result<Records> {
    let audited: BTreeSet<String> = AUDITED.all(&[], |row| row.get(1))?.into_iter().collect();
    let groups: Vec<Group> = personal::registry()?;
    let mut found = Records { tables: Vec::new(), keys: Vec::new(), personal: BTreeMap::new() };
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    let logged = |group: &&Group| audited.contains(group.logged_table()) && group.is_about();
    for group in groups.iter().filter(logged) {
        let table = group.logged_table().to_owned();
        let args = [subject.id.into(), subject.addresses.clone().into()];
        for key in Text::read(&group.keys_sql()).all::<String>(&args)? {
            found.tables.push(table.clone());
            found.keys.push(key);
        }
        if let Some(column) = group.person_column() {
            tables.push(table.clone());
            columns.push(column.to_owned());
        }
        let erased = group.columns.iter().filter(|c| c.erasure != "kept" && c.kind != "reference");
        found.personal.entry(table).or_default().extend(erased.map(|c| c.name.clone()));
    }
    FORMER.all(&[subject.id.into(), tables.into(), columns.into()], |row| {
        found.tables.push(row.get(1)?);
        found.keys.push(row.get(2)?);
        Ok(())
    })?;
    Ok(found)
}

/// The rows of the log about the person, and what the person did: for each table
/// of the log a JSON array.
pub fn export(subject: &Subject, records: &Records) -> Result<BTreeMap<String, String>> {
    let args = [subject.id.into(), records.tables.clone().into(), records.keys.clone().into()];
    LOGS.iter()
        .map(|log| Ok((log.table.to_owned(), log.export.one(&args, |row| row.get(1))?)))
        .collect()
}

/// Takes out of the log what is personal; how many rows of each of its tables. What
/// happened, when and to which record stays.
pub fn redact(
    subject: &Subject,
    records: &Records,
    known: &Identifiers,
) -> Result<BTreeMap<String, usize>> {
    // What the erasure itself changed has values to be taken out too.
    audit::write()?;
    let _mark = Mark::set();
    LOGS.iter()
        .map(|log| Ok((log.table.to_owned(), log.redact(subject, records, known)?)))
        .collect()
}

impl Log {
    fn redact(&self, subject: &Subject, records: &Records, known: &Identifiers) -> Result<usize> {
        let mut count = self.forget_device.run(&[
            subject.id.into(),
            records.tables.clone().into(),
            records.keys.clone().into(),
        ])?;
        let addresses: Vec<String> = known.addresses.iter().cloned().collect();
        let (id, tables, keys) = (subject.id, &records.tables, &records.keys);
        let args = [id.into(), tables.clone().into(), keys.clone().into(), addresses.into()];
        // One pass through the log, which is long; the rows themselves a few at a time.
        let ids = self.candidates.all(&args, |row| row.get::<Uuid>(1))?;
        for batch in ids.chunks(BATCH) {
            for row in self.read(subject, records, batch)? {
                let columns = records.personal.get(&row.table).filter(|_| row.about);
                let old = redacted(row.old.as_deref(), columns, known, row.about);
                let new = redacted(row.new.as_deref(), columns, known, row.about);
                if (&old, &new) != (&row.old, &row.new) {
                    count += self.replace.run(&[row.id.into(), old.into(), new.into()])?;
                }
            }
        }
        Ok(count)
    }

    fn read(&self, subject: &Subject, records: &Records, ids: &[Uuid]) -> Result<Vec<Candidate>> {
        let args = [
            subject.id.into(),
            records.tables.clone().into(),
            records.keys.clone().into(),
            ids.to_vec().into(),
        ];
        self.rows.all(&args, |row| {
            Ok(Candidate {
                id: row.get(1)?,
                table: row.get(2)?,
                old: row.opt(3)?,
                new: row.opt(4)?,
                about: row.get(5)?,
            })
        })
    }
}

struct Candidate {
    id: Uuid,
    table: String,
    old: Option<String>,
    new: Option<String>,
    about: bool,
}

/// The values as text, without what is personal; as they were where nothing is.
fn redacted(
    text: Option<&str>,
    columns: Option<&BTreeSet<String>>,
    known: &Identifiers,
    about: bool,
) -> Option<String> {
    let text = text?;
    let Ok(Value::Object(values)) = serde_json::from_str(text) else {
        // Nothing that we wrote; all of it goes.
        return Some(format!("{{{REDACTED:?}: true}}"));
    };
    let mut clean = Map::new();
    for (key, value) in values.clone() {
        let personal = columns.is_some_and(|columns| columns.contains(&key));
        clean.insert(key, if personal && !value.is_null() { REDACTED.into() } else { value });
    }
    let clean = without(Value::Object(clean), known, about);
    Some(if clean == Value::Object(values) { text.to_owned() } else { clean.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn asha() -> Identifiers {
        Identifiers {
            addresses: ["asha@example.com".to_owned(), "9876543210".to_owned()].into(),
            names: ["asha rao".to_owned(), "li".to_owned()].into(),
        }
    }

    fn run(values: Value, columns: &[&str], about: bool) -> Value {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        let text = redacted(Some(&values.to_string()), Some(&columns), &asha(), about).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn personal_columns_go_and_the_others_stay() {
        let values = json!({"email": "x@y.z", "status": "Active", "phone": null});
        let clean = json!({"email": REDACTED, "status": "Active", "phone": null});
        assert_eq!(run(values, &["email", "phone"], true), clean);
    }

    #[test]
    fn an_address_goes_wherever_it_is() {
        let values =
            json!({"note": "call 9876543210", "m": [{"Asha@Example.com": 9876543210u64}], "n": 5});
        let clean = json!({"note": REDACTED, "m": [{REDACTED: REDACTED}], "n": 5});
        assert_eq!(run(values, &[], false), clean);
    }

    #[test]
    fn a_name_goes_only_in_rows_about_the_person() {
        let values = json!({"note": "Asha Rao called", "other": "a list"});
        assert_eq!(run(values.clone(), &[], false), values);
        assert_eq!(run(values, &[], true), json!({"note": REDACTED, "other": "a list"}));
        assert_eq!(run(json!({"name": "Li"}), &[], true), json!({"name": REDACTED}));
    }

    #[test]
    fn values_without_anything_personal_keep_their_very_text() {
        let text = r#"{"amount": 1.50}"#;
        assert_eq!(redacted(Some(text), None, &asha(), true).as_deref(), Some(text));
        assert_eq!(redacted(None, None, &asha(), true), None);
    }

    proptest! {
        #[test]
        fn no_address_survives(before in ".{0,20}", after in ".{0,20}") {
            let text = format!("{before}ASHA@example.com{after}");
            let clean = run(json!({"a": {"b": [text.clone()]}, text: 1}), &[], false).to_string();
            prop_assert!(!clean.to_lowercase().contains("asha@example.com"));
        }
    }
}
