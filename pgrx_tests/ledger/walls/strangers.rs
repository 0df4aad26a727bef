//! Those who may not write at all: visitors, people, admins, servers, and roles of the database.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ledger::walls::{forms::*, *};
    use pgrx::prelude::*;

    /// Everybody tries everything; nothing comes out otherwise, and nothing has changed.
    #[track_caller]
    fn everybody_fails(callers: &[Caller], attempts: &[(String, &str)]) {
        let before = everything();
        none(callers.iter().flat_map(|caller| caller.tries(attempts)).collect());
        assert_eq!(everything(), before);
    }

    #[pg_test]
    fn every_table_has_a_row_that_could_be_written() {
        scene();
        let is_empty =
            |table: &Table| one::<bool>(&format!("select not exists (select from {})", table.name));
        none(tables().into_iter().filter(is_empty).map(|table| table.name).collect());
    }

    #[pg_test]
    fn nobody_writes_a_table_of_the_ledger() {
        let callers = scene();
        let attempts: Vec<_> = tables()
            .iter()
            .flat_map(|table| OF_TABLES.map(|form| (table.fill_in(form), "42501")))
            .collect();
        everybody_fails(&callers, &attempts);
    }

    #[pg_test]
    fn nobody_writes_through_a_view_of_the_ledger() {
        let callers = scene();
        let before = everything();
        let mut problems = Vec::new();
        for view in relations("v") {
            let column: String = one(&format!(
                "select quote_ident(attname) from pg_catalog.pg_attribute
                  where attrelid = '{view}'::regclass and attnum = 1"
            ));
            let fill_in = |form: &str| form.replace("{t}", &view).replace("{c}", &column);
            for caller in &callers {
                let written = OF_VIEWS.iter().map(|form| (fill_in(form), "42501"));
                let never =
                    OF_NO_VIEW.iter().map(|(form, code)| (fill_in(form), caller.finds(code)));
                problems.extend(caller.tries(&written.chain(never).collect::<Vec<_>>()));
            }
        }
        none(problems);
        assert_eq!(everything(), before);
    }

    #[pg_test]
    fn nobody_moves_a_sequence_of_the_ledger() {
        let callers = scene();
        let sequences = relations("S");
        assert!(sequences.len() >= 2);
        let attempts: Vec<_> = sequences
            .iter()
            .flat_map(|name| OF_SEQUENCES.map(|form| (form.replace("{t}", name), "42501")))
            .collect();
        everybody_fails(&callers, &attempts);
    }

    #[pg_test]
    fn nobody_becomes_the_owner_or_changes_what_guards_the_ledger() {
        let callers = scene();
        let attempts: Vec<_> =
            OF_THE_DATABASE.iter().map(|(text, code)| ((*text).to_owned(), *code)).collect();
        everybody_fails(&callers, &attempts);
    }

    /// The refusal is the table's, not that of the file.
    #[pg_test]
    fn who_may_read_files_copies_into_no_table() {
        let callers = scene();
        run("create table walls.mine (n int); grant all on walls.mine to public");
        for caller in &callers {
            let role = caller.role();
            run(&format!("alter role {role} inherit"));
            run(&format!("grant pg_read_server_files, pg_execute_server_program to {role}"));
        }
        let mut attempts = vec![
            ("copy walls.mine from '/dev/null'".to_owned(), "00000"),
            ("copy walls.mine from program 'true'".to_owned(), "00000"),
        ];
        for Table { name, .. } in tables() {
            attempts.push((format!("copy {name} from '/dev/null'"), "42501"));
            attempts.push((format!("copy {name} from program 'true'"), "42501"));
        }
        everybody_fails(&callers, &attempts);
    }

    /// Who was granted nothing is refused; who may read is warned, and gives nothing either.
    #[pg_test]
    fn nobody_grants_what_they_do_not_have() {
        let callers = scene();
        let before = everything();
        let mut problems = Vec::new();
        for caller in &callers {
            let has = |privilege: &str| {
                let condition = privilege.replace("{role}", &literal(caller.role()));
                let code =
                    if one::<bool>(&format!("select {condition}")) { "00000" } else { "42501" };
                caller.finds(code)
            };
            let mut attempts = vec![
                ("grant all on schema ledger to public".to_owned(), caller.finds("00000")),
                (
                    "grant execute on function ledger.open_account to public".to_owned(),
                    has("(select has_function_privilege({role}, oid, 'execute')
                            from pg_catalog.pg_proc where proname = 'open_account')"),
                ),
            ];
            for name in relations("r") {
                let code = has(&format!("has_table_privilege({{role}}, '{name}', 'select')"));
                attempts.push((format!("grant all on {name} to public"), code));
            }
            problems.extend(caller.tries(&attempts));
        }
        none(problems);
        assert_eq!(everything(), before);
    }

    #[pg_test]
    fn a_token_that_nobody_verified_calls_no_function() {
        let callers = scene();
        let forged = callers.last().unwrap();
        let usage = callers.iter().find(|caller| caller.name == "walls_usage").unwrap();
        for caller in [forged, usage] {
            let call = |text: &str| (format!("select * from ledger.{text}"), "42501");
            none(caller.tries(&[
                call("transfer('walls', 'bank', 'sales', 1)"),
                call("reverse_transfer(gen_random_uuid(), 'why')"),
                call("seal()"),
                call("check()"),
                call("make_checkpoints()"),
                call("set_rate('USD', 'INR', 1, 1, now())"),
                call("open_account('walls', 'x', 'INR', 'asset')"),
                call("post_journal('walls', 'k', '[]')"),
            ]));
        }
    }
}
