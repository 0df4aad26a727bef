//! The owner of the tables and superusers, who have every privilege: what is a record stays.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ledger::walls::*;
    use pgrx::prelude::*;

    /// Who has every privilege, and how they begin.
    const OWNERS: [(&str, &str); 3] = [
        ("the owner", "set local session authorization backoffice_owner"),
        ("a superuser", "select 1"),
        ("a superuser who plays replica", "set local session_replication_role = replica"),
    ];

    /// What functions change in place, of the rows that they change. Every other column of every
    /// table is for good.
    const CHANGING: [(&str, &str, &str); 7] = [
        (
            "ledger.accounts",
            "debits_posted credits_posted debits_pending credits_pending updated_at closed_at
             frozen_at max_overdraft max_balance parent_id owner_id stripes name",
            "true",
        ),
        (
            "ledger.account_stripes",
            "debits_posted credits_posted overdraft_share balance_share frozen",
            "true",
        ),
        ("ledger.holds", "settled_amount closed_at status", "true"),
        ("ledger.matches", "undone_at undone_by undone_reason", "undone_at is null"),
        ("ledger.match_lines", "active", "active"),
        ("ledger.match_transfers", "active", "active"),
        // Written by the job that goes on where it was.
        (
            "ledger.checkpoint_progress",
            "single mark_at mark_xid complete_until sweep_after sweep_until next_account whole_at",
            "true",
        ),
    ];

    /// Sums that follow from the transfers: `check()` compares them, and a job makes them anew.
    const DERIVED: [&str; 3] =
        ["ledger.checkpoints", "ledger.dated_checkpoints", "ledger.checkpoint_progress"];

    /// Rows that a function deletes: the stripes of an account that it closes. `check()` misses them.
    const DELETED: [&str; 1] = ["ledger.account_stripes"];

    fn records() -> Vec<Table> {
        tables().into_iter().filter(|table| !DERIVED.contains(&table.name.as_str())).collect()
    }

    /// Everybody who has every privilege tries everything, and what they do is undone.
    #[track_caller]
    fn owners_get(attempts: &[(String, &str)]) {
        let mut problems = Vec::new();
        for (name, begin) in OWNERS {
            run(begin);
            let outcomes = outcomes_undone(attempts.iter().map(|(text, _)| text.as_str()));
            leave();
            run("set local session_replication_role = origin");
            for ((statement, code), outcome) in std::iter::zip(attempts, outcomes) {
                if outcome != *code {
                    problems.push(format!("{name}: {outcome} instead of {code}: {statement}"));
                }
            }
        }
        none(problems);
    }

    #[pg_test]
    fn an_owner_changes_no_column_but_those_that_functions_change() {
        scene();
        let mut attempts = Vec::new();
        for Table { name, columns, .. } in records() {
            let changing = CHANGING.iter().find(|(table, ..)| *table == name);
            for column in columns {
                let changes = changing
                    .filter(|(_, columns, _)| columns.split_whitespace().any(|c| c == column));
                let (rows, code) = changes.map_or(("true", "42501"), |(.., rows)| (rows, "00000"));
                attempts
                    .push((format!("update {name} set {column} = {column} where {rows}"), code));
            }
        }
        owners_get(&attempts);
    }

    #[pg_test]
    fn an_owner_undoes_a_match_once() {
        scene();
        owners_get(&[
            (
                "update ledger.matches set undone_at = now() where undone_at is not null".into(),
                "42501",
            ),
            ("update ledger.match_lines set active = true where not active".into(), "42501"),
            ("update ledger.match_transfers set active = true where not active".into(), "42501"),
        ]);
    }

    #[pg_test]
    fn an_owner_rewrites_no_record_whatever_the_statement() {
        scene();
        let attempts: Vec<_> = records()
            .iter()
            .flat_map(|table| {
                [
                    "update {t} set {c} = default",
                    "update {t} set {c} = o.{c} from {t} o",
                    "insert into {t} select * from {t} on conflict ({keys}) do update set {c} = excluded.{c}",
                    "insert into {t} select * from {t} on conflict on constraint {pk} do update set {c} = default",
                    "merge into {t} as m using (select 1) s on true when matched then update set {c} = m.{c}",
                    "with w as (update {t} set {c} = {c} returning 1) select * from w",
                    "set local row_security = off; update {t} set {c} = {c}",
                ]
                .map(|form| (table.fill_in(form), "42501"))
            })
            .collect();
        owners_get(&attempts);
    }

    #[pg_test]
    fn an_owner_deletes_no_record_whatever_the_statement() {
        scene();
        let kept = records().into_iter().filter(|table| !DELETED.contains(&table.name.as_str()));
        let attempts: Vec<_> = kept
            .flat_map(|table| {
                [
                    "delete from {t}",
                    "delete from only {t}",
                    "delete from {t} using (select 1) o",
                    "merge into {t} using (select 1) s on true when matched then delete",
                    "with w as (delete from {t} returning 1) select * from w",
                ]
                .map(|form| (table.fill_in(form), "42501"))
            })
            .collect();
        owners_get(&attempts);
    }

    #[pg_test]
    fn an_owner_empties_no_table_of_records() {
        scene();
        let attempts: Vec<_> = records()
            .iter()
            .flat_map(|table| {
                ["truncate {t} cascade", "truncate {t} restart identity cascade"]
                    .map(|form| (table.fill_in(form), "42501"))
            })
            .collect();
        owners_get(&attempts);
    }

    #[pg_test]
    fn an_owner_drops_no_table_view_or_domain() {
        scene();
        let mut attempts = Vec::new();
        for name in relations("r") {
            attempts.push((format!("drop table {name} cascade"), "2BP01"));
        }
        for name in relations("v") {
            attempts.push((format!("drop view {name} cascade"), "2BP01"));
        }
        for name in ["amount", "counter", "stripe_counter"] {
            attempts.push((format!("drop domain ledger.{name} cascade"), "2BP01"));
        }
        owners_get(&attempts);
    }

    #[pg_test]
    fn an_owner_gives_no_column_of_a_transfer_other_values_by_another_type() {
        scene();
        let transfers = Table::read("ledger.transfers".to_owned());
        let attempts: Vec<_> = transfers
            .columns
            .iter()
            // Views show every column.
            .map(|c| {
                (format!("alter table ledger.transfers alter {c} type text using 'x'"), "0A000")
            })
            // The views would go, so the extension would, so the table would, which is being altered.
            .chain(transfers.columns.iter().map(|c| {
                (format!("alter table ledger.transfers drop column {c} cascade"), "55006")
            }))
            .collect();
        owners_get(&attempts);
    }

    #[pg_test]
    fn the_owner_is_no_superuser() {
        scene();
        run("set local session authorization backoffice_owner");
        let statements = [
            "set local session_replication_role = replica",
            "set local backoffice.allow_drop = 'yes, delete all data'",
            "set local allow_system_table_mods = on",
            "alter extension backoffice drop table ledger.transfers",
            "alter extension backoffice drop function backoffice.refuse_change()",
            "drop extension backoffice cascade",
            "alter event trigger backoffice_guard_drop disable",
            "copy ledger.transfers from '/dev/null'",
            "copy ledger.transfers from program 'true'",
            "update pg_catalog.pg_trigger set tgenabled = 'D'",
            "create function walls.c() returns trigger language c
                as 'backoffice', 'backoffice_forget_kept_wrapper'",
        ];
        for (statement, code) in std::iter::zip(statements, outcomes(statements.into_iter())) {
            assert_eq!(code, "42501", "{statement}");
        }
    }
}
