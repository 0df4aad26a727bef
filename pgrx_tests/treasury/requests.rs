//! Calls of Stripe: claimed with a lease, answered, tried again, given up, and looked at.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    /// A call that nothing comes of, of a subject of its own or another's.
    fn enqueue(subject_id: i64) -> Uuid {
        become_database();
        let id = new_id();
        run(&format!(
            "with charge as (
                insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, charged_at)
                values (gen_random_uuid(), 'ch_{subject_id}', 'authorized', 0, 'USD', now())
                on conflict do nothing)
             insert into treasury.refunds (id, original_charge_id, status, amount_cents, currency)
             values ({subject_id}, 'ch_{subject_id}', 'pending', 1, 'USD') on conflict do nothing"
        ));
        run(&format!(
            "insert into treasury.stripe_requests (id, subject, subject_id, method, path)
             values ('{id}', 'refund', {subject_id}, 'POST', '/v1/refunds')"
        ));
        id
    }

    fn ids(worker: &str) -> Vec<Uuid> {
        claim(worker).into_iter().map(|(id, ..)| id).collect()
    }

    fn column(id: Uuid, column: &str) -> Option<String> {
        become_database();
        maybe(&format!("select ({column})::text from treasury.stripe_requests where id = '{id}'"))
    }

    /// As a worker; the status afterwards.
    fn acknowledged(id: Uuid, worker: &str, code: Option<i32>) -> String {
        let subject = column(id, "subject_id").expect("a subject");
        let refund = json!({"id": format!("re_{subject}"), "charge": format!("ch_{subject}"),
            "amount": 1, "currency": "usd", "status": "succeeded"});
        become_service();
        let status = one(&acknowledge(id, worker, code, refund));
        become_database();
        status
    }

    /// Lets the wait of a call be over.
    fn hurry(id: Uuid) {
        become_database();
        run(&format!("update treasury.stripe_requests set available_at = now() where id = '{id}'"));
    }

    fn alerts() -> i64 {
        one(
            "select count(*) from ops.alerts where kind = 'stripe_requests_dead' and resolved_at is null",
        )
    }

    #[pg_test]
    fn a_call_is_one_workers_until_its_lease_runs_out() {
        let id = enqueue(1);
        assert_eq!(ids("a"), [id]);
        assert!(ids("b").is_empty());
        run("update treasury.stripe_requests set leased_until = now() - interval '1 second'");
        assert_eq!(ids("b"), [id]);
        become_service();
        expect_error("PT409", &acknowledge(id, "a", Some(200), json!({})));
        assert_eq!(acknowledged(id, "b", Some(200)), "done");
        assert_eq!(column(id, "attempts"), Some("2".to_owned()));
        assert!(ids("a").is_empty());
    }

    #[pg_test]
    fn calls_come_in_their_order_and_those_of_one_subject_one_after_the_other() {
        let (first, second, other) = (enqueue(1), enqueue(1), enqueue(2));
        assert_eq!(ids("a"), [first, other]);
        assert!(ids("b").is_empty());
        acknowledged(first, "a", Some(500));
        assert!(ids("b").is_empty());
        hurry(first);
        assert_eq!(ids("b"), [first]);
        acknowledged(first, "b", Some(200));
        assert_eq!(ids("b"), [second]);
    }

    #[pg_test]
    fn no_more_than_asked_for_are_claimed() {
        for n in 1..=5 {
            enqueue(n);
        }
        become_service();
        let count = |limit: i32| {
            one::<i64>(&format!(
                "select count(*) from treasury.claim_stripe_requests('a', {limit})"
            ))
        };
        assert_eq!([count(2), count(10)], [2, 3]);
    }

    #[pg_test]
    fn a_definite_no_ends_it_and_says_why() {
        let id = enqueue(1);
        ids("a");
        become_service();
        let error = json!({"error": {"code": "charge_already_refunded", "type": "x"}});
        let call = acknowledge(id, "a", Some(400), error);
        assert_eq!(one::<String>(&call), "refused");
        assert_eq!(one::<String>(&call), "refused");
        assert_eq!(column(id, "last_error").as_deref(), Some("charge_already_refunded"));
        assert_eq!(column(id, "response_status").as_deref(), Some("400"));
        assert!(column(id, "finished_at").is_some());
    }

    #[pg_test]
    fn what_nobody_knows_is_tried_again_ever_later_and_then_dead() {
        set("request_max_attempts", "4");
        let id = enqueue(1);
        let seconds = "extract(epoch from available_at - now())::int";
        for (code, wait) in [(None, "30"), (Some(409), "60"), (Some(429), "120")] {
            assert_eq!(ids("a"), [id]);
            assert_eq!(acknowledged(id, "a", code), "pending", "{code:?}");
            // Said twice it does not wait twice.
            assert_eq!(acknowledged(id, "a", code), "pending", "{code:?}");
            assert_eq!(column(id, seconds).as_deref(), Some(wait));
            assert!(ids("a").is_empty());
            hurry(id);
        }
        assert_eq!(ids("a"), [id]);
        assert_eq!(alerts(), 0);
        assert_eq!(acknowledged(id, "a", Some(503)), "dead");
        assert_eq!(acknowledged(id, "a", Some(503)), "dead");
        assert_eq!((column(id, "finished_at"), alerts()), (None, 1));
        hurry(id);
        assert!(ids("a").is_empty());
    }

    #[pg_test]
    fn a_worker_that_never_answers_kills_no_call_for_ever() {
        set("request_max_attempts", "2");
        let id = enqueue(1);
        for _ in 0..2 {
            assert_eq!(ids("a"), [id]);
            run("update treasury.stripe_requests set leased_until = now() - interval '1 second'");
        }
        assert!(ids("b").is_empty());
        assert_eq!((column(id, "status").as_deref(), alerts()), (Some("dead"), 1));
        // What the worker knows at last ends it all the same.
        assert_eq!(acknowledged(id, "a", Some(500)), "dead");
        assert_eq!(acknowledged(id, "a", Some(200)), "done");
        assert_eq!(acknowledged(id, "a", Some(400)), "done");
        run("select ops.run_checks()");
        assert_eq!(alerts(), 0);
    }

    #[pg_test]
    fn a_call_whose_key_stripe_may_have_forgotten_is_not_made_again() {
        let (waiting, leased, reading) = (enqueue(1), enqueue(2), enqueue(3));
        run(&format!("update treasury.stripe_requests set method = 'GET' where id = '{reading}'"));
        assert_eq!(ids("a").len(), 3);
        acknowledged(waiting, "a", None);
        run("update treasury.stripe_requests set first_claimed_at = now() - interval '23 hours',
                available_at = now(), leased_until = leased_until - interval '1 hour'");
        assert_eq!(ids("a"), [reading]);
        for id in [waiting, leased] {
            assert_eq!(column(id, "status").as_deref(), Some("dead"));
        }
    }

    #[pg_test]
    fn an_admin_has_a_dead_call_tried_again_or_says_that_it_was_not_done() {
        set("request_max_attempts", "1");
        let (again, gone) = (enqueue(1), enqueue(2));
        ids("a");
        for id in [again, gone] {
            assert_eq!(acknowledged(id, "a", None), "dead");
        }
        let admin = person("admin");
        become_person(admin);
        let retry = |id: Uuid| format!("select status from treasury.retry_stripe_request('{id}')");
        let close = |id: Uuid, note: &str| {
            format!("select status from treasury.close_stripe_request('{id}', {note})")
        };
        expect_error("PT404", &retry(new_id()));
        expect_error("22004", "select treasury.retry_stripe_request(null)");
        assert_eq!(one::<String>(&retry(again)), "pending");
        expect_error("PT409", &retry(again));
        for note in ["null", "' '"] {
            expect_error("22004", &close(gone, note));
        }
        assert_eq!(one::<String>(&close(gone, "'not in the dashboard'")), "refused");
        expect_error("PT409", &close(gone, "'again'"));
        assert_eq!(ids("b"), [again]);
        let actions: String = one(
            "select string_agg(action || coalesce(' ' || (new_values ->> 'note'), ''), ',' order by id)
               from ops.audit_logs where table_name = 'treasury.stripe_requests'",
        );
        let expected = "stripe_request_retried,stripe_request_closed not in the dashboard";
        assert_eq!(actions, expected);
        acknowledged(again, "b", None);
        run("update treasury.stripe_requests set first_claimed_at = now() - interval '1 day'");
        become_person(admin);
        expect_error("PT409", &retry(again));
        become_person(person("host"));
        expect_error("42501", &retry(again));
        expect_error("42501", &close(again, "'mine'"));
    }

    #[pg_test]
    fn checks_tell_of_calls_that_are_dead_or_late() {
        set("request_max_attempts", "1");
        let (dead, late) = (enqueue(1), enqueue(2));
        run(&format!(
            "update treasury.stripe_requests set available_at = now() - interval '1 day' where id = '{late}'"
        ));
        become_service();
        run("select treasury.claim_stripe_requests('a', 1)");
        become_database();
        run(
            "update treasury.stripe_requests set leased_until = now() - interval '1 second' where leased_until is not null",
        );
        assert_eq!(ids("a"), [dead]);
        assert_eq!(acknowledged(dead, "a", None), "dead");
        run(&format!(
            "update treasury.stripe_requests set status = 'pending', leased_until = null where id = '{late}'"
        ));
        run("select ops.run_checks()");
        let open = "select string_agg(kind || ' ' || (detail ->> 'requests'), ',' order by kind)
                      from ops.alerts where resolved_at is null and kind like 'stripe_requests%'";
        assert_eq!(one::<String>(open), "stripe_requests_late 1");
        // Of the one that is pending again nothing more is said.
        assert_eq!(alerts(), 1);
        run("update treasury.stripe_requests set status = 'done', finished_at = now()");
        run("select ops.run_checks()");
        assert_eq!((maybe::<String>(open), alerts()), (None, 0));
    }

    #[pg_test]
    fn old_calls_are_forgotten_but_not_those_that_are_open() {
        alone_with_jobs();
        set("request_max_attempts", "1");
        let (done, dead, fresh) = (enqueue(1), enqueue(2), enqueue(3));
        ids("a");
        acknowledged(done, "a", Some(200));
        acknowledged(dead, "a", None);
        run("update treasury.stripe_requests set created_at = now() - interval '1 year',
                finished_at = finished_at - interval '1 year'");
        acknowledged(fresh, "a", Some(200));
        run("select ops.run_job('purge_stripe_requests')");
        let left: Vec<Uuid> = one("select array_agg(id order by id) from treasury.stripe_requests");
        assert_eq!(left, [dead, fresh]);
    }

    #[pg_test]
    fn what_a_worker_says_wrongly_is_refused() {
        let id = enqueue(1);
        ids("a");
        become_service();
        for (code, sql) in [
            ("PT404", acknowledge(new_id(), "a", Some(200), json!({}))),
            ("PT409", acknowledge(id, "b", Some(200), json!({}))),
            ("22023", acknowledge(id, "", Some(200), json!({}))),
            ("22023", acknowledge(id, "a", Some(99), json!({}))),
            ("22023", acknowledge(id, "a", Some(600), json!({}))),
            ("22004", acknowledge(id, "a", Some(200), Value::Null)),
            ("22004", format!("select treasury.acknowledge_stripe_request('{id}', 'a', 200)")),
            ("22004", format!("select treasury.acknowledge_stripe_request('{id}', null, 200)")),
            ("22004", "select treasury.acknowledge_stripe_request(null, 'a', 200)".to_owned()),
            ("22004", "select treasury.claim_stripe_requests(null)".to_owned()),
            ("22004", "select treasury.claim_stripe_requests('a', null)".to_owned()),
            ("22023", "select treasury.claim_stripe_requests('a', 0)".to_owned()),
            ("22023", "select treasury.claim_stripe_requests('a', 1001)".to_owned()),
            ("22023", "select treasury.claim_stripe_requests('a', 1, 0)".to_owned()),
            ("22023", "select treasury.claim_stripe_requests('a', 1, 3601)".to_owned()),
            ("22023", "select treasury.claim_stripe_requests('')".to_owned()),
        ] {
            expect_error(code, &sql);
        }
        assert_eq!(column(id, "status").as_deref(), Some("pending"));
        become_person(person("admin"));
        expect_error("42501", "select treasury.claim_stripe_requests('a')");
        expect_error("42501", &acknowledge(id, "a", Some(200), json!({})));
    }

    #[pg_test]
    fn the_metrics_count_what_is_open() {
        enqueue(1);
        become_database();
        let text: String = one("select ops.metrics()::text");
        assert!(text.contains("backoffice_treasury_stripe_requests{status=\"pending\"} 1"));
        let JsonB(_) = one("select to_jsonb(r) from treasury.stripe_requests r");
    }
}
