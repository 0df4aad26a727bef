//! The jobs as those who watch see them: the checks they run, and what is said of them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::error::{Error, Result};
    use crate::ops::jobs::{self, Job};
    use crate::ops::watch::alert::Alert;
    use crate::ops::watch::check::{self, Check};
    use crate::pgrx_tests::support::*;
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    /// A job that fails while the table public.broken is there.
    fn job() {
        jobs::register(Job {
            name: "test_job",
            system: "ops",
            schedule: "5 4 * * *",
            description: "A job of the tests",
            run: || match one::<bool>("select to_regclass('public.broken') is not null") {
                true => Err(Error::conflict("not today")),
                false => Ok(json!({})),
            },
        });
    }

    fn break_it() {
        run("create table public.broken ()");
    }

    fn record(job: &str) -> Value {
        one::<JsonB>(&format!("select to_jsonb(r) from ops.run_job('{job}') r")).0
    }

    /// The keys of the open alerts.
    fn open() -> String {
        one(
            "select coalesce(string_agg(key, ' ' order by key), '') from ops.alerts where resolved_at is null",
        )
    }

    fn json(sql: &str) -> Value {
        one::<JsonB>(&format!("select ({sql})::jsonb")).0
    }

    /// What the health says about the test's job.
    fn health() -> Value {
        json(
            "select j from jsonb_array_elements(ops.health()->'jobs') j where j->>'name' = 'test_job'",
        )
    }

    fn reasons() -> String {
        json("select ops.health()->'reasons'").to_string()
    }

    fn metrics() -> String {
        one("select ops.metrics()::text")
    }

    /// pg_cron has had the test's job for so long.
    fn scheduled_since(ago: &str) {
        run(&format!(
            "insert into ops.job_schedules (job, schedule, since, confirmed_at)
             values ('test_job', '5 4 * * *', now() - interval '{ago}', now())
             on conflict (job) do update set since = excluded.since"
        ));
    }

    fn refusing() -> Result<Vec<Alert>> {
        Err(Error::conflict("not today"))
    }

    #[pg_test]
    fn the_job_of_the_checks_raises_alerts_and_fails_only_where_a_check_could_not_run() {
        alone_with_jobs();
        run("insert into ops.outbox (id, system, channel, template, recipient, payload, status, available_at)
             values (gen_random_uuid(), 'test', 'sms', 't', 'a', '{}', 'pending', now() - interval '1 day')");
        let ran = record("run_checks");
        assert_eq!(ran["status"], "succeeded");
        assert_eq!(ran["result"], json!({"checks": 12, "alerts": 1, "problems": 0}));
        assert_eq!(open(), "outbox_late:sms");
        check::register(Check { name: "refusing", thorough: false, run: refusing });
        let ran = record("run_checks");
        assert_eq!((&ran["status"], &ran["sqlstate"]), (&json!("failed"), &Value::Null));
        assert_eq!(ran["result"], json!({"checks": 13, "alerts": 1, "problems": 1}));
        assert_eq!(open(), "check_failed:refusing outbox_late:sms");
    }

    #[pg_test]
    fn a_proof_that_finds_something_is_a_run_that_failed_an_alert_and_a_result() {
        alone_with_jobs();
        run("select ledger.open_account('network', 'a', 'INR', 'liability')");
        run("set local session_replication_role = replica");
        run("update ledger.accounts set debits_posted = 5 where code = 'a'");
        run("set local session_replication_role = origin");
        assert_eq!(record("check_ledger")["status"], "failed");
        assert!(open().starts_with("ledger_books:"));
        let noted = "select problems from ops.check_results where name = 'ledger_books'";
        assert!(one::<i64>(noted) > 0);
        run("set local session_replication_role = replica");
        run("update ledger.accounts set debits_posted = 0 where code = 'a'");
        run("set local session_replication_role = origin");
        assert_eq!(record("check_ledger")["status"], "succeeded");
        assert_eq!((open().as_str(), one::<i64>(noted)), ("", 0));
    }

    #[pg_test]
    fn a_proof_that_cannot_run_is_a_run_that_failed_and_says_so() {
        alone_with_jobs();
        run("alter table network.profiles rename to renamed");
        let ran = record("check_network");
        assert_eq!((&ran["status"], &ran["sqlstate"]), (&json!("failed"), &Value::Null));
        assert!(ran["result"]["error"].as_str().is_some_and(|text| text.contains("profiles")));
        assert_eq!(open(), "check_failed:network_facts");
        run("alter table network.renamed rename to profiles");
        assert_eq!(record("check_network")["status"], "succeeded");
        assert_eq!(open(), "");
    }

    #[pg_test]
    fn a_job_that_failed_is_an_alert_until_it_succeeds() {
        alone_with_jobs();
        job();
        break_it();
        record("test_job");
        run("select ops.run_checks()");
        assert_eq!(open(), "jobs_failed:test_job");
        let detail = json("select detail from ops.alerts");
        assert_eq!((&detail["job"], &detail["sqlstate"]), (&json!("test_job"), &json!("PT409")));
        assert!(reasons().contains("jobs that failed: test_job"));
        run("drop table public.broken");
        record("test_job");
        run("select ops.run_checks()");
        assert_eq!(open(), "");
        assert!(!reasons().contains("test_job"));
    }

    #[pg_test]
    fn a_job_that_is_switched_off_or_found_problems_has_not_failed() {
        alone_with_jobs();
        job();
        break_it();
        record("test_job");
        run("select ops.set_job('test_job', false)");
        run("update ops.job_runs set sqlstate = null where job = 'test_job'");
        run("select ops.run_checks()");
        run("select ops.set_job('test_job')");
        run("select ops.run_checks()");
        assert_eq!(open(), "");
        run("update ops.job_runs set sqlstate = 'PT409' where job = 'test_job'");
        run("select ops.set_job('test_job', false)");
        run("select ops.run_checks()");
        assert_eq!((open().as_str(), reasons().contains("test_job")), ("", false));
    }

    #[pg_test]
    fn a_job_that_pg_cron_should_have_run_is_overdue() {
        alone_with_jobs();
        job();
        let overdue = || {
            run("select ops.run_checks()");
            (open() == "jobs_overdue:test_job", health()["overdue"].clone())
        };
        assert_eq!(overdue(), (false, json!(false)));
        scheduled_since("1 hour");
        assert_eq!(overdue(), (false, json!(false)));
        scheduled_since("3 days");
        assert_eq!(overdue(), (true, json!(true)));
        assert!(reasons().contains("jobs that are overdue: test_job"));
        assert!(metrics().contains("\nbackoffice_job_overdue{job=\"test_job\"} 1\n"));
        record("test_job");
        assert_eq!(overdue(), (false, json!(false)));
        run(
            "update ops.job_runs set started_at = now() - interval '3 days' where job = 'test_job'",
        );
        assert_eq!(overdue(), (true, json!(true)));
        // Nobody has seen it in pg_cron for long: then nothing is due.
        run("update ops.job_schedules set confirmed_at = now() - interval '1 hour'");
        assert_eq!(overdue(), (false, json!(false)));
    }

    #[pg_test]
    fn the_health_and_the_metrics_show_how_each_job_does() {
        alone_with_jobs();
        job();
        assert_eq!(health()["last_run_at"], Value::Null);
        assert!(!metrics().contains("last_run_failed{job=\"test_job\"}"));
        record("test_job");
        let about = health();
        assert_eq!(
            (&about["enabled"], &about["scheduled"], &about["last_status"]),
            (&json!(true), &json!(false), &json!("succeeded"))
        );
        assert!(about["last_success_at"].is_string());
        let text = metrics();
        assert!(text.contains("\nbackoffice_job_last_run_failed{job=\"test_job\"} 0\n"));
        let name = "\nbackoffice_job_last_success_timestamp_seconds{job=\"test_job\"} ";
        let at = text.split(name).nth(1).and_then(|rest| rest.lines().next());
        let at: f64 = at.and_then(|at| at.parse().ok()).expect("a number");
        let wanted: f64 = one(
            "select extract(epoch from started_at)::float8 from ops.job_runs where job = 'test_job'",
        );
        assert!((at - wanted).abs() < 0.001, "{at} {wanted}");
        break_it();
        record("test_job");
        assert_eq!(health()["last_sqlstate"], "PT409");
        assert!(metrics().contains("\nbackoffice_job_last_run_failed{job=\"test_job\"} 1\n"));
    }

    #[pg_test]
    fn without_pg_cron_nobody_expects_a_schedule() {
        alone_with_jobs();
        assert!(!reasons().contains("pg_cron"));
    }
}
