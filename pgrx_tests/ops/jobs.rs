//! Jobs inside PostgreSQL: the registry, a run and its record, and who may what.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::error::{Error, Result};
    use crate::kernel::ids::new_id;
    use crate::ops::jobs::schedule::Schedule;
    use crate::ops::jobs::{self, Job};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid, pg_sys};
    use serde_json::{Value, json};

    /// Gives this backend a job of the test's own.
    fn job(run: fn() -> Result<Value>) {
        run_sql_setup();
        jobs::register(Job {
            name: "test_job",
            system: "ops",
            schedule: "5 4 * * *",
            description: "A job of the tests",
            run,
        });
    }

    fn run_sql_setup() {
        // Waits until the test before this one is undone, its lock on the job, which goes last, included.
        run("create table if not exists public.done (n integer check (n > 0))");
        let lock = "pg_catalog.hashtextextended('backoffice job test_job', 0)";
        run(&format!("select pg_advisory_lock({lock}), pg_advisory_unlock({lock})"));
        run("grant all on public.done to public");
    }

    fn do_one() -> Result<Value> {
        run("insert into public.done values (1)");
        Ok(json!({"done": 1}))
    }

    fn do_three_times() -> Result<Value> {
        run("insert into public.done values (1)");
        let left = one::<i64>("select count(*) from public.done") < 3;
        Ok(json!({"done": 1, "more": left}))
    }

    fn break_a_constraint() -> Result<Value> {
        do_one()?;
        run("insert into public.done values (0)");
        Ok(json!({}))
    }

    fn refuse() -> Result<Value> {
        do_one()?;
        Err(Error::conflict("not today").detail("come back tomorrow"))
    }

    fn fail_in_the_second_batch() -> Result<Value> {
        do_one()?;
        if one::<i64>("select count(*) from public.done") == 2 {
            return Err(Error::conflict("enough"));
        }
        Ok(json!({"done": 1, "more": true}))
    }

    fn panic() -> Result<Value> {
        do_one()?;
        panic!("a bug")
    }

    fn find_problems() -> Result<Value> {
        do_one()?;
        Ok(jobs::problems(vec![json!("one"), json!("two")]))
    }

    fn be_cancelled() -> Result<Value> {
        do_one()?;
        // SAFETY: what the handler of the signal does.
        unsafe {
            pg_sys::QueryCancelPending = 1;
            pg_sys::InterruptPending = 1;
        }
        run("select pg_sleep(20)");
        Ok(json!({}))
    }

    /// Runs the test's job; its record.
    fn record() -> Value {
        one::<JsonB>("select to_jsonb(r) from ops.run_job('test_job') r").0
    }

    fn done() -> i64 {
        one("select count(*) from public.done")
    }

    /// One column of the test's job, as text.
    fn status(column: &str) -> Option<String> {
        maybe(&format!("select ({column})::text from ops.job_status() where name = 'test_job'"))
    }

    fn admin() -> Uuid {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ops', 'admin')"));
        admin
    }

    #[pg_test]
    fn every_job_has_a_name_of_its_own_and_a_schedule_that_comes() {
        alone_with_jobs();
        let all = jobs::registered();
        assert!(all.len() >= 10);
        assert!(all.windows(2).all(|pair| pair[0].name < pair[1].name));
        for job in all {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(job.name.chars().all(good) && job.name != "schedule_jobs", "{}", job.name);
            let schedule = Schedule::parse(job.schedule).expect(job.name);
            assert!(schedule.next(0).is_some(), "{}", job.name);
            assert!(!job.description.is_empty() && !job.description.ends_with('.'));
            assert_eq!(
                one::<i64>(&format!(
                    "select count(*) from (select system from backoffice.setting_definitions
                       union select system from backoffice.role_definitions) s
                      where system = '{}'",
                    job.system
                )),
                1,
                "{}",
                job.system
            );
        }
    }

    #[pg_test]
    fn a_run_is_recorded_with_what_it_did() {
        alone_with_jobs();
        job(do_one);
        let record = record();
        assert_eq!((&record["job"], &record["system"]), (&json!("test_job"), &json!("ops")));
        assert_eq!(
            (&record["status"], &record["result"]),
            (&json!("succeeded"), &json!({"done": 1}))
        );
        assert_eq!((&record["error"], &record["sqlstate"]), (&Value::Null, &Value::Null));
        assert_eq!(record["actor_role"], "database");
        assert_eq!(done(), 1);
        assert!(one::<bool>(
            "select finished_at >= started_at and duration = finished_at - started_at
               from ops.job_runs where job = 'test_job'"
        ));
    }

    #[pg_test]
    fn a_job_with_more_to_do_is_called_again_in_the_same_run() {
        alone_with_jobs();
        job(do_three_times);
        assert_eq!(record()["result"], json!({"done": 3, "more": false}));
        assert_eq!((done(), one::<i64>("select count(*) from ops.job_runs")), (3, 1));
    }

    #[pg_test]
    fn an_error_of_the_database_is_recorded_and_what_the_job_did_is_undone() {
        alone_with_jobs();
        job(break_a_constraint);
        let record = record();
        assert_eq!((&record["status"], &record["sqlstate"]), (&json!("failed"), &json!("23514")));
        assert_eq!((&record["result"], done()), (&Value::Null, 0));
        assert!(record["error"].as_str().is_some_and(|text| text.contains("done_n_check")));
    }

    #[pg_test]
    fn an_error_of_the_job_is_recorded_with_its_code_and_detail() {
        alone_with_jobs();
        job(refuse);
        let record = record();
        assert_eq!(record["sqlstate"], "PT409");
        assert_eq!(record["error"], "not today (come back tomorrow)");
        assert_eq!(done(), 0);
    }

    #[pg_test]
    fn a_batch_that_fails_undoes_the_whole_run() {
        alone_with_jobs();
        job(fail_in_the_second_batch);
        assert_eq!((&record()["sqlstate"], done()), (&json!("PT409"), 0));
    }

    #[pg_test]
    fn a_bug_in_a_job_ends_that_job_only() {
        alone_with_jobs();
        job(panic);
        assert_eq!((&record()["sqlstate"], done()), (&json!("XX000"), 0));
        run("insert into public.done values (7)");
        assert_eq!(done(), 1);
    }

    #[pg_test]
    fn problems_that_a_job_finds_make_its_run_a_failure_and_undo_nothing() {
        alone_with_jobs();
        job(find_problems);
        let record = record();
        assert_eq!((&record["status"], &record["sqlstate"]), (&json!("failed"), &Value::Null));
        assert_eq!(record["result"], json!({"problems": 2, "found": ["one", "two"]}));
        assert_eq!(done(), 1);
    }

    #[pg_test]
    fn a_job_that_is_cancelled_is_recorded_as_such() {
        alone_with_jobs();
        job(be_cancelled);
        assert_eq!((&record()["sqlstate"], done()), (&json!("57014"), 0));
    }

    #[pg_test]
    fn jobs_are_run_by_admins_of_ops_and_servers() {
        alone_with_jobs();
        job(do_one);
        let admin = admin();
        become_person(new_id());
        expect_error("42501", "select ops.run_job('test_job')");
        become_anonymous();
        expect_error("42501", "select ops.run_job('test_job')");
        become_service();
        assert_eq!(record()["actor_role"], "service");
        become_person(admin);
        let record = record();
        assert_eq!(record["actor_id"], json!(admin.to_string()));
        assert_eq!(
            (&record["status"], &record["actor_role"]),
            (&json!("succeeded"), &json!("person"))
        );
    }

    #[pg_test]
    fn a_job_must_be_named_and_known() {
        alone_with_jobs();
        expect_error("22004", "select ops.run_job(null)");
        expect_error("PT404", "select ops.run_job('no_such_job')");
        expect_error("22004", "select ops.set_job(null)");
        expect_error("PT404", "select ops.set_job('no_such_job')");
        expect_error("22004", "select ops.set_job('purge_outbox', null)");
    }

    #[pg_test]
    fn runs_are_read_by_admins_of_ops_only() {
        alone_with_jobs();
        job(do_one);
        let admin = admin();
        record();
        let seen = || one::<i64>("select count(*) from ops.job_runs");
        become_person(new_id());
        assert_eq!(seen(), 0);
        expect_error("42501", "select from ops.job_status()");
        expect_error("42501", "select ops.set_job('test_job', false)");
        expect_error("42501", "select from ops.job_settings");
        expect_error("42501", "insert into ops.job_runs (id) values (null)");
        become_person(admin);
        assert_eq!(seen(), 1);
        assert!(one::<i64>("select count(*) from ops.job_status()") > 10);
        become_service();
        assert_eq!(seen(), 1);
    }

    #[pg_test]
    fn the_status_shows_how_a_job_does() {
        alone_with_jobs();
        job(do_one);
        assert_eq!(status("last_status"), None);
        assert_eq!(status("schedule").as_deref(), Some("5 4 * * *"));
        assert_eq!(status("enabled and not scheduled and not running").as_deref(), Some("true"));
        record();
        assert_eq!(status("last_status").as_deref(), Some("succeeded"));
        assert_eq!(status("last_result").as_deref(), Some(r#"{"done": 1}"#));
        assert_eq!(status("last_success_at = last_run_at").as_deref(), Some("true"));
        // This transaction holds the job until its end.
        assert_eq!(status("running").as_deref(), Some("true"));
        run("alter table public.done add constraint full_up check (n > 1) not valid");
        record();
        assert_eq!(status("last_status || ' ' || last_sqlstate").as_deref(), Some("failed 23514"));
        assert_eq!(status("last_success_at < last_run_at").as_deref(), Some("true"));
    }

    #[pg_test]
    fn the_next_run_follows_from_what_pg_cron_was_seen_to_have() {
        alone_with_jobs();
        job(do_one);
        assert_eq!(status("next_run_at"), None);
        run("insert into ops.job_schedules values ('test_job', '5 4 * * *', now(), now())");
        run("set timezone = 'Asia/Kolkata'");
        assert_eq!(status("scheduled").as_deref(), Some("true"));
        assert_eq!(
            status("(next_run_at at time zone 'utc')::time").as_deref(),
            Some("04:05:00"),
            "pg_cron goes by UTC whatever the session does"
        );
        assert_eq!(
            status("next_run_at > now() and next_run_at <= now() + interval '1 day'").as_deref(),
            Some("true")
        );
        run("update ops.job_schedules set confirmed_at = now() - interval '16 minutes'");
        assert_eq!(status("scheduled").as_deref(), Some("false"));
        assert_eq!(status("next_run_at"), None);
    }

    #[pg_test]
    fn an_admin_chooses_when_a_job_runs_and_it_is_audited() {
        alone_with_jobs();
        job(do_one);
        let admin = admin();
        become_person(admin);
        let chosen: JsonB =
            one("select to_jsonb(s) from ops.set_job('test_job', true, '*/2 1-3 * * 1') s");
        assert_eq!(chosen.0["schedule"], "*/2 1-3 * * 1");
        assert_eq!(chosen.0["updated_by"], json!(admin.to_string()));
        assert_eq!(status("schedule").as_deref(), Some("*/2 1-3 * * 1"));
        run("select ops.set_job('test_job', false)");
        assert_eq!(status("schedule || ' ' || enabled").as_deref(), Some("5 4 * * * false"));
        // It can still be run by hand.
        assert_eq!(record()["status"], "succeeded");
        become_database();
        assert_eq!(
            one::<i64>(&format!(
                "select count(*) from ops.audit_logs
                  where table_name = 'ops.job_settings' and actor_id = '{admin}'"
            )),
            2
        );
    }

    #[pg_test]
    fn a_schedule_that_is_none_is_refused() {
        alone_with_jobs();
        for text in ["", "* * * *", "61 * * * *", "@daily", "0 0 30 2 *", "* * * * *; select 1"] {
            expect_error("22023", &format!("select ops.set_job('purge_outbox', true, '{text}')"));
        }
    }

    #[pg_test]
    fn scheduling_is_for_the_owner_and_wants_pg_cron() {
        alone_with_jobs();
        for call in ["ops.schedule_jobs()", "ops.unschedule_jobs()"] {
            expect_error("55000", &format!("select {call}"));
            become_service();
            expect_error("42501", &format!("select {call}"));
            become_database();
        }
    }
}
