//! Promoters and the hierarchy.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn create_below(parent: &str) -> String {
        format!(
            "select id from network.create_unified_promoter('Asha', '{}@example.com', null, null, null, {parent})",
            new_id()
        )
    }

    fn update(promoter: Uuid, updates: &str) -> String {
        format!("select network.update_promoter_profile('{promoter}', '{updates}')")
    }

    fn column(promoter: Uuid, name: &str) -> Option<String> {
        maybe(&format!("select {name}::text from network.profiles where id = '{promoter}'"))
    }

    #[pg_test]
    fn a_promoter_gets_a_number_a_place_and_a_wallet() {
        admin();
        let line = line(2);
        let number = |id: Uuid| -> i64 {
            one(&format!(
                "select substr(promoter_id, 5)::bigint from network.profiles where id = '{id}' and promoter_id ~ '^BPVP[0-9]{{2,}}$'"
            ))
        };
        assert!(number(line[1]) > number(line[0]));
        assert_eq!(column(line[1], "parent_promoter_id"), Some(line[0].to_string()));
        assert_eq!(column(line[1], "role_level").as_deref(), Some("Affiliate"));
        assert_eq!(balance(line[1]), "0.00");
        expect_consistent();
    }

    #[pg_test]
    fn the_fifth_generation_is_refused_while_four_is_the_limit() {
        admin();
        let line = line(4);
        expect_error("PT409", &create_below(&format!("'{}'", line[3])));
        run("select backoffice.set_setting('network', 'max_depth', 'null')");
        run(&create_below(&format!("'{}'", line[3])));
        expect_consistent();
    }

    #[pg_test]
    fn a_promoter_brings_promoters_into_their_own_line_only() {
        admin();
        let (line, stranger) = (line(2), promoter(None));
        become_person(line[0]);
        let own: Uuid = one(&create_below("null"));
        let deeper: Uuid = one(&create_below(&format!("'{}'", line[1])));
        expect_error("42501", &create_below(&format!("'{stranger}'")));
        expect_error("42501", &create_below(&format!("'{}'", new_id())));
        become_person(line[1]);
        expect_error("42501", &create_below(&format!("'{}'", line[0])));
        become_database();
        assert_eq!(column(own, "parent_promoter_id"), Some(line[0].to_string()));
        assert_eq!(column(deeper, "parent_promoter_id"), Some(line[1].to_string()));
    }

    #[pg_test]
    fn customers_and_visitors_bring_no_promoters() {
        admin();
        let customer = customer(promoter(None));
        become_person(customer);
        expect_error("42501", &create_below("null"));
        become_anonymous();
        expect_error("42501", &create_below("null"));
    }

    #[pg_test]
    fn a_parent_must_be_an_active_promoter() {
        let admin = admin();
        let promoter = promoter(None);
        run(&update(promoter, r#"{"status": "Inactive"}"#));
        expect_error("PT409", &create_below(&format!("'{promoter}'")));
        expect_error("22023", &create_below(&format!("'{admin}'")));
        expect_error("PT404", &create_below(&format!("'{}'", new_id())));
    }

    #[pg_test]
    fn what_a_promoter_needs_is_required_and_valid() {
        admin();
        expect_error("22004", "select network.create_unified_promoter(null, 'a@example.com')");
        expect_error("22004", "select network.create_unified_promoter('  ', 'a@example.com')");
        expect_error("22004", "select network.create_unified_promoter('A', null)");
        expect_error("22023", "select network.create_unified_promoter('A', 'not an address')");
        expect_error(
            "22023",
            "select network.create_unified_promoter('A', 'a@example.com', null, '12')",
        );
        expect_error(
            "PT422",
            "select network.create_unified_promoter('A', 'a@example.com', 'short')",
        );
        assert_eq!(one::<i64>("select count(*) from network.promoters"), 0);
    }

    #[pg_test]
    fn a_promoters_address_is_theirs_alone() {
        admin();
        run("select network.create_unified_promoter('A', 'a@example.com', null, '98765 43210')");
        expect_error("23505", "select network.create_unified_promoter('B', 'A@Example.com')");
        expect_error(
            "23505",
            "select network.create_unified_promoter('B', 'b@example.com', null, '+919876543210')",
        );
    }

    #[pg_test]
    fn a_promoter_without_a_password_is_invited() {
        admin();
        run("select network.create_unified_promoter('A', 'a@example.com')");
        let sent: i64 = one(
            "select count(*) from ops.outbox where recipient = 'a@example.com' and template = 'invite'",
        );
        assert_eq!(sent, 1);
    }

    #[pg_test]
    fn before_the_first_admin_there_is_no_network() {
        expect_error("55000", &create_below("null"));
    }

    #[pg_test]
    fn contact_data_change_in_both_places() {
        admin();
        let promoter = promoter(None);
        become_person(promoter);
        run(&update(
            promoter,
            r#"{"name": "Asha Rao", "phone": "98765-43210", "address": "1 Road"}"#,
        ));
        become_database();
        assert_eq!(column(promoter, "name").as_deref(), Some("Asha Rao"));
        assert_eq!(column(promoter, "address").as_deref(), Some("1 Road"));
        // Nobody vouches for their own phone: it waits for its confirmation.
        assert_eq!(column(promoter, "phone"), None);
        let new = format!("select new_phone from identity.users where id = '{promoter}'");
        assert_eq!(maybe::<String>(&new).as_deref(), Some("9876543210"));
        run(&update(promoter, r#"{"phone": "98765-43210"}"#));
        assert_eq!(column(promoter, "phone").as_deref(), Some("9876543210"));
        expect_consistent();
    }

    #[pg_test]
    fn an_address_can_be_emptied_and_a_name_cannot() {
        admin();
        let promoter = promoter(None);
        run(&update(promoter, r#"{"address": "1 Road"}"#));
        run(&update(promoter, r#"{"address": null}"#));
        assert_eq!(column(promoter, "address"), None);
        expect_error("22004", &update(promoter, r#"{"name": ""}"#));
    }

    #[pg_test]
    fn only_an_admin_changes_status_level_email_and_place() {
        let admin = admin();
        let (one_of_them, other) = (promoter(None), promoter(None));
        let changes = [
            r#"{"status": "Inactive"}"#.to_owned(),
            r#"{"role_level": "Director"}"#.to_owned(),
            r#"{"email": "new@example.com"}"#.to_owned(),
            format!(r#"{{"parent_promoter_id": "{other}"}}"#),
        ];
        for change in &changes {
            become_person(one_of_them);
            expect_error("42501", &update(one_of_them, change));
            become_person(admin);
            run(&update(one_of_them, change));
        }
        expect_consistent();
    }

    #[pg_test]
    fn unknown_keys_and_wrong_values_are_refused() {
        let (_, promoter) = (admin(), promoter(None));
        for updates in [
            r#"{"pins": 100}"#,
            r#"{"role": "admin"}"#,
            r#"{"status": "Gone"}"#,
            r#"{"role_level": "King"}"#,
            r#"{"name": 1}"#,
            r#"{"parent_promoter_id": "x"}"#,
            "{}",
            "[]",
            "null",
        ] {
            expect_error("22023", &update(promoter, updates));
        }
        expect_error(
            "22004",
            &format!("select network.update_promoter_profile('{promoter}', null)"),
        );
    }

    #[pg_test]
    fn nobody_changes_a_stranger() {
        admin();
        let line = line(2);
        become_person(line[0]);
        expect_error("42501", &update(line[1], r#"{"name": "Mallory"}"#));
        become_anonymous();
        expect_error("42501", &update(line[1], r#"{"name": "Mallory"}"#));
    }

    #[pg_test]
    fn a_branch_moves_with_everybody_below() {
        admin();
        let (line, other) = (line(3), promoter(None));
        run(&update(line[1], &format!(r#"{{"parent_promoter_id": "{other}"}}"#)));
        let ancestors: Vec<Uuid> =
            one(&format!("select ancestors from network.promoters where id = '{}'", line[2]));
        assert_eq!(ancestors, [line[1], other]);
        run(&update(line[1], r#"{"parent_promoter_id": null}"#));
        let ancestors: Vec<Uuid> =
            one(&format!("select ancestors from network.promoters where id = '{}'", line[2]));
        assert_eq!(ancestors, [line[1]]);
        expect_consistent();
    }

    #[pg_test]
    fn a_move_keeps_out_cycles_and_long_lines() {
        admin();
        let (line_a, line_b) = (line(3), line(2));
        expect_error(
            "PT409",
            &update(line_a[0], &format!(r#"{{"parent_promoter_id": "{}"}}"#, line_a[2])),
        );
        expect_error(
            "PT409",
            &update(line_a[0], &format!(r#"{{"parent_promoter_id": "{}"}}"#, line_a[0])),
        );
        expect_error(
            "PT409",
            &update(line_a[0], &format!(r#"{{"parent_promoter_id": "{}"}}"#, line_b[1])),
        );
        run(&update(line_a[0], &format!(r#"{{"parent_promoter_id": "{}"}}"#, line_b[0])));
        expect_consistent();
    }

    #[pg_test]
    fn validation_says_what_a_move_would() {
        admin();
        let line = line(3);
        let verdict = |who: Uuid, parent: &str| -> serde_json::Value {
            one::<pgrx::JsonB>(&format!(
                "select network.validate_promoter_hierarchy('{who}', {parent})"
            ))
            .0
        };
        assert_eq!(verdict(line[0], &format!("'{}'", line[2]))["valid"], false);
        assert_eq!(verdict(line[2], &format!("'{}'", line[0]))["valid"], true);
        assert_eq!(verdict(line[2], "null")["depth"], 1);
        expect_error(
            "PT404",
            &format!("select network.validate_promoter_hierarchy('{}', null)", new_id()),
        );
        expect_error("22004", "select network.validate_promoter_hierarchy(null, null)");
        become_person(line[0]);
        expect_error(
            "42501",
            &format!("select network.validate_promoter_hierarchy('{}', null)", line[0]),
        );
    }

    #[pg_test]
    fn the_tree_shows_the_line_below_to_those_above() {
        let admin = admin();
        let (line, stranger) = (line(3), promoter(None));
        customer(line[2]);
        let tree = |root: Uuid| -> serde_json::Value {
            one::<pgrx::JsonB>(&format!("select network.get_promoter_hierarchy('{root}')::jsonb")).0
        };
        for viewer in [admin, line[0]] {
            become_person(viewer);
            let tree = tree(line[0]);
            assert_eq!(tree["promoters_below"], 2);
            assert_eq!(tree["branch_customers"], 1);
            assert_eq!(tree["children"][0]["children"][0]["id"], line[2].to_string());
        }
        become_person(line[0]);
        assert_eq!(tree(line[1])["level"], 2);
        become_person(line[1]);
        expect_error("42501", &format!("select network.get_promoter_hierarchy('{}')", line[0]));
        become_person(stranger);
        expect_error("42501", &format!("select network.get_promoter_hierarchy('{}')", line[0]));
    }

    #[pg_test]
    fn a_tree_beyond_the_limit_says_so() {
        admin();
        let line = line(3);
        run("select backoffice.set_setting('network', 'hierarchy_nodes', '2')");
        let tree: pgrx::JsonB =
            one(&format!("select network.get_promoter_hierarchy('{}')::jsonb", line[0]));
        assert_eq!(tree.0["truncated"], true);
        assert_eq!(tree.0["promoters_below"], 2);
        assert_eq!(tree.0["children"][0]["children"], serde_json::json!([]));
    }

    #[pg_test]
    fn the_next_promoter_id_is_for_admins() {
        let admin = admin();
        let promoter = promoter(None);
        become_person(admin);
        let next: String = one("select network.generate_next_promoter_id()");
        assert!(next.starts_with("BPVP"), "{next}");
        become_person(promoter);
        expect_error("42501", "select network.generate_next_promoter_id()");
    }

    #[pg_test]
    fn an_admin_made_by_another_admin_can_work() {
        let first = admin();
        let second = promoter(None);
        let third = crate::identity::create_person(&crate::identity::NewPerson {
            id: None,
            email: Some("third@example.com"),
            phone: None,
            name: None,
            password: None,
            confirmed: true,
            system: "ops",
        })
        .expect("a person without a profile");
        become_person(first);
        for person in [second, third] {
            run(&format!("select ops.grant_role('{person}', 'network', 'admin')"));
            become_person(person);
            run(&format!("select network.admin_allocate_pins('{second}', 1)"));
            become_person(first);
        }
        assert_eq!(column(third, "role").as_deref(), Some("admin"));
        become_person(second);
        expect_error("42501", &format!("select ops.grant_role('{second}', '*', 'admin')"));
    }

    #[pg_test]
    fn a_promoter_who_becomes_admin_stays_a_promoter() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        run(&format!("select backoffice.grant_role('{promoter}', '*', 'admin')"));
        assert_eq!(column(promoter, "role").as_deref(), Some("promoter"));
        become_person(promoter);
        run(&format!(
            "select network.create_withdrawal_request('{promoter}', 100, '{{\"account_holder_name\": \"A\", \"account_number\": \"123456789012\", \"ifsc_code\": \"HDFC0001234\"}}')"
        ));
    }

    #[pg_test]
    fn only_an_address_can_be_emptied() {
        admin();
        let promoter = promoter(None);
        for key in ["phone", "email", "status", "role_level", "name"] {
            expect_error("22004", &update(promoter, &format!(r#"{{"{key}": null}}"#)));
        }
    }

    #[pg_test]
    fn no_limit_of_depth_is_a_null() {
        let admin = admin();
        become_person(admin);
        run("select ops.set_setting('network', 'max_depth', null)");
        let limit: pgrx::JsonB = one("select ops.get_settings('network')");
        assert_eq!(limit.0["max_depth"], serde_json::Value::Null);
    }
}
