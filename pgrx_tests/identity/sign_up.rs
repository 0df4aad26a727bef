//! Sign-up.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    fn sign_up(body: Value) -> Reply {
        Call::to("signup").body(body).send()
    }

    fn anna() -> Value {
        json!({"email": "Anna@Example.com", "password": PASSWORD, "data": {"name": "Anna", "city": "Pune"}})
    }

    #[pg_test]
    fn a_person_who_signs_up_confirms_the_address_first() {
        let user = sign_up(anna()).ok();
        assert!(user["access_token"].is_null());
        assert_eq!(user["email"], "anna@example.com");
        assert_eq!(user["identities"].as_array().map(Vec::len), Some(1));
        assert_eq!(user["user_metadata"], json!({"name": "Anna", "city": "Pune"}));
        assert!(user["email_confirmed_at"].is_null());
        try_sign_in("anna@example.com", PASSWORD).refused(400, "email_not_confirmed");
        let sent = message("confirm_signup");
        assert_eq!(sent["name"], "Anna");
        let body = json!({"type": "signup", "email": "anna@example.com", "token": sent["token"]});
        let session = Call::to("verify").body(body).send().ok();
        assert_eq!(claims(&session)["sub"], user["id"]);
        assert!(session["user"]["email_confirmed_at"].is_string());
        sign_in("anna@example.com");
    }

    #[pg_test]
    fn without_confirmation_sign_up_signs_in() {
        setting("require_email_confirmation", "false");
        let session = sign_up(anna()).ok();
        let claims = claims(&session);
        assert_eq!(claims["role"], "authenticated");
        assert_eq!(claims["aud"], "authenticated");
        assert_eq!(claims["email"], "anna@example.com");
        assert_eq!(claims["aal"], "aal1");
        assert_eq!(claims["amr"][0]["method"], "password");
        assert_eq!(claims["app_metadata"]["provider"], "email");
        assert_eq!(session["token_type"], "bearer");
        assert_eq!(session["expires_at"], claims["exp"]);
        assert_eq!(session["user"]["id"], claims["sub"]);
        assert_eq!(rest_request(&session), "00000");
        assert_eq!(messages(), 0);
    }

    #[pg_test]
    fn a_phone_signs_up_by_sms() {
        let user = sign_up(json!({"phone": "+91 98765 43210", "password": PASSWORD})).ok();
        assert_eq!(user["phone"], "9876543210");
        assert_eq!(one::<String>("select channel from ops.outbox"), "sms");
        let token = message("confirm_signup")["token"].clone();
        let body = json!({"type": "sms", "phone": "9876543210", "token": token});
        let session = Call::to("verify").body(body).send().ok();
        assert!(session["user"]["phone_confirmed_at"].is_string());
    }

    #[pg_test]
    fn a_role_that_a_client_asks_for_is_none() {
        setting("require_email_confirmation", "false");
        let mut body = anna();
        body["role"] = json!("service_role");
        body["app_metadata"] = json!({"role": "admin"});
        body["data"]["role"] = json!("admin");
        let session = sign_up(body).ok();
        let claims = claims(&session);
        assert_eq!(claims["role"], "authenticated");
        assert!(claims["app_metadata"]["role"].is_null());
        assert_eq!(one::<i64>("select count(*) from backoffice.role_grants"), 0);
    }

    #[pg_test]
    fn metadata_may_come_as_the_documents_have_it() {
        let body = json!({"email": "a@example.com", "password": PASSWORD,
            "options": {"data": {"name": "John Doe"}}});
        assert_eq!(sign_up(body).ok()["user_metadata"]["name"], "John Doe");
        assert_eq!(one::<String>("select name from identity.users"), "John Doe");
    }

    #[pg_test]
    fn a_known_address_is_not_given_away_while_addresses_are_confirmed() {
        person("anna@example.com");
        let before = one::<i64>("select count(*) from identity.users");
        let user = sign_up(anna()).ok();
        assert_eq!(user["identities"], json!([]));
        assert_eq!(user["email"], "anna@example.com");
        assert_eq!(
            maybe::<bool>(&format!(
                "select true from identity.users where id = '{}'",
                user["id"].as_str().unwrap()
            )),
            None
        );
        assert_eq!(one::<i64>("select count(*) from identity.users"), before);
        assert_eq!(messages(), 0);
    }

    #[pg_test]
    fn who_never_confirmed_gets_the_message_again() {
        sign_up(anna()).ok();
        sign_up(anna()).ok();
        assert_eq!(messages(), 2);
        // Only the later one counts.
        let first: pgrx::JsonB = one("select payload from ops.outbox order by id limit 1");
        let body = json!({"type": "signup", "token_hash": first.0["token_hash"]});
        Call::to("verify").body(body).send().refused(403, "otp_expired");
    }

    /// Signs up with Anna's address; the message that was sent.
    fn choose(name: &str, password: &str) -> Value {
        let data = json!({"name": name, "by": name});
        sign_up(json!({"email": "anna@example.com", "password": password, "data": data})).ok();
        message("confirm_signup")
    }

    fn confirm(sent: &Value) -> Reply {
        let body = json!({"type": "signup", "token_hash": sent["token_hash"]});
        Call::to("verify").body(body).send()
    }

    #[pg_test]
    fn the_password_in_force_is_that_of_the_message_that_was_confirmed() {
        let theirs = choose("Mallory", "the attacker's password");
        let hers = choose("Anna", PASSWORD);
        assert_eq!(maybe::<String>("select password_hash from identity.users"), None);
        confirm(&theirs).refused(403, "otp_expired");
        let user = confirm(&hers).ok()["user"].clone();
        assert_eq!(user["user_metadata"], json!({"name": "Anna", "by": "Anna"}));
        try_sign_in("anna@example.com", "the attacker's password")
            .refused(400, "invalid_credentials");
        sign_in("anna@example.com");
        // Nothing is left of it beside the person, and nothing in the audit log.
        let left = "select count(*) from identity.one_time_tokens
            where num_nonnulls(password_hash, name, user_metadata) > 0";
        assert_eq!(one::<i64>(left), 0);
        let hash: String = one("select password_hash from identity.users");
        let logged: String = one("select string_agg(t::text, '') from ops.audit_logs t");
        assert!(!logged.contains(&hash));
    }

    #[pg_test]
    fn a_message_sent_again_keeps_the_password() {
        choose("Anna", PASSWORD);
        let body = json!({"type": "signup", "email": "anna@example.com"});
        Call::to("resend").body(body).send().ok();
        confirm(&message("confirm_signup")).ok();
        sign_in("anna@example.com");
    }

    #[pg_test]
    fn before_the_confirmation_only_the_right_password_is_told_so() {
        choose("Anna", PASSWORD);
        try_sign_in("anna@example.com", PASSWORD).refused(400, "email_not_confirmed");
        try_sign_in("anna@example.com", "another one").refused(400, "invalid_credentials");
    }

    #[pg_test]
    fn who_proves_the_address_otherwise_has_no_password_of_a_stranger() {
        let theirs = choose("Mallory", PASSWORD);
        Call::to("recover").body(json!({"email": "anna@example.com"})).send().ok();
        let sent = message("recover_password")["token_hash"].clone();
        let body = json!({"type": "recovery", "token_hash": sent});
        let session = Call::to("verify").body(body).send().ok();
        try_sign_in("anna@example.com", PASSWORD).refused(400, "invalid_credentials");
        confirm(&theirs).refused(403, "otp_expired");
        let change = json!({"password": "Anna's own password"});
        Call::to("user_put").session(&session).body(change).send().ok();
        try_sign_in("anna@example.com", "Anna's own password").ok();
    }

    #[pg_test]
    fn nobody_chooses_the_password_of_whom_the_business_asked_in() {
        use crate::identity::{NewPerson, create_person};
        create_person(&NewPerson {
            id: None,
            email: Some("anna@example.com"),
            phone: None,
            name: Some("Anna"),
            password: None,
            confirmed: false,
            system: "network",
        })
        .unwrap();
        let user = confirm(&choose("Mallory", PASSWORD)).ok()["user"].clone();
        assert_eq!(user["user_metadata"], json!({"name": "Anna"}));
        try_sign_in("anna@example.com", PASSWORD).refused(400, "invalid_credentials");
    }

    #[pg_test]
    fn a_known_address_is_refused_where_none_are_confirmed() {
        setting("require_email_confirmation", "false");
        person("anna@example.com");
        sign_up(anna()).refused(422, "user_already_exists");
    }

    #[pg_test]
    fn a_weak_password_is_refused_with_its_reasons() {
        setting("password_required", "\"letters_digits\"");
        let reply = sign_up(json!({"email": "a@example.com", "password": "short"}));
        reply.refused(422, "weak_password");
        assert_eq!(reply.body["weak_password"]["reasons"], json!(["length", "characters"]));
        assert_eq!(one::<i64>("select count(*) from identity.users"), 0);
    }

    #[pg_test]
    fn sign_up_can_be_closed() {
        setting("allow_sign_up", "false");
        sign_up(anna()).refused(422, "signup_disabled");
    }

    #[pg_test]
    fn nobody_signs_up_in_a_system_that_takes_nobody_in() {
        for (confirmed, system) in [("true", "ledger"), ("false", "ops"), ("false", "identity")] {
            setting("require_email_confirmation", confirmed);
            Call::to("signup").system(system).body(anna()).send().refused(422, "signup_disabled");
            let settings = Call::to("settings").get().system(system).send().ok();
            assert_eq!(settings["disable_signup"], true, "{system}");
        }
        // The address is not taken.
        assert_eq!(one::<i64>("select count(*) from identity.users"), 0);
        sign_up(anna()).ok();
    }

    #[pg_test]
    fn what_is_malformed_is_a_400() {
        for bad in [
            json!({}),
            json!({"email": "a@example.com"}),
            json!({"password": PASSWORD}),
            json!({"email": "nonsense", "password": PASSWORD}),
            json!({"phone": "12", "password": PASSWORD}),
            json!({"email": 5, "password": PASSWORD}),
            json!({"email": "a@example.com", "password": ["x"]}),
            json!({"email": "a@example.com", "password": PASSWORD, "data": []}),
            json!({"email": "a@example.com", "password": PASSWORD, "options": {"data": "x"}}),
            json!({"email": "a@example.com", "password": "x".repeat(2000)}),
            json!({"email": "a@example.com", "password": PASSWORD, "data": {"name": "a\nb"}}),
            json!({"email": "a@example.com", "password": PASSWORD, "data": {"x": "y".repeat(9000)}}),
            json!({"email": "a\0@example.com", "password": PASSWORD}),
        ] {
            sign_up(bad).refused(400, "validation_failed");
        }
        for bad in [&b"{"[..], b"[]", b"null", b"\xff\xfe", b"{\"email\":\"\\ud800\"}"] {
            Call::to("signup").bytes(bad).send().refused(400, "validation_failed");
        }
    }

    /// Tells its system of sign-ups and refuses some, as a product would.
    fn watch_sign_ups() {
        use crate::identity::hooks::{Hooks, install};
        use crate::kernel::error::Error;
        install(Hooks {
            system: "network",
            signed_up: |person, data| {
                run(&format!("select set_config('test.signed_up', '{person} {data}', true)"));
                if data["refuse"].is_null() { Ok(()) } else { Err(Error::conflict("refused")) }
            },
            admin_made: |_| Ok(()),
        });
    }

    #[pg_test]
    fn the_system_learns_of_a_sign_up_and_may_refuse_it() {
        watch_sign_ups();
        let user = sign_up(anna()).ok();
        let told: String = one("select current_setting('test.signed_up')");
        assert!(told.starts_with(user["id"].as_str().unwrap()) && told.contains("Pune"));
        let body = json!({"email": "b@example.com", "password": PASSWORD, "data": {"refuse": 1}});
        sign_up(body).refused(409, "conflict");
        assert_eq!(one::<i64>("select count(*) from identity.users"), 1);
        assert_eq!(messages(), 1);
    }
}
