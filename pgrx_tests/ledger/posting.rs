//! Posting transfers and journals.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::money::Money;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_transfer_moves_money_from_one_balance_to_the_other() {
        let (a, b) = (open("a"), open("b"));
        let posted = transfer(a, b, 250).unwrap();
        assert_eq!(posted.transfer_ids, [posted.journal_id]);
        assert!(!posted.replayed);
        assert_eq!((figures(a), figures(b)), ((-250, 0, -250), (250, 0, 250)));
        expect_books_in_order();
    }

    #[pg_test]
    fn the_class_says_on_which_side_an_account_grows() {
        let cash = open_account(&NewAccount { class: Class::Asset, ..plain("cash") }).unwrap();
        let rent = open_account(&NewAccount { class: Class::Expense, ..plain("rent") }).unwrap();
        let equity = open_account(&NewAccount { class: Class::Equity, ..plain("own") }).unwrap();
        let sales = open_account(&NewAccount { class: Class::Income, ..plain("sales") }).unwrap();
        transfer(cash, equity, 1000).unwrap();
        transfer(cash, sales, 500).unwrap();
        transfer(rent, cash, 300).unwrap();
        let posted = [cash, rent, equity, sales].map(|account| figures(account).0);
        assert_eq!(posted, [1200, 300, 1000, 500]);
    }

    #[pg_test]
    fn a_journal_lands_as_a_whole_or_not_at_all() {
        let (a, b, c) = (open("a"), open_limited("b"), open("c"));
        let legs = [leg(a, b, 100), leg(b, c, 60)];
        assert_eq!(post(&journal(None, &legs)).unwrap().transfer_ids.len(), 2);
        assert_eq!([a, b, c].map(|account| figures(account).0), [-100, 40, 60]);
        let legs = [leg(a, c, 5), leg(b, c, 41)];
        assert_eq!(code(post(&journal(None, &legs))), "PT409");
        assert_eq!([a, b, c].map(|account| figures(account).0), [-100, 40, 60]);
        assert_eq!((count("transfers"), count("journals")), (2, 1));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_is_judged_by_its_sum_not_by_its_order() {
        let (bank, shop, wallet) = funded(0);
        let legs = [leg(wallet, shop, 80), leg(bank, wallet, 80)];
        post(&journal(None, &legs)).unwrap();
        assert_eq!(figures(wallet), (0, 0, 0));
    }

    #[pg_test]
    fn a_limit_holds_on_the_normal_side_of_each_class() {
        let equity = open("equity");
        let limited =
            |code, class, limit| open_account(&NewAccount { class, limit, ..plain(code) }).unwrap();
        let cash = limited("cash", Class::Asset, Limit::NoOverdraft);
        transfer(cash, equity, 100).unwrap();
        assert_eq!(code(transfer(equity, cash, 101)), "PT409");
        transfer(equity, cash, 100).unwrap();
        let credit = limited("credit", Class::Liability, Limit::Overdraft(50));
        transfer(credit, equity, 50).unwrap();
        assert_eq!(code(transfer(credit, equity, 1)), "PT409");
        assert_eq!(figures(credit), (-50, 0, -50));
        transfer(equity, credit, 10).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn a_refusal_names_what_was_available_and_what_was_asked() {
        let (_, shop, wallet) = funded(1250);
        let error = transfer(wallet, shop, 1300).unwrap_err();
        let detail = error.detail.unwrap();
        assert!(detail.contains("12.50 INR") && detail.contains("13.00 INR"), "{detail}");
    }

    #[pg_test]
    fn a_refusal_changes_nothing() {
        let (bank, shop, wallet) = funded(100);
        let before = (figures(bank), figures(shop), figures(wallet), count("transfers"));
        let dollars = Money::new(1, currency("USD"));
        let two =
            |debit, credit, amount| [leg(bank, shop, 7), Leg { id: None, debit, credit, amount }];
        let refused = [
            ("PT409", two(wallet, shop, inr(101))),
            ("PT404", two(bank, AccountId(404404404), inr(1))),
            ("22023", two(bank, wallet, dollars)),
            ("22023", two(bank, bank, inr(1))),
            ("22023", two(bank, wallet, inr(0))),
        ];
        for (expected, legs) in refused {
            assert_eq!(code(post(&journal(None, &legs))), expected);
            assert_eq!(code(post(&journal(None, &legs[1..]))), expected);
        }
        let after = (figures(bank), figures(shop), figures(wallet), count("transfers"));
        assert_eq!(before, after);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_transfer_between_currencies_is_refused() {
        let rupees = open("rupees");
        let dollars =
            open_account(&NewAccount { currency: currency("USD"), ..plain("dollars") }).unwrap();
        assert_eq!(code(transfer(rupees, dollars, 1)), "22023");
        assert_eq!(code(transfer(dollars, rupees, 1)), "22023");
        let amount = Money::new(1, currency("USD"));
        let legs = [Leg { id: None, debit: rupees, credit: dollars, amount }];
        assert_eq!(code(post(&journal(None, &legs))), "22023");
    }

    #[pg_test]
    fn counters_end_at_63_bits() {
        let (a, b) = (open("a"), open("b"));
        transfer(a, b, i64::MAX - 1).unwrap();
        transfer(b, a, i64::MAX).unwrap();
        transfer(a, b, 1).unwrap();
        assert_eq!((figures(a).0, figures(b).0), (0, 0));
        for amount in ["1", "9223372036854775807"] {
            expect_error("22003", &call_transfer(a, b, &format!("p_amount => {amount}")));
            let legs = format!(
                r#"[{{"debit": "a", "credit": "b", "amount": "{amount}"}},
                    {{"debit": "a", "credit": "b", "amount": 1}}]"#
            );
            expect_error("22003", &format!("select ledger.post_journal('test', 'k', '{legs}')"));
        }
        assert_eq!(code(hold(&new_hold(a, b, 1))), "22003");
        expect_books_in_order();
    }

    #[pg_test]
    fn what_is_held_and_what_is_posted_fit_63_bits_together() {
        let (a, b) = (open("a"), open("b"));
        hold(&new_hold(a, b, i64::MAX - 10)).unwrap();
        assert_eq!(code(transfer(a, b, 11)), "22003");
        transfer(a, b, 10).unwrap();
        assert_eq!(code(hold(&new_hold(a, b, 1))), "22003");
        assert_eq!((figures(b).0, figures(a).2), (10, -i64::MAX));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_sum_of_legs_beyond_63_bits_is_refused() {
        let (a, b, c) = (open("a"), open("b"), open("c"));
        let legs = [leg(a, b, i64::MAX), leg(a, c, 1)];
        assert_eq!(code(post(&journal(None, &legs))), "22003");
        assert_eq!(figures(a).0, 0);
    }

    #[pg_test]
    fn a_journal_has_a_first_and_a_last_leg() {
        let (a, b) = (open("a"), open("b"));
        assert_eq!(code(post(&journal(None, &[]))), "22023");
        let legs = vec![leg(a, b, 1); MAX_LEGS + 1];
        assert_eq!(code(post(&journal(None, &legs))), "22023");
        post(&journal(None, &legs[..MAX_LEGS])).unwrap();
        assert_eq!(figures(b).0, MAX_LEGS as i64);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_transfer_in_sql_tells_the_balances_it_left() {
        let (bank, _, wallet) = funded(100);
        let call = call_transfer(bank, wallet, "p_amount => 50, p_kind => 'top_up'");
        let left: i64 = one(&format!("select credit_available from ({call}) t"));
        assert_eq!(left, 150);
        let by_code = "select debit_posted from ledger.transfer('test', 'wallet', 'shop', 30)";
        assert_eq!(one::<i64>(by_code), 120);
        expect_books_in_order();
    }

    #[pg_test]
    fn an_entry_shows_each_side_as_its_account_sees_it() {
        let cash = open_account(&NewAccount { class: Class::Asset, ..plain("cash") }).unwrap();
        let wallet = open("wallet");
        transfer(cash, wallet, 40).unwrap();
        transfer(wallet, cash, 15).unwrap();
        let changes = |code: &str| {
            one::<String>(&format!(
                "select string_agg(direction || change, ' ' order by recorded_at)
                   from ledger.entries where account_code = '{code}'"
            ))
        };
        assert_eq!(
            (changes("cash"), changes("wallet")),
            ("debit40 credit-15".into(), "credit40 debit-15".into())
        );
    }
}
