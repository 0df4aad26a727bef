//! Who is erased by whom, and what is different afterwards.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::identity::{self, NewPerson};
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::identity::erasure::*;
    use crate::pgrx_tests::network::{admin, expect_consistent, promoter};
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::json;

    #[pg_test]
    fn an_erased_person_cannot_sign_in_and_sessions_end() {
        let zora = zora();
        let session = sign_in("zora.quartzheim@example.com");
        let number: String =
            one(&format!("select promoter_id from network.profiles where id = '{zora}'"));
        erase(zora);
        for login in ["zora.quartzheim@example.com", "9123456789", &number] {
            try_sign_in(login, PASSWORD).refused(400, "invalid_credentials");
        }
        assert_eq!(rest_request(&session), "PT401");
        assert_eq!(refresh(&session).status, 400);
    }

    #[pg_test]
    fn the_addresses_are_free_for_somebody_new() {
        erase(zora());
        let new = NewPerson {
            id: None,
            email: Some("zora.quartzheim@example.com"),
            phone: Some("9123456789"),
            name: None,
            password: None,
            confirmed: true,
            system: "network",
        };
        identity::create_person(&new).unwrap();
    }

    #[pg_test]
    fn a_second_erasure_changes_nothing_and_says_so() {
        let zora = zora();
        let first = erase(zora);
        let rows: i64 = one("select count(*) from ops.audit_logs");
        let second =
            one::<JsonB>(&format!("select identity.erase_person('{zora}', 'again')::jsonb")).0;
        assert_eq!(second["already_erased"], json!(true));
        assert_eq!(
            (&second["erased_at"], &second["reason"]),
            (&first["erased_at"], &json!("by letter"))
        );
        assert_eq!(one::<i64>("select count(*) from ops.audit_logs"), rows);
    }

    #[pg_test]
    fn a_tombstone_says_when_and_by_whom() {
        let zora = zora();
        let root: Uuid = one("select admin_id from network.platform");
        become_person(root);
        let tombstone =
            one::<JsonB>(&format!("select ops.erase_person('{zora}', 'by letter')::jsonb")).0;
        become_database();
        assert_eq!(tombstone["erased_by"], json!(root.to_string()));
        assert_eq!(tombstone["person_id"], json!(zora.to_string()));
        let kept: String = one(
            "select format('%s %s %s', actor_role, reason, erased_at = now()) from identity.erasures",
        );
        assert_eq!(kept, "person by letter t");
        assert_eq!(audited("erase_person"), 1);
    }

    #[pg_test]
    fn nobody_is_erased_while_there_is_money() {
        let zora = zora();
        let erasing = format!("select identity.erase_person('{zora}')");
        run(&format!("select network.update_promoter_wallet('{zora}', 0.01, 'credit')"));
        expect_error("PT409", &erasing);
        run(&format!("select network.update_promoter_wallet('{zora}', 0.01, 'debit')"));
        run(&erasing);
    }

    #[pg_test]
    fn nobody_is_erased_while_a_withdrawal_is_open() {
        let zora = zora();
        run(&format!("select network.update_promoter_wallet('{zora}', 100, 'credit')"));
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{zora}', 100,
                '{{\"account_holder_name\": \"Z\", \"account_number\": \"123456781234\", \"ifsc_code\": \"HDFC0001234\"}}')"
        ));
        expect_error("PT409", &format!("select identity.erase_person('{zora}')"));
        for status in ["approved", "processed"] {
            run(&format!(
                "select network.process_withdrawal_request('{request}', null, '{status}')"
            ));
        }
        erase(zora);
        assert_eq!(found(&TRACES), Vec::<String>::new());
    }

    #[pg_test]
    fn what_others_have_is_not_touched() {
        let zora = zora();
        let ravi = "select to_jsonb(u)::text || to_jsonb(p)::text from identity.users u
            join network.profiles p using (id) where u.email = 'ravi@example.com'";
        let others = "select string_agg(to_jsonb(a)::text, ',' order by id) from ops.audit_logs a
            where record_id = (select id::text from identity.users where email = 'ravi@example.com')
              and table_name = 'identity.users'";
        let before = (
            one::<String>(ravi),
            one::<JsonB>(&format!("select jsonb_agg(new_values) from ({others}) x (new_values)")).0,
        );
        erase(zora);
        let after = (
            one::<String>(ravi),
            one::<JsonB>(&format!("select jsonb_agg(new_values) from ({others}) x (new_values)")).0,
        );
        assert_eq!(before.0, after.0);
        // Ravi's rows say that Zora made them; only where from is gone.
        assert!(after.1.to_string().contains("ravi@example.com"));
        assert_eq!(one::<i64>("select count(*) from identity.login_handles"), 1);
    }

    #[pg_test]
    fn an_erased_promoter_earns_nothing_more() {
        let zora = zora();
        let below = promoter(Some(zora));
        erase(zora);
        crate::pgrx_tests::network::customer(below);
        assert_eq!(crate::pgrx_tests::network::balance(zora), "0.00");
        expect_consistent();
    }

    #[pg_test]
    fn nothing_is_written_about_an_erased_person_again() {
        let zora = zora();
        erase(zora);
        for call in [
            format!("select network.update_promoter_profile('{zora}', '{{\"name\": \"Zora\"}}')"),
            format!(
                "select network.update_promoter_profile('{zora}', '{{\"address\": \"Sapphire Lane\"}}')"
            ),
            format!("select ops.ban_person('{zora}')"),
            format!("select network.set_promoter_pan('{zora}', 'ABCPE1234F')"),
            format!("select network.set_promoter_level('{zora}', 'Manager', 'Zora')"),
        ] {
            expect_error("PT409", &call);
        }
        expect_error(
            "42501",
            &format!("update identity.users set name = 'Zora' where id = '{zora}'"),
        );
    }

    #[pg_test]
    fn a_reason_that_names_the_person_is_refused() {
        let zora = zora();
        for reason in ["'Zora Quartzheim asked'", "'mail to ZORA@example.com'", "' '"] {
            expect_error("22023", &format!("select identity.erase_person('{zora}', {reason})"));
        }
        expect_error("22004", &format!("select identity.erase_person('{zora}', null)"));
    }

    #[pg_test]
    fn an_admin_is_erased_by_another_and_the_platforms_own_by_nobody() {
        let root = admin();
        let clerk = person("clerk@example.com");
        run(&format!("select backoffice.grant_role('{clerk}', 'identity', 'admin')"));
        become_person(clerk);
        expect_error("42501", &format!("select ops.erase_person('{root}', 'x')"));
        expect_error("PT409", &format!("select ops.erase_person('{clerk}', 'x')"));
        become_database();
        expect_error("PT409", &format!("select identity.erase_person('{root}')"));
        become_person(root);
        run(&format!("select ops.erase_person('{clerk}', 'left')"));
        become_database();
        assert_eq!(
            one::<i64>(&format!(
                "select count(*) from backoffice.role_grants where person_id = '{clerk}'"
            )),
            0
        );
    }
}
