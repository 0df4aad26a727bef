//! The signed-in person reads and changes themselves.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    const ANNA: &str = "anna@example.com";

    fn put(session: &Value, body: Value) -> Reply {
        Call::to("user_put").session(session).body(body).send()
    }

    #[pg_test]
    fn a_person_reads_themselves() {
        let anna = person(ANNA);
        let session = sign_in(ANNA);
        let user = Call::to("user_get").get().session(&session).send().ok();
        assert_eq!(user["id"], anna.to_string());
        assert_eq!(user, session["user"]);
        for field in [
            "aud",
            "role",
            "email",
            "phone",
            "app_metadata",
            "user_metadata",
            "identities",
            "factors",
            "created_at",
            "updated_at",
            "last_sign_in_at",
        ] {
            assert!(!user[field].is_null(), "{field}");
        }
        Call::to("user_get").get().send().refused(401, "no_authorization");
    }

    #[pg_test]
    fn metadata_is_merged_and_null_deletes() {
        person(ANNA);
        let session = sign_in(ANNA);
        let changed =
            |data: Value| put(&session, json!({"data": data})).ok()["user_metadata"].clone();
        assert_eq!(changed(json!({"a": 1, "b": {"c": null}})), json!({"a": 1, "b": {"c": null}}));
        assert_eq!(
            changed(json!({"a": null, "name": "Anna"})),
            json!({"b": {"c": null}, "name": "Anna"})
        );
        assert_eq!(one::<String>("select name from identity.users"), "Anna");
        let unknown = json!({"app_metadata": {"role": "admin"}, "role": "service_role"});
        let user = put(&session, unknown).ok();
        assert!(user["app_metadata"]["role"].is_null());
        put(&session, json!({"data": {"x": "y".repeat(9000)}})).refused(400, "validation_failed");
        put(&session, json!({"data": "x"})).refused(400, "validation_failed");
    }

    #[pg_test]
    fn a_new_password_ends_the_other_sessions() {
        person(ANNA);
        let (here, elsewhere) = (sign_in(ANNA), sign_in(ANNA));
        put(&here, json!({"password": PASSWORD})).refused(422, "same_password");
        let weak = put(&here, json!({"password": "short"}));
        weak.refused(422, "weak_password");
        assert_eq!(weak.body["weak_password"]["reasons"], json!(["length"]));
        assert_eq!(rest_request(&elsewhere), "00000");
        put(&here, json!({"password": "another password"})).ok();
        assert_eq!(
            (rest_request(&here), rest_request(&elsewhere)),
            ("00000".into(), "PT401".into())
        );
        try_sign_in(ANNA, PASSWORD).refused(400, "invalid_credentials");
        try_sign_in(ANNA, "another password").ok();
    }

    #[pg_test]
    fn a_refused_change_changes_nothing() {
        person(ANNA);
        person("ben@example.com");
        let session = sign_in(ANNA);
        let both = json!({"password": "another password", "email": "ben@example.com"});
        put(&session, both).refused(422, "email_exists");
        sign_in(ANNA);
    }

    #[pg_test]
    fn a_new_email_counts_once_it_is_confirmed() {
        person(ANNA);
        let session = sign_in(ANNA);
        let user = put(&session, json!({"email": "New@example.com"})).ok();
        assert_eq!((&user["email"], &user["new_email"]), (&json!(ANNA), &json!("new@example.com")));
        assert_eq!(one::<String>("select recipient from ops.outbox"), "new@example.com");
        let token = message("change_email")["token"].clone();
        let body = json!({"type": "email_change", "email": "new@example.com", "token": token});
        let changed = Call::to("verify").body(body).send().ok();
        assert_eq!(changed["user"]["email"], "new@example.com");
        assert!(changed["user"]["new_email"].is_null());
        try_sign_in(ANNA, PASSWORD).refused(400, "invalid_credentials");
        sign_in("new@example.com");
    }

    #[pg_test]
    fn an_email_that_somebody_took_meanwhile_is_refused() {
        person(ANNA);
        let session = sign_in(ANNA);
        put(&session, json!({"email": "new@example.com"})).ok();
        person("new@example.com");
        let body =
            json!({"type": "email_change", "token_hash": message("change_email")["token_hash"]});
        Call::to("verify").body(body).send().refused(422, "email_exists");
        sign_in(ANNA);
    }

    #[pg_test]
    fn without_confirmation_an_address_changes_at_once() {
        setting("require_email_confirmation", "false");
        person(ANNA);
        let session = sign_in(ANNA);
        let change = json!({"email": "new@example.com", "phone": "98765 43210"});
        let user = put(&session, change).ok();
        assert_eq!(
            (&user["email"], &user["phone"]),
            (&json!("new@example.com"), &json!("9876543210"))
        );
        assert_eq!(messages(), 0);
    }

    #[pg_test]
    fn a_new_phone_counts_once_it_is_confirmed() {
        person(ANNA);
        let session = sign_in(ANNA);
        let user = put(&session, json!({"phone": "+91 98765 43210"})).ok();
        assert_eq!((&user["phone"], &user["new_phone"]), (&json!(""), &json!("9876543210")));
        let token = message("change_phone")["token"].clone();
        let body = json!({"type": "phone_change", "phone": "9876543210", "token": token});
        assert_eq!(Call::to("verify").body(body).send().ok()["user"]["phone"], "9876543210");
        sign_in("9876543210");
        put(&session, json!({"phone": "12"})).refused(400, "validation_failed");
    }

    #[pg_test]
    fn a_phone_belongs_to_one_person() {
        person(ANNA);
        let ben = person("ben@example.com");
        run(&format!("update identity.users set phone = '9876543210' where id = '{ben}'"));
        put(&sign_in(ANNA), json!({"phone": "09876543210"})).refused(422, "phone_exists");
    }

    #[pg_test]
    fn an_old_session_proves_once_more_who_it_is() {
        setting("password_change_reauthentication", "true");
        person(ANNA);
        let session = sign_in(ANNA);
        run("update identity.sessions set created_at = now() - interval '2 days'");
        let change =
            |nonce: Value| put(&session, json!({"password": "another password", "nonce": nonce}));
        change(Value::Null).refused(400, "reauthentication_needed");
        change(json!("00000000")).refused(422, "reauthentication_not_valid");
        Call::to("reauthenticate").get().session(&session).send().ok();
        let code = message("reauthenticate")["token"].clone();
        for _ in 0..2 {
            change(json!("00000000")).refused(422, "reauthentication_not_valid");
        }
        change(code.clone()).ok();
        put(&session, json!({"password": "a third password", "nonce": code}))
            .refused(422, "reauthentication_not_valid");
        // A session of today needs none.
        let fresh = try_sign_in(ANNA, "another password").ok();
        put(&fresh, json!({"password": "a third password"})).ok();
    }

    #[pg_test]
    fn a_person_sees_their_own_row_without_the_hash_and_writes_nothing() {
        let anna = person(ANNA);
        person("ben@example.com");
        become_person(anna);
        assert_eq!(one::<i64>("select count(id) from identity.users"), 1);
        for forbidden in [
            "select password_hash from identity.users",
            "select * from identity.users",
            "update identity.users set email = 'x@example.com'",
            "insert into identity.users (id) values (gen_random_uuid())",
            "delete from identity.users",
            "select from identity.sessions",
            "select from identity.refresh_tokens",
            "select from identity.one_time_tokens",
            "select from identity.factors",
            "select from identity.challenges",
            "select from identity.login_handles",
            "select from identity.throttle",
        ] {
            expect_error("42501", forbidden);
        }
        become_anonymous();
        expect_error("42501", "select id from identity.users");
        become_service();
        assert_eq!(one::<i64>("select count(id) from identity.users"), 2);
        expect_error("42501", "select password_hash from identity.users");
        expect_error("42501", "select from identity.refresh_tokens");
    }
}
