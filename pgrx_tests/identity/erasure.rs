//! What a person may have of their data, and that nothing is left when it was erased.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::identity::{self, NewPerson, PersonUpdate};
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::network::{admin, allocate, expect_consistent, promoter};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::{Value, json};

    /// Whatever Zora can be found by: now, formerly, and through others.
    const TRACES: [&str; 10] = [
        "zora",
        "quartzheim",
        "9123456780",
        "9123456789",
        "sapphire",
        "123456781234",
        "xxxx1234",
        "opal bank",
        "203.0.113.77",
        "netscape",
    ];

    /// A promoter who did everything that leaves a trace, and was paid all she earned.
    fn zora() -> Uuid {
        admin();
        let zora: Uuid = one(&format!(
            "select id from network.create_unified_promoter('Zora Quartzheim', 'zora@example.com',
                '{PASSWORD}', '9123456780', '1 Sapphire Lane')"
        ));
        run("select set_config('request.headers',
            '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\"}', true)");
        let session = sign_in("zora@example.com");
        Call::to("user_put")
            .body(json!({"data": {"nickname": "Zora Q"}}))
            .session(&session)
            .send()
            .ok();
        Call::to("factor_enroll")
            .body(json!({"factor_type": "totp", "friendly_name": "Zora's phone"}))
            .session(&session)
            .send()
            .ok();
        Call::to("recover").body(json!({"email": "zora@example.com"})).send().ok();
        let moved = PersonUpdate {
            email: Some("zora.quartzheim@example.com"),
            phone: Some("9123456789"),
            ..PersonUpdate::default()
        };
        run("select set_config('request.headers', '', true)");
        identity::update_person(zora, &moved).unwrap();
        earn_and_withdraw(zora);
        sign_in("zora.quartzheim@example.com");
        zora
    }

    fn earn_and_withdraw(zora: Uuid) {
        run("select set_config('request.headers', '', true)");
        allocate(zora, 2);
        run("select set_config('request.headers',
            '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\", \"idempotency-key\": \"zora-1\"}', true)");
        become_person(zora);
        run(&format!(
            "select network.create_customer_with_commission('{zora}', '{{\"name\": \"Ravi\",
                \"email\": \"ravi@example.com\", \"metadata\": {{\"met\": \"by ZORA@example.com\"}}}}')"
        ));
        run("select set_config('request.headers',
            '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\"}', true)");
        run(&format!("select network.create_pin_request('{zora}', 1, 'Zora needs one')"));
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{zora}', 500, '{{\"account_number\": \"123456781234\",
                \"account_holder_name\": \"Zora Quartzheim\", \"ifsc_code\": \"HDFC0001234\", \"bank_name\": \"Opal Bank\"}}')"
        ));
        become_database();
        run("select set_config('request.headers', '', true)");
        for status in ["approved", "processed"] {
            run(&format!(
                "select network.process_withdrawal_request('{request}', null, '{status}', 'Zora called')"
            ));
        }
    }

    fn erase(person: Uuid) -> Value {
        one::<JsonB>(&format!("select identity.erase_person('{person}', 'by letter')::jsonb")).0
    }

    fn export(person: Uuid) -> Value {
        one::<JsonB>(&format!("select identity.export_person('{person}')::jsonb")).0
    }

    /// Every table of ours, as `schema.table`.
    fn tables() -> Vec<String> {
        one("select array_agg(c.oid::regclass::text order by 1)
               from pg_catalog.pg_class c
               join pg_catalog.pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.deptype = 'e'
              where c.relkind in ('r', 'p')")
    }

    /// Where any of the texts is, in whatever column of whatever table.
    fn found(texts: &[&str]) -> Vec<String> {
        let texts: Vec<_> = texts.iter().map(|text| literal(&text.to_lowercase())).collect();
        let mut places = Vec::new();
        for table in tables() {
            let sql = format!(
                "select array_agg(distinct '{table}.' || v.key || ': ' || w)
                   from {table} t
                  cross join lateral jsonb_each_text(to_jsonb(t)) v
                  cross join unnest(array[{}]) w
                  where position(w in lower(v.value)) > 0",
                texts.join(", ")
            );
            places.extend(maybe::<Vec<String>>(&sql).unwrap_or_default());
        }
        places
    }

    #[pg_test]
    fn before_erasure_the_search_finds_every_trace() {
        zora();
        let places = found(&TRACES);
        for trace in TRACES {
            if trace != "123456781234" {
                assert!(places.iter().any(|place| place.ends_with(trace)), "{trace}: {places:?}");
            }
        }
        assert!(places.iter().any(|place| place.starts_with("ops.audit_logs.old_values")));
    }

    #[pg_test]
    fn after_erasure_no_column_of_any_table_names_the_person() {
        let zora = zora();
        let tombstone = erase(zora);
        assert_eq!(tombstone["already_erased"], json!(false));
        assert_eq!(found(&TRACES), Vec::<String>::new());
        expect_consistent();
    }

    #[pg_test]
    fn the_books_stay() {
        let books = "select format('%s %s %s %s %s',
            (select count(*) from ledger.transfers), (select sum(amount) from ledger.transfers),
            (select count(*) from network.affiliate_commissions), (select count(*) from network.pin_transactions),
            (select sum(amount) from network.withdrawal_requests))";
        let zora = zora();
        let before: String = one(books);
        erase(zora);
        assert_eq!(one::<String>(books), before);
        let wallet: String = one(
            "select format('%s %s', total_earned, total_withdrawn) from network.promoter_wallet",
        );
        assert_eq!(wallet, "500.00 500.00");
    }

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
        ] {
            expect_error("PT409", &call);
        }
        expect_error(
            "42501",
            &format!("update identity.users set name = 'Zora' where id = '{zora}'"),
        );
    }

    #[pg_test]
    fn the_log_cannot_be_changed_by_anybody_else() {
        let zora = zora();
        run("set local session_replication_role = origin");
        for sql in [
            "update ops.audit_logs set new_values = '{}'",
            "update ops.audit_logs set ip_address = null, user_agent = null",
            "delete from ops.audit_logs",
            "truncate ops.audit_logs",
        ] {
            expect_error("42501", sql);
        }
        erase(zora);
        expect_error("42501", "update ops.audit_logs set new_values = '{}'");
        expect_error(
            "PT404",
            "select identity.erase_person('00000000-0000-0000-0000-000000000000')",
        );
        expect_error("42501", "update ops.audit_logs set new_values = '{}'");
    }

    #[pg_test]
    fn redaction_leaves_what_happened_when_and_to_which_record() {
        let zora = zora();
        let trail = "select md5(string_agg(format('%s %s %s %s %s %s', id, at, actor_id, action, table_name, record_id), ',' order by id))
            from ops.audit_logs where id <= $1";
        let last: Uuid = one("select id from ops.audit_logs order by id desc limit 1");
        let trail = trail.replace("$1", &format!("'{last}'"));
        let before: String = one(&trail);
        erase(zora);
        assert_eq!(one::<String>(&trail), before);
        let changed = one::<JsonB>(&format!(
            "select new_values from ops.audit_logs where table_name = 'identity.users' and action = 'INSERT'
               and record_id = '{zora}'"
        )).0;
        assert_eq!(
            (&changed["email"], &changed["system"]),
            (&json!("[redacted]"), &json!("network"))
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
    fn strangers_neither_export_nor_erase() {
        let zora = zora();
        let other = person("other@example.com");
        let calls = [
            format!("select ops.export_person('{zora}')"),
            format!("select ops.erase_person('{zora}', 'x')"),
            format!("select identity.export_person('{zora}')"),
            format!("select identity.erase_person('{zora}', 'x')"),
            "select * from identity.erasures".to_owned(),
            "select * from backoffice.personal_columns".to_owned(),
        ];
        for caller in [Some(other), Some(zora), None] {
            caller.map_or_else(become_anonymous, become_person);
            for call in &calls {
                expect_error("42501", call);
            }
        }
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

    #[pg_test]
    fn an_export_has_every_registered_table() {
        let zora = zora();
        let document = export(zora);
        let registered: Vec<String> = one(
            "select array_agg(distinct table_name) from backoffice.personal_columns where person <> 'nobody'",
        );
        let tables = document["tables"].as_object().unwrap();
        assert_eq!(registered.iter().filter(|name| !tables.contains_key(*name)).count(), 0);
        assert_eq!(
            (&document["format"], &document["person_id"]),
            (&json!(1), &json!(zora.to_string()))
        );
    }

    #[pg_test]
    fn an_export_shows_what_there_is_and_no_secret() {
        let zora = zora();
        let document = export(zora);
        let tables = &document["tables"];
        let user = &tables["identity.users"][0];
        assert_eq!(user["email"], json!("zora.quartzheim@example.com"));
        assert_eq!(user["password_hash"], json!("present"));
        assert_eq!(
            tables["network.withdrawal_requests"][0]["bank_details"]["account_number"],
            json!("XXXXXXXX1234")
        );
        assert_eq!(tables["backoffice.secrets"].as_array().unwrap().len(), 2);
        assert_eq!(tables["backoffice.secrets"][0]["ciphertext"], json!("present"));
        assert_eq!(tables["network.affiliate_commissions"][0]["amount"].to_string(), "500.0");
        assert_eq!(tables["ledger.transfers"].as_array().unwrap().len(), 2);
        assert_eq!(tables["ledger.accounts"].as_array().unwrap().len(), 2);
        for secret in ["$argon2", "123456781234"] {
            assert!(!document.to_string().contains(secret), "{secret}");
        }
        let hash: String =
            one("select encode(token_hash, 'hex') from identity.refresh_tokens limit 1");
        assert!(!document.to_string().contains(&hash));
    }

    #[pg_test]
    fn an_export_has_the_log_about_the_person_and_of_what_they_did() {
        let zora = zora();
        let document = export(zora);
        let log = document["tables"]["ops.audit_logs"].as_array().unwrap();
        let has = |what: &dyn Fn(&Value) -> bool| log.iter().any(what);
        assert!(has(&|row| row["action"] == "sign_in"
            && row["ip_address"] == json!("203.0.113.77")
            || row["actor_id"] == json!(zora.to_string())));
        assert!(has(&|row| row["old_values"]["email"] == "zora@example.com"));
        assert!(has(&|row| row["table_name"] == "network.withdrawal_requests"));
        // Of what she did to others the log has who and when, not their data.
        assert!(has(
            &|row| row["table_name"] == "network.customers" && row.get("new_values").is_none()
        ));
        assert!(!Value::from(log.clone()).to_string().contains("ravi@example.com"));
    }

    #[pg_test]
    fn an_export_has_nobody_elses_data() {
        let zora = zora();
        assert!(!export(zora).to_string().contains("ravi@example.com"));
    }

    #[pg_test]
    fn a_person_exports_their_own_data_a_few_times_a_day() {
        let zora = person("zora@example.com");
        let session = sign_in("zora@example.com");
        let mine = Call::to("user_export").get().session(&session).send().ok();
        assert_eq!(mine["person_id"], json!(zora.to_string()));
        assert_eq!(mine["tables"]["identity.users"][0]["email"], json!("zora@example.com"));
        setting("exports_per_day", "2");
        Call::to("user_export").get().session(&session).send().ok();
        let refused = Call::to("user_export").get().session(&session).send();
        refused.refused(429, "over_request_rate_limit");
        Call::to("user_export").get().send().refused(401, "no_authorization");
    }

    #[pg_test]
    fn an_erased_person_can_still_be_exported_and_there_is_little() {
        let zora = zora();
        erase(zora);
        let document = export(zora).to_string().to_lowercase();
        assert!(TRACES.iter().all(|trace| !document.contains(trace)));
    }
}
