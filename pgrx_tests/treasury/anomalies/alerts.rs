//! Who is told of what, once.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ops::watch::alert::Severity;
    use crate::pgrx_tests::treasury::anomalies::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::alert;
    use pgrx::prelude::*;
    use serde_json::json;

    /// Messages of the treasury's alerts, such as `slack #treasury-alerts critical`.
    fn sent() -> String {
        one(
            "select coalesce(string_agg(concat_ws(' ', channel, recipient, payload ->> 'severity'), ', '
                    order by channel, recipient desc, payload ->> 'severity'), '')
               from ops.outbox where template = 'alert'",
        )
    }

    fn set(system: &str, key: &str, value: &str) {
        run(&format!("select backoffice.set_setting('{system}', '{key}', '{value}')"));
    }

    fn raise(severity: Severity, of: &str) -> Uuid {
        let of = Some(of.to_owned());
        alert::raise(severity, "treasury_test", of, "Look.".to_owned(), json!({"n": 1}))
            .expect("an alert")
    }

    #[pg_test]
    fn what_is_critical_goes_to_slack_and_warnings_to_an_address() {
        assert_eq!(raise(Severity::Critical, "a"), raise(Severity::Critical, "a"));
        assert_eq!(sent(), "slack #treasury-alerts critical");
        raise(Severity::Warning, "b");
        raise(Severity::Info, "c");
        assert_eq!(sent(), "slack #treasury-alerts critical");
        set("treasury", "alert_email", "\"ops@example.com\"");
        // Still open and not sent yet: now it is.
        raise(Severity::Warning, "b");
        raise(Severity::Warning, "b");
        assert_eq!(sent(), "email ops@example.com warning, slack #treasury-alerts critical");
        // It became worse, and only then is it told again.
        raise(Severity::Critical, "b");
        raise(Severity::Warning, "b");
        assert_eq!(
            sent(),
            "email ops@example.com warning, slack #treasury-alerts critical, slack #treasury-alerts critical"
        );
        set("treasury", "alert_slack_channel", "null");
        raise(Severity::Critical, "d");
        assert_eq!(one::<i64>("select count(*) from ops.outbox where template = 'alert'"), 3);
    }

    #[pg_test]
    fn after_it_is_resolved_it_is_told_anew() {
        let first = raise(Severity::Critical, "a");
        run(&format!("select ops.resolve_alert('{first}', 'seen to')"));
        assert_ne!(raise(Severity::Critical, "a"), first);
        assert_eq!(sent(), "slack #treasury-alerts critical, slack #treasury-alerts critical");
    }

    #[pg_test]
    fn what_ops_sends_to_the_same_place_is_not_sent_twice() {
        set("ops", "alert_channel", "\"slack\"");
        set("ops", "alert_recipient", "\"#treasury-alerts\"");
        raise(Severity::Critical, "a");
        assert_eq!(one::<String>("select system from ops.outbox where template = 'alert'"), "ops");
        set("ops", "alert_recipient", "\"#ops\"");
        raise(Severity::Critical, "b");
        assert_eq!(
            sent(),
            "slack #treasury-alerts critical, slack #treasury-alerts critical, slack #ops critical"
        );
    }

    #[pg_test]
    fn of_anomalies_high_ones_are_critical_and_low_ones_are_not_told() {
        set("treasury", "alert_email", "\"ops@example.com\"");
        become_service();
        for (key, severity) in [("a", "low"), ("b", "medium"), ("c", "high"), ("c", "high")] {
            run(&flag(key, severity, ""));
        }
        become_database();
        let logged: String =
            one("select string_agg(new_values ->> 'key', ',' order by new_values ->> 'key')
               from ops.audit_logs where table_name = 'treasury.anomalies' and action = 'INSERT'");
        assert_eq!(logged, "a,b,c");
        assert_eq!(sent(), "email ops@example.com warning, slack #treasury-alerts critical");
    }

    #[pg_test]
    fn a_first_look_at_a_long_past_does_not_flood_the_channel() {
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 700);
        for n in 0..30 {
            charge(host, buyer, 90_000_000 + n, &format!("now() - {n} * interval '3 hours'"));
        }
        run(DETECT);
        assert_eq!(
            one::<i64>("select count(*) from treasury.anomalies where severity = 'high'"),
            30
        );
        let told = || -> String {
            one("select string_agg(kind || ' ' || n, ', ' order by kind)
               from (select kind, count(*) as n from ops.alerts where kind like 'treasury%' group by 1) x")
        };
        assert_eq!(told(), "treasury_anomalies 1, treasury_anomaly 20");
        let others: i64 = one(
            "select (detail ->> 'anomalies')::bigint from ops.alerts where kind = 'treasury_anomalies'",
        );
        assert_eq!(others, 10);
        // What the next batch finds is no flood either, and the sum of another day is another.
        run(&flag("next", "high", ""));
        assert_eq!(told(), "treasury_anomalies 1, treasury_anomaly 20");
        let of_today: bool = one(
            "select key = 'treasury_anomalies:' || to_char(now() at time zone 'utc', 'YYYY-MM-DD')
               and occurrences = 2 from ops.alerts where kind = 'treasury_anomalies'",
        );
        assert!(of_today);
    }

    fn dispute(status: &str, due: &str) {
        let host = person("host");
        let id = charge(host, host, 1000, "now()");
        run(&format!(
            "insert into treasury.disputes (stripe_dispute_id, charge_id, status, amount_cents, currency, due_by)
             select 'dp_' || id, stripe_charge_id, '{status}', 1000, 'USD', now() + interval '{due}'
               from treasury.charges where id = '{id}'"
        ));
    }

    fn open(kind: &str) -> i64 {
        one(&format!(
            "select count(*) from ops.alerts where kind = '{kind}' and resolved_at is null"
        ))
    }

    #[pg_test]
    fn disputes_that_are_due_soon_are_warnings_until_they_are_not() {
        set("treasury", "alert_email", "\"ops@example.com\"");
        for (status, due) in [
            ("needs_response", "71 hours"),
            ("warning_needs_response", "1 hour"),
            ("needs_response", "73 hours"),
            ("needs_response", "-1 hour"),
            ("under_review", "1 hour"),
            ("lost", "1 hour"),
        ] {
            dispute(status, due);
        }
        run("select ops.run_checks()");
        assert_eq!(open("disputes_due"), 2);
        assert_eq!(sent(), "email ops@example.com warning, email ops@example.com warning");
        run("select ops.run_checks()");
        assert_eq!(one::<i64>("select count(*) from ops.outbox where template = 'alert'"), 2);
        run("update treasury.disputes set status = 'under_review'");
        run("select ops.run_checks()");
        assert_eq!(open("disputes_due"), 0);
        set("treasury", "dispute_due_hours", "74");
        dispute("needs_response", "73 hours");
        run("select ops.run_checks()");
        assert_eq!(open("disputes_due"), 1);
    }

    #[pg_test]
    fn what_parts_raise_by_the_door_of_ops_goes_the_same_way_and_others_do_not() {
        use crate::ops::watch::alert::{Alert, raise};
        for kind in ["stripe_requests_dead", "payouts_overdue", "network_facts", "outbox_dead"] {
            let (severity, message) = (Severity::Critical, "Look.".to_owned());
            raise(&Alert { severity, kind, of: None, message, detail: json!({}) })
                .expect("an alert");
        }
        let kinds: String = one(
            "select string_agg(payload ->> 'kind', ' ' order by id) from ops.outbox where system = 'treasury'",
        );
        assert_eq!(kinds, "stripe_requests_dead payouts_overdue");
    }

    #[pg_test]
    fn of_stripes_webhooks_what_was_given_up_is_critical_and_what_waits_a_warning() {
        set("treasury", "alert_email", "\"ops@example.com\"");
        run("insert into ops.webhook_events (id, source, live, event_key, event_type, verified, status,
                    error_code, error_message, parked_for, received_at)
             select gen_random_uuid(), source, true, 'evt_' || status, 'charge.succeeded', true, status, code,
                    code, parked_for, now() - interval '1 week'
               from unnest(array['stripe', 'razorpay']) source,
                    (values ('failed', 'PT409', null), ('parked', null, 'charge:ch_1')) x (status, code, parked_for)");
        for _ in 0..2 {
            run("select ops.run_checks()");
        }
        assert_eq!((open("webhooks_failed"), open("webhooks_parked")), (2, 2));
        let told: String = one(
            "select string_agg(concat_ws(' ', payload ->> 'kind', payload -> 'detail' ->> 'source', channel,
                        payload ->> 'severity'), ', ' order by payload ->> 'kind')
               from ops.outbox where system = 'treasury'",
        );
        assert_eq!(
            told,
            "webhooks_failed stripe slack critical, webhooks_parked stripe email warning"
        );
    }

    #[pg_test]
    fn a_check_of_the_treasury_that_cannot_run_is_critical() {
        run("alter table treasury.disputes rename to gone");
        run("select ops.run_checks()");
        let key: String = one("select key from ops.alerts where kind = 'check_failed'");
        assert_eq!(key, "check_failed:disputes_due");
        assert_eq!(sent(), "slack #treasury-alerts critical");
    }

    #[pg_test]
    fn a_job_of_the_treasury_that_failed_is_critical() {
        alone_with_jobs();
        run("alter table treasury.anomaly_marks rename to gone");
        let status: String = one("select status from ops.run_job('detect_anomalies')");
        assert_eq!(status, "failed");
        run("select ops.run_checks()");
        assert_eq!(open("jobs_failed"), 1);
        assert_eq!(sent(), "slack #treasury-alerts critical");
    }
}
