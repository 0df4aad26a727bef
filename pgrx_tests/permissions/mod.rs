//! Who may do what: every table and every function, tried as every kind of caller.
//!
//! The matrices are text: `tables.txt`, `functions.txt`, and `cast.txt` for the
//! people and rows that they name. A table or function that is not in its matrix
//! fails the tests, and so does a line about one that no longer exists.

mod functions;
mod tables;

use crate::pgrx_tests::support::*;
use pgrx::Uuid;
use std::collections::BTreeMap;

/// The columns of the matrices. But for the first and the last they are people of
/// the cast; `stranger` holds a token and no role, `network` to `identity` are admins
/// of that system, `all` is one of every system.
const CALLERS: [&str; 11] = [
    "anon",
    "stranger",
    "customer",
    "promoter",
    "neighbour",
    "network",
    "ledger",
    "ops",
    "identity",
    "all",
    "service",
];

/// The schemas of the extension; a new one must be added here and in catalog.rs.
const SCHEMAS: &str =
    "'backoffice', 'ops', 'identity', 'auth_api', 'ledger', 'network', 'treasury'";

/// The lines of a matrix that say something.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// The cells of a line, one for each of [`CALLERS`].
fn cells(text: &'static str, line: &str) -> Vec<&'static str> {
    let cells: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(cells.len(), CALLERS.len(), "one cell for each of {CALLERS:?}: {line}");
    cells
}

/// The people and rows that the matrices name.
struct Cast(BTreeMap<&'static str, String>);

impl Cast {
    fn assemble() -> Self {
        alone_with_runs();
        let mut cast = Cast(BTreeMap::new());
        for line in lines(include_str!("cast.txt")) {
            let (name, statement) = line.split_once('=').unwrap_or_else(|| panic!("no =: {line}"));
            let statement = cast.fill_in(statement.trim(), "");
            match name.trim() {
                "" => run(&statement),
                name => {
                    let value = one::<String>(&format!("{}::text", as_scalar(&statement)));
                    assert!(cast.0.insert(name, value).is_none(), "twice: {name}");
                }
            }
        }
        cast
    }

    /// `text` with a literal for every name in braces; `{me}` is the caller.
    fn fill_in(&self, text: &str, caller: &str) -> String {
        let mut text = text.replace("{me}", &self.person(caller).map_or("null".into(), literal));
        for (name, value) in &self.0 {
            text = text.replace(&format!("{{{name}}}"), &literal(value));
        }
        text
    }

    /// `text` with ids that nobody has instead of the names of people and rows.
    fn with_unknown_ids(&self, text: &str) -> String {
        let is_id = |value: &str| value.len() == 36 && value.matches('-').count() == 4;
        let ids = self.0.iter().filter(|(_, value)| is_id(value));
        ids.fold(text.to_owned(), |text, (name, _)| {
            text.replace(&format!("{{{name}}}"), "gen_random_uuid()")
        })
    }

    /// The id of a caller who is a person.
    fn person(&self, caller: &str) -> Option<&str> {
        self.0.get(caller).map(String::as_str)
    }

    fn become_caller(&self, caller: &str) {
        match caller {
            "anon" => become_anonymous(),
            "service" => become_service(),
            _ => {
                let id = self.person(caller).unwrap_or_else(|| panic!("nobody: {caller}"));
                become_person(uuid(id));
            }
        }
    }
}

/// A statement that gives one value, as an expression; what writes and is RETURNING has no
/// other way.
fn as_scalar(statement: &str) -> String {
    if ["insert", "update"].iter().any(|word| statement.starts_with(word)) {
        format!("with made as ({statement}) select (select id from made)")
    } else {
        format!("select ({statement})")
    }
}

fn uuid(text: &str) -> Uuid {
    one(&format!("select {}::uuid", literal(text)))
}

fn role_of(caller: &str) -> &str {
    match caller {
        "anon" => "anon",
        "service" => "service_role",
        _ => "authenticated",
    }
}

/// Runs a statement as whoever is at work and undoes what it did: `yes`, or the SQLSTATE.
fn probe(statement: &str) -> String {
    one(&format!("select pg_temp.probe({})", literal(statement)))
}

const PROBE: &str = "
    create function pg_temp.probe(statement text) returns text language plpgsql as $f$
    begin
        execute statement;
        raise exception using errcode = 'P0YES';
    exception when others then
        return case sqlstate when 'P0YES' then 'yes' else sqlstate end;
    end $f$;
    grant execute on function pg_temp.probe(text) to public";

/// What is in one list and not in the other.
fn compare(matrix: &[String], catalog: &[String]) -> Vec<String> {
    let missing = catalog.iter().filter(|name| !matrix.contains(name));
    let gone = matrix.iter().filter(|name| !catalog.contains(name));
    missing
        .map(|name| format!("{name} is not in the matrix"))
        .chain(gone.map(|name| format!("{name} is in the matrix and does not exist")))
        .collect()
}

fn names(sql: &str) -> Vec<String> {
    maybe::<Vec<String>>(&format!("select array_agg(name order by name) from ({sql}) as x (name)"))
        .unwrap_or_default()
}

fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
