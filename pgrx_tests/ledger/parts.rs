//! Transfers undone in parts, and holds that a settlement ends.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn undo(id: pgrx::Uuid, amount: &str, rest: &str) -> String {
        format!(
            "select amount from ledger.reverse_transfer('{id}', 'why', p_amount => {amount}{rest})"
        )
    }

    #[pg_test]
    fn a_transfer_is_undone_in_parts_until_nothing_is_left() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 90).unwrap().journal_id;
        assert_eq!(one::<i64>(&undo(first, "30", "")), 30);
        assert_eq!(one::<i64>(&undo(first, "20", "")), 20);
        expect_error("PT409", &undo(first, "41", ""));
        // Without an amount it is the rest.
        assert_eq!(one::<i64>(&undo(first, "null", "")), 40);
        expect_error("PT409", &undo(first, "1", ""));
        expect_error("PT409", &undo(first, "null", ""));
        assert_eq!((figures(wallet).0, figures(bank).0), (100, -100));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_part_is_an_amount_above_zero() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 90).unwrap().journal_id;
        for (code, amount) in [
            ("22023", "0"),
            ("22023", "-1"),
            ("22023", "-9223372036854775808"),
            ("PT409", "9223372036854775807"),
            ("22003", "9223372036854775808::numeric::bigint"),
        ] {
            expect_error(code, &undo(first, amount, ""));
        }
        assert_eq!(figures(wallet).0, 10);
    }

    #[pg_test]
    fn a_part_that_is_repeated_is_undone_once() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 90).unwrap().journal_id;
        let id = format!(", p_id => '{}'", new_id());
        assert_eq!(one::<i64>(&undo(first, "30", &id)), 30);
        assert_eq!(one::<i64>(&undo(first, "30", &id)), 30);
        expect_error("PT409", &undo(first, "31", &id));
        let rest = format!(", p_id => '{}'", new_id());
        assert_eq!(one::<i64>(&undo(first, "null", &rest)), 60);
        assert_eq!(one::<i64>(&undo(first, "null", &rest)), 60);
        assert_eq!(one::<i64>(&undo(first, "60", &rest)), 60);
        assert_eq!(figures(wallet).0, 100);
        let other = transfer(wallet, bank, 90).unwrap().journal_id;
        expect_error("PT409", &undo(other, "30", &id));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_part_of_a_journal_is_undone_and_the_journal_not_again() {
        let (bank, shop, wallet) = funded(0);
        let posted = post(&journal(None, &[leg(bank, wallet, 10), leg(bank, shop, 6)])).unwrap();
        assert_eq!(one::<i64>(&undo(posted.transfer_ids[1], "2", "")), 2);
        assert_eq!(code(reverse_journal(posted.journal_id, None, "all")), "PT409");
        assert_eq!(one::<i64>(&undo(posted.transfer_ids[1], "null", "")), 4);
        assert_eq!((figures(wallet).0, figures(shop).0), (10, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_part_is_not_undone_where_a_limit_forbids_it() {
        let (bank, shop, wallet) = funded(100);
        let paid = transfer(bank, wallet, 50).unwrap().journal_id;
        transfer(wallet, shop, 120).unwrap();
        expect_error("PT409", &undo(paid, "31", ""));
        assert_eq!(one::<i64>(&undo(paid, "30", "")), 30);
        expect_books_in_order();
    }

    #[pg_test]
    fn more_undone_than_there_was_is_found() {
        alone();
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 90).unwrap().journal_id;
        run(&undo(first, "50", ""));
        run(&undo(first, "40", ""));
        expect_error(
            "XX123",
            "do $f$ begin
                 alter table ledger.transfers disable trigger user;
                 update ledger.transfers set amount = amount + 1 where reverses_id is not null and amount = 40;
                 if exists (select from ledger.check() where problem = 'reversal') then
                     raise exception using errcode = 'XX123';
                 end if;
             end $f$",
        );
    }

    #[pg_test]
    fn a_settlement_may_end_its_hold() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 80)).unwrap();
        settle(held, Some(inr(10))).unwrap();
        let last = Settlement { hold: held, amount: Some(inr(25)), id: Some(new_id()), last: true };
        settle_with(&last).unwrap();
        assert_eq!(figures(wallet), (65, 0, 65));
        assert_eq!(settle_with(&last).unwrap(), last.id.unwrap());
        assert_eq!(code(settle(held, Some(inr(1)))), "PT409");
        let status: String = one(&format!("select status from ledger.holds where id = '{held}'"));
        assert_eq!(status, "released");
        assert_eq!(figures(wallet), (65, 0, 65));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_settlement_that_did_not_end_its_hold_is_not_repeated_as_one_that_does() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 80)).unwrap();
        let part =
            Settlement { hold: held, amount: Some(inr(25)), id: Some(new_id()), last: false };
        settle_with(&part).unwrap();
        assert_eq!(code(settle_with(&Settlement { last: true, ..part })), "PT409");
        assert_eq!(
            code(settle_with(&Settlement { amount: Some(inr(56)), last: true, id: None, ..part })),
            "PT409"
        );
        assert_eq!(figures(wallet), (75, 55, 20));
        // All that is left uses it up, also as the last one.
        settle_with(&Settlement { amount: None, last: true, id: None, ..part }).unwrap();
        let status: String = one(&format!("select status from ledger.holds where id = '{held}'"));
        assert_eq!((status.as_str(), figures(wallet)), ("settled", (20, 0, 20)));
        expect_books_in_order();
    }

    #[pg_test]
    fn holds_answer_with_the_balances_they_left() {
        let (_, _, _) = funded(100);
        let id = new_id();
        let call = format!("select concat_ws(' ', remaining, debit_posted, debit_available, credit_posted, replayed)
               from ledger.hold('test', 'wallet', 'shop', 60, p_id => '{id}')");
        assert_eq!(one::<String>(&call), "60 100 40 0 f");
        assert_eq!(one::<String>(&call), "60 100 40 0 t");
        let settle = |rest: &str| {
            one::<String>(&format!(
            "select concat_ws(' ', amount, remaining, status, debit_posted, debit_available, credit_posted, replayed)
               from ledger.settle('{id}', {rest})"))
        };
        let key = format!("p_id => '{}'", new_id());
        assert_eq!(settle(&format!("10, {key}")), "10 50 open 90 40 10 f");
        assert_eq!(settle(&format!("10, {key}")), "10 50 open 90 40 10 t");
        assert_eq!(settle("20, p_final => true"), "20 0 released 70 70 30 f");
        let release = format!(
            "select concat_ws(' ', status, debit_available, replayed) from ledger.release('{id}')"
        );
        assert_eq!(one::<String>(&release), "released 70 t");
        expect_error("22004", &format!("select * from ledger.settle('{id}', p_final => null)"));
        expect_books_in_order();
    }
}
