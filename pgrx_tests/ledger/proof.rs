//! `ledger.check()` finds what somebody planted.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn scene() -> (AccountId, AccountId, AccountId) {
        alone();
        let (bank, shop, wallet) = funded(100);
        open_account(&NewAccount { stripes: 2, ..plain("striped") }).unwrap();
        run("select ledger.transfer('test', 'striped', 'bank', 3)");
        let posted = post(&journal(None, &[leg(bank, wallet, 1), leg(bank, shop, 2)])).unwrap();
        reverse_transfer(posted.transfer_ids[1], None, "x").unwrap();
        let held = hold(&new_hold(wallet, bank, 10)).unwrap();
        settle(held, Some(inr(4))).unwrap();
        expect_books_in_order();
        (bank, shop, wallet)
    }

    /// The problems after a change that only a superuser who switches triggers off
    /// can make; it is undone.
    fn problems_after(change: &str) -> String {
        run("create or replace function pg_temp.planted(change text) returns text
             language plpgsql as $f$
             declare
                 found text;
             begin
                 begin
                     alter table ledger.transfers disable trigger user;
                     alter table ledger.journals disable trigger user;
                     alter table ledger.accounts disable trigger user;
                     alter table ledger.holds disable trigger user;
                     alter table ledger.transfer_kinds disable trigger user;
                     execute change;
                     select string_agg(distinct problem, ' ' order by problem)
                       into found from ledger.check();
                     raise exception using errcode = 'XX123';
                 exception when sqlstate 'XX123' then
                     return coalesce(found, '');
                 end;
             end $f$");
        one(&format!("select pg_temp.planted({})", literal(change)))
    }

    #[pg_test]
    fn nothing_is_found_where_nothing_was_planted() {
        scene();
        assert_eq!(problems_after("select 1"), "");
    }

    #[pg_test]
    fn counters_that_were_altered_are_found() {
        let (_, _, wallet) = scene();
        let set = |what: &str| format!("update ledger.accounts set {what} where id = {wallet}");
        assert_eq!(
            problems_after(&set("credits_posted = credits_posted + 1")),
            "credits_posted currency_unbalanced"
        );
        assert_eq!(
            problems_after(&set("debits_posted = debits_posted + 1")),
            "currency_unbalanced debits_posted"
        );
        assert_eq!(problems_after(&set("debits_pending = 0")), "debits_pending");
        assert_eq!(problems_after(&set("credits_pending = 9")), "credits_pending");
        assert_eq!(
            problems_after("update ledger.account_stripes set debits_posted = 9"),
            "currency_unbalanced debits_posted"
        );
        assert_eq!(
            problems_after("delete from ledger.account_stripes where debits_posted = 0"),
            "stripes"
        );
    }

    #[pg_test]
    fn counters_altered_in_pairs_are_found_too() {
        scene();
        let both = "update ledger.accounts set credits_posted = credits_posted + 7,
                        debits_posted = debits_posted + 7";
        assert_eq!(problems_after(both), "credits_posted debits_posted");
    }

    #[pg_test]
    fn counters_beyond_all_bounds_are_reported_not_raised() {
        let (_, _, wallet) = scene();
        let huge = format!(
            "update ledger.accounts set credits_posted = 9223372036854775807 where id = {wallet};
             update ledger.accounts set credits_posted = 9223372036854775807 where code = 'shop'"
        );
        assert_eq!(problems_after(&huge), "credits_posted currency_unbalanced");
    }

    #[pg_test]
    fn transfers_that_were_altered_are_found() {
        scene();
        let of = |change: &str| problems_after(change);
        assert_eq!(
            of("update ledger.transfers set amount = 101 where amount = 100"),
            "credits_posted debits_posted"
        );
        assert_eq!(
            of("delete from ledger.transfers where amount = 100"),
            "credits_posted debits_posted"
        );
        assert_eq!(
            of("update ledger.transfers set debit_account_id = 404404404 where amount = 100"),
            "debits_posted unknown_account"
        );
        assert_eq!(
            of("update ledger.transfers set credit_account_id = 404404404 where amount = 100"),
            "credits_posted unknown_account"
        );
        assert_eq!(
            of("update ledger.accounts set currency = 'USD' where code = 'wallet'"),
            "currency_mixed currency_unbalanced"
        );
        assert_eq!(of("delete from ledger.transfer_kinds where kind = 'reversal'"), "unknown_kind");
        assert_eq!(of("delete from ledger.journals"), "unknown_journal");
        assert_eq!(
            of("insert into ledger.journals (id, kind_id, recorded_at)
                values (gen_random_uuid(), 1, now())"),
            "empty_journal"
        );
        assert_eq!(
            of("update ledger.transfers set reverses_id = gen_random_uuid()
                 where reverses_id is not null"),
            "reversal"
        );
    }

    #[pg_test]
    fn holds_that_were_altered_are_found() {
        scene();
        assert_eq!(
            problems_after("update ledger.holds set amount = amount + 1"),
            "credits_pending debits_pending"
        );
        assert_eq!(
            problems_after("update ledger.holds set settled_amount = settled_amount + 1"),
            "credits_pending debits_pending hold"
        );
        assert_eq!(
            problems_after("delete from ledger.holds"),
            "credits_pending debits_pending hold"
        );
        assert_eq!(problems_after("update ledger.transfers set hold_id = null"), "hold");
    }

    #[pg_test]
    fn a_limit_that_is_broken_is_found() {
        let (_, _, wallet) = scene();
        let lowered = "update ledger.accounts set max_overdraft = 0 where code = 'bank'";
        assert_eq!(problems_after(lowered), "limit");
        let held = format!(
            "update ledger.holds set amount = 1000;
            update ledger.accounts set debits_pending = 996 where id = {wallet};
            update ledger.accounts set credits_pending = 996 where code = 'bank'"
        );
        assert_eq!(problems_after(&held), "limit");
    }
}
