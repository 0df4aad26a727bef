//! Reversal: a new transfer that names the first, once.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_reversal_brings_the_balances_back() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 30).unwrap().journal_id;
        let undone = reverse_transfer(first, None, "a mistake").unwrap();
        assert_eq!((figures(wallet).0, figures(bank).0), (100, -100));
        let named: pgrx::Uuid =
            one(&format!("select reverses_id from ledger.transfers where id = '{undone}'"));
        assert_eq!(named, first);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_transfer_is_reversed_once() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 30).unwrap().journal_id;
        let undone = reverse_transfer(first, None, "a mistake").unwrap();
        assert_eq!(code(reverse_transfer(first, None, "again")), "PT409");
        assert_eq!(code(reverse_journal(first, None, "again")), "PT409");
        assert_eq!(code(reverse_transfer(undone, None, "back")), "PT409");
        assert_eq!(code(reverse_transfer(new_id(), None, "what")), "PT404");
        assert_eq!(code(reverse_journal(new_id(), None, "what")), "PT404");
        assert_eq!(code(reverse_transfer(first, None, "")), "22023");
        assert_eq!(figures(wallet).0, 100);
    }

    #[pg_test]
    fn a_reversal_that_is_repeated_gives_the_first() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 30).unwrap().journal_id;
        let id = Some(new_id());
        let undone = reverse_transfer(first, id, "a mistake").unwrap();
        assert_eq!(reverse_transfer(first, id, "a mistake").unwrap(), undone);
        assert_eq!(code(reverse_transfer(first, id, "another reason")), "PT409");
        let other = transfer(wallet, bank, 30).unwrap().journal_id;
        assert_eq!(code(reverse_transfer(other, id, "a mistake")), "PT409");
    }

    #[pg_test]
    fn a_reversal_respects_limits() {
        let (bank, shop, wallet) = funded(100);
        let paid_in = transfer(bank, wallet, 50).unwrap().journal_id;
        transfer(wallet, shop, 120).unwrap();
        assert_eq!(code(reverse_transfer(paid_in, None, "bounced")), "PT409");
        assert_eq!(figures(wallet).0, 30);
        transfer(shop, wallet, 20).unwrap();
        reverse_transfer(paid_in, None, "bounced").unwrap();
        assert_eq!(figures(wallet).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_is_reversed_as_a_whole_once() {
        let (bank, shop, wallet) = funded(0);
        let legs = [leg(bank, wallet, 10), leg(wallet, shop, 4), leg(bank, shop, 6)];
        let first = post(&journal(None, &legs)).unwrap();
        let id = Some(new_id());
        let undone = reverse_journal(first.journal_id, id, "refund").unwrap();
        assert_eq!(reverse_journal(first.journal_id, id, "refund").unwrap(), undone);
        assert_eq!([bank, shop, wallet].map(|account| figures(account).0), [0, 0, 0]);
        assert_eq!(code(reverse_journal(first.journal_id, None, "refund")), "PT409");
        assert_eq!(code(reverse_journal(undone, None, "back")), "PT409");
        assert_eq!(code(reverse_transfer(first.transfer_ids[1], None, "part")), "PT409");
        let named: pgrx::Uuid =
            one(&format!("select reverses_id from ledger.journals where id = '{undone}'"));
        assert_eq!(named, first.journal_id);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_journal_of_which_a_part_is_reversed_is_not_reversed_as_a_whole() {
        let (bank, shop, wallet) = funded(0);
        let legs = [leg(bank, wallet, 10), leg(bank, shop, 6)];
        let first = post(&journal(None, &legs)).unwrap();
        reverse_transfer(first.transfer_ids[1], None, "the second").unwrap();
        assert_eq!(code(reverse_journal(first.journal_id, None, "all")), "PT409");
        assert_eq!((figures(wallet).0, figures(shop).0), (10, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_settlement_is_reversed_like_any_transfer() {
        let (bank, _, wallet) = funded(100);
        let held = hold(&new_hold(wallet, bank, 60)).unwrap();
        let settled = settle(held, Some(inr(25))).unwrap();
        reverse_transfer(settled, None, "came back").unwrap();
        assert_eq!(figures(wallet), (100, 35, 65));
        expect_books_in_order();
    }

    #[pg_test]
    fn reversals_work_in_sql() {
        let (bank, _, wallet) = funded(100);
        let first = transfer(wallet, bank, 30).unwrap().journal_id;
        let row = format!("select debit_posted from ledger.reverse_transfer('{first}', 'oops')");
        assert_eq!(one::<i64>(&row), -100);
        let legs = [leg(wallet, bank, 10), leg(wallet, bank, 20)];
        let second = post(&journal(None, &legs)).unwrap().journal_id;
        let rows = format!("select count(*) from ledger.reverse_journal('{second}', 'oops')");
        assert_eq!(one::<i64>(&rows), 2);
        for (code, call) in [
            ("22004", "ledger.reverse_transfer(null, 'x')".to_owned()),
            ("22004", format!("ledger.reverse_transfer('{first}', null)")),
            ("PT409", format!("ledger.reverse_transfer('{first}', 'x')")),
            ("PT404", format!("ledger.reverse_transfer('{}', 'x')", new_id())),
            ("22004", "ledger.reverse_journal(null, 'x')".to_owned()),
            ("22004", format!("ledger.reverse_journal('{second}', null)")),
            ("PT409", format!("ledger.reverse_journal('{second}', 'x')")),
            ("PT404", format!("ledger.reverse_journal('{}', 'x')", new_id())),
        ] {
            expect_error(code, &format!("select * from {call}"));
        }
        expect_books_in_order();
    }
}
