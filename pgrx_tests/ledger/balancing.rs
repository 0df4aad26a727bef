//! Balancing transfers and sweeps: as much as there is.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn up_to(leg: Leg, balancing: Balancing) -> crate::kernel::error::Result<i64> {
        let posted = post_up_to(&journal(None, &[leg]), balancing)?;
        Ok(one(&format!(
            "select amount::bigint from ledger.transfers where id = '{}'",
            posted.journal_id
        )))
    }

    #[pg_test]
    fn no_more_is_debited_than_the_account_has() {
        let (bank, _, wallet) = funded(100);
        assert_eq!(up_to(leg(wallet, bank, 30), Balancing::Debit).unwrap(), 30);
        assert_eq!(up_to(leg(wallet, bank, 500), Balancing::Debit).unwrap(), 70);
        assert_eq!(code(up_to(leg(wallet, bank, 500), Balancing::Debit)), "PT409");
        assert_eq!(figures(wallet).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn what_is_held_stays_unless_its_time_has_come() {
        alone();
        let (bank, shop, wallet) = funded(100);
        hold(&new_hold(wallet, shop, 60)).unwrap();
        assert_eq!(up_to(leg(wallet, bank, i64::MAX), Balancing::Debit).unwrap(), 40);
        set_expiry("now() - interval '1 minute'");
        assert_eq!(up_to(leg(wallet, bank, i64::MAX), Balancing::Debit).unwrap(), 60);
        expect_books_in_order();
    }

    #[pg_test]
    fn no_more_is_credited_than_brings_the_account_to_zero() {
        let (bank, shop, _) = funded(0);
        transfer(bank, shop, 80).unwrap();
        assert_eq!(code(up_to(leg(bank, shop, 5), Balancing::Credit)), "PT409");
        assert_eq!(up_to(leg(shop, bank, 500), Balancing::Credit).unwrap(), 80);
        transfer(bank, shop, 10).unwrap();
        assert_eq!(up_to(leg(shop, bank, 500), Balancing::Both).unwrap(), 10);
        assert_eq!((figures(bank).0, figures(shop).0), (0, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_overdraft_is_not_drawn_on_and_other_limits_hold() {
        let limit = Limit::Between { max_overdraft: None, max_balance: 15 };
        let (bank, shop, wallet) = funded(20);
        set_limit(wallet, Limit::Overdraft(1000), None).unwrap();
        let topped = open_account(&NewAccount { limit, ..plain("topped") }).unwrap();
        assert_eq!(code(up_to(leg(wallet, topped, 500), Balancing::Debit)), "PT409");
        assert_eq!(up_to(leg(wallet, shop, 500), Balancing::Debit).unwrap(), 20);
        assert_eq!((figures(wallet).0, figures(bank).0), (0, -20));
    }

    #[pg_test]
    fn a_repeat_gives_what_was_moved_whatever_is_there_now() {
        let (bank, _, wallet) = funded(100);
        let id = Some(new_id());
        let of = |most| up_to(Leg { id, ..leg(wallet, bank, most) }, Balancing::Debit);
        assert_eq!(of(500).unwrap(), 100);
        transfer(bank, wallet, 70).unwrap();
        assert_eq!(of(500).unwrap(), 100);
        assert_eq!(of(100).unwrap(), 100);
        assert_eq!(code(of(99)), "PT409");
        let other = up_to(Leg { id, ..leg(bank, wallet, 500) }, Balancing::Credit);
        assert_eq!(code(other), "PT409");
        assert_eq!(figures(wallet).0, 70);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_striped_account_gives_what_all_its_stripes_have() {
        let pool = open_account(&NewAccount { stripes: 4, ..plain("pool") }).unwrap();
        let bank = open("bank");
        transfer(bank, pool, 90).unwrap();
        run("update ledger.account_stripes set credits_posted = case when credits_posted > 0
                 then 40 else 50 end
              where credits_posted > 0 or stripe = (select (min(stripe) + 1) % 4
                from ledger.account_stripes where credits_posted > 0)");
        assert_eq!(up_to(leg(pool, bank, 500), Balancing::Debit).unwrap(), 90);
        assert_eq!(figures(pool).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_balancing_transfer_works_in_sql() {
        let (_, _, wallet) = funded(100);
        let call =
            "select amount || ' ' || debit_posted from ledger.transfer('test', 'wallet', 'bank', ";
        assert_eq!(one::<String>(&format!("{call} 30, p_balancing => 'debit')")), "30 70");
        assert_eq!(one::<String>(&format!("{call} null, p_balancing => 'debit')")), "70 0");
        expect_error("PT409", &format!("{call} null, p_balancing => 'debit')"));
        expect_error("22023", &format!("{call} 5, p_balancing => 'all')"));
        expect_error("22023", &format!("{call} 0, p_balancing => 'debit')"));
        expect_error("22023", &format!("{call} -5, p_balancing => 'debit')"));
        expect_error("22023", &format!("{call} 5, p_currency => 'USD', p_balancing => 'debit')"));
        expect_error("22004", &format!("{call} null)"));
        assert_eq!(figures(wallet).0, 0);
    }

    /// Three wallets with 10, nothing and 30, and an asset with 7.
    fn wallets() -> [AccountId; 6] {
        let (bank, pot) = (open("bank"), open("pot"));
        let [a, b, c] = ["a", "b", "c"].map(open_limited);
        let cash = open_account(&NewAccount { class: Class::Asset, ..plain("cash") }).unwrap();
        transfer(bank, a, 10).unwrap();
        transfer(bank, c, 30).unwrap();
        transfer(cash, bank, 7).unwrap();
        [bank, pot, a, b, c, cash]
    }

    fn sweep_of<'a>(from: &'a [AccountId], to: AccountId) -> Sweep<'a> {
        Sweep {
            id: None,
            system: "test",
            kind: "sweep",
            from,
            to,
            description: None,
            effective_at: None,
            metadata: None,
        }
    }

    #[pg_test]
    fn a_sweep_moves_everything_in_one_journal() {
        let [bank, pot, a, b, c, cash] = wallets();
        let posted = sweep(&sweep_of(&[c, a, b, cash], pot)).unwrap().unwrap();
        assert_eq!(posted.transfer_ids.len(), 3);
        // An asset is emptied on its other side.
        assert_eq!([a, b, c, cash].map(|id| figures(id).0), [0, 0, 0, 0]);
        assert_eq!(figures(pot).0, 10 + 30 - 7);
        assert_eq!(figures(bank).0, -33);
        assert_eq!(count("journals"), 1);
        assert!(sweep(&sweep_of(&[c, a, b, cash], pot)).unwrap().is_none());
        assert!(sweep(&sweep_of(&[], pot)).unwrap().is_none());
        expect_books_in_order();
    }

    #[pg_test]
    fn a_sweep_leaves_what_is_held_and_what_is_owed() {
        let [bank, pot, a, b, c, _] = wallets();
        hold(&new_hold(c, bank, 25)).unwrap();
        sweep(&sweep_of(&[bank, a, b, c], pot)).unwrap().unwrap();
        assert_eq!((figures(c), figures(bank).0, figures(pot).0), ((25, 25, 0), -33, 15));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_sweep_that_is_repeated_is_posted_once() {
        let [bank, pot, a, b, c, cash] = wallets();
        for from in [vec![a, b, c], vec![cash]] {
            let first = Sweep { id: Some(new_id()), ..sweep_of(&from, pot) };
            let posted = sweep(&first).unwrap().unwrap();
            transfer(bank, a, 5).unwrap();
            let again = sweep(&first).unwrap().unwrap();
            assert!(again.replayed);
            assert_eq!(posted.transfer_ids, again.transfer_ids);
            assert_eq!(code(sweep(&Sweep { to: bank, ..first.clone() }).map(|_| ())), "PT409");
            assert_eq!(code(sweep(&Sweep { from: &[b], ..first.clone() }).map(|_| ())), "PT409");
            assert_eq!(code(sweep(&Sweep { kind: "x", ..first.clone() }).map(|_| ())), "PT409");
        }
        assert_eq!(figures(a).0, 10);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_sweep_lands_as_a_whole_or_not_at_all() {
        let [_, pot, a, b, c, _] = wallets();
        let dollars =
            open_account(&NewAccount { currency: currency("USD"), ..plain("dollars") }).unwrap();
        freeze(c, "why").unwrap();
        let refused = |from: &[AccountId], to| code(sweep(&sweep_of(from, to)).map(|_| ()));
        assert_eq!(refused(&[a, c], pot), "PT409");
        assert_eq!(refused(&[a, dollars], pot), "22023");
        assert_eq!(refused(&[a, a], pot), "22023");
        assert_eq!(refused(&[a, pot], pot), "22023");
        assert_eq!(refused(&[a, AccountId(404404404)], pot), "PT404");
        assert_eq!(refused(&[a], AccountId(404404404)), "PT404");
        let many: Vec<AccountId> = (1..=MAX_LEGS as i64 + 1).map(AccountId).collect();
        assert_eq!(refused(&many, AccountId(0)), "22023");
        assert_eq!([a, b, c, pot].map(|id| figures(id).0), [10, 0, 30, 0]);
        expect_books_in_order();
    }

    #[pg_test]
    fn the_parts_of_an_account_are_swept_in_sql() {
        let [_, pot, a, b, _, _] = wallets();
        for (id, parent) in [(a, pot), (b, pot)] {
            run(&format!("update ledger.accounts set parent_id = {parent} where id = {id}"));
        }
        let rows = |call: &str| {
            one::<String>(&format!(
                "select coalesce(string_agg(concat_ws(' ', amount, debit_posted, credit_posted), '; '), '')
                   from ledger.sweep('test', {call})"
            ))
        };
        assert_eq!(rows("'pot', p_parent => 'pot'"), "10 0 10");
        assert_eq!(rows("'pot', p_parent => 'pot'"), "");
        assert_eq!(rows("'pot', p_parent => 'a'"), "");
        assert_eq!(rows("'a', array['b', 'pot']"), "10 0 10");
        assert_eq!(rows(&format!("'pot', p_from_account_ids => array[{a}::bigint]")), "10 0 10");
        for (code, call) in [
            ("22004", "null, 'pot'"),
            ("22004", "'test', 'pot'"),
            ("22004", "'test', p_from => array['a']"),
            ("22004", "'test', 'pot', array['a', null]"),
            ("22004", "'test', 'pot', p_from_account_ids => array[1, null]::bigint[]"),
            ("22004", "'test', 'pot', array['a'], null"),
            ("22023", "'test', 'pot', '{}'"),
            ("22023", "'test', 'pot', array['a'], p_parent => 'pot'"),
            ("22023", "'test', 'pot', array['a'], ''"),
            ("22023", "'test', 'pot', array['a'], p_effective_at => 'infinity'"),
            ("PT404", "'test', 'pot', array['nobody']"),
            ("PT404", "'test', 'nobody', array['a']"),
            ("PT404", "'test', 'pot', p_parent_account_id => -1"),
        ] {
            expect_error(code, &format!("select * from ledger.sweep({call})"));
        }
        expect_books_in_order();
    }
}
