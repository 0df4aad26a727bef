//! Cancelled customers: what was earned for them is taken back.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn rows(customer: Uuid) -> Vec<String> {
        one(&format!(
            "select array_agg(concat_ws(' ', level, recipient_type, amount, status) order by id)
               from network.affiliate_commissions where customer_id = '{customer}'"
        ))
    }

    #[pg_test]
    fn every_share_is_taken_back_and_the_paid_rows_stay() {
        admin();
        let line = line(2);
        let customer = customer(line[1]);
        run(&cancel(customer));
        assert_eq!(
            rows(customer),
            [
                "1 promoter 500.00 credited",
                "2 promoter 100.00 credited",
                "3 admin 100.00 credited",
                "4 admin 100.00 credited",
                "1 promoter -500.00 credited",
                "2 promoter -100.00 credited",
                "3 admin -100.00 credited",
                "4 admin -100.00 credited",
            ]
        );
        for promoter in line {
            assert_eq!(money(promoter), "0.00 0.00 0.00 0.00 0.00 0.00");
        }
        assert_eq!(admin_balance(), "0.00");
        expect_consistent();
    }

    #[pg_test]
    fn the_customer_is_inactive_for_good() {
        let (admin, promoter) = (admin(), promoter(None));
        let customer = customer(promoter);
        become_person(admin);
        let status: String = one(&format!(
            "select status from network.cancel_customer('{customer}', ' moved away ')"
        ));
        assert_eq!(status, "Inactive");
        become_database();
        let cancelled: String = one(&format!(
            "select format('%s %s', reason, cancelled_by = '{admin}') from network.cancellations
              where customer_id = '{customer}'"
        ));
        assert_eq!(cancelled, "moved away t");
        let update =
            |what: &str| format!("select network.update_customer_profile('{customer}', '{what}')");
        expect_error("PT409", &update(r#"{"status": "Active"}"#));
        run(&update(r#"{"address": "Pune"}"#));
    }

    #[pg_test]
    fn the_ledger_has_a_journal_that_names_the_first() {
        admin();
        let customer = customer(promoter(None));
        run(&cancel(customer));
        let reversal: Uuid = one(&format!(
            "select reversal_id from network.cancellations where customer_id = '{customer}'"
        ));
        let names: bool = one(&format!(
            "select reverses_id = '{customer}' from ledger.journals where id = '{reversal}'"
        ));
        assert!(names);
        let transfers: i64 = one(&format!(
            "select count(*) from ledger.transfers t join ledger.transfers first on first.id = t.reverses_id
              where t.journal_id = '{reversal}' and first.journal_id = '{customer}'
                and t.amount = first.amount and t.debit_account_id = first.credit_account_id"
        ));
        assert_eq!(transfers, 4);
    }

    #[pg_test]
    fn a_commission_of_one_level_is_reversed_too() {
        admin();
        let promoter = promoter(None);
        set("commission_levels", "1");
        let customer = customer(promoter);
        run(&cancel(customer));
        assert_eq!(rows(customer), ["1 promoter 500.00 credited", "1 promoter -500.00 credited"]);
        expect_consistent();
    }

    #[pg_test]
    fn twice_is_once() {
        admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        run(&cancel(customer));
        run(&format!("select network.cancel_customer('{customer}', 'another reason')"));
        assert_eq!(rows(customer).len(), 8);
        let count: i64 =
            one("select count(*) from network.cancellations where reason = 'moved away'");
        assert_eq!(count, 1);
        expect_consistent();
    }

    #[pg_test]
    fn what_was_paid_out_is_owed_and_netted_with_the_next_withdrawal() {
        admin();
        let promoter = promoter(None);
        let first = customer(promoter);
        withdraw(promoter, "500");
        run(&cancel(first));
        assert_eq!(money(promoter), "0.00 0.00 500.00 0.00 500.00 0.00");
        expect_consistent();
        customer(promoter);
        assert_eq!(money(promoter), "0.00 0.00 500.00 500.00 500.00 0.00");
        expect_error("PT409", &ask(promoter, "100"));
        customer(promoter);
        assert_eq!(money(promoter), "500.00 0.00 500.00 1000.00 500.00 0.00");
        expect_error("PT409", &ask(promoter, "500.01"));
        let request = withdraw(promoter, "500");
        assert_eq!(parts(request), "500.00 0.00 0.00");
        assert_eq!(money(promoter), "0.00 0.00 0.00 1000.00 1000.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn what_is_on_its_way_is_netted_when_it_is_paid() {
        admin();
        let promoter = promoter(None);
        let customers = [customer(promoter), customer(promoter)];
        let request: Uuid = one(&ask(promoter, "700"));
        run(&cancel(customers[0]));
        assert_eq!(money(promoter), "0.00 0.00 200.00 500.00 0.00 0.00");
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        assert_eq!(parts(request), "500.00 0.00 200.00");
        assert_eq!(money(promoter), "0.00 0.00 0.00 500.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn a_debt_may_take_all_of_a_withdrawal() {
        admin();
        let promoter = promoter(None);
        let customers = [customer(promoter), customer(promoter)];
        withdraw(promoter, "600");
        let request: Uuid = one(&ask(promoter, "400"));
        customers.iter().for_each(|one| run(&cancel(*one)));
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        assert_eq!(parts(request), "0.00 0.00 400.00");
        assert_eq!(money(promoter), "0.00 0.00 600.00 0.00 600.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn what_is_free_pays_a_debt_before_a_withdrawal_does() {
        admin();
        let promoter = promoter(None);
        let first = customer(promoter);
        let request: Uuid = one(&ask(promoter, "500"));
        run(&cancel(first));
        customer(promoter);
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        assert_eq!(parts(request), "500.00 0.00 0.00");
        assert_eq!(money(promoter), "0.00 0.00 0.00 500.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn a_rejected_withdrawal_gives_back_what_then_pays_the_debt() {
        admin();
        let promoter = promoter(None);
        let customers = [customer(promoter), customer(promoter)];
        let request: Uuid = one(&ask(promoter, "1000"));
        run(&cancel(customers[0]));
        assert_eq!(money(promoter), "0.00 0.00 500.00 500.00 0.00 0.00");
        run(&decide(request, "rejected"));
        assert_eq!(money(promoter), "500.00 0.00 500.00 500.00 0.00 0.00");
        withdraw(promoter, "500");
        assert_eq!(money(promoter), "0.00 0.00 0.00 500.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn an_admin_wallet_that_was_emptied_is_filled_by_whoever_emptied_it() {
        admin();
        let customer = customer(promoter(None));
        run("select network.update_admin_wallet(250, 'debit')");
        run(&cancel(customer));
        assert_eq!(admin_balance(), "0.00");
        expect_consistent();
    }

    #[pg_test]
    fn summaries_count_what_stands() {
        admin();
        let promoter = promoter(None);
        let first = customer(promoter);
        customer(promoter);
        run(&cancel(first));
        let mine: String = one(&format!(
            "select concat_ws(' ', s->>'commission_count', s->>'total_earned', s->>'total_reversed',
                    s#>>'{{by_level,0,count}}', s#>>'{{by_level,0,amount}}')
               from network.get_promoter_commission_summary('{promoter}') s"
        ));
        assert_eq!(mine, "1 500.00 500.00 1 500.00");
        let all: String = one(
            "select concat_ws(' ', s->>'total_commissions', s->>'commission_count', s->>'unclaimed_commissions', s->>'debts')
               from network.get_admin_commission_summary() s",
        );
        assert_eq!(all, "800.00 4 300.00 0.00");
    }

    #[pg_test]
    fn pins_come_back_where_the_setting_says_so() {
        admin();
        let promoter = promoter(None);
        let pins = || one::<i32>(&format!("select network.get_pin_balance('{promoter}')"));
        run(&cancel(customer(promoter)));
        assert_eq!(pins(), 0);
        set("cancel_returns_pin", "true");
        set("pins_per_customer", "3");
        allocate(promoter, 3);
        let second: Uuid = one(&new_customer_sql(promoter));
        run(&cancel(second));
        run(&cancel(second));
        assert_eq!(pins(), 3);
        expect_consistent();
    }

    #[pg_test]
    fn somebody_whom_nobody_brought_is_cancelled_without_money() {
        let admin = admin();
        let customer: Uuid = new_id();
        run(&format!(
            "insert into identity.users (id, email, system) values ('{customer}', 'solo@example.com', 'network');
             insert into network.profiles (id, email, role, customer_id) values ('{customer}', 'solo@example.com', 'customer', 'BPVC900');
             insert into network.customers (id, commission_status) values ('{customer}', 'none')"
        ));
        become_person(admin);
        run(&cancel(customer));
        expect_consistent();
    }

    #[pg_test]
    fn only_admins_cancel_and_only_customers_for_a_reason() {
        let (admin, promoter) = (admin(), promoter(None));
        let customer = customer(promoter);
        for person in [promoter, customer] {
            become_person(person);
            expect_error("42501", &cancel(customer));
        }
        become_person(admin);
        expect_error("22023", &cancel(promoter));
        expect_error("PT404", &cancel(new_id()));
        let with = |reason: &str| format!("select network.cancel_customer('{customer}', {reason})");
        expect_error("22004", &with("null"));
        expect_error("22023", &with("'  '"));
        expect_error("22023", &with("repeat('x', 501)"));
        expect_error("22004", "select network.cancel_customer(null, 'x')");
    }

    #[pg_test]
    fn whoever_lost_a_share_may_know_why() {
        let admin = admin();
        let line = line(2);
        let stranger = promoter(None);
        run(&cancel(customer(line[1])));
        for (person, seen) in [(line[0], 1), (line[1], 1), (stranger, 0), (admin, 1)] {
            become_person(person);
            assert_eq!(one::<i64>("select count(*) from network.cancellations"), seen);
        }
    }

    #[pg_test]
    fn the_check_finds_a_share_that_was_not_taken_back() {
        admin();
        let customer = customer(promoter(None));
        run(&cancel(customer));
        run("update network.affiliate_commissions set amount = -400 where amount = -500");
        let rules: Vec<String> =
            one("select array_agg(distinct rule order by rule) from network.check()");
        assert_eq!(rules, ["reversal", "reversal_row", "wallet"]);
    }
}
