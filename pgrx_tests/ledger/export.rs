//! The books as a file.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn lines(arguments: &str) -> Vec<String> {
        maybe(&format!(
            "select array_agg(line order by n)
               from ledger.export({arguments}) with ordinality as e (line, n)"
        ))
        .unwrap_or_default()
    }

    /// Three transfers of January 2025, the second and third in one journal.
    fn books() -> (AccountId, AccountId) {
        let bank = open_account(&NewAccount { class: Class::Asset, ..plain("bank") }).unwrap();
        let sales = open_account(&NewAccount { class: Class::Income, ..plain("sales") }).unwrap();
        run(&call_transfer(
            bank,
            sales,
            "p_amount => 1250, p_description => '=1+1', p_effective_at => '2025-01-10 20:00+00'",
        ));
        run("select ledger.post_journal('test', 'refund',
                '[{\"debit\": \"sales\", \"credit\": \"bank\", \"amount\": 100},
                  {\"debit\": \"sales\", \"credit\": \"bank\", \"amount\": 50}]',
                p_effective_at => '2025-01-20 12:00+00', p_metadata => '{\"rate\": 1.25}')");
        (bank, sales)
    }

    #[pg_test]
    fn csv_pages() {
        books();
        let all = lines("'test'");
        assert_eq!(all.len(), 4);
        let first = lines("'test', p_limit => 2");
        assert_eq!(first, all[..3]);
        let after = first[2].split(',').next().unwrap_or_default();
        assert_eq!(lines(&format!("'test', p_after => '{after}'")), all[3..]);
        let cells: Vec<&str> = all[1].split(',').collect();
        assert_eq!(&cells[7..13], ["bank", "test", "sales", "INR", "12.50", "'=1+1"]);
    }

    #[pg_test]
    fn what_is_archived_is_exported_too() {
        books();
        run("insert into ledger.transfers_archive
             select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()))).*
               from ledger.transfers t where journal_id is null");
        assert_eq!(lines("'test'").len(), 5);
    }

    #[pg_test]
    fn json_lines_are_exact() {
        books();
        let lines = lines("'test', 'jsonl'");
        let line = literal(&lines[1]);
        let figures: String = one(&format!(
            "select (j ->> 'amount') || ' ' || (j ->> 'amount_minor') || ' ' || (j #>> '{{metadata,rate}}')
               from (select {line}::json as j) x"
        ));
        assert_eq!(figures, "1.00 100 1.25");
    }

    #[pg_test]
    fn days_are_those_of_the_time_zone() {
        books();
        assert_eq!(lines("'test', p_from => '2025-01-11'").len(), 3);
        assert_eq!(lines("'test', p_from => '2025-01-11', p_time_zone => 'Asia/Kolkata'").len(), 4);
        assert_eq!(lines("'test', p_to => '2025-01-20'").len(), 2);
        assert_eq!(lines("'nowhere'").len(), 1);
    }

    #[pg_test]
    fn beancount_ends_with_the_balances_of_the_books() {
        let (bank, _) = books();
        let has = |lines: &[String], text: &str| lines.iter().filter(|l| l.contains(text)).count();
        let whole = lines("'test', 'beancount'");
        assert_eq!(has(&whole, " * "), 2);
        assert_eq!(has(&whole, "2025-01-10 open Assets:Test:Bank INR"), 1);
        assert_eq!(has(&whole, "balance Assets:Test:Bank 11.00 ~ 0 INR"), 1);
        assert_eq!(has(&whole, "balance Income:Test:Sales -11.00 ~ 0 INR"), 1);
        let part = lines("'test', 'beancount', '2025-01-15', '2025-02-01'");
        assert_eq!(has(&part, "2025-01-15 * \"Opening balances\""), 1);
        assert_eq!(has(&part, "  Assets:Test:Bank 12.50 INR"), 1);
        assert_eq!(has(&part, "2025-02-01 balance Assets:Test:Bank 11.00 ~ 0 INR"), 1);
        // An account of another system is there, but not all of its transfers.
        run("select ledger.open_account('other', 'cash', 'INR', 'asset');
             select ledger.transfer('test', p_amount => 7, p_debit_account_id => a.id, p_credit_account_id => b.id)
               from ledger.accounts a, ledger.accounts b
              where a.system = 'other' and b.code = 'bank' and b.system = 'test'");
        let whole = lines("'test', 'beancount'");
        assert_eq!(has(&whole, "open Assets:Other:Cash INR"), 1);
        assert_eq!(has(&whole, "balance Assets:Other:Cash"), 0);
        assert_eq!(has(&whole, "balance Assets:Test:Bank 10.93 ~ 0 INR"), 1);
        assert_eq!(figures(bank).0, 1093);
    }

    #[pg_test]
    fn bad_arguments_are_refused() {
        books();
        for (code, arguments) in [
            ("22004", "'test', null"),
            ("22023", "'test', 'xml'"),
            ("22004", "'test', p_time_zone => null"),
            ("22023", "'test', p_time_zone => 'Mars'"),
            ("22004", "'test', p_limit => null"),
            ("22023", "'test', p_limit => 0"),
            ("22023", "'test', p_limit => 100001"),
            ("22023", "'test', p_from => 'infinity'"),
            ("22023", "'test', p_to => '-infinity'"),
            ("22023", "'test', p_from => '2025-01-02', p_to => '2025-01-01'"),
            ("PT404", "'test', p_after => gen_random_uuid()"),
            ("22023", "'test', 'beancount', p_limit => 2"),
            ("22023", "'test', 'beancount', p_after => gen_random_uuid()"),
        ] {
            expect_error(code, &format!("select ledger.export({arguments})"));
            expect_error(code, &format!("select ledger.export_file({arguments})"));
        }
    }

    #[pg_test]
    fn a_year_that_beancount_does_not_know_is_refused_there_only() {
        let (bank, sales) = books();
        run(&call_transfer(bank, sales, "p_amount => 1, p_effective_at => '20000-01-01'"));
        assert_eq!(lines("'test'").len(), 5);
        expect_error("22023", "select ledger.export('test', 'beancount')");
        assert!(lines("'test', 'beancount', p_to => '2100-01-01'").len() > 10);
    }

    #[pg_test]
    fn a_file_is_the_lines() {
        books();
        let same: bool = one("select ledger.export_file('test')::text
              = (select string_agg(line || e'\\r\\n', '' order by n)
                   from ledger.export('test') with ordinality as e (line, n))");
        assert!(same);
    }
}
