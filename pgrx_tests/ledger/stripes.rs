//! Striped accounts: counters spread over rows.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn open_striped(code: &str) -> AccountId {
        open_account(&NewAccount { stripes: 8, ..plain(code) }).unwrap()
    }

    #[pg_test]
    fn a_striped_account_has_the_balance_of_all_its_stripes() {
        let (fees, wallet) = (open_striped("fees"), open("wallet"));
        for n in 1..=4 {
            // The first takes the long way, the others the short one.
            transfer(wallet, fees, n).unwrap();
        }
        transfer(fees, wallet, 3).unwrap();
        post(&journal(None, &[leg(wallet, fees, 5), leg(wallet, fees, 5)])).unwrap();
        assert_eq!((figures(fees), figures(wallet)), ((17, 0, 17), (-17, 0, -17)));
        // All in the stripe of this backend; a stripe of another adds up the same.
        assert_eq!(one::<i64>("select max(credits_posted) from ledger.account_stripes"), 20);
        run("update ledger.account_stripes set credits_posted = case when credits_posted > 0
                then 0 else 20 end
              where stripe in (
                select stripe from ledger.account_stripes where credits_posted > 0
                union all
                (select stripe from ledger.account_stripes where credits_posted = 0 limit 1))");
        assert_eq!(figures(fees).0, 17);
        assert_eq!(one::<i64>("select posted from ledger.balances where code = 'fees'"), 17);
        expect_books_in_order();
    }

    #[pg_test]
    fn an_answer_leaves_the_balance_of_a_striped_account_out() {
        let (fees, wallet) = (open_striped("fees"), open("wallet"));
        let id = new_id();
        for replayed in [false, true] {
            let answer = format!(
                "select concat_ws(' ', debit_posted, debit_available, credit_posted,
                        credit_available, replayed)
                   from ledger.transfer('test', 'fees', 'wallet', 7, p_id => '{id}')"
            );
            let replayed = if replayed { "t" } else { "f" };
            assert_eq!(one::<String>(&answer), format!("7 7 {replayed}"));
        }
        assert_eq!((figures(fees).0, figures(wallet).0), (-7, 7));
    }

    #[pg_test]
    fn two_striped_accounts_can_be_debited_and_credited() {
        let (a, b) = (open_striped("a"), open_striped("b"));
        for _ in 0..3 {
            transfer(a, b, 10).unwrap();
        }
        let id = Some(new_id());
        let legs = [Leg { id, ..leg(b, a, 7) }];
        post(&journal(None, &legs)).unwrap();
        assert!(post(&journal(None, &legs)).unwrap().replayed);
        let legs = [Leg { id, ..leg(b, a, 8) }];
        assert_eq!(code(post(&journal(None, &legs))), "PT409");
        assert_eq!((figures(a).0, figures(b).0), (-23, 23));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_refusal_on_the_other_side_leaves_the_stripes_alone() {
        let (fees, wallet) = (open_striped("fees"), open_limited("wallet"));
        transfer(fees, wallet, 10).unwrap();
        assert_eq!(code(transfer(wallet, fees, 11)), "PT409");
        assert_eq!((figures(fees).0, figures(wallet).0), (-10, 10));
        expect_books_in_order();
    }

    #[pg_test]
    fn holds_and_reversals_work_on_striped_accounts() {
        let (fees, wallet) = (open_striped("fees"), open("wallet"));
        let held = hold(&new_hold(fees, wallet, 50)).unwrap();
        assert_eq!(figures(fees), (0, 50, -50));
        let settled = settle(held, Some(inr(20))).unwrap();
        assert_eq!(figures(fees), (-20, 30, -50));
        release(held).unwrap();
        reverse_transfer(settled, None, "back").unwrap();
        assert_eq!((figures(fees), figures(wallet)), ((0, 0, 0), (0, 0, 0)));
        expect_books_in_order();
    }

    #[pg_test]
    fn closing_a_striped_account_folds_its_stripes() {
        let (fees, wallet) = (open_striped("fees"), open("wallet"));
        transfer(wallet, fees, 10).unwrap();
        assert_eq!(code(close_account(fees)), "PT409");
        transfer(fees, wallet, 10).unwrap();
        close_account(fees).unwrap();
        assert_eq!(count("account_stripes"), 0);
        assert_eq!(code(transfer(wallet, fees, 10)), "PT409");
        assert_eq!(open_striped("fees"), fees);
        expect_books_in_order();
    }

    #[pg_test]
    fn what_is_held_on_a_striped_account_leaves_room_for_what_its_stripes_count() {
        let (fees, wallet, most) = (open_striped("fees"), open("wallet"), i64::MAX / 2);
        transfer(fees, wallet, 100).unwrap();
        assert_eq!(code(hold(&new_hold(fees, wallet, i64::MAX - 50))), "22003");
        assert_eq!(code(hold(&new_hold(fees, wallet, most + 1))), "22003");
        let held = hold(&new_hold(fees, wallet, most)).unwrap();
        assert_eq!(figures(fees), (-100, most, -100 - most));
        let view = "select available from ledger.balances where code = 'fees'";
        assert_eq!(one::<i64>(view), -100 - most);
        // Whatever locks all stripes adds up what all of them count and what is held.
        freeze(fees, "test").unwrap();
        unfreeze(fees, "test").unwrap();
        release(held).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn a_stripe_ends_well_before_63_bits() {
        let (fees, wallet) = (open_striped("fees"), open("wallet"));
        let most = i64::MAX / 128;
        transfer(wallet, fees, most).unwrap();
        assert_eq!(code(transfer(wallet, fees, 1)), "22003");
        let legs = [leg(wallet, fees, 1), leg(fees, wallet, 1)];
        assert_eq!(code(post(&journal(None, &legs))), "22003");
        assert_eq!(figures(fees).0, most);
        expect_books_in_order();
    }
}
