//! Rates, exchanges between currencies, and revaluations.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A wallet in rupees that holds so much, and one in dollars.
    fn wallets(minor: i64) -> (AccountId, AccountId) {
        let (_, _, rupees) = funded(minor);
        let dollars = open_account(&NewAccount {
            currency: currency("USD"),
            limit: Limit::NoOverdraft,
            ..plain("dollars")
        });
        (rupees, dollars.unwrap())
    }

    fn exchange(rest: &str) -> String {
        format!("select * from ledger.exchange('test', 'wallet', 'dollars', {rest})")
    }

    /// Debited, credited, the rate, and whether it was there before.
    fn outcome(rest: &str) -> String {
        one(&exchange(rest).replace(
            '*',
            "debit_amount || ' ' || credit_amount || ' ' || rate_numerator || '/' || rate_denominator || ' ' || replayed",
        ))
    }

    fn position(code: &str) -> i64 {
        figures(find_account("test", &format!("position:{code}")).unwrap().unwrap()).0
    }

    #[pg_test]
    fn an_exchange_is_one_journal_through_two_positions() {
        let (rupees, dollars) = wallets(100_000);
        assert_eq!(outcome("83000, 1000"), "83000 1000 1/83 false");
        assert_eq!((figures(rupees).0, figures(dollars).0), (17_000, 1_000));
        assert_eq!((position("INR"), position("USD")), (83_000, -1_000));
        let journals: String =
            one("select count(*) || ' ' || count(distinct journal_id) from ledger.transfers t
              where journal_id in (select journal_id from ledger.exchanges)");
        assert_eq!(journals, "2 1");
        let class: String =
            one("select string_agg(class, ' ') from ledger.accounts where code like 'position:%'");
        assert_eq!(class, "equity equity");
        expect_books_in_order();
    }

    #[pg_test]
    fn an_amount_follows_from_the_rate_and_the_rest_has_an_owner() {
        wallets(100_000);
        let third = "p_rate_numerator => 1, p_rate_denominator => 3";
        assert_eq!(outcome(&format!("1000, {third}")), "1000 333 1/3 false");
        assert_eq!(
            outcome(&format!("1000, {third}, p_remainder => 'account'")),
            "1000 334 1/3 false"
        );
        assert_eq!(
            outcome(&format!("1001, {third}, p_remainder => 'nearest'")),
            "1001 334 1/3 false"
        );
        assert_eq!(
            outcome("p_credit_amount => 334, p_rate_numerator => 6, p_rate_denominator => 4"),
            "223 334 3/2 false"
        );
        expect_books_in_order();
    }

    #[pg_test]
    fn the_rate_in_force_at_the_time_serves_in_both_directions() {
        wallets(100_000);
        run("select ledger.set_rate('USD', 'INR', 80, p_at => '2024-01-01')");
        run("select ledger.set_rate('USD', 'INR', 166, 2, '2024-02-01')");
        assert_eq!(outcome("8000, p_effective_at => '2024-01-15'"), "8000 100 1/80 false");
        assert_eq!(outcome("8300"), "8300 100 1/83 false");
        run("select ledger.set_rate('INR', 'USD', 1, 100, '2024-03-01')");
        assert_eq!(outcome("10000"), "10000 100 1/100 false");
        expect_error("PT404", &exchange("8000, p_effective_at => '2023-12-31'"));
        expect_books_in_order();
    }

    #[pg_test]
    fn the_same_exchange_again_gives_what_is_stored() {
        let (rupees, _) = wallets(100_000);
        run("select ledger.set_rate('USD', 'INR', 80, p_at => '2024-01-01')");
        let id = new_id();
        let with = |rest: &str| format!("{rest}, p_id => '{id}'");
        assert_eq!(outcome(&with("8000")), "8000 100 1/80 false");
        // Another rate in force by then changes nothing.
        run("select ledger.set_rate('USD', 'INR', 90, p_at => '2024-02-01')");
        assert_eq!(outcome(&with("8000")), "8000 100 1/80 true");
        assert_eq!(figures(rupees).0, 92_000);
        for rest in [
            "8001",
            "8000, 100",
            "p_credit_amount => 100",
            "8000, p_rate_numerator => 1, p_rate_denominator => 80",
            "8000, p_remainder => 'account'",
            "8000, p_kind => 'other'",
            "8000, p_description => 'other'",
            "8000, p_metadata => '{}'",
            "8000, p_effective_at => '2024-03-01'",
        ] {
            expect_error("PT409", &exchange(&with(rest)));
        }
        expect_error(
            "PT409",
            &format!("select ledger.exchange('test', 'shop', 'dollars', 8000, p_id => '{id}')"),
        );
        assert_eq!(count("exchanges"), 1);
    }

    #[pg_test]
    fn an_id_that_belongs_to_another_journal_is_refused() {
        let (rupees, _) = wallets(100_000);
        let bank = find_account("test", "bank").unwrap().unwrap();
        let id = transfer(rupees, bank, 5).unwrap().journal_id;
        expect_error("PT409", &exchange(&format!("83000, 1000, p_id => '{id}'")));
        assert_eq!(count("exchanges"), 0);
    }

    #[pg_test]
    fn an_exchange_with_bad_arguments_is_refused_and_changes_nothing() {
        let (rupees, dollars) = wallets(1_000);
        open_account(&NewAccount {
            class: Class::Asset,
            currency: currency("JPY"),
            ..plain("position:JPY")
        })
        .unwrap();
        open_account(&NewAccount { currency: currency("JPY"), ..plain("yen") }).unwrap();
        let before = (figures(rupees), figures(dollars), count("transfers"));
        for (code, arguments) in [
            ("22004", "null, 'wallet', 'dollars', 1, 1"),
            ("22004", "'test', null, 'dollars', 1, 1"),
            ("22004", "'test', 'wallet', null, 1, 1"),
            ("22004", "'test', 'wallet', 'dollars'"),
            ("22004", "'test', 'wallet', 'dollars', 1, p_rate_denominator => 3"),
            ("22004", "'test', 'wallet', 'dollars', 1, 1, p_remainder => null"),
            ("22004", "'test', 'wallet', 'dollars', 1, 1, p_kind => null"),
            ("22023", "'test', 'wallet', 'dollars', 0, 1"),
            ("22023", "'test', 'wallet', 'dollars', 1, -1"),
            ("22023", "'test', 'wallet', 'dollars', 1, 1, 1"),
            ("22023", "'test', 'wallet', 'dollars', 1, p_rate_numerator => 0"),
            (
                "22023",
                "'test', 'wallet', 'dollars', 1, p_rate_numerator => 1, p_rate_denominator => -1",
            ),
            (
                "22023",
                "'test', 'wallet', 'dollars', 1, p_rate_numerator => 1, p_rate_denominator => 2",
            ),
            ("22023", "'test', 'wallet', 'dollars', 1, 1, p_remainder => 'me'"),
            ("22023", "'test', 'wallet', 'dollars', 1, 1, p_kind => ''"),
            ("22023", "'test', 'wallet', 'dollars', 1, 1, p_effective_at => 'infinity'"),
            ("22023", "'test', 'wallet', 'bank', 1, 1"),
            ("22023", "'test', 'wallet', 'yen', 1, 1"),
            ("22003", "'test', 'wallet', 'dollars', 9223372036854775807, p_rate_numerator => 2"),
            ("PT404", "'test', 'wallet', 'nobody', 1, 1"),
            (
                "PT404",
                "'test', 'wallet', p_credit_account_id => 404404404, p_debit_amount => 1, p_credit_amount => 1",
            ),
            ("PT404", "'test', 'wallet', 'dollars', 1"),
            ("PT409", "'test', 'wallet', 'dollars', 1001, 12"),
        ] {
            expect_error(code, &format!("select * from ledger.exchange({arguments})"));
        }
        assert_eq!(before, (figures(rupees), figures(dollars), count("transfers")));
        assert_eq!(count("exchanges"), 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn an_exchange_obeys_closed_periods() {
        wallets(100_000);
        run("select ledger.close_period('test', '2024-04-01')");
        expect_error("PT409", &exchange("83000, 1000, p_effective_at => '2024-03-31'"));
        run(&exchange("83000, 1000, p_effective_at => '2024-04-02'"));
    }

    #[pg_test]
    fn a_rate_is_kept_in_lowest_terms_and_corrected_by_another() {
        let set = |rest: &str| {
            one::<String>(&format!(
                "select id::text from ledger.set_rate('USD', 'INR', {rest}, '2024-01-01')"
            ))
        };
        let first = set("8320, 100");
        assert_eq!(set("416, 5"), first);
        assert_eq!(
            one::<String>("select numerator || '/' || denominator from ledger.rates"),
            "416/5"
        );
        let corrected = set("83, 1");
        assert_ne!(corrected, first);
        assert_eq!(set("83, 1"), corrected);
        assert_eq!(count("rates"), 2);
        wallets(100_000);
        assert_eq!(outcome("8300"), "8300 100 1/83 false");
        for (code, arguments) in [
            ("22004", "null, 'INR', 1"),
            ("22004", "'USD', null, 1"),
            ("22004", "'USD', 'INR', null"),
            ("22004", "'USD', 'INR', 1, null"),
            ("22023", "'USD', 'USD', 1"),
            ("22023", "'usd', 'INR', 1"),
            ("22023", "'USD', 'XXY', 1"),
            ("22023", "'USD', 'INR', 0"),
            ("22023", "'USD', 'INR', 1, -1"),
            ("22023", "'USD', 'INR', 1, 1, 'infinity'"),
        ] {
            expect_error(code, &format!("select ledger.set_rate({arguments})"));
        }
    }

    /// 1000 dollars sold to a customer for 83000 rupees, when a dollar was worth 83.
    fn short_of_dollars() {
        wallets(10_000_000);
        open_account(&NewAccount { class: Class::Income, ..plain("gains") }).unwrap();
        open_account(&NewAccount { class: Class::Expense, ..plain("losses") }).unwrap();
        run(&exchange("8300000, 100000, p_effective_at => '2024-01-10'"));
        run("select ledger.set_rate('USD', 'INR', 83, p_at => '2024-01-01')");
        run("select ledger.set_rate('USD', 'INR', 84, p_at => '2024-02-01')");
        run("select ledger.set_rate('USD', 'INR', 81, p_at => '2024-03-01')");
    }

    fn gain(at: &str) -> i64 {
        one(&format!(
            "select value::bigint from ledger.revaluation('test', '{at}', 'INR') where currency is null"
        ))
    }

    #[pg_test]
    fn positions_are_worth_the_rate_of_the_time() {
        short_of_dollars();
        assert_eq!(gain("2024-01-09"), 0);
        assert_eq!(gain("2024-01-15"), 0);
        assert_eq!(gain("2024-02-15"), -100_000);
        assert_eq!(gain("2024-03-15"), 200_000);
        let dollars: String = one(
            "select position || ' ' || rate_numerator || '/' || rate_denominator || ' ' || value
               from ledger.revaluation('test', '2024-02-15', 'INR') where currency = 'USD'",
        );
        assert_eq!(dollars, "-100000 84/1 -8400000");
        expect_error("PT404", "select * from ledger.revaluation('test', null, 'EUR')");
        for (code, arguments) in [
            ("22004", "null, null, 'INR'"),
            ("22004", "'test', null, null"),
            ("22023", "'test', null, 'inr'"),
            ("22023", "'test', 'infinity', 'INR'"),
        ] {
            expect_error(code, &format!("select * from ledger.revaluation({arguments})"));
        }
    }

    fn revalue(rest: &str) -> String {
        format!("select * from ledger.revalue('test', {rest})")
    }

    #[pg_test]
    fn a_revaluation_is_posted_once_for_each_time() {
        short_of_dollars();
        let posted = |code: &str| figures(find_account("test", code).unwrap().unwrap()).0;
        for _ in 0..2 {
            let loss: i64 =
                one(&revalue("'2024-02-15', 'INR', 'gains', 'losses'").replace('*', "gain"));
            assert_eq!(loss, -100_000);
        }
        assert_eq!((posted("gains"), posted("losses")), (0, 100_000));
        assert_eq!((gain("2024-02-15"), gain("2024-03-15")), (0, 300_000));
        run(&revalue("'2024-03-15', 'INR', 'gains', 'losses'"));
        assert_eq!((posted("gains"), posted("losses"), gain("2024-03-16")), (300_000, 100_000, 0));
        // Nothing to post is on record too.
        run(&revalue("'2024-03-16', 'INR', 'gains'"));
        let without: i64 =
            one("select count(*) from ledger.revaluations where transfer_id is null");
        assert_eq!((without, count("revaluations"), count("revaluation_lines")), (1, 3, 6));
        expect_error("PT409", &revalue("'2024-03-15', 'INR', 'gains'"));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_revaluation_with_bad_arguments_is_refused() {
        short_of_dollars();
        for (code, arguments) in [
            ("22004", "null, 'INR', 'gains'"),
            ("22004", "'2024-03-15', null, 'gains'"),
            ("22004", "'2024-03-15', 'INR', null"),
            ("22023", "'2124-03-15', 'INR', 'gains'"),
            ("22023", "'2024-03-15', 'INR', 'bank'"),
            ("22023", "'2024-03-15', 'USD', 'gains'"),
            ("22023", "'2024-03-15', 'INR', 'gains', 'bank'"),
            ("PT404", "'2024-03-15', 'INR', 'nobody'"),
        ] {
            expect_error(code, &revalue(arguments));
        }
        run("select ledger.close_period('test', '2024-04-01')");
        expect_error("PT409", &revalue("'2024-03-15', 'INR', 'gains'"));
        assert_eq!(count("revaluations"), 0);
    }

    #[pg_test]
    fn the_record_of_currencies_cannot_be_changed() {
        short_of_dollars();
        run(&revalue("'2024-03-15', 'INR', 'gains'"));
        for (table, change) in [
            ("rates", "numerator = 1"),
            ("exchanges", "credit_amount = 1"),
            ("revaluations", "gain = 1"),
            ("revaluation_lines", "value = 1"),
        ] {
            expect_error("42501", &format!("update ledger.{table} set {change}"));
            expect_error("42501", &format!("delete from ledger.{table}"));
            expect_error("42501", &format!("truncate ledger.{table} cascade"));
        }
    }

    #[pg_test]
    fn the_owner_of_an_account_sees_its_exchanges() {
        let owner = new_id();
        wallets(100_000);
        let mine = NewAccount { currency: currency("USD"), owner: Some(owner), ..plain("mine") };
        open_account(&mine).unwrap();
        run("select ledger.exchange('test', 'wallet', 'mine', 83000, 1000)");
        run("select ledger.exchange('test', 'wallet', 'dollars', 83, 1)");
        become_person(owner);
        assert_eq!((count("exchanges"), count("rates")), (1, 0));
        become_person(new_id());
        assert_eq!(count("exchanges"), 0);
    }

    #[pg_test]
    fn an_exchange_whose_transfers_differ_is_found() {
        wallets(100_000);
        run(&exchange("83000, 1000"));
        run("alter table ledger.exchanges disable trigger exchanges_append_only;
             update ledger.exchanges set credit_amount = 999;
             alter table ledger.exchanges enable always trigger exchanges_append_only");
        let problems: String = one("select string_agg(problem, ' ') from ledger.check()");
        assert_eq!(problems, "exchange");
    }
}
