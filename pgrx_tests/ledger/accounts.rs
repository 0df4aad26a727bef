//! Opening, finding and closing accounts.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn opening_an_account_again_finds_it() {
        let first = open("a");
        assert_eq!(open("a"), first);
        assert_eq!(find_account("test", "a").unwrap(), Some(first));
        assert_eq!(find_account("other", "a").unwrap(), None);
        let renamed = NewAccount { name: "another name", ..plain("a") };
        assert_eq!(open_account(&renamed).unwrap(), first);
        assert_eq!(count("accounts"), 1);
    }

    #[pg_test]
    fn a_code_that_is_taken_by_another_account_is_refused() {
        open("a");
        let differing = [
            NewAccount { currency: currency("USD"), ..plain("a") },
            NewAccount { class: Class::Asset, ..plain("a") },
            NewAccount { owner: Some(new_id()), ..plain("a") },
            NewAccount { limit: Limit::NoOverdraft, ..plain("a") },
            NewAccount { limit: Limit::stored(None, Some(5)), ..plain("a") },
            NewAccount { stripes: 4, ..plain("a") },
        ];
        for new in differing {
            assert_eq!(code(open_account(&new)), "PT409", "{new:?}");
        }
        let parent = open("parent");
        assert_eq!(code(open_account_below(&plain("a"), Some(parent))), "PT409");
    }

    #[pg_test]
    fn an_account_keeps_to_the_rules() {
        let long = "x".repeat(201);
        let bad = [
            NewAccount { system: "", ..plain("a") },
            NewAccount { code: "", ..plain("a") },
            NewAccount { code: "a\nb", ..plain("a") },
            NewAccount { code: &long, ..plain("a") },
            NewAccount { name: &long, ..plain("a") },
            NewAccount { stripes: -1, ..plain("a") },
            NewAccount { stripes: 65, ..plain("a") },
            NewAccount { limit: Limit::Overdraft(-1), ..plain("a") },
            NewAccount { limit: Limit::stored(None, Some(-1)), ..plain("a") },
        ];
        for new in bad {
            assert_eq!(code(open_account(&new)), "22023", "{new:?}");
        }
        assert_eq!(code(open_account_below(&plain("a"), Some(AccountId(404404404)))), "PT404");
        assert_eq!(count("accounts"), 0);
    }

    #[pg_test]
    fn an_account_opens_in_sql() {
        let id: i64 = one("select ledger.open_account('test', 'cash', 'INR', 'asset',
            p_name => 'Cash', p_max_overdraft => 0)");
        assert_eq!(find_account("test", "cash").unwrap(), Some(AccountId(id)));
        let child: i64 = one(&format!(
            "select ledger.open_account('test', 'till', 'INR', 'asset', p_parent_id => {id})"
        ));
        let parent: i64 = one(&format!("select parent_id from ledger.accounts where id = {child}"));
        assert_eq!(parent, id);
        for (code, arguments) in [
            ("22004", "null, 'a', 'INR', 'asset'"),
            ("22004", "'test', null, 'INR', 'asset'"),
            ("22004", "'test', 'a', null, 'asset'"),
            ("22004", "'test', 'a', 'INR', null"),
            ("22023", "'test', 'a', 'inr', 'asset'"),
            ("22023", "'test', 'a', 'INR', 'thing'"),
            ("22023", "'test', 'a', 'INR', 'asset', p_max_overdraft => -1"),
            ("22023", "'test', 'a', 'INR', 'asset', p_stripes => 100"),
            ("PT404", "'test', 'a', 'INR', 'asset', p_parent_id => 404404404"),
            ("PT409", "'test', 'cash', 'USD', 'asset'"),
        ] {
            expect_error(code, &format!("select ledger.open_account({arguments})"));
        }
    }

    #[pg_test]
    fn a_closed_account_takes_no_more_transfers() {
        let (bank, shop, wallet) = funded(100);
        assert_eq!(code(close_account(wallet)), "PT409");
        transfer(wallet, shop, 100).unwrap();
        close_account(wallet).unwrap();
        close_account(wallet).unwrap();
        assert_eq!(code(transfer(bank, wallet, 1)), "PT409");
        assert_eq!(code(hold(&new_hold(bank, wallet, 1))), "PT409");
        assert_eq!(open_limited("wallet"), wallet);
        assert_eq!(code(close_account(AccountId(404404404))), "PT404");
        expect_books_in_order();
    }

    #[pg_test]
    fn an_account_with_an_open_hold_does_not_close() {
        let (bank, shop) = (open("bank"), open("shop"));
        let held = hold(&new_hold(bank, shop, 100)).unwrap();
        assert_eq!(code(close_account(shop)), "PT409");
        release(held).unwrap();
        close_account(shop).unwrap();
        run(&format!("select ledger.close_account({bank})"));
        expect_error("22004", "select ledger.close_account(null)");
        expect_error("PT404", "select ledger.close_account(404404404)");
    }

    #[pg_test]
    fn a_change_of_an_account_that_is_no_posting_is_audited() {
        let account = open("a");
        close_account(account).unwrap();
        let logged: i64 = one(&format!(
            "select count(*) from ops.audit_logs
              where table_name = 'ledger.accounts' and record_id = '{account}'"
        ));
        assert_eq!(logged, 1);
    }
}
