//! One-time tokens: recovery, invitation, confirmation, and how they are used up.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::identity;
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    fn recover(email: &str) -> Reply {
        Call::to("recover").body(json!({"email": email})).send()
    }

    fn verify(body: Value) -> Reply {
        Call::to("verify").body(body).send()
    }

    fn code(email: &str, token: &Value) -> Value {
        json!({"type": "recovery", "email": email, "token": token})
    }

    #[pg_test]
    fn a_password_is_reset_by_a_code_or_a_link() {
        person("anna@example.com");
        for by_link in [false, true] {
            assert_eq!(recover("anna@example.com").ok(), json!({}));
            let sent = message("recover_password");
            let body = if by_link {
                json!({"type": "recovery", "token_hash": sent["token_hash"]})
            } else {
                code("anna@example.com", &sent["token"])
            };
            let session = verify(body.clone()).ok();
            assert_eq!(claims(&session)["amr"][0]["method"], "otp");
            verify(body).refused(403, "otp_expired");
            let new = if by_link { "another password" } else { "yet another one" };
            let change = json!({"password": new});
            Call::to("user_put").session(&session).body(change).send().ok();
            try_sign_in("anna@example.com", new).ok();
        }
    }

    #[pg_test]
    fn recovery_does_not_tell_who_is_known() {
        person("anna@example.com");
        let known = recover("anna@example.com");
        let unknown = recover("nobody@example.com");
        assert_eq!((known.status, known.body), (unknown.status, unknown.body));
        assert_eq!(messages(), 1);
        Call::to("recover")
            .body(json!({"email": "no address"}))
            .send()
            .refused(400, "validation_failed");
        Call::to("recover").body(json!({})).send().refused(400, "validation_failed");
    }

    fn recover_from(address: &str, login: &str) -> Reply {
        Call::to("recover").from(address).body(json!({"email": login})).send()
    }

    #[pg_test]
    fn what_others_ask_for_does_not_block_a_persons_own_reset() {
        let anna = person("anna@example.com");
        identity::register_handle(anna, "promoter_id", "BPVP01").unwrap();
        setting("mails_per_hour", "2");
        setting("mail_requests_per_hour", "3");
        for login in ["anna@example.com", "BPVP01", "anna@example.com"] {
            assert_eq!(recover_from("192.0.2.66", login).ok(), json!({}));
        }
        // Known or not, the address is told that it asks for too much.
        for login in ["anna@example.com", "nobody@example.com"] {
            recover_from("192.0.2.66", login).refused(429, "over_email_send_rate_limit");
        }
        // She gets no further message, nor a refusal; the latest one is good.
        assert_eq!(recover("anna@example.com").ok(), json!({}));
        assert_eq!(messages(), 2);
        verify(code("anna@example.com", &message("recover_password")["token"])).ok();
    }

    #[pg_test]
    fn each_kind_of_message_has_a_limit_of_its_own() {
        person("anna@example.com");
        setting("mails_per_hour", "1");
        let session = sign_in("anna@example.com");
        recover("anna@example.com").ok();
        let ask = || Call::to("reauthenticate").get().session(&session).send();
        ask().ok();
        ask().refused(429, "over_email_send_rate_limit");
    }

    #[pg_test]
    fn a_code_can_be_guessed_only_a_few_times_and_the_link_stays_good() {
        person("anna@example.com");
        let spoil = || {
            recover("anna@example.com").ok();
            for _ in 0..5 {
                verify(code("anna@example.com", &json!("00000000"))).refused(403, "otp_expired");
            }
            message("recover_password")
        };
        let right = spoil()["token"].clone();
        verify(code("anna@example.com", &right)).refused(403, "otp_expired");
        let link = spoil()["token_hash"].clone();
        verify(json!({"type": "recovery", "token_hash": link})).ok();
        recover("anna@example.com").ok();
        verify(code("anna@example.com", &message("recover_password")["token"])).ok();
    }

    #[pg_test]
    fn guesses_count_against_the_address_too() {
        setting("sign_in_failures_per_address", "2");
        for number in 0..2 {
            verify(code(&format!("p{number}@example.com"), &json!("1")))
                .refused(403, "otp_expired");
        }
        verify(code("p@example.com", &json!("1"))).refused(429, "over_request_rate_limit");
    }

    #[pg_test]
    fn a_token_expires() {
        person("anna@example.com");
        recover("anna@example.com").ok();
        let sent = message("recover_password");
        run("update identity.one_time_tokens set expires_at = now() - interval '1 second'");
        verify(code("anna@example.com", &sent["token"])).refused(403, "otp_expired");
        let link = json!({"type": "recovery", "token_hash": sent["token_hash"]});
        verify(link).refused(403, "otp_expired");
    }

    #[pg_test]
    fn a_token_is_good_only_for_its_kind_and_person() {
        person("anna@example.com");
        person("ben@example.com");
        recover("anna@example.com").ok();
        let sent = message("recover_password");
        for kind in ["signup", "invite", "email_change"] {
            verify(json!({"type": kind, "token_hash": sent["token_hash"]}))
                .refused(403, "otp_expired");
        }
        verify(code("ben@example.com", &sent["token"])).refused(403, "otp_expired");
        for bad in [
            json!({}),
            json!({"type": "magiclink", "token_hash": "x"}),
            json!({"type": "recovery"}),
            json!({"type": "recovery", "email": "a@example.com"}),
        ] {
            verify(bad).refused(400, "validation_failed");
        }
        verify(code("anna@example.com", &sent["token"])).ok();
    }

    #[pg_test]
    fn an_invited_person_chooses_a_password() {
        let ben = identity::create_person(&identity::NewPerson {
            id: None,
            email: None,
            phone: Some("9876543210"),
            name: Some("Ben"),
            password: None,
            confirmed: false,
            system: "network",
        })
        .unwrap();
        identity::invite(ben, "network").unwrap();
        let sent = message("invite");
        let body = json!({"type": "invite", "phone": "+919876543210", "token": sent["token"]});
        let session = verify(body).ok();
        assert_eq!(claims(&session)["sub"], ben.to_string());
        assert!(session["user"]["phone_confirmed_at"].is_string());
        let change = json!({"password": PASSWORD});
        Call::to("user_put").session(&session).body(change).send().ok();
        sign_in("9876543210");
    }

    #[pg_test]
    fn a_link_leads_back_to_the_site_with_the_session() {
        person("anna@example.com");
        setting("site_url", "\"https://shop.example\"");
        setting("api_url", "\"https://api.example\"");
        recover("anna@example.com").ok();
        let link = message("recover_password")["link"].as_str().unwrap().to_owned();
        let (place, query) = link.split_once('?').unwrap();
        assert_eq!(place, "https://api.example/network/auth/v1/verify");
        let follow = || Call::to("verify").get().query(query).send();
        let reply = follow();
        assert_eq!((reply.status, &reply.body), (303, &Value::Null));
        let location = reply.headers[0]["Location"].as_str().unwrap();
        let fragment = location.strip_prefix("https://shop.example#").unwrap();
        assert!(fragment.starts_with("access_token=") && fragment.ends_with("&type=recovery"));
        let again = follow();
        let location = again.headers[0]["Location"].as_str().unwrap();
        assert!(
            location.starts_with("https://shop.example#error=access_denied&error_code=otp_expired")
        );
    }

    #[pg_test]
    fn a_link_never_leads_to_a_foreign_site() {
        person("anna@example.com");
        setting("site_url", "\"https://shop.example\"");
        Call::to("recover")
            .query("redirect_to=https%3A%2F%2Fevil.example")
            .body(json!({"email": "anna@example.com"}))
            .send()
            .ok();
        let sent = message("recover_password");
        assert!(sent["link"].as_str().unwrap().starts_with("https://shop.example/"));
        let query = format!(
            "type=recovery&token={}&redirect_to=https://evil.example",
            sent["token_hash"].as_str().unwrap()
        );
        let reply = Call::to("verify").get().query(&query).send();
        assert!(
            reply.headers[0]["Location"].as_str().unwrap().starts_with("https://shop.example#")
        );
    }

    #[pg_test]
    fn a_link_without_a_place_to_go_answers_json() {
        person("anna@example.com");
        recover("anna@example.com").ok();
        let token = message("recover_password")["token_hash"].as_str().unwrap().to_owned();
        let query = format!("type=recovery&token={token}");
        let session = Call::to("verify").get().query(&query).send().ok();
        assert_eq!(rest_request(&session), "00000");
        Call::to("verify").get().query(&query).send().refused(403, "otp_expired");
        Call::to("verify").get().query("type=recovery").send().refused(400, "validation_failed");
    }

    #[pg_test]
    fn a_confirmation_is_sent_again_to_who_waits_for_it() {
        let body = json!({"email": "anna@example.com", "password": PASSWORD});
        Call::to("signup").body(body).send().ok();
        person("ben@example.com");
        let resend = |kind: &str, email: &str| {
            Call::to("resend").body(json!({"type": kind, "email": email})).send()
        };
        for (kind, email) in [
            ("signup", "anna@example.com"),
            ("signup", "ben@example.com"),
            ("email_change", "anna@example.com"),
            ("signup", "nobody@example.com"),
        ] {
            assert_eq!(resend(kind, email).ok(), json!({}));
        }
        assert_eq!(messages(), 2);
        resend("magic", "anna@example.com").refused(400, "validation_failed");
    }

    #[pg_test]
    fn nothing_that_grants_access_is_kept_beside_the_outbox() {
        person("anna@example.com");
        recover("anna@example.com").ok();
        let sent = message("recover_password");
        let kept: String = one("select string_agg(t::text, '') from identity.one_time_tokens t");
        let logged: String = one("select string_agg(t::text, '') from ops.audit_logs t");
        for secret in ["token", "token_hash"] {
            let secret = sent[secret].as_str().unwrap();
            assert!(!kept.contains(secret) && !logged.contains(secret));
        }
    }
}
