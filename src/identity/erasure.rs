//! The two rights of a person over their data: to have it, and to have it erased.
//!
//! Both follow the registry of personal columns
//! ([`personal`](crate::kernel::personal)), which every module fills. Erasing
//! keeps what the law wants kept (the books, under an id without a name) and a
//! tombstone: when, by whom and why.

use crate::identity::hooks;
use crate::identity::store::people::{self as store, Person};
use crate::identity::store::{erasures, users};
use crate::kernel::archive;
use crate::kernel::caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::personal::{self, Identifiers, Subject};
use crate::ops::audit::{self, Change};
use crate::ops::personal as log;
use pgrx::Uuid;
use serde_json::{Map, Value, json};

const REASON_MOST: usize = 500;

/// Everything that the database has about a person, as one JSON document. PT404.
pub fn export(person: Uuid) -> Result<String> {
    store::by_id(person)?.ok_or_else(|| Error::not_found("person", person))?;
    let known = identifiers(person)?;
    let subject = subject(person, &known);
    let records = log::records(&subject)?;
    let mut tables = personal::export(&subject)?;
    tables.extend(log::export(&subject, &records)?);
    record("export_person", person, Map::new())?;
    // The rows are JSON already; read and written anew, 1.10 would become 1.1.
    let rows: Vec<_> =
        tables.iter().map(|(name, rows)| format!("{}:{rows}", json!(name))).collect();
    let now = users::now_json()?;
    Ok(format!(
        r#"{{"format":1,"person_id":"{person}","exported_at":{now},"tables":{{{}}}}}"#,
        rows.join(",")
    ))
}

/// Erases a person; the tombstone as JSON. A repeat changes nothing and gives the
/// first one again. PT404, 22023 for a bad reason, PT409 while there is money.
pub fn erase(person: Uuid, reason: &str) -> Result<String> {
    // A row that moves to the archive meanwhile would be overlooked here and there.
    archive::hold_still()?;
    let found = store::lock(person)?.ok_or_else(|| Error::not_found("person", person))?;
    if found.erased {
        return tombstone(person, true);
    }
    let known = identifiers(person)?;
    let reason = checked_reason(reason, &known)?;
    hooks::may_erase(person)?;
    let subject = subject(person, &known);
    let records = log::records(&subject)?;
    let mut rows = personal::erase(&subject)?;
    for (table, count) in personal::sweep(&known)? {
        *rows.entry(table).or_default() += count;
    }
    hooks::erased(person)?;
    erasures::mark(person)?;
    // Last, because the log has the former values of all that was changed here.
    rows.extend(log::redact(&subject, &records, &known)?);
    let by = caller::current();
    erasures::insert(person, by.person(), audit::role_name(by.kind), reason, json!(rows))?;
    let details = [("reason".to_owned(), Value::from(reason))];
    record("erase_person", person, details.into_iter().collect())?;
    tombstone(person, false)
}

/// PT409 for a person whose data was erased: nothing about them is written again.
pub fn require_present(person: &Person) -> Result<()> {
    if !person.erased {
        return Ok(());
    }
    Err(Error::conflict("the person was erased").detail(format!("person {}", person.id)))
}

fn identifiers(person: Uuid) -> Result<Identifiers> {
    let mut known = erasures::identifiers(person)?;
    log::add_former(&mut known, person)?;
    known.addresses.retain(|address| !address.is_empty());
    Ok(known)
}

fn subject(person: Uuid, known: &Identifiers) -> Subject {
    Subject { id: person, addresses: known.addresses.iter().cloned().collect() }
}

fn tombstone(person: Uuid, already: bool) -> Result<String> {
    erasures::tombstone(person, already)?
        .ok_or_else(|| Error::internal(format!("{person} is erased without a tombstone")))
}

/// The reason stays, so it must not say who it was.
fn checked_reason<'a>(reason: &'a str, known: &Identifiers) -> Result<&'a str> {
    let reason = reason.trim();
    if reason.is_empty()
        || reason.chars().count() > REASON_MOST
        || reason.contains(char::is_control)
    {
        let rule = format!("must have 1 to {REASON_MOST} characters and no control characters");
        return Err(Error::invalid("p_reason", rule));
    }
    if known.found_in(reason, true) {
        return Err(Error::invalid("p_reason", "must not name the person, because it stays"));
    }
    Ok(reason)
}

fn record(action: &str, person: Uuid, details: Map<String, Value>) -> Result<()> {
    audit::record(Change {
        action: action.to_owned(),
        table: "identity".to_owned(),
        record_id: Some(person.to_string()),
        old: None,
        new: Some(details.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_given_and_names_nobody() {
        let known = Identifiers {
            addresses: ["asha@example.com".to_owned()].into(),
            names: ["asha rao".to_owned()].into(),
        };
        assert_eq!(checked_reason(" asked by letter ", &known).unwrap(), "asked by letter");
        for bad in ["", "  ", "a\nb", "Asha Rao asked", "ASHA@example.com", &"x".repeat(501)] {
            assert!(checked_reason(bad, &known).is_err(), "{bad}");
        }
    }
}
