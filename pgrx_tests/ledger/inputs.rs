//! Hostile and clumsy input: the right SQLSTATE, and nothing changed.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_transfer_with_bad_arguments_is_refused() {
        let (bank, _, wallet) = funded(100);
        let before = (figures(bank), figures(wallet), count("transfers"));
        for (code, arguments) in [
            ("22004", "null, 'bank', 'wallet', 1"),
            ("22004", "'test', null, 'wallet', 1"),
            ("22004", "'test', 'bank', null, 1"),
            ("22004", "'test', 'bank', 'wallet', null"),
            ("22004", "'test', 'bank', 'wallet', 1, null"),
            ("22023", "'test', 'bank', 'wallet', 0"),
            ("22023", "'test', 'bank', 'wallet', -1"),
            ("22023", "'test', 'bank', 'wallet', -9223372036854775808"),
            ("22003", "'test', 'bank', 'wallet', 9223372036854775808::numeric::bigint"),
            ("22003", "'test', 'bank', 'wallet', 9223372036854775807"),
            ("22023", "'test', 'bank', 'bank', 1"),
            ("22023", "'test', 'bank', 'wallet', 1, ''"),
            ("22023", "'', 'bank', 'wallet', 1, p_debit_account_id => 1"),
            ("PT404", "'test', 'nobody', 'wallet', 1"),
            ("PT404", "'nowhere', 'bank', 'wallet', 1"),
            ("22023", "'test', 'bank', 'wallet', 1, p_currency => 'rupee'"),
            ("22023", "'test', 'bank', 'wallet', 1, p_currency => 'USD'"),
            ("22023", "'test', 'bank', 'wallet', 1, p_debit_account_id => 1"),
            ("22023", "'test', 'bank', 'wallet', 1, p_effective_at => 'infinity'"),
            ("22023", "'test', 'bank', 'wallet', 1, p_effective_at => '-infinity'"),
            ("PT404", "'test', p_amount => 1, p_debit_account_id => -1, p_credit_account_id => 0"),
            (
                "PT404",
                "'test', p_amount => 1, p_debit_account_id => 9223372036854775807,
                 p_credit_account_id => 0, p_currency => 'INR'",
            ),
        ] {
            expect_error(code, &format!("select * from ledger.transfer({arguments})"));
        }
        assert_eq!(before, (figures(bank), figures(wallet), count("transfers")));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_with_bad_legs_is_refused() {
        let (bank, _, wallet) = funded(100);
        let before = (figures(bank), figures(wallet), count("transfers"));
        for (code, legs) in [
            ("22023", "{}"),
            ("22023", "[]"),
            ("22023", "null"),
            ("22023", "[1]"),
            ("22004", r#"[{"debit": "bank", "credit": "wallet"}]"#),
            ("22004", r#"[{"debit": "bank", "amount": 1}]"#),
            ("22004", r#"[{"debit": "bank", "credit": null, "amount": 1}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 1, "amuont": 1}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 1.5}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": "NaN"}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": "Infinity"}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": "1e3"}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": true}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 0}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": -4}]"#),
            ("22003", r#"[{"debit": "bank", "credit": "wallet", "amount": 9223372036854775808}]"#),
            ("22003", r#"[{"debit": "bank", "credit": "wallet", "amount": 1e300}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "bank", "amount": 1}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 1, "id": "7"}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 1, "currency": "X"}]"#),
            ("22023", r#"[{"debit": "bank", "credit": "wallet", "amount": 1, "currency": "USD"}]"#),
            ("PT404", r#"[{"debit": "bank", "credit": "nobody", "amount": 1}]"#),
            ("PT404", r#"[{"debit_account_id": 404404404, "credit": "wallet", "amount": 1}]"#),
            ("22023", r#"[{"debit_account_id": 1.5, "credit": "wallet", "amount": 1}]"#),
        ] {
            let legs = literal(legs);
            expect_error(code, &format!("select ledger.post_journal('test', 'k', {legs})"));
        }
        expect_error("22004", "select ledger.post_journal('test', 'k', null)");
        expect_error("22004", "select ledger.post_journal('test', null, '[]')");
        expect_error(
            "22023",
            "select ledger.post_journal('test', 'k', (select jsonb_agg(1)
               from generate_series(1, 10001)))",
        );
        assert_eq!(before, (figures(bank), figures(wallet), count("transfers")));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_posts_from_json_with_codes_and_ids() {
        let (bank, _, wallet) = funded(0);
        let legs = format!(
            r#"[{{"debit": "bank", "credit": "wallet", "amount": 5}},
                {{"debit_account_id": {bank}, "credit": "shop", "amount": "7", "currency": "INR",
                  "id": "01900000-0000-7000-8000-000000000007"}}]"#
        );
        let call = format!(
            "select count(distinct journal_id) || '/' || sum(amount) || '/' || min(debit_posted)
               from ledger.post_journal('test', 'sale', '{legs}')"
        );
        assert_eq!(one::<String>(&call), "1/12/-12");
        assert_eq!(figures(wallet).0, 5);
        assert_eq!(one::<String>(&call), "1/12/-12");
        assert_eq!(figures(wallet).0, 5);
        expect_books_in_order();
    }

    #[pg_test]
    fn metadata_comes_back_as_it_was_given() {
        let (bank, _, wallet) = funded(0);
        let large = "x".repeat(65_000);
        run(&call_transfer(
            bank,
            wallet,
            &format!("p_amount => 5, p_metadata => '{{\"a\": [1, null, {{\"b\": \"{large}\"}}]}}'"),
        ));
        let length: i32 = one("select length(metadata #>> '{a,2,b}') from ledger.transfers");
        assert_eq!(length, 65_000);
    }
}
