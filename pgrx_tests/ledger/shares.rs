//! Striped accounts with limits: each stripe has a share, and all of them are exact.
//!
//! Rows that the transaction of a test wrote itself take the long way of a posting; that
//! a posting in its share leaves the other stripes alone is tested through the gateway.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn open_striped(code: &str, limit: Limit) -> AccountId {
        open_account(&NewAccount { stripes: 8, limit, ..plain(code) }).unwrap()
    }

    fn shares(column: &str) -> String {
        one(&format!(
            "select string_agg(coalesce({column}::text, '-'), ' ' order by {column} desc)
               from ledger.account_stripes"
        ))
    }

    /// As if other backends had posted: the stripe of this one and another trade places.
    fn post_elsewhere() {
        run("create temp table turned on commit drop as
             select account_id, (stripe + 1) % 8 as stripe, debits_posted, credits_posted,
                    overdraft_share, balance_share, frozen
               from ledger.account_stripes;
             update ledger.account_stripes s
                set debits_posted = t.debits_posted, credits_posted = t.credits_posted,
                    overdraft_share = t.overdraft_share, balance_share = t.balance_share
               from turned t where (t.account_id, t.stripe) = (s.account_id, s.stripe);
             drop table turned");
    }

    #[pg_test]
    fn an_overdraft_is_dealt_to_the_stripes_and_used_to_its_end() {
        let (pool, bank) = (open_striped("pool", Limit::Overdraft(82)), open("bank"));
        assert_eq!(shares("overdraft_share"), "11 11 10 10 10 10 10 10");
        transfer(pool, bank, 10).unwrap();
        for _ in 0..7 {
            transfer(pool, bank, 10).unwrap();
            post_elsewhere();
        }
        let error = transfer(pool, bank, 3).unwrap_err();
        assert_eq!(error.sqlstate.code(), "PT409");
        assert!(error.detail.unwrap().contains("available 0.02 INR"));
        transfer(pool, bank, 2).unwrap();
        assert_eq!(code(transfer(pool, bank, 1)), "PT409");
        assert_eq!((figures(pool).0, figures(bank).0), (-82, 82));
        expect_books_in_order();
    }

    #[pg_test]
    fn one_posting_takes_what_all_stripes_have_together() {
        let (pool, bank) = (open_striped("pool", Limit::NoOverdraft), open("bank"));
        for _ in 0..8 {
            transfer(bank, pool, 25).unwrap();
            post_elsewhere();
        }
        assert_eq!(code(transfer(pool, bank, 201)), "PT409");
        transfer(pool, bank, 200).unwrap();
        assert_eq!(figures(pool), (0, 0, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_balance_grows_to_its_limit_and_no_further() {
        let limit = Limit::Between { max_overdraft: Some(0), max_balance: 80 };
        let (pool, bank) = (open_striped("pool", limit), open("bank"));
        assert_eq!(shares("balance_share"), "10 10 10 10 10 10 10 10");
        transfer(bank, pool, 10).unwrap();
        post_elsewhere();
        transfer(bank, pool, 65).unwrap();
        assert_eq!(code(transfer(bank, pool, 6)), "PT409");
        transfer(bank, pool, 5).unwrap();
        transfer(pool, bank, 80).unwrap();
        assert_eq!(code(transfer(pool, bank, 1)), "PT409");
        expect_books_in_order();
    }

    #[pg_test]
    fn journals_reversals_and_repeats_keep_to_the_limit_too() {
        let (pool, bank) = (open_striped("pool", Limit::NoOverdraft), open("bank"));
        let paid = transfer(bank, pool, 100).unwrap().journal_id;
        post_elsewhere();
        let id = Some(new_id());
        let legs = [leg(pool, bank, 60), leg(pool, bank, 41)];
        assert_eq!(code(post(&journal(id, &legs))), "PT409");
        post(&journal(id, &legs[..1])).unwrap();
        assert!(post(&journal(id, &legs[..1])).unwrap().replayed);
        assert_eq!(code(reverse_transfer(paid, None, "bounced")), "PT409");
        transfer(bank, pool, 60).unwrap();
        reverse_transfer(paid, None, "bounced").unwrap();
        assert_eq!(figures(pool).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn holds_take_from_the_shares_and_give_back() {
        let (pool, bank) = (open_striped("pool", Limit::Overdraft(20)), open("bank"));
        transfer(bank, pool, 80).unwrap();
        let held = hold(&new_hold(pool, bank, 90)).unwrap();
        expect_books_in_order();
        assert_eq!(code(hold(&new_hold(pool, bank, 11))), "PT409");
        assert_eq!(code(transfer(pool, bank, 11)), "PT409");
        settle(held, Some(inr(50))).unwrap();
        expect_books_in_order();
        assert_eq!(code(transfer(pool, bank, 11)), "PT409");
        release(held).unwrap();
        expect_books_in_order();
        transfer(pool, bank, 50).unwrap();
        assert_eq!(code(transfer(pool, bank, 1)), "PT409");
        assert_eq!(figures(pool), (-20, 0, -20));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_hold_that_expires_makes_room_at_its_time() {
        alone();
        let (pool, bank) = (open_striped("pool", Limit::NoOverdraft), open("bank"));
        transfer(bank, pool, 80).unwrap();
        hold(&new_hold(pool, bank, 75)).unwrap();
        assert_eq!(code(transfer(pool, bank, 6)), "PT409");
        set_expiry("now() - interval '1 minute'");
        transfer(pool, bank, 80).unwrap();
        assert_eq!(code(transfer(pool, bank, 1)), "PT409");
        expect_books_in_order();
        run("select ledger.expire_holds()");
        assert_eq!(code(transfer(pool, bank, 1)), "PT409");
        assert_eq!(figures(pool), (0, 0, 0));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_limit_is_set_changed_and_taken_away() {
        let (pool, bank) = (open_striped("pool", Limit::None), open("bank"));
        transfer(pool, bank, 30).unwrap();
        post_elsewhere();
        assert_eq!(code(set_limit(pool, Limit::Overdraft(29), None)), "PT409");
        set_limit(pool, Limit::Overdraft(40), None).unwrap();
        expect_books_in_order();
        assert_eq!(code(transfer(pool, bank, 11)), "PT409");
        transfer(pool, bank, 10).unwrap();
        set_limit(pool, Limit::None, None).unwrap();
        assert_eq!(shares("overdraft_share"), "- - - - - - - -");
        transfer(pool, bank, 1000).unwrap();
        expect_books_in_order();
    }

    #[pg_test]
    fn a_frozen_striped_account_takes_nothing() {
        for limit in [Limit::None, Limit::Overdraft(100)] {
            let code_of = format!("pool{:?}", limit.max_overdraft());
            let (pool, bank) = (open_striped(&code_of, limit), open("bank"));
            transfer(pool, bank, 5).unwrap();
            freeze(pool, "why").unwrap();
            expect_books_in_order();
            assert_eq!(code(transfer(pool, bank, 5)), "PT409");
            assert_eq!(code(transfer(bank, pool, 5)), "PT409");
            assert_eq!(code(hold(&new_hold(bank, pool, 5))), "PT409");
            unfreeze(pool, "why").unwrap();
            transfer(pool, bank, 5).unwrap();
            assert_eq!(figures(pool).0, -10);
        }
        expect_books_in_order();
    }

    #[pg_test]
    fn a_striped_account_with_a_limit_is_closed_like_any() {
        let (pool, bank) = (open_striped("pool", Limit::Overdraft(5)), open("bank"));
        transfer(pool, bank, 5).unwrap();
        assert_eq!(code(close_account(pool)), "PT409");
        transfer(bank, pool, 5).unwrap();
        close_account(pool).unwrap();
        assert_eq!(code(transfer(bank, pool, 5)), "PT409");
        expect_books_in_order();
    }

    #[pg_test]
    fn limits_near_the_end_of_64_bits_hold() {
        let limit = Limit::Between { max_overdraft: Some(i64::MAX), max_balance: i64::MAX };
        let (pool, bank) = (open_striped("pool", limit), open("bank"));
        let most = i64::MAX / 128;
        transfer(pool, bank, most).unwrap();
        assert_eq!(code(transfer(pool, bank, 1)), "22003");
        expect_books_in_order();
        set_limit(pool, Limit::Overdraft(i64::MAX), None).unwrap();
        transfer(bank, pool, most).unwrap();
        assert_eq!(figures(pool).0, 0);
        expect_books_in_order();
    }

    #[pg_test]
    fn shares_that_were_altered_are_found() {
        let (pool, bank) = (open_striped("pool", Limit::Overdraft(80)), open("bank"));
        transfer(bank, pool, 8).unwrap();
        for change in [
            "update ledger.account_stripes set overdraft_share = overdraft_share + 1",
            "update ledger.account_stripes set overdraft_share = -100",
            "update ledger.account_stripes set overdraft_share = null",
            "update ledger.account_stripes set balance_share = 5",
            "update ledger.account_stripes set frozen = true",
            "update ledger.accounts set frozen_at = now() where stripes > 0",
            "update ledger.accounts set max_balance = 100 where stripes > 0",
        ] {
            let found = format!(
                "do $f$ begin
                     {change};
                     if exists (select from ledger.check() where problem = 'stripes') then
                         raise exception using errcode = 'XX123';
                     end if;
                 end $f$"
            );
            expect_error("XX123", &found);
        }
        expect_books_in_order();
    }

    #[pg_test]
    fn a_batch_keeps_to_limits_and_to_what_is_frozen() {
        let (pool, _) = (open_striped("pool", Limit::Overdraft(100)), open("bank"));
        let transfers: Vec<String> = [40, 50, 40, 10, 1]
            .map(|n| format!(r#"{{"debit": "pool", "credit": "bank", "amount": {n}}}"#))
            .into();
        let results = || {
            one::<String>(&format!(
                "select string_agg(result, ' ' order by position)
                   from ledger.post_batch('test', 'k', '[{}]', 'each')",
                transfers.join(", ")
            ))
        };
        assert_eq!(results(), "ok ok refused ok refused");
        assert_eq!(figures(pool).0, -100);
        freeze(pool, "why").unwrap();
        assert_eq!(results(), "refused refused refused refused refused");
        expect_books_in_order();
    }
}
