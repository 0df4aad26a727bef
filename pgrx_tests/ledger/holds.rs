//! Holds: made, settled in parts, released.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::kernel::money::Money;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_hold_counts_until_it_is_settled_or_released() {
        let (bank, _, wallet) = funded(1000);
        let first = hold(&new_hold(wallet, bank, 600)).unwrap();
        assert_eq!(figures(wallet), (1000, 600, 400));
        assert_eq!(code(hold(&new_hold(wallet, bank, 401))), "PT409");
        settle(first, Some(inr(200))).unwrap();
        assert_eq!(figures(wallet), (800, 400, 400));
        settle(first, None).unwrap();
        assert_eq!(figures(wallet), (400, 0, 400));
        let second = hold(&new_hold(wallet, bank, 400)).unwrap();
        release(second).unwrap();
        assert_eq!(figures(wallet), (400, 0, 400));
        assert_eq!(figures(bank), (-400, 0, -400));
        expect_books_in_order();
    }

    #[pg_test]
    fn what_is_held_cannot_be_transferred() {
        let (bank, shop, wallet) = funded(100);
        hold(&new_hold(wallet, bank, 70)).unwrap();
        assert_eq!(code(transfer(wallet, shop, 31)), "PT409");
        transfer(wallet, shop, 30).unwrap();
        assert_eq!(figures(wallet), (70, 70, 0));
    }

    #[pg_test]
    fn a_hold_that_will_bring_money_is_not_available_yet() {
        let (bank, shop, wallet) = funded(0);
        hold(&new_hold(bank, wallet, 100)).unwrap();
        assert_eq!(figures(wallet), (0, 0, 0));
        assert_eq!(code(transfer(wallet, shop, 1)), "PT409");
    }

    #[pg_test]
    fn a_debit_normal_account_is_held_on_its_credit_side() {
        let limit = Limit::NoOverdraft;
        let cash =
            open_account(&NewAccount { class: Class::Asset, limit, ..plain("cash") }).unwrap();
        let wallet = open("wallet");
        transfer(cash, wallet, 100).unwrap();
        let held = hold(&new_hold(wallet, cash, 60)).unwrap();
        assert_eq!((figures(cash), figures(wallet)), ((100, 60, 40), (100, 60, 40)));
        assert_eq!(code(transfer(wallet, cash, 41)), "PT409");
        settle(held, None).unwrap();
        assert_eq!((figures(cash), figures(wallet)), ((40, 0, 40), (40, 0, 40)));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_hold_is_settled_until_it_is_used_up() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 90)).unwrap();
        for _ in 0..3 {
            settle(held, Some(inr(25))).unwrap();
        }
        assert_eq!(code(settle(held, Some(inr(16)))), "PT409");
        settle(held, Some(inr(15))).unwrap();
        assert_eq!(code(settle(held, Some(inr(1)))), "PT409");
        assert_eq!(code(settle(held, None)), "PT409");
        assert_eq!(code(release(held)), "PT409");
        assert_eq!(figures(wallet), (10, 0, 10));
        let parts: i64 =
            one(&format!("select count(*) from ledger.transfers where hold_id = '{held}'"));
        assert_eq!(parts, 4);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_released_hold_stays_released() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 90)).unwrap();
        settle(held, Some(inr(40))).unwrap();
        release(held).unwrap();
        release(held).unwrap();
        assert_eq!(code(settle(held, None)), "PT409");
        assert_eq!(figures(wallet), (60, 0, 60));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_settlement_keeps_to_the_rules() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 50)).unwrap();
        assert_eq!(code(settle(held, Some(inr(0)))), "22023");
        assert_eq!(code(settle(held, Some(inr(-1)))), "22023");
        assert_eq!(code(settle(held, Some(Money::new(1, currency("USD"))))), "22023");
        assert_eq!(code(settle(new_id(), None)), "PT404");
        assert_eq!(code(release(new_id())), "PT404");
        assert_eq!(figures(wallet), (100, 50, 50));
    }

    #[pg_test]
    fn a_hold_keeps_to_the_rules_of_a_transfer() {
        let (bank, _, wallet) = funded(100);
        assert_eq!(code(hold(&new_hold(wallet, bank, 0))), "22023");
        assert_eq!(code(hold(&new_hold(wallet, wallet, 1))), "22023");
        assert_eq!(code(hold(&new_hold(wallet, AccountId(404404404), 1))), "PT404");
        let dollars = Money::new(1, currency("USD"));
        assert_eq!(code(hold(&NewHold { amount: dollars, ..new_hold(wallet, bank, 1) })), "22023");
        assert_eq!(code(hold(&NewHold { kind: "", ..new_hold(wallet, bank, 1) })), "22023");
        assert_eq!(count("holds"), 0);
    }

    #[pg_test]
    fn holds_work_in_sql() {
        let (_, _, wallet) = funded(100);
        run("create temp table h as
             select * from ledger.hold('test', 'wallet', 'shop', 60, 'payout')");
        assert_eq!(one::<i64>("select remaining from h"), 60);
        run("select ledger.settle(hold_id, 20) from h");
        assert_eq!(figures(wallet), (80, 40, 40));
        let status = "select r.status || r.remaining from h, ledger.release(h.hold_id) r";
        assert_eq!(one::<String>(status), "released0");
        assert_eq!(figures(wallet), (80, 0, 80));
        for (code, call) in [
            ("22004", "ledger.hold('test', 'wallet', 'shop', null)"),
            ("22023", "ledger.hold('test', 'wallet', 'shop', -5)"),
            (
                "22023",
                "ledger.hold('test', 'wallet', 'shop', 5, p_expires_at => now() - interval '1 s')",
            ),
            ("22023", "ledger.hold('test', 'wallet', 'shop', 5, p_expires_at => 'infinity')"),
            ("22004", "ledger.settle(null)"),
            ("PT404", "ledger.settle('01900000-0000-7000-8000-000000000000')"),
            ("22004", "ledger.release(null)"),
            ("PT404", "ledger.release('01900000-0000-7000-8000-000000000000')"),
            ("22004", "ledger.expire_holds(null)"),
            ("22023", "ledger.expire_holds(0)"),
            ("22023", "ledger.expire_holds(10001)"),
        ] {
            expect_error(code, &format!("select * from {call}"));
        }
        expect_books_in_order();
    }
}
