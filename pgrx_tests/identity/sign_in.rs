//! Sign-in by password, and throttling.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::identity;
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::json;

    #[pg_test]
    fn a_person_signs_in_with_whatever_identifies_them() {
        let anna = person("anna@example.com");
        let phone = identity::PersonUpdate { phone: Some("9876543210"), ..Default::default() };
        identity::update_person(anna, &phone).unwrap();
        identity::register_handle(anna, "promoter_id", "BPVP01").unwrap();
        for login in ["ANNA@example.com", "BPVP01", "bpvp01", "9876543210", "+91 98765 43210"] {
            assert_eq!(sign_in(login)["user"]["id"], anna.to_string(), "{login}");
        }
        let by_phone = Call::to("token")
            .query("grant_type=password")
            .body(json!({"phone": "09876543210", "password": PASSWORD}))
            .send();
        assert_eq!(by_phone.ok()["user"]["id"], anna.to_string());
        assert_eq!(audited("sign_in"), 6);
    }

    #[pg_test]
    fn a_refusal_never_tells_what_was_wrong() {
        let anna = person("anna@example.com");
        identity::create_person(&identity::NewPerson {
            id: None,
            email: Some("invited@example.com"),
            phone: None,
            name: None,
            password: None,
            confirmed: false,
            system: "network",
        })
        .unwrap();
        let wrong = try_sign_in("anna@example.com", "wrong password");
        wrong.refused(400, "invalid_credentials");
        for login in ["nobody@example.com", "invited@example.com", "BPVP99", "9876543210", "%"] {
            let reply = try_sign_in(login, PASSWORD);
            assert_eq!((reply.status, &reply.body), (wrong.status, &wrong.body), "{login}");
        }
        assert_eq!(audited("sign_in_failed"), 6);
        let known: i64 = one(&format!(
            "select count(*) from ops.audit_logs
            where action = 'sign_in_failed' and actor_id = '{anna}'"
        ));
        assert_eq!(known, 1);
    }

    #[pg_test]
    fn an_account_is_locked_however_it_is_addressed() {
        let anna = person("anna@example.com");
        identity::register_handle(anna, "promoter_id", "BPVP01").unwrap();
        setting("sign_in_failures", "3");
        for login in ["anna@example.com", "BPVP01", "anna@example.com"] {
            try_sign_in(login, "wrong password").refused(400, "invalid_credentials");
        }
        for login in ["anna@example.com", "BPVP01"] {
            let reply = try_sign_in(login, PASSWORD);
            reply.refused(429, "over_request_rate_limit");
            let wait = reply.headers[0]["Retry-After"].as_str().and_then(|s| s.parse::<i64>().ok());
            assert!((890..=900).contains(&wait.unwrap()), "{wait:?}");
        }
        // Whether there is such a person makes no difference.
        for _ in 0..3 {
            try_sign_in("nobody@example.com", PASSWORD).refused(400, "invalid_credentials");
        }
        try_sign_in("nobody@example.com", PASSWORD).refused(429, "over_request_rate_limit");
        person("ben@example.com");
        sign_in("ben@example.com");
    }

    fn try_from(address: &str, password: &str) -> Reply {
        Call::to("token")
            .query("grant_type=password")
            .from(address)
            .body(json!({"email": "anna@example.com", "password": password}))
            .send()
    }

    #[pg_test]
    fn failures_from_one_address_lock_nobody_out_elsewhere() {
        person("anna@example.com");
        setting("sign_in_failures", "2");
        for _ in 0..2 {
            try_from("192.0.2.66", "wrong password").refused(400, "invalid_credentials");
        }
        try_from("192.0.2.66", PASSWORD).refused(429, "over_request_rate_limit");
        try_from("192.0.2.1", PASSWORD).ok();
        try_from("192.0.2.66", PASSWORD).refused(429, "over_request_rate_limit");
    }

    #[pg_test]
    fn failures_from_many_addresses_lock_the_account() {
        person("anna@example.com");
        setting("sign_in_failures_per_account", "3");
        for address in ["192.0.2.66", "192.0.2.67", "192.0.2.68"] {
            try_from(address, "wrong password").refused(400, "invalid_credentials");
        }
        try_from("192.0.2.1", PASSWORD).refused(429, "over_request_rate_limit");
    }

    #[pg_test]
    fn a_lock_ends_and_success_forgets_failures() {
        person("anna@example.com");
        setting("sign_in_failures", "2");
        let fail = || try_sign_in("anna@example.com", "wrong password");
        fail().refused(400, "invalid_credentials");
        sign_in("anna@example.com");
        fail().refused(400, "invalid_credentials");
        fail().refused(400, "invalid_credentials");
        fail().refused(429, "over_request_rate_limit");
        run("update identity.throttle set locked_until = locked_until - interval '1 hour',
             expires_at = expires_at - interval '1 hour'");
        fail().refused(400, "invalid_credentials");
        sign_in("anna@example.com");
    }

    #[pg_test]
    fn an_address_is_locked_for_all_accounts() {
        person("anna@example.com");
        setting("sign_in_failures_per_address", "3");
        for number in 0..3 {
            try_sign_in(&format!("p{number}@example.com"), PASSWORD)
                .refused(400, "invalid_credentials");
        }
        try_sign_in("anna@example.com", PASSWORD).refused(429, "over_request_rate_limit");
        let elsewhere = Call::to("token")
            .query("grant_type=password")
            .from("192.0.2.2")
            .body(json!({"email": "anna@example.com", "password": PASSWORD}));
        elsewhere.send().ok();
    }

    #[pg_test]
    fn counters_that_ran_out_are_deleted() {
        try_sign_in("nobody@example.com", PASSWORD).refused(400, "invalid_credentials");
        run("update identity.throttle set expires_at = expires_at - interval '1 hour'");
        Call::to("token")
            .query("grant_type=password")
            .from("192.0.2.9")
            .body(json!({"email": "other@example.com", "password": "x"}))
            .send();
        assert_eq!(one::<i64>("select count(*) from identity.throttle"), 3);
    }

    #[pg_test]
    fn what_is_kept_of_a_failed_sign_in_is_not_what_was_typed() {
        try_sign_in("my secret password", "x").refused(400, "invalid_credentials");
        let kept: String = one("select string_agg(l::text, '') from ops.audit_logs l");
        assert!(!kept.contains("secret password"));
    }

    #[pg_test]
    fn a_request_for_a_token_must_be_well_formed() {
        for query in ["", "grant_type=", "grant_type=pkce", "grant_type=%zz"] {
            Call::to("token").query(query).body(json!({})).send().refused(400, "validation_failed");
        }
        for body in [json!({}), json!({"email": "a@b.c"}), json!({"email": {}, "password": "x"})] {
            Call::to("token")
                .query("grant_type=password")
                .body(body)
                .send()
                .refused(400, "validation_failed");
        }
    }

    #[pg_test]
    fn passwords_and_tokens_are_kept_only_as_hashes() {
        person("anna@example.com");
        let session = sign_in("anna@example.com");
        let hash: String = one("select password_hash from identity.users");
        assert!(hash.starts_with("$argon2id$") && !hash.contains(PASSWORD));
        let token = session["refresh_token"].as_str().unwrap();
        for table in ["identity.refresh_tokens", "identity.sessions", "ops.audit_logs"] {
            let kept: String = one(&format!("select string_agg(t::text, '') from {table} t"));
            assert!(!kept.contains(token) && !kept.contains(&hash), "{table}");
        }
    }

    #[pg_test]
    fn the_endpoints_that_need_nobody_answer_everybody() {
        assert_eq!(Call::to("health").get().send().ok()["name"], "backoffice");
        let settings = Call::to("settings").get().send().ok();
        assert_eq!(settings["disable_signup"], false);
        assert_eq!(settings["mailer_autoconfirm"], false);
        Call::to("not_found").path("admin/users").send().refused(404, "not_found");
    }
}
