//! Second factors, with the codes that an app would show.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    const ANNA: &str = "anna@example.com";

    fn enroll(session: &Value, body: Value) -> Reply {
        Call::to("factor_enroll").path("factors").session(session).body(body).send()
    }

    fn totp(session: &Value, name: &str) -> Value {
        enroll(session, json!({"factor_type": "totp", "friendly_name": name})).ok()
    }

    fn challenge(session: &Value, factor: &Value) -> Reply {
        let path = format!("factors/{}/challenge", factor["id"].as_str().unwrap());
        Call::to("factor_challenge").path(path).session(session).body(json!({})).send()
    }

    fn verify(session: &Value, factor: &Value, challenge: &Value, code: &str) -> Reply {
        let path = format!("factors/{}/verify", factor["id"].as_str().unwrap());
        let body = json!({"challenge_id": challenge["id"], "code": code});
        Call::to("factor_verify").path(path).session(session).body(body).send()
    }

    fn unenroll(session: &Value, factor: &Value) -> Reply {
        let path = format!("factors/{}", factor["id"].as_str().unwrap());
        Call::to("factor_delete").path(path).session(session).send()
    }

    /// What the app shows `steps` of 30 seconds from now.
    fn code(factor: &Value, steps: i64) -> String {
        let secret = factor["totp"]["secret"].as_str().unwrap();
        let seed = totp_rs::Secret::try_from_base32(secret).unwrap();
        let now = crate::kernel::jwt::unix_now() + steps * 30;
        crate::identity::totp::code_at(seed.as_bytes(), now as u64)
    }

    /// A factor that is verified, and the session that it raised.
    fn verified(session: &Value) -> (Value, Value) {
        let factor = totp(session, "phone");
        let asked = challenge(session, &factor).ok();
        let raised = verify(session, &factor, &asked, &code(&factor, -1)).ok();
        (factor, raised)
    }

    #[pg_test]
    fn a_factor_is_enrolled_challenged_and_verified() {
        person(ANNA);
        let session = sign_in(ANNA);
        let factor = totp(&session, "my phone");
        assert_eq!(factor["type"], "totp");
        assert!(factor["totp"]["qr_code"].as_str().unwrap().contains("<svg"));
        let uri = factor["totp"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/network:anna%40example.com?secret="));
        let asked = challenge(&session, &factor).ok();
        assert!(asked["expires_at"].as_i64().unwrap() > crate::kernel::jwt::unix_now());
        let raised = verify(&session, &factor, &asked, &code(&factor, 0)).ok();
        let claims = claims(&raised);
        assert_eq!(claims["aal"], "aal2");
        let methods: Vec<_> =
            claims["amr"].as_array().unwrap().iter().map(|proof| proof["method"].clone()).collect();
        assert_eq!(methods, ["password", "totp"]);
        assert_eq!(raised["user"]["factors"][0]["status"], "verified");
        assert_eq!(rest_request(&raised), "00000");
        assert_eq!(claims_after_refresh(&raised)["aal"], "aal2");
    }

    fn claims_after_refresh(session: &Value) -> Value {
        claims(&refresh(session).ok())
    }

    #[pg_test]
    fn a_code_is_good_once() {
        person(ANNA);
        let session = sign_in(ANNA);
        let (factor, raised) = verified(&session);
        let again = challenge(&raised, &factor).ok();
        verify(&raised, &factor, &again, &code(&factor, -1))
            .refused(422, "mfa_verification_failed");
        verify(&raised, &factor, &again, &code(&factor, 1)).ok();
        verify(&raised, &factor, &again, &code(&factor, 1)).refused(422, "mfa_challenge_expired");
    }

    #[pg_test]
    fn wrong_codes_lock_the_second_factor() {
        person(ANNA);
        setting("sign_in_failures", "3");
        let session = sign_in(ANNA);
        let factor = totp(&session, "phone");
        let asked = challenge(&session, &factor).ok();
        for wrong in ["000000", "1234567", "abc"] {
            verify(&session, &factor, &asked, wrong).refused(422, "mfa_verification_failed");
        }
        verify(&session, &factor, &asked, &code(&factor, 0))
            .refused(429, "over_request_rate_limit");
        assert_eq!(audited("second_factor_failed"), 3);
    }

    #[pg_test]
    fn a_challenge_expires_and_is_for_its_factor() {
        person(ANNA);
        let session = sign_in(ANNA);
        let (one_factor, other) = (totp(&session, "one"), totp(&session, "two"));
        let asked = challenge(&session, &one_factor).ok();
        verify(&session, &other, &asked, &code(&other, 0)).refused(422, "mfa_challenge_expired");
        run("update identity.challenges set expires_at = now() - interval '1 second'");
        verify(&session, &one_factor, &asked, &code(&one_factor, 0))
            .refused(422, "mfa_challenge_expired");
    }

    #[pg_test]
    fn verifying_ends_sessions_without_it_and_spends_older_tokens() {
        person(ANNA);
        let (session, elsewhere) = (sign_in(ANNA), sign_in(ANNA));
        let (_, raised) = verified(&session);
        assert_eq!(rest_request(&elsewhere), "PT401");
        run("update identity.refresh_tokens set used_at = used_at - interval '1 minute'");
        refresh(&session).refused(400, "refresh_token_already_used");
        assert_eq!(rest_request(&raised), "PT401");
    }

    #[pg_test]
    fn a_person_with_a_factor_needs_it_for_what_matters() {
        person(ANNA);
        let (factor, _) = verified(&sign_in(ANNA));
        let session = sign_in(ANNA);
        let put = |body: Value| Call::to("user_put").session(&session).body(body).send();
        put(json!({"password": "another password"})).refused(401, "insufficient_aal");
        put(json!({"email": "new@example.com"})).refused(401, "insufficient_aal");
        put(json!({"data": {"a": 1}})).ok();
        enroll(&session, json!({"factor_type": "totp"})).refused(403, "insufficient_aal");
        unenroll(&session, &factor).refused(422, "insufficient_aal");
    }

    #[pg_test]
    fn a_person_with_a_factor_needs_it_for_the_rest_of_the_api() {
        person(ANNA);
        let first = sign_in(ANNA);
        let factor = totp(&first, "phone");
        // Not before it is verified.
        assert_eq!(rest_request(&first), "00000");
        let asked = challenge(&first, &factor).ok();
        let raised = verify(&first, &factor, &asked, &code(&factor, -1)).ok();
        assert_eq!(rest_request(&raised), "00000");
        // A token from before is no better than its proof.
        assert_eq!(rest_request(&first), "42501");
        let session = sign_in(ANNA);
        assert_eq!(rest_request(&session), "42501");
        // What leads to the second factor, or out, works.
        Call::to("user_get").get().session(&session).send().ok();
        let session = refresh(&session).ok();
        let asked = challenge(&session, &factor).ok();
        let raised = verify(&session, &factor, &asked, &code(&factor, 1)).ok();
        assert_eq!(rest_request(&raised), "00000");
        let other = sign_in(ANNA);
        assert_eq!(Call::to("logout").query("scope=local").session(&other).send().status, 204);
        assert_eq!(rest_request(&other), "PT401");
    }

    #[pg_test]
    fn an_unenrolled_factor_takes_its_level_along() {
        person(ANNA);
        let (factor, raised) = verified(&sign_in(ANNA));
        assert_eq!(unenroll(&raised, &factor).ok(), json!({"id": factor["id"]}));
        assert_eq!(rest_request(&raised), "PT401");
        let lowered = refresh(&raised).ok();
        let claims = claims(&lowered);
        assert_eq!(
            (&claims["aal"], claims["amr"].as_array().map(Vec::len)),
            (&json!("aal1"), Some(1))
        );
        assert_eq!(lowered["user"]["factors"], json!([]));
        assert_eq!(one::<i64>("select count(*) from backoffice.secrets"), 0);
        unenroll(&lowered, &factor).refused(404, "mfa_factor_not_found");
    }

    #[pg_test]
    fn the_seed_is_sealed_and_shown_once() {
        person(ANNA);
        let session = sign_in(ANNA);
        let factor = totp(&session, "phone");
        let secret = factor["totp"]["secret"].as_str().unwrap();
        let kept: String = one("select string_agg(f::text, '') || string_agg(s::text, '')
            from identity.factors f, backoffice.secrets s");
        assert!(!kept.contains(secret));
        let user = Call::to("user_get").session(&session).send().ok();
        assert_eq!(user["factors"][0]["status"], "unverified");
        assert!(!user.to_string().contains(secret));
    }

    #[pg_test]
    fn factors_have_names_and_a_limit() {
        person(ANNA);
        setting("max_factors", "2");
        let session = sign_in(ANNA);
        totp(&session, "phone");
        let body = json!({"factor_type": "totp", "friendly_name": "phone"});
        enroll(&session, body).refused(422, "mfa_factor_name_conflict");
        totp(&session, "tablet");
        enroll(&session, json!({"factor_type": "totp"}))
            .refused(422, "too_many_enrolled_mfa_factors");
        // Whoever gave up makes room.
        run("update identity.factors set created_at = now() - interval '1 hour'");
        totp(&session, "phone");
        assert_eq!(one::<i64>("select count(*) from backoffice.secrets"), 1);
    }

    #[pg_test]
    fn a_factor_is_only_its_persons() {
        person(ANNA);
        person("ben@example.com");
        let factor = totp(&sign_in(ANNA), "phone");
        let ben = sign_in("ben@example.com");
        challenge(&ben, &factor).refused(404, "mfa_factor_not_found");
        unenroll(&ben, &factor).refused(404, "mfa_factor_not_found");
        Call::to("factor_challenge")
            .path("factors/nonsense/challenge")
            .session(&ben)
            .send()
            .refused(400, "validation_failed");
        Call::to("factor_enroll")
            .body(json!({"factor_type": "totp"}))
            .send()
            .refused(401, "no_authorization");
    }

    #[pg_test]
    fn only_totp_can_be_enrolled() {
        person(ANNA);
        let session = sign_in(ANNA);
        for (kind, status, refusal) in [
            ("phone", 422, "mfa_phone_enroll_not_enabled"),
            ("webauthn", 422, "mfa_webauthn_enroll_not_enabled"),
            ("smoke", 400, "validation_failed"),
        ] {
            enroll(&session, json!({"factor_type": kind})).refused(status, refusal);
        }
        enroll(&session, json!({"factor_type": "totp", "issuer": "a:b"}))
            .refused(400, "validation_failed");
        enroll(&session, json!({})).refused(400, "validation_failed");
    }
}
