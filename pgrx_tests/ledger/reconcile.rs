//! Statements of others, and what becomes of their lines.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// Our account at a bank, and sales.
    fn books() -> (AccountId, AccountId) {
        let bank = open_account(&NewAccount { class: Class::Asset, ..plain("bank") }).unwrap();
        (bank, open("sales"))
    }

    /// Money that came to the bank account on a day of January 2025.
    fn came(bank: AccountId, sales: AccountId, minor: i64, day: u32, more: &str) -> String {
        let (debit, credit) = if minor > 0 { (bank, sales) } else { (sales, bank) };
        let rest = format!(
            "p_amount => {}, p_effective_at => '2025-01-{day} 10:00+00' {more}",
            minor.abs()
        );
        one(&format!("select transfer_id::text from ({}) t", call_transfer(debit, credit, &rest)))
    }

    /// Imports rows of day, paise and reference; the statement's id.
    fn import(bank: AccountId, rows: &[(u32, i64, &str)], options: &str) -> String {
        let rows: Vec<String> = rows
            .iter()
            .map(|(day, amount, reference)| {
                format!(
                    r#"{{"date":"2025-01-{day:02}","amount":{amount},"reference":"{reference}"}}"#
                )
            })
            .collect();
        one(&format!(
            "select statement_id::text from ledger.import_statement({bank}, 'january',
                p_rows => '[{}]', p_options => '{options}')",
            rows.join(",")
        ))
    }

    /// What reconciling gives, such as `matched 100/100`.
    fn outcomes(statement: &str, rest: &str) -> Vec<String> {
        maybe(&format!(
            "select array_agg(outcome || ' ' || lines_amount || '/' || transfers_amount order by n)
               from ledger.reconcile('{statement}' {rest}) with ordinality as r
                    (outcome, match_id, score, reasons, line_numbers, line_ids, transfer_ids,
                     lines_amount, transfers_amount, n)"
        ))
        .unwrap_or_default()
    }

    fn item(statement: &str, name: &str) -> Option<i64> {
        maybe(&format!(
            "select amount from ledger.reconciliation('{statement}') where item = '{name}'"
        ))
    }

    /// The ids of the lines with these numbers, as an array.
    fn lines(statement: &str, numbers: &str) -> String {
        format!(
            "array(select id from ledger.external_lines
                    where statement_id = '{statement}' and line_no in ({numbers}))"
        )
    }

    fn counts() -> [i64; 6] {
        [
            "external_statements",
            "external_lines",
            "matches",
            "match_lines",
            "match_transfers",
            "match_rejections",
        ]
        .map(count)
    }

    #[pg_test]
    fn a_csv_is_imported_once() {
        let (bank, _) = books();
        let call = |reference: &str, csv: &str| {
            format!(
                "select lines || '/' || total || '/' || closing_balance || '/' || replayed
                   from ledger.import_statement({bank}, '{reference}', e'{csv}',
                        p_options => '{{\"opening_balance\": \"10.00\"}}')"
            )
        };
        let csv = "date,amount,description\\n2025-01-02,12.50,coffee\\n2025-01-02,12.50,coffee\\n2025-01-03,-1,fee\\n";
        assert_eq!(one::<String>(&call("1", csv)), "3/2400/3400/false");
        assert_eq!(one::<String>(&call("1", csv)), "3/2400/3400/true");
        assert_eq!(counts()[..2], [1, 3]);
        let told_apart: String = one(
            "select string_agg(line_no || ':' || occurrence || ':' || amount, ' ' order by line_no)
               from ledger.external_lines",
        );
        assert_eq!(told_apart, "1:1:1250 2:2:1250 3:1:-100");
        expect_error("PT409", &call("1", &csv.replace("fee", "tax")));
        expect_error("PT409", &call("1", &csv.replace("-1,", "-2,")));
        assert_eq!(one::<String>(&call("2", csv)), "3/2400/3400/false");
    }

    #[pg_test]
    fn a_statement_with_bad_arguments_is_refused() {
        let (bank, _) = books();
        let row = r#"[{"date":"2025-01-02","amount":5}]"#;
        for (code, arguments) in [
            ("22004", "null, 'r', 'x'".to_owned()),
            ("22004", format!("{bank}, null, 'x'")),
            ("22004", format!("{bank}, 'r'")),
            ("22004", format!("{bank}, 'r', p_rows => '{row}', p_options => null")),
            ("22023", format!("{bank}, '', p_rows => '{row}'")),
            ("22023", format!("{bank}, 'r', 'date,amount', p_rows => '{row}'")),
            ("22023", format!("{bank}, 'r', ''")),
            ("22023", format!("{bank}, 'r', 'date,amount\n2025-01-02,x'")),
            ("22023", format!("{bank}, 'r', e'date,amount\\n2025-01-02,1.005'")),
            ("22003", format!("{bank}, 'r', e'date,amount\\n2025-01-02,92233720368547758.08'")),
            ("22023", format!("{bank}, 'r', repeat('x', 8388609)")),
            ("22023", format!("{bank}, 'r', p_rows => '{{}}'")),
            ("22004", format!("{bank}, 'r', p_rows => '[]'")),
            ("22023", format!("{bank}, 'r', p_rows => '{row}', p_options => '{{\"x\": 1}}'")),
            (
                "22023",
                format!("{bank}, 'r', p_rows => '{row}', p_options => '{{\"time_zone\": \"Mars\"}}'"),
            ),
            (
                "22023",
                format!(
                    "{bank}, 'r', p_rows => '{row}', p_options => '{{\"ends_on\": \"2025-01-01\"}}'"
                ),
            ),
            (
                "22023",
                format!(
                    "{bank}, 'r', p_rows => '{row}',
                     p_options => '{{\"opening_balance\": 1, \"closing_balance\": 2}}'"
                ),
            ),
            (
                "22003",
                format!(
                    "{bank}, 'r', p_rows => '[{{\"date\":\"2025-01-02\",\"amount\":9223372036854775807}},
                     {{\"date\":\"2025-01-02\",\"amount\":1}}]'"
                ),
            ),
            ("PT404", format!("-1, 'r', p_rows => '{row}'")),
        ] {
            expect_error(code, &format!("select ledger.import_statement({arguments})"));
        }
        assert_eq!(counts()[..2], [0, 0]);
        let empty = format!(
            "select lines || '/' || closing_balance from ledger.import_statement({bank}, 'r', p_rows => '[]',
                p_options => '{{\"starts_on\": \"2025-01-01\", \"ends_on\": \"2025-01-31\", \"opening_balance\": 7}}')"
        );
        assert_eq!(one::<String>(&empty), "0/700");
    }

    #[pg_test]
    fn lines_and_transfers_are_matched_and_the_difference_is_explained() {
        let (bank, sales) = books();
        came(bank, sales, 10_000, 1, "");
        came(bank, sales, 500, 8, ", p_metadata => '{\"reference\": \"INV 17\"}'");
        came(bank, sales, 60, 10, "");
        came(bank, sales, 40, 10, "");
        came(bank, sales, -300, 15, "");
        came(bank, sales, 77, 20, "");
        let statement = import(
            bank,
            &[(8, 500, "INV-17"), (10, 100, ""), (14, -100, ""), (15, -200, ""), (25, 9, "fee")],
            r#"{"opening_balance": "100.00", "starts_on": "2025-01-02", "ends_on": "2025-01-31"}"#,
        );
        let dry = outcomes(&statement, ", p_dry_run => true");
        assert_eq!(counts()[2..], [0, 0, 0, 0]);
        let wet = outcomes(&statement, "");
        assert_eq!(dry, wet);
        assert_eq!(
            wet,
            [
                "matched 500/500",
                "matched 100/100",
                "matched -300/-300",
                "unmatched_line 9/0",
                "unmatched_transfer 0/77",
            ]
        );
        assert_eq!(counts()[2..], [3, 4, 4, 0]);
        assert_eq!(outcomes(&statement, ""), ["unmatched_line 9/0", "unmatched_transfer 0/77"]);
        assert_eq!(item(&statement, "statement_closing"), Some(10_309));
        assert_eq!(item(&statement, "ledger_closing"), Some(10_377));
        assert_eq!(item(&statement, "closing_difference"), Some(68));
        assert_eq!(item(&statement, "opening_difference"), Some(0));
        assert_eq!(item(&statement, "unmatched_transfers"), Some(77));
        assert_eq!(item(&statement, "unmatched_lines"), Some(-9));
        assert_eq!(item(&statement, "unexplained"), Some(0));
    }

    #[pg_test]
    fn every_kind_of_difference_is_explained() {
        let (bank, sales) = books();
        came(bank, sales, 1_000, 1, "");
        came(bank, sales, 50, 4, "");
        came(bank, sales, 33, 6, "");
        let first = import(bank, &[(5, 50, ""), (6, 32, "")], r#"{"starts_on": "2025-01-05"}"#);
        assert_eq!(
            outcomes(&first, r#", '{"amount_tolerance": 1, "minimum_score": 30}'"#),
            ["matched 50/50", "matched 32/33"]
        );
        assert_eq!(item(&first, "closing_difference"), None);
        assert_eq!(item(&first, "transfers_of_other_days"), Some(-50));
        assert_eq!(item(&first, "differences_of_matches"), Some(1));
        assert_eq!(item(&first, "unexplained"), Some(0));
        let second: String = one(&format!(
            "select statement_id::text from ledger.import_statement({bank}, 'again',
                p_rows => '[{{\"date\": \"2025-01-06\", \"amount\": 33}}]',
                p_options => '{{\"opening_balance\": \"10\"}}')"
        ));
        // The transfer is taken by the first statement.
        assert_eq!(outcomes(&second, ""), ["unmatched_line 33/0"]);
        assert_eq!(item(&second, "transfers_of_other_statements"), Some(33));
        assert_eq!(item(&second, "opening_difference"), Some(50));
        assert_eq!(item(&second, "closing_difference"), Some(50));
        assert_eq!(item(&second, "unexplained"), Some(0));
    }

    #[pg_test]
    fn a_transfer_between_two_accounts_is_matched_for_each() {
        let (bank, _) = books();
        let other = open_account(&NewAccount { class: Class::Asset, ..plain("other") }).unwrap();
        came(bank, other, 100, 5, "");
        let one_side = import(bank, &[(5, 100, "")], "{}");
        let other_side = import(other, &[(5, -100, "")], "{}");
        assert_eq!(outcomes(&one_side, ""), ["matched 100/100"]);
        assert_eq!(outcomes(&other_side, ""), ["matched -100/-100"]);
    }

    #[pg_test]
    fn what_is_archived_is_matched_too() {
        let (bank, sales) = books();
        came(bank, sales, 100, 5, "");
        run("insert into ledger.transfers_archive
             select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()))).*
               from ledger.transfers t");
        let statement = import(bank, &[(5, 100, ""), (5, 100, "")], r#"{"opening_balance": "0"}"#);
        assert_eq!(outcomes(&statement, ""), ["matched 100/100", "matched 100/100"]);
        assert_eq!(item(&statement, "closing_difference"), Some(0));
        assert_eq!(item(&statement, "unexplained"), Some(0));
    }

    #[pg_test]
    fn days_are_those_of_the_statements_time_zone() {
        let (bank, sales) = books();
        came(bank, sales, 100, 5, "");
        run(&call_transfer(bank, sales, "p_amount => 70, p_effective_at => '2025-01-05 20:00+00'"));
        let statement =
            import(bank, &[(5, 100, ""), (6, 70, "")], r#"{"time_zone": "Asia/Kolkata"}"#);
        assert_eq!(outcomes(&statement, r#", '{"days": 0}'"#).len(), 2);
        assert_eq!(item(&statement, "unexplained"), Some(0));
    }

    #[pg_test]
    fn rules_of_reconciling_are_checked() {
        let (bank, _) = books();
        let statement = import(bank, &[(5, 100, "")], "{}");
        for (code, arguments) in [
            ("22004", "null"),
            ("22004", "'X', null"),
            ("22004", "'X', '{}', null"),
            ("22023", "'X', '[]'"),
            ("22023", "'X', '{\"day\": 1}'"),
            ("22023", "'X', '{\"days\": 61}'"),
            ("PT404", "gen_random_uuid()"),
        ] {
            let call = format!("select ledger.reconcile({arguments})").replace('X', &statement);
            expect_error(code, &call);
        }
        expect_error("PT404", "select ledger.reconciliation(gen_random_uuid())");
        expect_error("22004", "select ledger.reconciliation(null)");
    }

    #[pg_test]
    fn a_person_confirms_what_is_only_suggested() {
        let (bank, sales) = books();
        let transfers = [came(bank, sales, 100, 5, ""), came(bank, sales, 100, 5, "")];
        let statement = import(bank, &[(5, 100, "")], "{}");
        assert_eq!(outcomes(&statement, "").len(), 2 + 1 + 2);
        let call = |transfer: &str, rest: &str| {
            format!(
                "select lines_amount || '/' || transfers_amount || '/' || replayed
                   from ledger.confirm_match('{statement}', {}, array['{transfer}']::uuid[] {rest})",
                lines(&statement, "1")
            )
        };
        let admin = crate::kernel::ids::new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ledger', 'admin')"));
        become_person(admin);
        assert_eq!(
            one::<String>(&call(&transfers[0], ", p_note => 'asked them'")),
            "100/100/false"
        );
        assert_eq!(one::<String>(&call(&transfers[0], "")), "100/100/true");
        expect_error("PT409", &call(&transfers[1], ""));
        let who: bool = one(&format!(
            "select matched_by = '{admin}' and kind = 'manual' and note = 'asked them' and score is null
               from ledger.matches"
        ));
        assert!(who);
        become_database();
        assert_eq!(outcomes(&statement, ""), ["unmatched_transfer 0/100"]);
    }

    #[pg_test]
    fn what_is_confirmed_must_add_up() {
        let (bank, sales) = books();
        let transfer = came(bank, sales, 100, 5, "");
        let back = came(bank, sales, -100, 20, "");
        let statement = import(bank, &[(5, 99, ""), (6, 5, ""), (6, -5, "")], "{}");
        let call = |lines: &str, transfers: &str, rest: &str| {
            format!(
                "select ledger.confirm_match('{statement}', {lines}, array[{transfers}]::uuid[] {rest})"
            )
        };
        let (first, none) = (lines(&statement, "1"), "'{}'");
        let quoted = format!("'{transfer}'");
        for (code, call) in [
            ("22023", call(&first, &quoted, "")),
            ("22023", call(&first, &quoted, ", -1")),
            ("22004", call(&first, &quoted, ", null")),
            ("22023", call(&first, &format!("{quoted}, {quoted}"), ", 1")),
            ("22004", call(&first, "null", ", 1")),
            ("22004", call("null", &quoted, ", 1")),
            ("22023", call(none, "", "")),
            ("PT404", call(&first, "gen_random_uuid()", ", 1")),
            ("PT404", call("array[gen_random_uuid()]", &quoted, ", 1")),
            ("22023", call(none, &quoted, "")),
        ] {
            expect_error(code, &call);
        }
        run(&call(&first, &quoted, ", 1"));
        // The bank corrected itself: lines that add up to nothing are no transfer.
        run(&call(&lines(&statement, "2, 3"), "", ""));
        assert_eq!(item(&statement, "differences_of_matches"), Some(1));
        assert_eq!(item(&statement, "unexplained"), Some(0));
        assert_eq!(counts()[2..], [2, 3, 1, 0]);
        assert!(!back.is_empty());
    }

    #[pg_test]
    fn a_match_that_is_undone_does_not_come_back_by_itself() {
        let (bank, sales) = books();
        let transfer = came(bank, sales, 100, 5, "");
        let statement = import(bank, &[(5, 100, "")], "{}");
        let id: String =
            one(&format!("select match_id::text from ledger.reconcile('{statement}')"));
        let undo = format!("select ledger.unmatch('{id}', 'another customer')::text");
        let at = one::<String>(&undo);
        assert_eq!(one::<String>(&undo), at);
        assert_eq!(outcomes(&statement, ""), ["unmatched_line 100/0", "unmatched_transfer 0/100"]);
        // A person may say so all the same.
        run(&format!(
            "select ledger.confirm_match('{statement}', {}, array['{transfer}']::uuid[])",
            lines(&statement, "1")
        ));
        assert_eq!(outcomes(&statement, "").len(), 0);
        for (code, arguments) in [
            ("22004", "null, 'x'".to_owned()),
            ("22004", format!("'{id}', null")),
            ("22023", format!("'{id}', ''")),
            ("PT404", "gen_random_uuid(), 'x'".to_owned()),
        ] {
            expect_error(code, &format!("select ledger.unmatch({arguments})"));
        }
    }

    #[pg_test]
    fn what_is_rejected_is_not_suggested() {
        let (bank, sales) = books();
        let transfer = came(bank, sales, 100, 5, "");
        let statement = import(bank, &[(5, 100, "")], "{}");
        let call = |reason: &str| {
            format!(
                "select ledger.reject_match('{statement}', {}, array['{transfer}']::uuid[], {reason})",
                lines(&statement, "1")
            )
        };
        assert_eq!(one::<i64>(&call("'no'")), 1);
        assert_eq!(one::<i64>(&call("'no'")), 0);
        assert_eq!(outcomes(&statement, "").len(), 2);
        expect_error("22004", &call("null"));
        expect_error("22023", &call("''"));
        let empty = call("'no'").replace(&format!("array['{transfer}']"), "array[]");
        expect_error("22023", &empty);
        run(&format!(
            "select ledger.confirm_match('{statement}', {}, array['{transfer}']::uuid[])",
            lines(&statement, "1")
        ));
        expect_error("PT409", &call("'no'"));
    }

    #[pg_test]
    fn what_a_statement_says_and_who_matched_stays() {
        let (bank, sales) = books();
        came(bank, sales, 100, 5, "");
        let statement = import(bank, &[(5, 100, "")], "{}");
        outcomes(&statement, "");
        for change in [
            "update ledger.external_statements set reference = 'x'",
            "delete from ledger.external_statements",
            "update ledger.external_lines set amount = 1",
            "delete from ledger.external_lines",
            "truncate ledger.external_statements cascade",
            "update ledger.matches set score = 1",
            "delete from ledger.matches",
            "delete from ledger.match_lines",
            "delete from ledger.match_transfers",
            "truncate ledger.matches cascade",
        ] {
            expect_error("42501", change);
        }
        run("select ledger.unmatch(id, 'x') from ledger.matches");
        for change in [
            "update ledger.matches set undone_at = null, undone_reason = null",
            "update ledger.match_lines set active = true",
            "update ledger.match_transfers set active = true",
            "update ledger.match_rejections set reason = 'y'",
            "delete from ledger.match_rejections",
        ] {
            expect_error("42501", change);
        }
    }

    #[pg_test]
    fn a_search_that_gives_up_says_so() {
        let (bank, sales) = books();
        run(&format!(
            "select count(*) from generate_series(1, 2000) n,
                lateral ledger.transfer('test', p_debit_account_id => {bank}, p_credit_account_id => {sales},
                    p_amount => 300000 + 2 * n, p_effective_at => '2025-01-10') t"
        ));
        let statement: String = one(&format!(
            "select statement_id::text from ledger.import_statement({bank}, 'january',
                p_rows => (select jsonb_agg(jsonb_build_object('date', '2025-01-10', 'amount', 1000001))
                             from generate_series(1, 2000)))"
        ));
        let gave_up = outcomes(&statement, ", '{\"max_group\": 6}', true");
        assert_eq!(gave_up.last().map(String::as_str), Some("incomplete 0/0"));
    }
}
