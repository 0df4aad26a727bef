//! Balance sheet and income statement.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A year of a shop in rupees: capital 1000, sales 300, rent 120; in dollars sales 9.
    fn year() {
        let of = |code, class| open_account(&NewAccount { class, ..plain(code) }).unwrap();
        of("bank", Class::Asset);
        of("capital", Class::Equity);
        of("earnings", Class::Equity);
        of("sales", Class::Income);
        of("rent", Class::Expense);
        let usd = |code, class| {
            open_account(&NewAccount { class, currency: currency("USD"), ..plain(code) }).unwrap()
        };
        usd("dollars", Class::Asset);
        usd("exports", Class::Income);
        for (debit, credit, minor, at) in [
            ("bank", "capital", 1000, "2023-01-01"),
            ("bank", "sales", 100, "2023-06-01"),
            ("bank", "sales", 200, "2024-01-10"),
            ("rent", "bank", 120, "2024-02-10"),
            ("dollars", "exports", 9, "2024-02-11"),
        ] {
            run(&format!(
                "select ledger.transfer('test', '{debit}', '{credit}', {minor}, p_effective_at => '{at}')"
            ));
        }
    }

    /// The sums of the sections.
    fn sums(call: &str) -> String {
        one(&format!(
            "select string_agg(section || ' ' || amount, ', ') from ledger.{call} where account_id is null"
        ))
    }

    #[pg_test]
    fn a_balance_sheet_proves_itself_in_every_currency() {
        year();
        assert_eq!(
            sums("balance_sheet('test', '2024-03-01', 'INR')"),
            "assets 1180, liabilities 0, equity 1000, result 180, other_systems 0, difference 0"
        );
        assert_eq!(
            sums("balance_sheet('test', '2024-03-01', 'USD')"),
            "assets 9, liabilities 0, equity 0, result 9, other_systems 0, difference 0"
        );
        assert_eq!(
            sums("balance_sheet('test', '2023-02-01', 'INR')"),
            "assets 1000, liabilities 0, equity 1000, result 0, other_systems 0, difference 0"
        );
        let currencies: String =
            one("select string_agg(distinct currency, ' ') from ledger.balance_sheet()");
        assert_eq!(currencies, "INR USD");
    }

    #[pg_test]
    fn what_other_systems_owe_is_part_of_the_sheet() {
        year();
        let other = open_account(&NewAccount { system: "other", ..plain("wallet") }).unwrap();
        let bank = find_account("test", "bank").unwrap().unwrap();
        transfer(bank, other, 70).unwrap();
        transfer(other, bank, 20).unwrap();
        assert_eq!(
            sums("balance_sheet('test', null, 'INR')"),
            "assets 1230, liabilities 0, equity 1000, result 180, other_systems 50, difference 0"
        );
        assert_eq!(
            sums("balance_sheet('other')"),
            "assets 0, liabilities 50, equity 0, result 0, other_systems -50, difference 0"
        );
        assert_eq!(
            sums("balance_sheet(null, null, 'INR')"),
            "assets 1230, liabilities 50, equity 1000, result 180, other_systems 0, difference 0"
        );
    }

    #[pg_test]
    fn an_income_statement_compares_two_periods() {
        year();
        let statement = "select string_agg(section || ' ' || coalesce(path, '-') || ' ' || amount || ' ' || compared, ', ')
            from ledger.income_statement('test', '2024-01-01', '2025-01-01', 'INR', '2023-01-01', '2024-01-01')";
        assert_eq!(
            one::<String>(statement),
            "income sales 200 100, income - 200 100, expenses rent 120 0, expenses - 120 0, result - 80 100"
        );
        let alone = "select count(*) from ledger.income_statement('test', '2024-01-01', '2025-01-01') where compared is null";
        assert_eq!(one::<i64>(alone), 9);
        // From a moment, with it, to another, without it.
        assert_eq!(
            sums("income_statement('test', '2024-01-10', '2024-02-10', 'INR')"),
            "income 200, expenses 0, result 200"
        );
    }

    #[pg_test]
    fn closing_the_year_leaves_its_statement_as_it_was() {
        year();
        let statements = || {
            let of = |from: &str, to: &str| {
                sums(&format!("income_statement('test', '{from}', '{to}', 'INR')"))
            };
            [
                of("2023-01-01", "2024-01-01"),
                of("2024-01-01", "2025-01-01"),
                of("2023-01-01", "2025-01-01"),
            ]
        };
        let before = statements();
        assert_eq!(before[0], "income 100, expenses 0, result 100");
        run("select ledger.close_period('test', '2024-01-01', 'earnings')");
        assert_eq!(statements(), before);
        assert_eq!(
            sums("balance_sheet('test', '2024-01-01', 'INR')"),
            "assets 1100, liabilities 0, equity 1100, result 0, other_systems 0, difference 0"
        );
        run("select ledger.close_period('test', '2025-01-01', 'earnings')");
        assert_eq!(statements(), before);
        run("select ledger.reopen_period('test', '2024-01-01', 'x')");
        assert_eq!(statements(), before);
        assert_eq!(
            sums("balance_sheet('test', '2025-01-01', 'INR')"),
            "assets 1180, liabilities 0, equity 1100, result 80, other_systems 0, difference 0"
        );
    }

    #[pg_test]
    fn statements_and_the_proof_read_the_archive_too() {
        alone();
        year();
        let other = open_account(&NewAccount { system: "other", ..plain("wallet") }).unwrap();
        let bank = find_account("test", "bank").unwrap().unwrap();
        transfer(bank, other, 70).unwrap();
        run("select ledger.exchange('test', 'bank', 'dollars', 83, 1)");
        run("select ledger.close_period('test', '2024-01-01', 'earnings')");
        let asked = || {
            [
                sums("balance_sheet('test', null, 'INR')"),
                sums("income_statement('test', '2023-01-01', '2024-01-01', 'INR')"),
                sums("income_statement('test', '2024-01-01', '2025-01-01', 'INR')"),
            ]
        };
        let before = asked();
        run("alter table ledger.transfers disable trigger user;
             alter table ledger.journals disable trigger user;
             insert into ledger.transfers_archive select * from ledger.transfers;
             insert into ledger.journals_archive select * from ledger.journals;
             delete from ledger.transfers;
             delete from ledger.journals");
        assert_eq!(asked(), before);
        expect_books_in_order();
    }

    #[pg_test]
    fn statements_fold_at_a_depth() {
        year();
        let [sales, web] = ["sales", "web"]
            .map(|code| open_account(&NewAccount { class: Class::Income, ..plain(code) }).unwrap());
        run(&format!("select ledger.move_account({web}, {sales})"));
        run("select ledger.transfer('test', 'bank', 'web', 40, p_effective_at => '2024-01-11')");
        let lines = |depth: &str| {
            one::<String>(&format!(
                "select string_agg(path || ' ' || own || ' ' || amount, ', ') from ledger.income_statement(
                    'test', '2024-01-01', '2025-01-01', 'INR', p_depth => {depth}) where section = 'income'"
            ))
        };
        assert_eq!(lines("null"), "sales 200 240, sales/web 40 40");
        assert_eq!(lines("0"), "sales 200 240");
    }

    #[pg_test]
    fn statements_with_bad_arguments_are_refused() {
        year();
        for (code, call) in [
            ("22004", "income_statement('test', null, '2024-01-01')"),
            ("22004", "income_statement('test', '2024-01-01', null)"),
            (
                "22004",
                "income_statement('test', '2024-01-01', '2025-01-01', p_compare_to => '2024-01-01')",
            ),
            (
                "22004",
                "income_statement('test', '2024-01-01', '2025-01-01', p_compare_from => '2024-01-01')",
            ),
            ("22023", "income_statement('test', '2025-01-01', '2025-01-01')"),
            ("22023", "income_statement('test', '-infinity', '2025-01-01')"),
            ("22023", "income_statement('test', '2024-01-01', 'infinity')"),
            ("22023", "income_statement('test', '2024-01-01', '2025-01-01', 'inr')"),
            ("PT404", "income_statement('nowhere', '2024-01-01', '2025-01-01')"),
            ("22023", "balance_sheet('test', 'infinity')"),
            ("22023", "balance_sheet('test', null, 'rupee')"),
            ("22023", "balance_sheet('test', p_depth => -1)"),
            ("PT404", "balance_sheet('nowhere')"),
        ] {
            expect_error(code, &format!("select * from ledger.{call}"));
        }
    }

    #[pg_test]
    fn the_books_of_a_system_are_for_its_admins() {
        year();
        let admin = new_id();
        run(&format!(
            "insert into backoffice.role_definitions values ('test', 'admin', 'x') on conflict do nothing;
             select backoffice.grant_role('{admin}', 'test', 'admin')"
        ));
        become_person(admin);
        run("select * from ledger.balance_sheet('test')");
        run("select * from ledger.income_statement('test', '2024-01-01', '2025-01-01')");
        run("select * from ledger.chart('test')");
        run("select * from ledger.revaluation('test', null, 'INR')");
        for call in [
            "balance_sheet()",
            "balance_sheet('other')",
            "chart('other')",
            "revaluation('other', null, 'INR')",
        ] {
            expect_error("42501", &format!("select * from ledger.{call}"));
        }
        for call in [
            "close_period('test', '2024-01-01')",
            "reopen_period('test', null, 'x')",
            "set_rate('USD', 'INR', 1)",
        ] {
            expect_error("42501", &format!("select * from ledger.{call}"));
        }
    }
}
