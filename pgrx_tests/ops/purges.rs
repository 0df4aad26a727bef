//! The jobs that forget: what they delete, and what they must leave.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::ops::outbox::{self, Channel, Message};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::{Value, json};

    /// Runs a job, when no other test is running it; the record.
    fn run_job(job: &str) -> Value {
        run(&format!("select pg_advisory_xact_lock(hashtextextended('backoffice job {job}', 0))"));
        one::<JsonB>(&format!("select to_jsonb(r) from ops.run_job('{job}') r")).0
    }

    /// Runs a job; its result.
    fn result_of(job: &str) -> Value {
        let record = run_job(job);
        assert_eq!(record["status"], "succeeded", "{record}");
        record["result"].clone()
    }

    fn count(table: &str) -> i64 {
        one(&format!("select count(*) from {table}"))
    }

    fn person() -> Uuid {
        let id = new_id();
        run(&format!("insert into identity.users (id, system) values ('{id}', 'network')"));
        id
    }

    #[pg_test]
    fn old_idempotency_keys_are_forgotten() {
        alone_with_jobs();
        run("insert into backoffice.idempotency_keys (actor, key, function, fingerprint, created_at)
             select 'a', n::text, 'f', '', now() - n * interval '1 day' from generate_series(5, 10) n");
        assert_eq!(result_of("purge_idempotency_keys"), json!({"deleted": 3}));
        assert_eq!(count("backoffice.idempotency_keys"), 3);
        run("select backoffice.set_setting('backoffice', 'idempotency_key_days', '5')");
        assert_eq!(result_of("purge_idempotency_keys"), json!({"deleted": 2}));
    }

    #[pg_test]
    fn many_are_deleted_in_batches_of_one_run() {
        alone_with_jobs();
        run("insert into backoffice.idempotency_keys (actor, key, function, fingerprint, created_at)
             select 'a', n::text, 'f', '', now() - interval '30 days' from generate_series(1, 2500) n");
        assert_eq!(result_of("purge_idempotency_keys"), json!({"deleted": 2500}));
        assert_eq!(count("backoffice.idempotency_keys"), 0);
    }

    #[pg_test]
    fn messages_are_deleted_long_after_they_were_sent_or_given_up() {
        alone_with_jobs();
        for (recipient, age, status) in [
            ("old and sent", 91, "sent"),
            ("old and dead", 91, "dead"),
            ("old and pending", 91, "pending"),
            ("sent lately", 89, "sent"),
        ] {
            outbox::enqueue(&Message {
                system: "ops",
                channel: Channel::Sms,
                template: "t",
                recipient,
                payload: json!({}),
                idempotency_key: None,
            })
            .unwrap();
            run(&format!(
                "update ops.outbox set status = '{status}', available_at = now() - interval '{age} days',
                    created_at = now() - interval '{age} days',
                    sent_at = case '{status}' when 'sent' then now() - interval '{age} days' end
                  where recipient = '{recipient}'"
            ));
        }
        assert_eq!(result_of("purge_outbox"), json!({"deleted": 2}));
        assert_eq!(
            one::<String>("select string_agg(recipient, ', ' order by recipient) from ops.outbox"),
            "old and pending, sent lately"
        );
    }

    #[pg_test]
    fn of_old_runs_the_last_and_the_last_success_stay() {
        alone_with_jobs();
        run("insert into ops.job_runs (id, job, system, started_at, finished_at, status, result, error, actor_role)
             select gen_random_uuid(), job, 'ops', now() - days * interval '1 day',
                    now() - days * interval '1 day', status,
                    case status when 'succeeded' then '{}'::jsonb end,
                    case status when 'failed' then 'e' end, 'database'
               from (values ('a', 50, 'succeeded'), ('a', 45, 'succeeded'), ('a', 42, 'skipped'),
                            ('a', 40, 'failed'), ('a', 35, 'failed'),
                            ('b', 50, 'succeeded'), ('b', 5, 'succeeded')) as r (job, days, status)");
        assert_eq!(result_of("purge_job_runs"), json!({"deleted": 4}));
        let left = "select string_agg(job || extract(day from now() - started_at), ' ' order by job, started_at)
                      from ops.job_runs where job in ('a', 'b')";
        assert_eq!(one::<String>(left), "a45 a35 b5");
    }

    #[pg_test]
    fn sessions_go_long_after_their_end_with_their_tokens() {
        alone_with_jobs();
        let person = person();
        for (ended, not_after) in [("-31", "100"), ("-29", "100"), ("null", "-31"), ("null", "1")] {
            let session = new_id();
            run(&format!(
                "insert into identity.sessions (id, user_id, system, not_after, amr, ended_at, end_reason)
                 values ('{session}', '{person}', 'network', now() + {not_after} * interval '1 day', '[]',
                         now() + {ended} * interval '1 day',
                         case when {ended} is not null then 'signed_out' end)"
            ));
            run(&format!(
                "insert into identity.refresh_tokens (token_hash, session_id)
                 values (uuid_send('{session}'), '{session}')"
            ));
        }
        assert_eq!(result_of("purge_sessions"), json!({"deleted": 2}));
        assert_eq!((count("identity.sessions"), count("identity.refresh_tokens")), (2, 2));
        assert!(one::<bool>(
            "select bool_and(coalesce(ended_at, not_after) > now() - interval '30 days') from identity.sessions"
        ));
    }

    #[pg_test]
    fn one_time_tokens_go_long_after_they_were_used_or_expired() {
        alone_with_jobs();
        let person = person();
        for (kind, used, expires) in [
            ("recovery", "-31", -40),
            ("invite", "null", -31),
            ("confirmation", "null", -29),
            ("email_change", "-29", -40),
        ] {
            run(&format!(
                "insert into identity.one_time_tokens
                    (user_id, kind, token_hash, code_hash, system, recipient, expires_at, used_at)
                 values ('{person}', '{kind}', '{kind}', '', 'network', 'r', now() + {expires} * interval '1 day',
                         now() + {used} * interval '1 day')"
            ));
        }
        assert_eq!(result_of("purge_one_time_tokens"), json!({"deleted": 2}));
        assert_eq!(
            one::<String>(
                "select string_agg(kind, ' ' order by kind) from identity.one_time_tokens"
            ),
            "confirmation email_change"
        );
    }

    #[pg_test]
    fn expired_counts_and_challenges_go() {
        alone_with_jobs();
        run("insert into identity.throttle (key, failures, window_started_at, expires_at)
             select uuid_send(gen_random_uuid()), 1, now(), now() + n * interval '1 hour'
               from generate_series(-2, 1) n");
        // The one that expires now may still be counted on.
        assert_eq!(result_of("purge_throttle"), json!({"deleted": 2}));
        let (person, factor) = (person(), new_id());
        run(&format!(
            "insert into identity.factors (id, user_id, secret_id) values ('{factor}', '{person}', '{factor}')"
        ));
        run(&format!(
            "insert into identity.challenges (id, factor_id, expires_at)
             select gen_random_uuid(), '{factor}', now() + n * interval '1 day' from generate_series(-3, 0) n"
        ));
        assert_eq!(result_of("purge_challenges"), json!({"deleted": 2}));
    }

    #[pg_test]
    fn holds_are_expired_and_the_books_proved() {
        alone_with_jobs();
        for account in ["a", "b"] {
            run(&format!("select ledger.open_account('network', '{account}', 'INR', 'liability')"));
        }
        run(
            "select ledger.hold('network', 'a', 'b', 100, p_expires_at => clock_timestamp() + interval '20 ms')",
        );
        run("select pg_sleep(0.05)");
        assert_eq!(result_of("expire_holds"), json!({"expired": 1}));
        assert_eq!(result_of("expire_holds"), json!({"expired": 0}));
        assert_eq!(result_of("check_ledger"), json!({"problems": 0, "found": []}));
        assert_eq!(result_of("check_network"), json!({"problems": 0, "found": []}));
    }

    #[pg_test]
    fn books_that_do_not_balance_fail_their_check() {
        alone_with_jobs();
        run("select ledger.open_account('network', 'a', 'INR', 'liability')");
        run("set local session_replication_role = replica");
        run("update ledger.accounts set debits_posted = 5 where code = 'a'");
        let record = run_job("check_ledger");
        assert_eq!((&record["status"], &record["sqlstate"]), (&json!("failed"), &Value::Null));
        assert!(record["result"]["problems"].as_i64() > Some(0));
        assert!(record["result"]["found"][0]["problem"].is_string());
    }

    #[pg_test]
    fn a_network_that_disagrees_with_itself_fails_its_check() {
        alone_with_jobs();
        run("select backoffice.bootstrap_admin('owner@example.test', 'correct-Horse-7-battery')");
        let id: Uuid = one("select id from network.create_unified_promoter('P', 'p@example.test')");
        run(&format!("update network.profiles set pins = 3 where id = '{id}'"));
        let record = run_job("check_network");
        assert_eq!(record["status"], "failed");
        assert_eq!(record["result"]["found"][0]["rule"], "pins");
    }
}
