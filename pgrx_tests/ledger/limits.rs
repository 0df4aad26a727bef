//! Limits both ways, changed later; frozen accounts.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// A liability that may not grow beyond so much.
    fn open_topped(code: &str, max_balance: i64) -> AccountId {
        let limit = Limit::Between { max_overdraft: None, max_balance };
        open_account(&NewAccount { limit, ..plain(code) }).unwrap()
    }

    fn range(max_overdraft: Option<i64>, max_balance: Option<i64>) -> Limit {
        Limit::stored(max_overdraft, max_balance)
    }

    #[pg_test]
    fn a_balance_grows_up_to_its_limit() {
        let (bank, card) = (open("bank"), open_topped("card", 100));
        transfer(bank, card, 60).unwrap();
        let error = transfer(bank, card, 41).unwrap_err();
        assert_eq!(error.sqlstate.code(), "PT409");
        assert!(error.detail.unwrap().contains("room for 0.40 INR, requested 0.41 INR"));
        transfer(bank, card, 40).unwrap();
        transfer(card, bank, 500).unwrap();
        assert_eq!(figures(card).0, -400);
        expect_books_in_order();
    }

    #[pg_test]
    fn an_account_without_credit_balance_stays_at_zero_or_below() {
        let (bank, receivable) = (open("bank"), open_topped("r", 0));
        assert_eq!(code(transfer(bank, receivable, 1)), "PT409");
        transfer(receivable, bank, 30).unwrap();
        transfer(bank, receivable, 30).unwrap();
        assert_eq!(figures(receivable).0, 0);
    }

    #[pg_test]
    fn the_limit_of_a_balance_is_on_the_side_on_which_the_class_grows() {
        let (equity, limit) = (open("equity"), range(None, Some(10)));
        let cash =
            open_account(&NewAccount { class: Class::Asset, limit, ..plain("cash") }).unwrap();
        assert_eq!(code(transfer(cash, equity, 11)), "PT409");
        transfer(cash, equity, 10).unwrap();
        transfer(equity, cash, 25).unwrap();
        assert_eq!(figures(cash).0, -15);
    }

    #[pg_test]
    fn what_a_hold_will_bring_counts_until_its_time() {
        alone();
        let (bank, card) = (open("bank"), open_topped("card", 100));
        let held = hold(&new_hold(bank, card, 80)).unwrap();
        assert_eq!(code(transfer(bank, card, 21)), "PT409");
        transfer(bank, card, 20).unwrap();
        settle(held, Some(inr(30))).unwrap();
        assert_eq!(code(transfer(bank, card, 1)), "PT409");
        set_expiry("now() - interval '1 minute'");
        transfer(bank, card, 50).unwrap();
        assert_eq!(code(transfer(bank, card, 1)), "PT409");
        assert_eq!(figures(card).0, 100);
        expect_books_in_order();
    }

    #[pg_test]
    fn limits_are_changed_and_hold_from_then_on() {
        let (bank, _, wallet) = funded(100);
        set_limit(wallet, range(Some(50), Some(120)), Some("a good customer")).unwrap();
        assert_eq!(code(transfer(bank, wallet, 21)), "PT409");
        transfer(wallet, bank, 150).unwrap();
        assert_eq!(code(transfer(wallet, bank, 1)), "PT409");
        // The balance does not keep to these.
        assert_eq!(code(set_limit(wallet, Limit::NoOverdraft, None)), "PT409");
        assert_eq!(code(set_limit(wallet, Limit::Overdraft(49), None)), "PT409");
        set_limit(wallet, Limit::None, None).unwrap();
        transfer(wallet, bank, 1000).unwrap();
        transfer(bank, wallet, 2000).unwrap();
        assert_eq!(code(set_limit(wallet, range(None, Some(949)), None)), "PT409");
        set_limit(wallet, range(None, Some(950)), None).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn a_limit_minds_what_holds_may_take_unless_their_time_has_come() {
        alone();
        let (bank, shop) = (open("bank"), open("shop"));
        let held = hold(&new_hold(bank, shop, 70)).unwrap();
        assert_eq!(code(set_limit(bank, Limit::Overdraft(69), None)), "PT409");
        assert_eq!(code(set_limit(shop, range(None, Some(69)), None)), "PT409");
        set_expiry(&format!("now() - interval '1 minute' where id = '{held}'"));
        set_limit(bank, Limit::NoOverdraft, None).unwrap();
        set_limit(shop, range(None, Some(0)), None).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn a_change_of_limits_is_logged_once_with_its_reason() {
        let wallet = open("wallet");
        for _ in 0..2 {
            set_limit(wallet, range(Some(7), Some(9)), Some("trial")).unwrap();
        }
        let lines = |condition: &str| {
            one::<i64>(&format!(
                "select count(*) from ops.audit_logs where table_name = 'ledger.accounts'
                    and record_id = '{wallet}' and {condition}"
            ))
        };
        assert_eq!(lines("action = 'set_limit' and new_values ->> 'reason' = 'trial'"), 1);
        let changed = "action = 'UPDATE' and (new_values ->> 'max_balance')::int = 9
                       and old_values -> 'max_balance' = 'null'";
        assert_eq!((lines(changed), lines("action = 'UPDATE'")), (1, 1));
    }

    #[pg_test]
    fn a_frozen_account_takes_nothing_until_it_is_unfrozen() {
        let (bank, shop, wallet) = funded(100);
        let held = hold(&new_hold(wallet, shop, 30)).unwrap();
        freeze(wallet, "fraud?").unwrap();
        freeze(wallet, "fraud?").unwrap();
        assert_eq!(code(transfer(bank, wallet, 1)), "PT409");
        assert_eq!(code(transfer(wallet, bank, 1)), "PT409");
        assert_eq!(code(hold(&new_hold(wallet, bank, 1))), "PT409");
        assert_eq!(code(settle(held, None)), "PT409");
        // Nothing is taken by giving back.
        release(held).unwrap();
        assert_eq!(figures(wallet), (100, 0, 100));
        unfreeze(wallet, "it was not").unwrap();
        transfer(wallet, bank, 100).unwrap();
        let actions: String = one(&format!(
            "select string_agg(action || (new_values ->> 'reason'), ' ' order by id)
               from ops.audit_logs where record_id = '{wallet}' and action like '%freeze%'"
        ));
        assert_eq!(actions, "freeze_accountfraud? unfreeze_accountit was not");
        expect_books_in_order();
    }

    #[pg_test]
    fn a_repeated_request_is_answered_while_the_account_is_frozen() {
        let (bank, _, wallet) = funded(100);
        let legs = [Leg { id: Some(crate::kernel::ids::new_id()), ..leg(wallet, bank, 5) }];
        post(&journal(None, &legs)).unwrap();
        freeze(wallet, "why").unwrap();
        assert!(post(&journal(None, &legs)).unwrap().replayed);
    }

    #[pg_test]
    fn a_closed_account_has_no_limits_to_set() {
        let wallet = open("wallet");
        close_account(wallet).unwrap();
        assert_eq!(code(set_limit(wallet, Limit::NoOverdraft, None)), "PT409");
        assert_eq!(code(freeze(wallet, "why")), "PT409");
        assert_eq!(code(unfreeze(wallet, "why")), "PT409");
    }

    #[pg_test]
    fn limits_work_in_sql() {
        run("select ledger.open_account('test', 'card', 'INR', 'liability', p_max_overdraft => 5,
                 p_max_balance => 10)");
        let id: i64 = one("select id from ledger.accounts where code = 'card'");
        // The same again finds it; with another limit the code is taken.
        expect_error(
            "PT409",
            "select ledger.open_account('test', 'card', 'INR', 'liability', p_max_overdraft => 5,
                 p_max_balance => 11)",
        );
        let row = format!(
            "select concat_ws(' ', max_overdraft, max_balance, posted, available, frozen_at is null)
               from ledger.set_limit({id}, 0, 7, 'why')"
        );
        assert_eq!(one::<String>(&row), "0 7 0 0 t");
        assert!(one::<bool>(&format!(
            "select frozen_at is not null from ledger.freeze_account({id}, 'why')"
        )));
        assert!(one::<bool>(&format!(
            "select frozen_at is null from ledger.unfreeze_account({id}, 'why')"
        )));
        for (code, call) in [
            ("22004", "set_limit(null, 1)".to_owned()),
            ("22023", format!("set_limit({id}, -1)")),
            ("22023", format!("set_limit({id}, null, -1)")),
            ("22023", format!("set_limit({id}, 1, 1, '')")),
            ("22003", format!("set_limit({id}, 9223372036854775808::numeric::bigint)")),
            ("PT404", "set_limit(-1, 1)".to_owned()),
            ("22004", "freeze_account(null, 'why')".to_owned()),
            ("22004", format!("freeze_account({id}, null)")),
            ("22023", format!("freeze_account({id}, '')")),
            ("22023", format!("freeze_account({id}, repeat('x', 1001))")),
            ("PT404", "freeze_account(-1, 'why')".to_owned()),
            ("22004", "unfreeze_account(null, 'why')".to_owned()),
            ("22004", format!("unfreeze_account({id}, null)")),
            ("PT404", "unfreeze_account(-1, 'why')".to_owned()),
            ("22023", "open_account('test', 'x', 'INR', 'asset', p_max_balance => -1)".to_owned()),
        ] {
            expect_error(code, &format!("select * from ledger.{call}"));
        }
        expect_books_in_order();
    }
}
