//! What can be paid out: held, reserved, owed.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::money::Currency;
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::payable::Days;
    use crate::treasury::store::payables;
    use pgrx::prelude::*;

    /// earned, held, reserved, payable, receivable
    fn payable(user: Uuid) -> String {
        one(&format!(
            "select concat_ws(' ', earned, held, reserved, payable, receivable)
               from treasury.payable('{user}', 'USD')"
        ))
    }

    #[pg_test]
    fn earnings_of_young_charges_are_held_and_those_of_old_ones_are_not() {
        let (host, _) = host_with(10_000);
        let other = person("artist");
        charge(6, 100, &[(host, 1_500), (other, 400)], 0);
        charge(8, 100, &[(host, 3_000)], 0);
        assert_eq!(payable(host), "10000 1500 0 8500 0");
        set("payout_hold_days", "0");
        assert_eq!(payable(host), "10000 0 0 10000 0");
        set("payout_hold_days", "30");
        assert_eq!(payable(host), "10000 4500 0 5500 0");
    }

    #[pg_test]
    fn of_what_was_given_back_nothing_is_held() {
        let (host, _) = host_with(10_000);
        let other = person("artist");
        // Of 2000 half is gone: of this share exactly half.
        charge(1, 200, &[(other, 300), (host, 1_500)], 1_000);
        charge(1, 0, &[(host, 700)], 700);
        assert_eq!(payable(host), "10000 750 0 9250 0");
        run("update treasury.charges set disputed_cents = 1000 where amount_cents = 2000");
        assert_eq!(payable(host), "10000 0 0 10000 0");
    }

    #[pg_test]
    fn a_part_of_what_is_older_stays_and_a_fixed_sum() {
        let (host, _) = host_with(10_000);
        charge(1, 0, &[(host, 1_000)], 0);
        charge(20, 0, &[(host, 2_001)], 0);
        charge(20, 0, &[(host, 1_000)], 1_000);
        charge(100, 0, &[(host, 5_000)], 0);
        set("payout_reserve_basis_points", "1000");
        assert_eq!(payable(host), "10000 1000 201 8799 0");
        set("payout_reserve_fixed", r#"{"USD": 99}"#);
        assert_eq!(payable(host), "10000 1000 300 8700 0");
        set("payout_reserve_days", "10");
        assert_eq!(payable(host), "10000 1000 99 8901 0");
    }

    #[pg_test]
    fn other_currencies_and_other_people_do_not_count() {
        let (host, _) = host_with(1_000);
        let (other, _) = host_with(2_000);
        charge(1, 0, &[(other, 500)], 0);
        charge(1, 0, &[(host, 100)], 0);
        run("update treasury.charges set currency = 'EUR' where amount_cents = 100");
        assert_eq!(payable(host), "1000 0 0 1000 0");
        assert_eq!(payable(other), "2000 500 0 1500 0");
    }

    /// Thirty people with a hundred young charges each, in the order in which they came.
    #[pg_test]
    fn what_many_people_have_young_costs_their_own_shares_and_not_each_others() {
        become_database();
        let people: Vec<Uuid> = (0..30).map(|_| person("host")).collect();
        run(&format!(
            "insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, charged_at)
             select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - n), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid,
                    'ch_' || n, 'captured', n, 'USD', ('{{{ids}}}'::uuid[])[1 + n % 30], now() - interval '1 hour'
               from generate_series(1, 3000) n;
             insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents)
             select id, 0, 'recipient', owner_id, amount_cents from treasury.charges;
             analyze treasury.charges, treasury.charge_shares",
            ids = people.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
        ));
        let read = || -> i64 {
            one("select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
                   from pg_stat_xact_user_tables where relname in ('charges', 'charge_shares')")
        };
        let before = read();
        let of: Vec<_> =
            people.iter().map(|id| (*id, Currency::parse("USD", "x").unwrap())).collect();
        let young = payables::young(&of, Days { held: 7, reserved: 90 }).unwrap();
        let sums: Vec<i64> = (0..30).map(|k| (1..=3000).filter(|n| n % 30 == k).sum()).collect();
        assert_eq!(young.iter().map(|one| one.held).collect::<Vec<_>>(), sums);
        // Whole and partial ones, and of each the charge and the share.
        let read = read() - before;
        assert!(read <= 4 * 3000 + 1000, "{read} rows for 3000 shares");
    }

    #[pg_test]
    fn who_owes_is_told_how_much_and_who_has_nothing_too() {
        let (host, _) = host_with(-250);
        assert_eq!(payable(host), "0 0 0 0 250");
        charge(1, 0, &[(host, 100)], 0);
        assert_eq!(payable(host), "0 100 0 0 250");
        let nobody = person("buyer");
        assert_eq!(payable(nobody), "0 0 0 0 0");
        // Looking opens no account.
        let accounts: i64 =
            one(&format!("select count(*) from ledger.accounts where owner_id = '{nobody}'"));
        assert_eq!(accounts, 0);
    }

    #[pg_test]
    fn it_is_the_persons_and_the_admins_business() {
        let (host, _) = host_with(1_000);
        become_person(host);
        assert_eq!(payable(host), "1000 0 0 1000 0");
        expect_error("22023", &format!("select treasury.payable('{host}', 'usd')"));
        expect_error("22004", &format!("select treasury.payable('{host}', null)"));
        expect_error("22004", "select treasury.payable(null, 'USD')");
        become_person(person("host"));
        expect_error("42501", &format!("select treasury.payable('{host}', 'USD')"));
        become_person(person("admin"));
        assert_eq!(payable(host), "1000 0 0 1000 0");
        expect_error("PT404", &format!("select treasury.payable('{}', 'USD')", new_id()));
    }
}
