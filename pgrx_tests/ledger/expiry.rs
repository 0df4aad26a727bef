//! Holds that expire: exactly at their time when read, swept when written.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::datum::TimestampWithTimeZone;
    use pgrx::prelude::*;

    /// A hold whose time has come, though its row still says open.
    fn expired_hold(debit: AccountId, credit: AccountId, minor: i64) -> pgrx::Uuid {
        let id = hold(&new_hold(debit, credit, minor)).unwrap();
        set_expiry(&format!("now() - interval '1 minute' where id = '{id}'"));
        id
    }

    fn status(id: pgrx::Uuid) -> String {
        one(&format!("select status from ledger.holds where id = '{id}'"))
    }

    fn view(account: AccountId) -> (i64, i64) {
        let read = |column| {
            one(&format!("select {column} from ledger.balances where account_id = {account}"))
        };
        (read("held"), read("available"))
    }

    #[pg_test]
    fn a_hold_counts_until_its_very_time() {
        alone();
        let (bank, _, wallet) = funded(100);
        let soon: TimestampWithTimeZone = one("select clock_timestamp() + interval '300 ms'");
        hold(&NewHold { expires_at: Some(soon), ..new_hold(wallet, bank, 60) }).unwrap();
        assert_eq!(figures(wallet), (100, 60, 40));
        run("select pg_sleep(0.35)");
        assert_eq!(figures(wallet), (100, 0, 100));
    }

    #[pg_test]
    fn an_expired_hold_counts_no_more_when_read() {
        alone();
        let (bank, _, wallet) = funded(100);
        let held = expired_hold(wallet, bank, 60);
        assert_eq!(status(held), "open");
        assert_eq!(figures(wallet), (100, 0, 100));
        assert_eq!(view(wallet), (0, 100));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_expired_hold_frees_the_money_for_the_next_posting_and_is_swept() {
        alone();
        let (bank, shop, wallet) = funded(100);
        let held = expired_hold(wallet, bank, 60);
        transfer(wallet, shop, 90).unwrap();
        assert_eq!(status(held), "expired");
        assert_eq!(figures(wallet), (10, 0, 10));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_expired_hold_frees_the_money_for_the_next_hold_and_is_swept() {
        alone();
        let (bank, shop, wallet) = funded(100);
        let held = expired_hold(wallet, bank, 60);
        hold(&new_hold(wallet, shop, 100)).unwrap();
        assert_eq!(status(held), "expired");
        assert_eq!(view(wallet), (100, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_expired_hold_cannot_be_settled_and_is_released_as_expired() {
        alone();
        let (bank, _, wallet) = funded(100);
        let held = expired_hold(wallet, bank, 60);
        assert_eq!(code(settle(held, None)), "PT409");
        assert_eq!(code(settle(held, Some(inr(1)))), "PT409");
        release(held).unwrap();
        assert_eq!(status(held), "expired");
        release(held).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn what_was_settled_before_the_time_stays() {
        alone();
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 60)).unwrap();
        settle(held, Some(inr(25))).unwrap();
        set_expiry("now() - interval '1 minute'");
        assert_eq!(figures(wallet), (75, 0, 75));
        assert_eq!(one::<i64>("select ledger.expire_holds()"), 1);
        assert_eq!(one::<i64>("select ledger.expire_holds()"), 0);
        assert_eq!((figures(wallet), status(held)), ((75, 0, 75), "expired".to_owned()));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_account_whose_holds_have_expired_can_be_closed() {
        alone();
        let (bank, shop) = (open("bank"), open("shop"));
        expired_hold(bank, shop, 60);
        close_account(shop).unwrap();
        close_account(bank).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn the_sweep_takes_so_many_and_the_oldest_first() {
        alone();
        let (bank, _, wallet) = funded(100);
        let [first, second] = [1, 2].map(|n| hold(&new_hold(wallet, bank, n)).unwrap());
        set_expiry("now() - interval '1 minute' * (4 - amount)");
        assert_eq!(one::<i64>("select ledger.expire_holds(1)"), 1);
        assert_eq!((status(first), status(second)), ("expired".to_owned(), "open".to_owned()));
    }
}
