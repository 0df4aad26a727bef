//! Closed periods: what is refused, what comes late, closing entries and reopening.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A bank, sales and earnings of the system `test`.
    fn shop() -> (AccountId, AccountId) {
        let of = |code, class| open_account(&NewAccount { class, ..plain(code) }).unwrap();
        of("earnings", Class::Equity);
        of("rent", Class::Expense);
        (of("bank", Class::Asset), of("sales", Class::Income))
    }

    fn sale(minor: i64, at: &str) -> String {
        format!(
            "select * from ledger.transfer('test', 'bank', 'sales', {minor}, p_effective_at => '{at}')"
        )
    }

    fn close(rest: &str) -> String {
        format!("select * from ledger.close_period('test', {rest})")
    }

    fn closed_until() -> Option<String> {
        maybe(
            "select (closed_until at time zone 'UTC')::text from ledger.books where system = 'test'",
        )
    }

    fn posted(code: &str, at: &str) -> i64 {
        one(&format!(
            "select b.posted from ledger.accounts a, ledger.balance(a.id, '{at}') b
              where a.system = 'test' and a.code = '{code}'"
        ))
    }

    #[pg_test]
    fn nothing_is_posted_for_a_closed_time() {
        let (bank, sales) = shop();
        run(&sale(100, "2024-03-15 12:00+00"));
        run(&close("'2024-04-01 00:00+00', p_reason => 'March'"));
        assert_eq!(closed_until().as_deref(), Some("2024-04-01 00:00:00"));
        expect_error("PT409", &sale(1, "2024-03-31 23:59:59.999999+00"));
        expect_error(
            "PT409",
            r#"select ledger.post_journal('test', 'k', '[{"debit": "bank", "credit": "sales", "amount": 1},
                {"debit": "bank", "credit": "sales", "amount": 2}]', p_effective_at => '2023-01-01')"#,
        );
        run(&sale(10, "2024-04-01 00:00+00"));
        transfer(bank, sales, 1).unwrap();
        assert_eq!(figures(sales).0, 111);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_refusal_says_until_when_and_what_to_do() {
        shop();
        run(&close("'2024-04-01 00:00+00'"));
        run("create function pg_temp.said(statement text) returns text language plpgsql as $f$
             declare detail text; hint text;
             begin
                 execute statement;
                 return '';
             exception when others then
                 get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
                 return detail || ' ' || hint;
             end $f$");
        let said: String =
            one(&format!("select pg_temp.said({})", literal(&sale(1, "2024-03-01"))));
        assert!(said.contains("test") && said.contains("2024-04-01"), "{said}");
        assert!(said.contains("ledger.post_late"), "{said}");
    }

    #[pg_test]
    fn sweeps_balancing_transfers_and_keyed_journals_obey_it_too() {
        let (bank, sales) = shop();
        transfer(bank, sales, 50).unwrap();
        let at = |time: &str| maybe(&format!("select '{time}'::timestamptz"));
        let sweep_at = |time: &str, id| {
            let from = [sales];
            sweep(&Sweep {
                id,
                system: "test",
                kind: "sweep",
                description: None,
                from: &from,
                to: bank,
                effective_at: at(time),
                metadata: None,
            })
        };
        let up_to = |time: &str| {
            let legs = [leg(sales, bank, 10)];
            post_up_to(
                &Journal { effective_at: at(time), ..journal(None, &legs) },
                Balancing::Debit,
            )
        };
        let keyed = |time: &str| {
            let legs = [leg(bank, sales, 10)];
            post_keyed(&Journal { effective_at: at(time), ..journal(None, &legs) }, "key")
        };
        let id = Some(new_id());
        keyed("2024-03-01").unwrap();
        sweep_at("2024-03-02", id).unwrap();
        transfer(bank, sales, 50).unwrap();
        run(&close("'2024-04-01'"));
        assert_eq!(code(sweep_at("2024-03-02", None).map(|_| ())), "PT409");
        assert_eq!(code(up_to("2024-03-02").map(|_| ())), "PT409");
        // What was posted in time is repeated.
        assert!(sweep_at("2024-03-02", id).unwrap().unwrap().replayed);
        assert!(keyed("2024-03-01").unwrap().replayed);
        up_to("2024-04-02").unwrap();
        sweep_at("2024-04-02", None).unwrap();
        assert_eq!(figures(sales).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn books_of_another_system_are_not_closed_with_it() {
        shop();
        let other = open_account(&NewAccount { system: "other", ..plain("x") }).unwrap();
        let another = open_account(&NewAccount { system: "other", ..plain("y") }).unwrap();
        run(&close("'2024-04-01'"));
        let at = |debit, credit| {
            call_transfer(debit, credit, "p_amount => 1, p_effective_at => '2024-03-01'")
        };
        run(&at(other, another));
        // Either account decides, whatever system the transfer is called of.
        let bank = find_account("test", "bank").unwrap().unwrap();
        expect_error("PT409", &at(other, bank));
        expect_error("PT409", &at(bank, other));
    }

    #[pg_test]
    fn what_was_posted_in_time_is_repeated_after_the_closing() {
        shop();
        let id = new_id();
        let call = |minor| {
            format!(
                "select * from ledger.transfer('test', 'bank', 'sales', {minor}, p_id => '{id}',
                    p_effective_at => '2024-03-15')"
            )
        };
        run(&call(7));
        run(&close("'2024-04-01'"));
        assert!(one::<bool>(&format!("select replayed from ({}) x", call(7))));
        expect_error("PT409", &call(8));
        assert_eq!(count("transfers"), 1);
    }

    #[pg_test]
    fn closing_again_changes_nothing_and_never_goes_back() {
        shop();
        for _ in 0..2 {
            assert_eq!(one::<i32>(&close("'2024-04-01'").replace('*', "number")), 1);
        }
        assert_eq!(one::<i32>(&close("'2024-05-01'").replace('*', "number")), 2);
        expect_error("PT409", &close("'2024-04-01'"));
        expect_error("PT409", &close("'2024-05-01', 'earnings'"));
        assert_eq!(count("periods"), 2);
    }

    #[pg_test]
    fn closing_with_bad_arguments_is_refused() {
        shop();
        for (code, arguments) in [
            ("22004", "null, '2024-01-01'"),
            ("22004", "'test', null"),
            ("22023", "'', '2024-01-01'"),
            ("22023", "'test', now() + interval '1 hour'"),
            ("22023", "'test', 'infinity'"),
            ("22023", "'test', '-infinity'"),
            ("22023", "'test', '2024-01-01', 'bank'"),
            ("22023", "'test', '2024-01-01', p_reason => ''"),
            ("PT404", "'nowhere', '2024-01-01'"),
            ("PT404", "'test', '2024-01-01', 'nobody'"),
        ] {
            expect_error(code, &format!("select ledger.close_period({arguments})"));
        }
        for (code, arguments) in [
            ("22004", "null, null, 'x'"),
            ("22004", "'test', null, null"),
            ("22023", "'test', null, ''"),
            ("22023", "'test', 'infinity', 'x'"),
            ("PT409", "'test', null, 'x'"),
            ("PT409", "'nowhere', '2024-01-01', 'x'"),
        ] {
            expect_error(code, &format!("select ledger.reopen_period({arguments})"));
        }
        assert_eq!(count("periods"), 0);
    }

    #[pg_test]
    fn closing_entries_carry_the_result_into_equity() {
        shop();
        run(&sale(100, "2024-03-15"));
        run("select ledger.transfer('test', 'rent', 'bank', 30, p_effective_at => '2024-03-20')");
        run(&sale(5, "2024-04-02"));
        run(&close("'2024-04-01', 'earnings'"));
        let last = "2024-03-31 23:59:59.999999";
        let at: String =
            one("select distinct (effective_at)::text from ledger.entries where kind = 'closing'");
        assert_eq!(at, one::<String>(&format!("select '{last}'::timestamptz::text")));
        for (code, before, after) in [("sales", 100, 0), ("rent", 30, 0), ("earnings", 0, 70)] {
            assert_eq!(posted(code, "2024-03-31 23:59:59"), before, "{code}");
            assert_eq!(posted(code, last), after, "{code}");
        }
        assert_eq!(posted("sales", "2024-05-01"), 5);
        // Closed again a month later, only what came since is carried.
        run(&close("'2024-05-01', 'earnings'"));
        assert_eq!(posted("earnings", "2024-05-01"), 75);
        assert_eq!(count("closing_journals"), 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_result_in_another_currency_has_earnings_of_its_own() {
        shop();
        let usd = |code, class| {
            open_account(&NewAccount { class, currency: currency("USD"), ..plain(code) }).unwrap()
        };
        usd("dollars", Class::Asset);
        usd("exports", Class::Income);
        run(
            "select ledger.transfer('test', 'dollars', 'exports', 9, p_effective_at => '2024-03-15')",
        );
        run(&sale(100, "2024-03-15"));
        run(&close("'2024-04-01', 'earnings'"));
        assert_eq!(posted("earnings:USD", "2024-04-01"), 9);
        assert_eq!(posted("earnings", "2024-04-01"), 100);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_loss_is_carried_too_and_nothing_makes_no_entries() {
        shop();
        run("select ledger.transfer('test', 'rent', 'bank', 30, p_effective_at => '2024-03-20')");
        run(&close("'2024-01-01', 'earnings'"));
        assert_eq!(count("closing_journals"), 0);
        run(&close("'2024-04-01', 'earnings'"));
        assert_eq!(posted("earnings", "2024-04-01"), -30);
    }

    #[pg_test]
    fn reopening_undoes_the_entries_for_the_moment_of_their_own() {
        shop();
        run(&sale(100, "2024-03-15"));
        run(&close("'2024-04-01', 'earnings'"));
        run(&sale(50, "2024-04-15"));
        run(&close("'2024-05-01', 'earnings'"));
        run("select ledger.reopen_period('test', '2024-04-01', 'a bill was missing')");
        assert_eq!((posted("earnings", "2024-05-01"), posted("sales", "2024-05-01")), (100, 50));
        expect_error("PT409", &sale(1, "2024-03-20"));
        run(&sale(1, "2024-04-20"));
        for _ in 0..2 {
            run("select ledger.reopen_period('test', null, 'all of it')");
        }
        assert_eq!((posted("earnings", "2024-05-01"), posted("sales", "2024-05-01")), (0, 151));
        assert_eq!(closed_until(), None);
        run(&close("'2024-05-01', 'earnings'"));
        assert_eq!(posted("earnings", "2024-05-01"), 151);
        assert_eq!(count("closing_journals"), 5);
        expect_books_in_order();
        let logged: String = one("select string_agg(action, ' ' order by id) from ops.audit_logs
              where table_name = 'ledger.periods'");
        assert_eq!(logged, "close_period close_period reopen_period reopen_period close_period");
    }

    #[pg_test]
    fn closing_entries_are_not_reversed_by_hand() {
        shop();
        run(&sale(100, "2024-03-15"));
        run(&close("'2024-04-01', 'earnings'"));
        let id: String = one("select journal_id::text from ledger.closing_journals");
        expect_error("PT409", &format!("select ledger.reverse_journal('{id}', 'x')"));
        expect_error("PT409", &format!("select ledger.reverse_transfer('{id}', 'x')"));
        // Others of the same kind are.
        run(
            "select ledger.reverse_transfer(transfer_id, 'x') from ledger.transfer('test', 'bank', 'sales', 1, 'closing')",
        );
    }

    #[pg_test]
    fn a_reversal_and_a_settlement_of_something_closed_count_today() {
        let (bank, sales) = shop();
        let id = post(&Journal {
            effective_at: maybe("select '2024-03-15'::timestamptz"),
            ..journal(None, &[leg(bank, sales, 9)])
        });
        let held = hold(&new_hold(bank, sales, 4)).unwrap();
        run(&close("'2024-04-01', 'earnings'"));
        reverse_transfer(id.unwrap().journal_id, None, "x").unwrap();
        settle(held, None).unwrap();
        assert_eq!((posted("sales", "2024-04-01"), figures(sales).0), (0, -5));
        expect_books_in_order();
    }

    fn late(id: &str, minor: i64, at: &str) -> String {
        format!(
            r#"select (effective_at at time zone 'UTC')::text || ' ' || replayed from ledger.post_late('test', 'sale',
                '[{{"debit": "bank", "credit": "sales", "amount": {minor}}}]', '{at}', '{id}')"#
        )
    }

    #[pg_test]
    fn a_late_posting_counts_from_the_first_open_moment() {
        shop();
        run(&close("'2024-04-01 00:00+00'"));
        let id = new_id().to_string();
        let posted = one::<String>(&late(&id, 7, "2024-03-15 00:00+00"));
        assert_eq!(posted, "2024-04-01 00:00:00 false");
        // The same request finds it, also when more has been closed meanwhile.
        run(&close("'2024-05-01 00:00+00'"));
        let again = one::<String>(&late(&id, 7, "2024-03-15 00:00+00"));
        assert_eq!(again, "2024-04-01 00:00:00 true");
        expect_error("PT409", &late(&id, 8, "2024-03-15 00:00+00"));
        expect_error("PT409", &late(&id, 7, "2024-03-16 00:00+00"));
        assert_eq!(count("transfers"), 1);
        let kept: String =
            one("select (asked_at at time zone 'UTC')::text from ledger.late_postings");
        assert_eq!(kept, "2024-03-15 00:00:00");
    }

    #[pg_test]
    fn what_is_not_late_is_posted_for_its_time() {
        shop();
        run(&close("'2024-04-01 00:00+00'"));
        let id = new_id().to_string();
        for replayed in ["false", "true"] {
            let posted = one::<String>(&late(&id, 7, "2024-04-15 00:00+00"));
            assert_eq!(posted, format!("2024-04-15 00:00:00 {replayed}"));
        }
        run(&close("'2024-05-01 00:00+00'"));
        assert_eq!(one::<String>(&late(&id, 7, "2024-04-15 00:00+00")), "2024-04-15 00:00:00 true");
        assert_eq!(count("late_postings"), 0);
        for (code, arguments) in [
            (
                "22004",
                r#"'test', 'k', '[{"debit": "bank", "credit": "sales", "amount": 1}]', null"#,
            ),
            (
                "22023",
                r#"'test', 'k', '[{"debit": "bank", "credit": "sales", "amount": 1}]', 'infinity'"#,
            ),
            ("22023", "'test', 'k', '[]', '2024-01-01'"),
            ("22004", "'test', null, '[]', '2024-01-01'"),
            ("22004", "null, 'k', '[]', '2024-01-01'"),
            ("22004", "'test', 'k', null, '2024-01-01'"),
        ] {
            expect_error(code, &format!("select ledger.post_late({arguments})"));
        }
    }

    #[pg_test]
    fn a_transfer_recorded_for_a_closed_period_is_found() {
        let (bank, sales) = shop();
        run(&close("'2024-04-01 00:00+00'"));
        run(&format!(
            "insert into ledger.transfer_kinds (system, kind) values ('test', 'forged');
             insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at, effective_at, kind_id)
             select gen_random_uuid(), {bank}, {sales}, 5, clock_timestamp(), '2024-03-01', id
               from ledger.transfer_kinds where kind = 'forged';
             update ledger.accounts set debits_posted = 5 where id = {bank};
             update ledger.accounts set credits_posted = 5 where id = {sales}"
        ));
        let problems: String = one("select string_agg(distinct problem, ' ') from ledger.check()");
        assert_eq!(problems, "closed_period");
    }

    #[pg_test]
    fn the_record_of_periods_cannot_be_changed() {
        shop();
        run(&sale(100, "2024-03-15"));
        run(&close("'2024-04-01', 'earnings'"));
        run(&late(&new_id().to_string(), 7, "2024-03-15"));
        for table in ["periods", "closing_journals", "late_postings"] {
            expect_error("42501", &format!("delete from ledger.{table}"));
            expect_error("42501", &format!("truncate ledger.{table} cascade"));
        }
        expect_error("42501", "update ledger.periods set closed_until = null");
        expect_error("42501", "update ledger.late_postings set asked_at = '2020-01-01'");
    }
}
