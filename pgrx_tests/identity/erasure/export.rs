//! What a person may have of their data.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::identity::erasure::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

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
    fn an_export_has_every_registered_table() {
        let zora = zora_everywhere();
        let document = export(zora);
        let registered: Vec<String> = one(
            "select array_agg(distinct table_name) from backoffice.personal_columns where person <> 'nobody'",
        );
        let tables = document["tables"].as_object().unwrap();
        assert_eq!(registered.iter().filter(|name| !tables.contains_key(*name)).count(), 0);
        for (table, rows) in [
            ("network.withdrawal_requests", 1),
            ("network.withdrawal_requests_archive", 1),
            ("network.payout_accounts", 1),
            ("network.tax_identities", 1),
            ("network.withdrawal_reviews", 2),
            ("network.level_overrides", 1),
        ] {
            assert_eq!(tables[table].as_array().unwrap().len(), rows, "{table}");
        }
        let archived = tables["ops.audit_logs_archive"].to_string();
        assert!(archived.contains("zora@example.com") && !archived.contains("ravi@example.com"));
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
