//! The secrets of webhooks: several at once, ended, removed, never shown.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ops::inbox::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::{Value, json};

    fn is_taken(secret: &str, id: &str) -> bool {
        let body = event(id, "", 1_700_000_000);
        post("stripe", &signed(secret, &body, 0), &body).0 == 200
    }

    fn add(secret: &str, not_after: &str) -> Value {
        one::<JsonB>(&format!(
            "select to_jsonb(s) from ops.set_webhook_secret('stripe', '{secret}', true, {not_after}) s"
        ))
        .0
    }

    #[pg_test]
    fn several_are_good_at_once_and_one_ends_at_its_time() {
        add("whsec_the_old_one", "null");
        let new = add("whsec_the_new_one", "null");
        assert_eq!((&new["last_four"], &new["live"]), (&json!("_one"), &json!(true)));
        assert!(is_taken("whsec_the_old_one", "evt_1") && is_taken("whsec_the_new_one", "evt_2"));
        let ended = add("whsec_the_old_one", "now() + interval '1 day'");
        assert_ne!(ended["not_after"], Value::Null);
        assert_eq!(count("ops.webhook_secrets"), 2);
        assert!(is_taken("whsec_the_old_one", "evt_3"));
        run("update ops.webhook_secrets set not_after = now() where not_after is not null");
        assert!(!is_taken("whsec_the_old_one", "evt_4") && is_taken("whsec_the_new_one", "evt_5"));
    }

    #[pg_test]
    fn one_is_removed_at_once_or_later() {
        let id = add("whsec_the_old_one", "null")["id"].as_str().expect("an id").to_owned();
        let later = one::<JsonB>(&format!(
            "select to_jsonb(s) from ops.remove_webhook_secret('{id}', now() + interval '1 hour') s"
        ));
        assert_ne!(later.0["not_after"], Value::Null);
        assert!(is_taken("whsec_the_old_one", "evt_1"));
        let removed: Uuid = one(&format!("select id from ops.remove_webhook_secret('{id}')"));
        assert_eq!(removed.to_string(), id);
        assert!(!is_taken("whsec_the_old_one", "evt_2"));
        assert_eq!(count("ops.webhook_refusals where reason = 'secret'"), 1);
        assert_eq!(count(&format!("backoffice.secrets where id = '{id}'")), 0);
        expect_error("PT404", &format!("select ops.remove_webhook_secret('{id}')"));
        expect_error("PT404", &format!("select ops.remove_webhook_secret('{id}', 'infinity')"));
        expect_error("22023", &format!("select ops.remove_webhook_secret('{id}', now())"));
    }

    #[pg_test]
    fn one_that_ended_is_destroyed_a_day_later() {
        alone_with_jobs();
        for secret in ["whsec_the_old_one", "whsec_the_new_one"] {
            add(secret, "null");
        }
        run("update ops.webhook_secrets set not_after = now() - interval '25 hours'
              where id = (select id from ops.webhook_secrets order by id limit 1)");
        assert_eq!(result_of("purge_webhooks"), json!({"emptied": 0, "refusals": 0, "secrets": 1}));
        assert_eq!(
            (count("ops.webhook_secrets"), count("backoffice.secrets where purpose = 'webhook'")),
            (1, 1)
        );
    }

    #[pg_test]
    fn none_is_in_the_database_as_it_is() {
        add("whsec_not_to_be_seen", "null");
        run("select backoffice.check_secrets()");
        for table in ["ops.webhook_secrets", "backoffice.secrets", "ops.audit_logs"] {
            assert_eq!(
                count(&format!("{table} t where t::text like '%not_to_be_%'")),
                0,
                "{table}"
            );
        }
        assert_eq!(one::<i64>("select count(*) from backoffice.check_secrets()"), 0);
    }

    #[pg_test]
    fn what_makes_no_sense_is_refused() {
        for (code, call) in [
            ("22023", "'nobody', 'whsec_the_new_one', true"),
            ("22023", "'stripe', 'short', true"),
            ("22023", "'stripe', 'with a space in it', true"),
            ("22023", "'stripe', repeat('x', 256), true"),
            ("22023", "'stripe', 'whsec_the_new_one', true, now()"),
            ("22004", "null, 'whsec_the_new_one', true"),
            ("22004", "'stripe', null, true"),
            ("22004", "'stripe', 'whsec_the_new_one', null"),
        ] {
            expect_error(code, &format!("select ops.set_webhook_secret({call})"));
        }
        add("whsec_the_new_one", "null");
        expect_error(
            "PT409",
            "select ops.set_webhook_secret('stripe', 'whsec_the_new_one', false)",
        );
        for n in 1..10 {
            add(&format!("whsec_number_{n}"), "null");
        }
        expect_error(
            "PT409",
            "select ops.set_webhook_secret('stripe', 'whsec_one_too_many', true)",
        );
        add("whsec_number_1", "now() + interval '1 day'");
    }
}
