//! Opening balances: once for each account, before anything else.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn equity() -> AccountId {
        open_account(&NewAccount { class: Class::Equity, ..plain("equity") }).unwrap()
    }

    fn call(account: &str, amount: &str, at: &str) -> String {
        format!("ledger.open_balance('test', {account}, {amount}, {at}, 'equity')")
    }

    const DAY: &str = "'2024-04-01 00:00+00'";

    #[pg_test]
    fn an_account_starts_with_its_opening_balance() {
        equity();
        open_account(&NewAccount { class: Class::Asset, ..plain("bank") }).unwrap();
        open("wallet");
        let posted = |account: &str, amount: &str| {
            one::<i64>(&format!("select posted from {}", call(account, amount, DAY)))
        };
        assert_eq!(posted("'bank'", "500"), 500);
        assert_eq!(posted("'wallet'", "-20"), -20);
        let equity: String = one(
            "select b.posted || ' ' || (select posted from ledger.balance(b.account_id, '2024-03-31'))
               from ledger.balances b where code = 'equity'",
        );
        assert_eq!(equity, "520 0");
        expect_books_in_order();
    }

    #[pg_test]
    fn the_same_again_changes_nothing_and_another_is_refused() {
        equity();
        let wallet = open("wallet");
        let replayed =
            |at: &str| one::<bool>(&format!("select replayed from {}", call("'wallet'", "70", at)));
        assert_eq!((replayed(DAY), replayed(DAY)), (false, true));
        for (amount, at) in [("71", DAY), ("-70", DAY), ("70", "'2024-04-02 00:00+00'")] {
            expect_error("PT409", &format!("select * from {}", call("'wallet'", amount, at)));
        }
        assert_eq!(figures(wallet).0, 70);
        assert_eq!(count("transfers"), 1);
    }

    #[pg_test]
    fn after_a_reversal_the_right_one_may_be_posted() {
        equity();
        let wallet = open("wallet");
        let id = |amount: &str, at: &str| {
            one::<pgrx::Uuid>(&format!("select transfer_id from {}", call("'wallet'", amount, at)))
        };
        let wrong = id("70", DAY);
        reverse_transfer(wrong, None, "wrong").unwrap();
        let right = id("50", "'2024-04-02 00:00+00'");
        assert_ne!(wrong, right);
        assert_eq!(id("50", "'2024-04-02 00:00+00'"), right);
        assert_eq!(figures(wallet).0, 50);
        expect_books_in_order();
    }

    #[pg_test]
    fn after_a_part_was_reversed_it_still_counts() {
        equity();
        let wallet = open("wallet");
        let id: pgrx::Uuid =
            one(&format!("select transfer_id from {}", call("'wallet'", "70", DAY)));
        run(&format!("select ledger.reverse_transfer('{id}', 'too much', p_amount => 20)"));
        assert!(one::<bool>(&format!("select replayed from {}", call("'wallet'", "70", DAY))));
        expect_error("PT409", &format!("select * from {}", call("'wallet'", "50", DAY)));
        assert_eq!(figures(wallet).0, 50);
    }

    #[pg_test]
    fn nothing_may_count_for_an_earlier_time() {
        let (_, bank, wallet) = (equity(), open("bank"), open("wallet"));
        run(&call_transfer(bank, wallet, "p_amount => 5, p_effective_at => '2024-03-31'"));
        let opening = |account: &str, at: &str| format!("select * from {}", call(account, "1", at));
        expect_error("PT409", &opening("'wallet'", DAY));
        expect_error("PT409", &opening("'bank'", DAY));
        assert_eq!(attempt(&opening("'bank'", "'2024-03-31'")), Ok(()));
        transfer(bank, open("other"), 1).unwrap();
        expect_error("PT409", &opening("'other'", "now() + interval '1 day'"));
        assert_eq!(attempt(&opening("'other'", DAY)), Ok(()));
    }

    #[pg_test]
    fn bad_input_is_refused() {
        let equity = equity();
        open("wallet");
        let closed = open("closed");
        close_account(closed).unwrap();
        open_account(&NewAccount { currency: currency("USD"), ..plain("dollars") }).unwrap();
        for (code, arguments) in [
            ("22004", "null, 'wallet', 1, now(), 'equity'".to_owned()),
            ("22004", "'test', null, 1, now(), 'equity'".to_owned()),
            ("22004", "'test', 'wallet', null, now(), 'equity'".to_owned()),
            ("22004", "'test', 'wallet', 1, null, 'equity'".to_owned()),
            ("22004", "'test', 'wallet', 1, now()".to_owned()),
            ("22023", "'test', 'wallet', 0, now(), 'equity'".to_owned()),
            ("22003", format!("'test', 'wallet', {}, now(), 'equity'", i64::MIN)),
            ("22023", "'test', 'wallet', 1, 'infinity', 'equity'".to_owned()),
            ("22023", "'test', 'wallet', 1, now(), 'wallet'".to_owned()),
            ("22023", "'test', 'equity', 1, now(), 'equity'".to_owned()),
            ("22023", "'test', 'dollars', 1, now(), 'equity'".to_owned()),
            (
                "22023",
                format!("'test', 'wallet', 1, now(), 'equity', p_equity_account_id => {equity}"),
            ),
            ("PT404", "'test', 'nobody', 1, now(), 'equity'".to_owned()),
            ("PT404", "'test', 'wallet', 1, now(), p_equity_account_id => 404404404".to_owned()),
            ("PT409", "'test', 'closed', 1, now(), 'equity'".to_owned()),
        ] {
            expect_error(code, &format!("select * from ledger.open_balance({arguments})"));
        }
        assert_eq!(count("transfers"), 0);
    }

    #[pg_test]
    fn an_admin_who_opens_a_balance_is_in_the_log() {
        equity();
        open("wallet");
        let admin: pgrx::Uuid = one("select gen_random_uuid()");
        run(&format!("select backoffice.grant_role('{admin}', 'ledger', 'admin')"));
        become_person(admin);
        run(&format!("select * from {}", call("'wallet'", "7", DAY)));
        become_database();
        let logged = "select count(*) from ops.audit_logs where action = 'open_balance'";
        assert_eq!(one::<i64>(logged), 1);
    }
}
