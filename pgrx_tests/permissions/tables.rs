//! Every table and view: whose rows each caller sees, and that nobody writes.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::permissions::*;
    use pgrx::prelude::*;

    struct Line {
        text: &'static str,
        table: &'static str,
        cells: Vec<&'static str>,
        /// Which rows are the caller's own.
        own: Option<&'static str>,
    }

    fn matrix() -> Vec<Line> {
        lines(include_str!("tables.txt"))
            .map(|text| {
                let mut parts = text.splitn(3, '|').map(str::trim);
                let table = parts.next().unwrap_or_default();
                let cells = cells(parts.next().unwrap_or_default(), text);
                Line { text, table, cells, own: parts.next().filter(|own| !own.is_empty()) }
            })
            .collect()
    }

    fn relations() -> Vec<String> {
        names(&format!(
            "select format('%s.%s', n.nspname, c.relname) from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname in ({SCHEMAS}) and c.relkind in ('r', 'p', 'v', 'm', 'f')"
        ))
    }

    #[pg_test]
    fn the_matrix_has_every_table_and_view() {
        let matrix: Vec<String> = matrix().iter().map(|line| line.table.to_owned()).collect();
        none(compare(&matrix, &relations()));
    }

    /// The columns of a table that a role may read, as a row's text.
    fn readable(table: &str, role: &str) -> Option<String> {
        maybe::<String>(&format!(
            "select 'row(' || string_agg(quote_ident(attname), ', ' order by attnum) || ')::text'
               from pg_catalog.pg_attribute
              where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
                and pg_catalog.has_column_privilege('{role}', attrelid, attnum, 'select')
                and pg_catalog.has_schema_privilege('{role}', '{}', 'usage')",
            table.split('.').next().unwrap_or_default()
        ))
    }

    /// The rows of a table that a condition holds for: how many, and which.
    fn rows(table: &str, columns: &str, condition: &str) -> (i64, String) {
        let sql = |wanted: &str| {
            format!(
                "select {wanted} from (select {columns} as r from {table} as t where {condition}) x"
            )
        };
        (one(&sql("count(*)")), one(&sql("coalesce(md5(string_agg(r, ',' order by r)), '')")))
    }

    /// What a caller sees: `-` for no privilege, `none`, `own`, `all`, or how many.
    fn sight(cast: &Cast, line: &Line, caller: &str) -> String {
        become_database();
        let Some(columns) = readable(line.table, role_of(caller)) else {
            cast.become_caller(caller);
            let any = probe(&format!("select * from {}", line.table));
            return if any == "42501" { "-".to_owned() } else { format!("selects: {any}") };
        };
        let all = rows(line.table, &columns, "true");
        let own = line.own.map(|own| rows(line.table, &columns, &cast.fill_in(own, caller)));
        cast.become_caller(caller);
        let seen = rows(line.table, &columns, "true");
        match own {
            _ if all.0 == 0 => "the table is empty: add a row to cast.txt".to_owned(),
            _ if seen.0 == 0 => "none".to_owned(),
            _ if seen == all => "all".to_owned(),
            Some(own) if seen == own => "own".to_owned(),
            _ => format!("{} of {}", seen.0, all.0),
        }
    }

    #[pg_test]
    fn everybody_sees_the_rows_that_the_matrix_says() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut problems = Vec::new();
        for line in matrix() {
            for (caller, &cell) in CALLERS.iter().zip(&line.cells) {
                let seen = sight(&cast, &line, caller);
                if seen != cell {
                    problems.push(format!("{caller}: {seen} instead of {cell}: {}", line.text));
                }
            }
        }
        none(problems);
    }

    #[pg_test]
    fn nobody_writes_a_table_or_view() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut problems = Vec::new();
        for table in relations() {
            become_database();
            let (column, view): (String, bool) = (
                one(&format!(
                    "select quote_ident(attname) from pg_catalog.pg_attribute
                      where attrelid = '{table}'::regclass and attnum = 1"
                )),
                one(&format!(
                    "select relkind = 'v' from pg_catalog.pg_class where oid = '{table}'::regclass"
                )),
            );
            let mut writes = vec![
                format!("insert into {table} default values"),
                // What generated columns take, too.
                format!("update {table} set {column} = default"),
                format!("delete from {table}"),
                format!("delete from {table} where false"),
            ];
            if !view {
                writes.push(format!("truncate {table} cascade"));
                writes.push(format!("copy {table} from program 'true'"));
            }
            for caller in CALLERS {
                cast.become_caller(caller);
                for write in &writes {
                    let outcome = probe(write);
                    if outcome != "42501" {
                        problems.push(format!("{caller}: {outcome} instead of 42501: {write}"));
                    }
                }
            }
        }
        none(problems);
    }

    #[pg_test]
    fn nobody_uses_a_sequence() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut problems = Vec::new();
        let sequences = names(&format!(
            "select c.oid::regclass::text from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname in ({SCHEMAS}) and c.relkind = 'S'"
        ));
        assert!(sequences.len() >= 5);
        for caller in CALLERS {
            cast.become_caller(caller);
            for sequence in &sequences {
                for statement in [
                    format!("select nextval('{sequence}')"),
                    format!("select setval('{sequence}', 1)"),
                    format!("select last_value from {sequence}"),
                ] {
                    let outcome = probe(&statement);
                    if outcome != "42501" {
                        problems.push(format!("{caller}: {outcome} instead of 42501: {statement}"));
                    }
                }
            }
        }
        none(problems);
    }
}
