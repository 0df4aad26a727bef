//! Customers.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn create(promoter: Uuid, data: &str) -> String {
        format!("select id from network.create_customer_with_commission('{promoter}', '{data}')")
    }

    fn count(table: &str) -> i64 {
        one(&format!("select count(*) from {table}"))
    }

    #[pg_test]
    fn a_customer_costs_a_pin_and_pays_a_commission() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 2);
        become_person(promoter);
        let profile: pgrx::JsonB = one(&format!(
            "select to_jsonb(p) from network.create_customer_with_commission('{promoter}',
                '{{\"name\": \"Ravi\", \"email\": \"Ravi@Example.com\", \"phone\": \"9876543210\"}}') p"
        ));
        assert_eq!(profile.0["role"], "customer");
        assert!(profile.0["customer_id"].as_str().is_some_and(|id| id.starts_with("BPVC")));
        assert_eq!(profile.0["email"], "ravi@example.com");
        assert_eq!(profile.0["parent_promoter_id"], promoter.to_string());
        become_database();
        assert_eq!(one::<i32>(&format!("select network.get_pin_balance('{promoter}')")), 1);
        assert_eq!(balance(promoter), "500.00");
        expect_consistent();
    }

    #[pg_test]
    fn the_pin_transaction_names_the_customer() {
        admin();
        let customer = customer(promoter(None));
        let related: Uuid = one(
            "select related_entity_id from network.pin_transactions where action_type = 'customer_creation'",
        );
        assert_eq!(related, customer);
    }

    #[pg_test]
    fn metadata_has_a_limit() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 1);
        let data = |length| {
            let text = "x".repeat(length);
            format!(r#"{{"name": "R", "email": "r@example.com", "metadata": {{"a": "{text}"}}}}"#)
        };
        expect_error("22023", &create(promoter, &data(17_000)));
        run(&create(promoter, &data(16_000)));
    }

    #[pg_test]
    fn without_a_pin_nothing_happens() {
        admin();
        let promoter = promoter(None);
        expect_error("PT409", &new_customer_sql(promoter));
        assert_eq!((count("network.customers"), count("network.affiliate_commissions")), (0, 0));
        assert_eq!(count("identity.users"), 2);
    }

    #[pg_test]
    fn a_taken_address_gives_the_pin_back() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 2);
        run(&create(promoter, r#"{"name": "R", "email": "r@example.com"}"#));
        expect_error("23505", &create(promoter, r#"{"name": "R", "email": "r@example.com"}"#));
        assert_eq!(one::<i32>(&format!("select network.get_pin_balance('{promoter}')")), 1);
        expect_consistent();
    }

    #[pg_test]
    fn a_repeat_with_the_same_id_is_the_same_customer() {
        admin();
        let (promoter_a, promoter_b, id) = (promoter(None), promoter(None), new_id());
        allocate(promoter_a, 2);
        let data = format!(r#"{{"id": "{id}", "name": "R", "email": "r@example.com"}}"#);
        assert_eq!(one::<Uuid>(&create(promoter_a, &data)), id);
        assert_eq!(one::<Uuid>(&create(promoter_a, &data)), id);
        assert_eq!(balance(promoter_a), "500.00");
        expect_error("PT409", &create(promoter_a, &data.replace("\"R\"", "\"S\"")));
        expect_error("PT409", &create(promoter_b, &data));
        expect_consistent();
    }

    #[pg_test]
    fn a_repeat_with_the_same_key_is_the_same_customer_whatever_the_password() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 2);
        run(r#"select set_config('request.headers', '{"idempotency-key":"c1"}', true)"#);
        let data = |password: &str| {
            format!(r#"{{"name": "R", "email": "r@example.com", "password": "{password}"}}"#)
        };
        let first: Uuid = one(&create(promoter, &data("Correct-horse-2-battery")));
        let second: Uuid = one(&create(promoter, &data("Correct-horse-3-battery")));
        assert_eq!(first, second);
        expect_error("PT409", &create(promoter, r#"{"name": "S", "email": "s@example.com"}"#));
        expect_consistent();
    }

    #[pg_test]
    fn the_price_in_pins_is_a_setting() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 3);
        run("select backoffice.set_setting('network', 'pins_per_customer', '3')");
        run(&new_customer_sql(promoter));
        assert_eq!(one::<i32>(&format!("select network.get_pin_balance('{promoter}')")), 0);
    }

    #[pg_test]
    fn an_inactive_promoter_brings_nobody() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 1);
        run(&format!(
            "select network.update_promoter_profile('{promoter}', '{{\"status\": \"Inactive\"}}')"
        ));
        expect_error("PT409", &new_customer_sql(promoter));
        assert_eq!(one::<i32>(&format!("select network.get_pin_balance('{promoter}')")), 1);
    }

    #[pg_test]
    fn bad_data_is_refused_and_changes_nothing() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 1);
        for data in [
            r#"{"name": "R", "email": "nonsense"}"#,
            r#"{"name": "R", "phone": "12"}"#,
            r#"{"name": "R", "email": "r@example.com", "role": "admin"}"#,
            r#"{"name": "R", "email": "r@example.com", "metadata": "x"}"#,
            r#"{"name": "R", "email": "r@example.com", "id": "x"}"#,
            r#"{"name": ["R"], "email": "r@example.com"}"#,
            "[]",
        ] {
            expect_error("22023", &create(promoter, data));
        }
        for data in [r#"{"name": "R"}"#, r#"{"email": "r@example.com"}"#] {
            expect_error("22004", &create(promoter, data));
        }
        expect_error(
            "PT422",
            &create(promoter, r#"{"name": "R", "email": "r@example.com", "password": "short"}"#),
        );
        expect_error(
            "22004",
            &format!("select network.create_customer_with_commission('{promoter}', null)"),
        );
        expect_error("22004", "select network.create_customer_with_commission(null, '{}')");
        assert_eq!(count("network.customers"), 0);
    }

    #[pg_test]
    fn a_promoter_brings_customers_for_nobody_else() {
        admin();
        let (mine, other) = (promoter(None), promoter(None));
        allocate(other, 1);
        become_person(mine);
        expect_error("42501", &new_customer_sql(other));
        become_anonymous();
        expect_error("42501", &new_customer_sql(other));
    }

    #[pg_test]
    fn a_customer_without_a_password_is_invited() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 2);
        run(&create(promoter, r#"{"name": "R", "email": "r@example.com"}"#));
        run(&create(
            promoter,
            r#"{"name": "S", "email": "s@example.com", "password": "Correct-horse-2-battery"}"#,
        ));
        let invited: Vec<String> = one(
            "select array_agg(recipient) from ops.outbox where template = 'invite' and recipient in ('r@example.com', 's@example.com')",
        );
        assert_eq!(invited, ["r@example.com"]);
    }

    #[pg_test]
    fn the_pin_is_taken_once_for_each_customer() {
        admin();
        let (mine, other) = (promoter(None), promoter(None));
        let customer = customer(mine);
        allocate(mine, 1);
        let again =
            format!("select network.deduct_pin_for_customer_creation('{mine}', '{customer}')");
        run(&again);
        assert_eq!(one::<i32>(&format!("select network.get_pin_balance('{mine}')")), 1);
        expect_error(
            "42501",
            &format!("select network.deduct_pin_for_customer_creation('{other}', '{customer}')"),
        );
        expect_error(
            "PT404",
            &format!("select network.deduct_pin_for_customer_creation('{mine}', '{}')", new_id()),
        );
        become_person(other);
        expect_error("42501", &again);
    }

    #[pg_test]
    fn a_customer_is_changed_by_themselves_their_promoter_and_admins() {
        let admin = admin();
        let (mine, stranger) = (promoter(None), promoter(None));
        let customer = customer(mine);
        let update = |updates: &str| {
            format!("select network.update_customer_profile('{customer}', '{updates}')")
        };
        become_person(customer);
        run(&update(r#"{"phone": "9876543210"}"#));
        expect_error("42501", &update(r#"{"status": "Inactive"}"#));
        become_person(mine);
        run(&update(r#"{"name": "Ravi K", "address": "2 Road"}"#));
        expect_error("42501", &update(r#"{"phone": "9876543211"}"#));
        become_person(stranger);
        expect_error("42501", &update(r#"{"name": "M"}"#));
        become_person(admin);
        run(&update(r#"{"status": "Inactive", "email": "new@example.com"}"#));
        expect_error("22023", &update(r#"{"customer_id": "BPVC99"}"#));
        expect_error(
            "22023",
            &format!("select network.update_customer_profile('{mine}', '{{\"name\": \"x\"}}')"),
        );
        expect_consistent();
    }

    #[pg_test]
    fn a_promoter_lists_their_customers_and_nobody_elses() {
        admin();
        let (mine, other) = (promoter(None), promoter(None));
        let (first, second) = (customer(mine), customer(mine));
        customer(other);
        become_person(mine);
        let listed: Vec<Uuid> =
            one(&format!("select array_agg(id) from network.get_customer_by_promoter('{mine}')"));
        assert_eq!(listed, [first, second]);
        expect_error("42501", &format!("select network.get_customer_by_promoter('{other}')"));
    }

    #[pg_test]
    fn a_promoter_does_not_vouch_for_an_address() {
        admin();
        let promoter = promoter(None);
        allocate(promoter, 2);
        let made = |email: &str| -> String {
            let data = format!(
                r#"{{"name": "R", "email": "{email}", "password": "Correct-horse-2-battery"}}"#
            );
            let id: Uuid = one(&create(promoter, &data));
            become_database();
            one(&format!(
                "select format('%s %s', email_confirmed_at is not null, password_hash is not null)
                   from identity.users where id = '{id}'"
            ))
        };
        become_person(promoter);
        assert_eq!(made("r@example.com"), "f f");
        let sent: i64 = one(
            "select count(*) from ops.outbox where recipient = 'r@example.com' and template = 'confirm_signup'",
        );
        assert_eq!(sent, 1);
        assert_eq!(made("s@example.com"), "t t");
    }
}
