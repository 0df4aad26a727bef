//! Refresh tokens, sign-out, and the check before every request.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    fn logout(session: &Value, query: &str) -> Reply {
        Call::to("logout").query(query).session(session).send()
    }

    #[pg_test]
    fn a_refresh_token_is_exchanged_for_a_new_pair() {
        person("anna@example.com");
        let first = sign_in("anna@example.com");
        let second = refresh(&first).ok();
        assert_ne!(first["refresh_token"], second["refresh_token"]);
        assert_eq!(claims(&first)["session_id"], claims(&second)["session_id"]);
        assert_eq!(claims(&second)["amr"], claims(&first)["amr"]);
        let third = refresh(&second).ok();
        assert_eq!(rest_request(&third), "00000");
        let chain: i64 = one("select count(*) from identity.refresh_tokens c
            join identity.refresh_tokens p on p.token_hash = c.parent_hash and p.used_at is not null");
        assert_eq!(chain, 2);
    }

    #[pg_test]
    fn a_retry_within_seconds_does_no_harm() {
        person("anna@example.com");
        let first = sign_in("anna@example.com");
        let (one_tab, other_tab) = (refresh(&first).ok(), refresh(&first).ok());
        for tab in [one_tab, other_tab] {
            assert_eq!(rest_request(&tab), "00000");
            refresh(&tab).ok();
        }
    }

    #[pg_test]
    fn a_token_used_again_later_ends_the_session() {
        person("anna@example.com");
        let first = sign_in("anna@example.com");
        let elsewhere = sign_in("anna@example.com");
        let second = refresh(&first).ok();
        run("update identity.refresh_tokens set used_at = used_at - interval '11 seconds'");
        refresh(&first).refused(400, "refresh_token_already_used");
        assert_eq!(rest_request(&second), "PT401");
        refresh(&second).refused(400, "refresh_token_not_found");
        refresh(&first).refused(400, "refresh_token_not_found");
        assert_eq!(rest_request(&elsewhere), "00000");
        assert_eq!(audited("refresh_token_reused"), 1);
        let reason: String =
            one("select end_reason from identity.sessions where ended_at is not null");
        assert_eq!(reason, "token_reused");
    }

    #[pg_test]
    fn a_session_ends_of_itself() {
        person("anna@example.com");
        let session = sign_in("anna@example.com");
        run("update identity.sessions set not_after = now() - interval '1 second'");
        assert_eq!(rest_request(&session), "PT401");
        refresh(&session).refused(400, "session_expired");
        Call::to("user_get").session(&session).send().refused(403, "session_not_found");
    }

    #[pg_test]
    fn an_access_token_does_not_outlive_its_session() {
        person("anna@example.com");
        let session = sign_in("anna@example.com");
        run("update identity.sessions set not_after = now() + interval '60 seconds'");
        let renewed = refresh(&session).ok();
        assert!(renewed["expires_in"].as_i64().unwrap() <= 60);
    }

    #[pg_test]
    fn an_unknown_refresh_token_is_refused() {
        let unknown = json!({"refresh_token": "x"});
        refresh(&unknown).refused(400, "refresh_token_not_found");
        for bad in [json!({}), json!({"refresh_token": null}), json!({"refresh_token": 1})] {
            Call::to("token")
                .query("grant_type=refresh_token")
                .body(bad)
                .send()
                .refused(400, "validation_failed");
        }
    }

    #[pg_test]
    fn sign_out_ends_the_sessions_of_its_scope() {
        person("anna@example.com");
        person("ben@example.com");
        let ben = sign_in("ben@example.com");
        let sessions = || [(); 3].map(|()| sign_in("anna@example.com"));
        for (query, left) in [
            ("", [false, false, false]),
            ("scope=global", [false, false, false]),
            ("scope=local", [false, true, true]),
            ("scope=others", [true, false, false]),
        ] {
            let three = sessions();
            let reply = logout(&three[0], query);
            assert_eq!((reply.status, reply.body), (204, Value::Null), "{query}");
            let good = three.each_ref().map(|session| rest_request(session) == "00000");
            assert_eq!(good, left, "{query}");
            let fresh = three.each_ref().map(|session| refresh(session).status == 200);
            assert_eq!(fresh, left, "{query}");
        }
        assert_eq!(rest_request(&ben), "00000");
        assert_eq!(audited("sign_out"), 4);
    }

    #[pg_test]
    fn sign_out_answers_sensibly_with_a_dead_token() {
        person("anna@example.com");
        let session = sign_in("anna@example.com");
        logout(&session, "scope=sideways").refused(400, "validation_failed");
        logout(&session, "scope=local");
        logout(&session, "scope=local").refused(403, "session_not_found");
        Call::to("logout").send().refused(401, "no_authorization");
    }

    #[pg_test]
    fn a_request_with_somebody_elses_session_is_refused() {
        person("anna@example.com");
        person("ben@example.com");
        let (anna, ben) = (sign_in("anna@example.com"), sign_in("ben@example.com"));
        let mut mixed = claims(&anna);
        mixed["session_id"] = claims(&ben)["session_id"].clone();
        let mut raised = claims(&anna);
        raised["aal"] = json!("aal2");
        let mut without = claims(&anna);
        without["session_id"] = Value::Null;
        for forged in [mixed, raised, without] {
            run(&format!(
                "select set_config('request.jwt.claims', {}, true)",
                literal(&forged.to_string())
            ));
            run("set local role authenticated");
            expect_error("PT401", "select identity.before_request()");
            become_database();
        }
    }

    #[pg_test]
    fn those_without_a_person_pass_the_check() {
        become_anonymous();
        run("select identity.before_request()");
        become_service();
        run("select identity.before_request()");
    }

    #[pg_test]
    fn the_business_ends_all_sessions_of_a_person() {
        let anna = person("anna@example.com");
        let session = sign_in("anna@example.com");
        run(&format!("select ops.end_sessions('{anna}')"));
        assert_eq!(rest_request(&session), "PT401");
        sign_in("anna@example.com");
    }

    #[pg_test]
    fn an_end_of_a_session_is_in_the_audit_log_and_a_refresh_is_not() {
        person("anna@example.com");
        let session = refresh(&sign_in("anna@example.com")).ok();
        let rows = "select count(*) from ops.audit_logs where table_name = 'identity.sessions'";
        assert_eq!(one::<i64>(rows), 0);
        logout(&session, "scope=local");
        assert_eq!(one::<i64>(rows), 1);
    }
}
