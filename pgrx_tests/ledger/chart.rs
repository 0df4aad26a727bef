//! The chart of accounts: what may be part of what, and what branches add up to.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn parent(account: AccountId) -> Option<i64> {
        maybe(&format!("select parent_id from ledger.accounts where id = {account}"))
    }

    fn move_to(account: AccountId, parent: &str) -> String {
        format!("select ledger.move_account({account}, {parent})")
    }

    #[pg_test]
    fn an_account_moves_to_another_branch_and_out_of_it() {
        let (a, b) = (open("a"), open("b"));
        for _ in 0..2 {
            run(&move_to(a, &b.to_string()));
            assert_eq!(parent(a), Some(b.0));
        }
        // Whoever opens it again need not know where it stands now.
        assert_eq!(open("a"), a);
        run(&move_to(a, "null"));
        assert_eq!(parent(a), None);
        let logged: i64 = one(&format!(
            "select count(*) from ops.audit_logs where table_name = 'ledger.accounts' and record_id = '{a}'"
        ));
        assert_eq!(logged, 2);
    }

    #[pg_test]
    fn no_account_is_part_of_itself_however_far_down() {
        let accounts = ["a", "b", "c"].map(open);
        run(&move_to(accounts[1], &accounts[0].to_string()));
        run(&move_to(accounts[2], &accounts[1].to_string()));
        for parent in accounts {
            expect_error("22023", &move_to(accounts[0], &parent.to_string()));
        }
        expect_books_in_order();
    }

    #[pg_test]
    fn a_part_has_the_system_and_the_class_of_the_whole() {
        let a = open("a");
        let asset = NewAccount { class: Class::Asset, ..plain("asset") };
        let other = NewAccount { system: "other", ..plain("other") };
        for new in [asset, other] {
            assert_eq!(code(open_account_below(&new, Some(a))), "22023");
            let id = open_account(&new).unwrap();
            expect_error("22023", &move_to(id, &a.to_string()));
            run(&format!("update ledger.accounts set parent_id = {a} where id = {id}"));
        }
        let dollars = NewAccount { currency: currency("USD"), ..plain("dollars") };
        open_account_below(&dollars, Some(a)).unwrap();
        let found: i64 = one("select count(*) from ledger.check() where problem = 'parent'");
        assert_eq!(found, 2);
    }

    #[pg_test]
    fn moving_with_bad_arguments_is_refused() {
        let a = open("a");
        expect_error("22004", "select ledger.move_account(null, null)");
        expect_error("PT404", "select ledger.move_account(404404404, null)");
        expect_error("PT404", &move_to(a, "404404404"));
    }

    #[pg_test]
    fn the_chart_adds_up_branches() {
        let (bank, shop, wallet) = funded(100);
        transfer(bank, shop, 7).unwrap();
        let top = open("all");
        for account in [shop, wallet] {
            run(&move_to(account, &top.to_string()));
        }
        let chart = |rest: &str| {
            one::<String>(&format!(
                "select string_agg(depth || ' ' || path || ' ' || own || ' ' || total, ', ')
                   from ledger.chart('test'{rest})"
            ))
        };
        assert_eq!(
            chart(""),
            "0 all 0 107, 1 all/shop 7 7, 1 all/wallet 100 100, 0 bank -107 -107"
        );
        assert_eq!(chart(", p_depth => 0"), "0 all 0 107, 0 bank -107 -107");
        assert_eq!(chart(", '2020-01-01', 0"), "0 all 0 0, 0 bank 0 0");
        for (code, arguments) in [
            ("22004", "null"),
            ("PT404", "'nowhere'"),
            ("22023", "'test', p_depth => -1"),
            ("22023", "'test', 'infinity'"),
        ] {
            expect_error(code, &format!("select * from ledger.chart({arguments})"));
        }
    }
}
