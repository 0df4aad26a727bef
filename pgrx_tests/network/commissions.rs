//! Commissions and wallets.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// Recipient type and amount of each level.
    fn paid(customer: Uuid) -> Vec<String> {
        one(&format!(
            "select array_agg(format('%s %s %s', level, recipient_type, amount) order by level)
               from network.affiliate_commissions where customer_id = '{customer}'"
        ))
    }

    #[pg_test]
    fn a_full_line_earns_500_and_three_times_100() {
        admin();
        let line = line(4);
        let customer = customer(line[3]);
        assert_eq!(
            paid(customer),
            ["1 promoter 500.00", "2 promoter 100.00", "3 promoter 100.00", "4 promoter 100.00"]
        );
        assert_eq!(
            line.iter().rev().map(|id| balance(*id)).collect::<Vec<_>>(),
            ["500.00", "100.00", "100.00", "100.00"]
        );
        assert_eq!(admin_balance(), "0.00");
        expect_consistent();
    }

    #[pg_test]
    fn what_nobody_claims_goes_to_the_admin_wallet() {
        let admin = admin();
        let line = line(2);
        let customer = customer(line[1]);
        assert_eq!(
            paid(customer),
            ["1 promoter 500.00", "2 promoter 100.00", "3 admin 100.00", "4 admin 100.00"]
        );
        assert_eq!(admin_balance(), "200.00");
        let recipient: Uuid = one(
            "select distinct recipient_id from network.affiliate_commissions where recipient_type = 'admin'",
        );
        assert_eq!(recipient, admin);
        expect_consistent();
    }

    #[pg_test]
    fn an_inactive_ancestors_share_goes_to_the_admin_wallet() {
        admin();
        let line = line(3);
        run(&format!(
            "select network.update_promoter_profile('{}', '{{\"status\": \"Inactive\"}}')",
            line[1]
        ));
        customer(line[2]);
        assert_eq!(
            line.iter().map(|id| balance(*id)).collect::<Vec<_>>(),
            ["100.00", "0.00", "500.00"]
        );
        assert_eq!(admin_balance(), "200.00");
    }

    #[pg_test]
    fn or_to_the_next_active_one_where_the_setting_says_so() {
        admin();
        let line = line(4);
        run(&format!(
            "select network.update_promoter_profile('{}', '{{\"status\": \"Inactive\"}}')",
            line[2]
        ));
        run("select backoffice.set_setting('network', 'inactive_share', '\"next_active\"')");
        customer(line[3]);
        assert_eq!(
            line.iter().map(|id| balance(*id)).collect::<Vec<_>>(),
            ["100.00", "100.00", "0.00", "500.00"]
        );
        assert_eq!(admin_balance(), "100.00");
    }

    #[pg_test]
    fn levels_and_amounts_are_settings() {
        admin();
        let line = line(3);
        run("select backoffice.set_setting('network', 'commission_levels', '2')");
        run("select backoffice.set_setting('network', 'commission_amounts', '[30050, 1]')");
        customer(line[2]);
        assert_eq!(
            line.iter().map(|id| balance(*id)).collect::<Vec<_>>(),
            ["0.00", "0.01", "300.50"]
        );
    }

    #[pg_test]
    fn a_commission_of_one_level_is_found_in_the_ledger_too() {
        admin();
        let line = line(2);
        run("select backoffice.set_setting('network', 'commission_levels', '1')");
        let customer = customer(line[1]);
        assert_eq!(paid(customer), ["1 promoter 500.00"]);
        expect_consistent();
    }

    #[pg_test]
    fn every_level_has_an_amount() {
        admin();
        let set = |key: &str, value: &str| {
            format!("select backoffice.set_setting('network', '{key}', '{value}')")
        };
        expect_error("PT409", &set("commission_amounts", "[30050]"));
        run(&set("commission_levels", "1"));
        run(&set("commission_amounts", "[30050]"));
        expect_error("PT409", &set("commission_levels", "2"));
    }

    #[pg_test]
    fn a_currency_without_decimals_pays_whole_units() {
        run("select backoffice.set_setting('network', 'currency', '\"JPY\"')");
        admin();
        let promoter = promoter(None);
        customer(promoter);
        assert_eq!(balance(promoter), "50000");
    }

    #[pg_test]
    fn the_currency_is_valid_and_fixed_once_there_are_wallets() {
        expect_error("22023", "select backoffice.set_setting('network', 'currency', '\"XXY\"')");
        admin();
        expect_error("PT409", "select backoffice.set_setting('network', 'currency', '\"USD\"')");
    }

    #[pg_test]
    fn a_commission_is_paid_once() {
        admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        let ids = |_: i32| -> Vec<i64> {
            one(&format!(
                "select array_agg(id order by id) from network.distribute_affiliate_commission('{customer}', '{promoter}')"
            ))
        };
        assert_eq!(ids(1), ids(2));
        assert_eq!(balance(promoter), "500.00");
        expect_consistent();
    }

    #[pg_test]
    fn a_commission_goes_to_nobody_but_the_one_who_brought_the_customer() {
        admin();
        let (brought, other) = (promoter(None), promoter(None));
        let customer = customer(brought);
        expect_error(
            "22023",
            &format!("select network.distribute_affiliate_commission('{customer}', '{other}')"),
        );
        expect_error(
            "22023",
            &format!("select network.distribute_affiliate_commission('{}', '{other}')", new_id()),
        );
    }

    #[pg_test]
    fn a_restored_customer_pays_nothing() {
        admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        run("set local session_replication_role = replica");
        run("create temp table kept as select * from network.customers");
        run("delete from network.customers");
        run("set local session_replication_role = origin");
        run("insert into network.customers select * from kept");
        assert_eq!(paid(customer).len(), 4);
        assert_eq!(balance(promoter), "500.00");
    }

    #[pg_test]
    fn distribution_and_wallet_updates_are_not_for_clients() {
        let admin = admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        for person in [admin, promoter, customer] {
            become_person(person);
            expect_error(
                "42501",
                &format!(
                    "select network.distribute_affiliate_commission('{customer}', '{promoter}')"
                ),
            );
            expect_error(
                "42501",
                &format!("select network.update_promoter_wallet('{promoter}', 1, 'credit')"),
            );
            expect_error("42501", "select network.update_admin_wallet(1, 'credit')");
        }
    }

    #[pg_test]
    fn a_wallet_is_corrected_within_its_balance() {
        admin();
        let promoter = promoter(None);
        become_service();
        let update = |amount: &str, operation: &str| {
            format!(
                "select balance::text from network.update_promoter_wallet('{promoter}', {amount}, '{operation}')"
            )
        };
        assert_eq!(one::<String>(&update("50.25", "credit")), "50.25");
        become_database();
        let logged: String = one("select concat_ws(' ', actor_role, new_values ->> 'amount')
               from ops.audit_logs where action = 'wallet_credit'");
        assert_eq!(logged, "service 50.25 INR");
        become_service();
        assert_eq!(one::<String>(&update("0.25", "debit")), "50.00");
        expect_error("PT409", &update("50.01", "debit"));
        assert_eq!(
            one::<String>("select balance::text from network.update_admin_wallet(3, 'credit')"),
            "3.00"
        );
        expect_error("PT409", "select network.update_admin_wallet(3.01, 'debit')");
        expect_consistent();
    }

    #[pg_test]
    fn an_amount_is_a_positive_exact_number() {
        admin();
        let promoter = promoter(None);
        let update = |amount: &str| {
            format!("select network.update_promoter_wallet('{promoter}', {amount}, 'credit')")
        };
        for amount in ["0", "-1", "0.001"] {
            expect_error("22023", &update(amount));
        }
        for amount in ["'NaN'", "'Infinity'", "1e30", "92233720368547758.08"] {
            expect_error("22003", &update(amount));
        }
        expect_error("22004", &update("null"));
        expect_error(
            "22023",
            &format!("select network.update_promoter_wallet('{promoter}', 1, 'steal')"),
        );
    }

    #[pg_test]
    fn the_summary_of_a_promoter_adds_up() {
        admin();
        let line = line(2);
        customer(line[1]);
        customer(line[0]);
        let summary: pgrx::JsonB =
            one(&format!("select network.get_promoter_commission_summary('{}')::jsonb", line[0]));
        assert_eq!(summary.0["commission_count"], 2);
        assert_eq!(summary.0["customers"], 1);
        assert_eq!(summary.0["by_level"].as_array().map(Vec::len), Some(2));
        let exact: String = one(&format!(
            "select network.get_promoter_commission_summary('{}')->>'total_earned'",
            line[0]
        ));
        assert_eq!(exact, "600.00");
    }

    #[pg_test]
    fn the_summary_of_the_admin_adds_up() {
        let admin = admin();
        let line = line(2);
        customer(line[1]);
        become_person(admin);
        let part = |key: &str| {
            one::<String>(&format!("select network.get_admin_commission_summary()->>'{key}'"))
        };
        assert_eq!(part("total_commissions"), "800.00");
        assert_eq!(part("promoter_commissions"), "600.00");
        assert_eq!(part("unclaimed_commissions"), "200.00");
    }

    #[pg_test]
    fn summaries_are_for_their_owner_and_admins() {
        let (_, one_of_them, stranger) = (admin(), promoter(None), promoter(None));
        become_person(stranger);
        expect_error(
            "42501",
            &format!("select network.get_promoter_commission_summary('{one_of_them}')"),
        );
        expect_error("42501", "select network.get_admin_commission_summary()");
    }

    #[pg_test]
    fn a_row_of_another_way_that_is_pending_is_paid_by_its_trigger() {
        let admin = admin();
        let promoter = promoter(None);
        run(&format!("select network.admin_allocate_pins('{promoter}', 1)"));
        let person: Uuid = one("insert into identity.users (id, email, system)
             values (gen_random_uuid(), 'other@example.com', 'network') returning id");
        run(&format!(
            "insert into network.profiles (id, email, role, customer_id, parent_promoter_id)
             values ('{person}', 'other@example.com', 'customer', 'BPVC99', '{promoter}')"
        ));
        run(&format!(
            "insert into network.customers (id, promoter_id) values ('{person}', '{promoter}')"
        ));
        assert_eq!((balance(promoter), admin_balance()), ("500.00".into(), "300.00".into()));
        assert_ne!(admin, promoter);
        expect_consistent();
    }

    #[pg_test]
    fn a_row_that_names_nobody_is_found() {
        admin();
        expect_consistent();
        run("insert into network.pin_transactions (id, transaction_id, user_id, action_type,
                pin_change_value, balance_before, balance_after, note)
             values (gen_random_uuid(), 'X1', gen_random_uuid(), 'admin_allocation', 1, 0, 1, '')");
        let found: i64 = one("select count(*) from network.check() where rule = 'reference'");
        assert_eq!(found, 1);
    }

    #[pg_test]
    fn a_profile_that_a_commission_names_cannot_be_deleted() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        expect_error("23503", &format!("delete from network.profiles where id = '{promoter}'"));
    }

    #[pg_test]
    fn the_ledger_shows_the_commission_as_one_journal() {
        admin();
        let line = line(4);
        let customer = customer(line[3]);
        let legs: i64 =
            one(&format!("select count(*) from ledger.transfers where journal_id = '{customer}'"));
        assert_eq!(legs, 4);
        let total: i64 = one(&format!(
            "select sum(amount)::bigint from ledger.transfers where journal_id = '{customer}'"
        ));
        assert_eq!(total, 80_000);
    }
}
