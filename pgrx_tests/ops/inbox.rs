//! The inbox inside PostgreSQL: what is believed, kept, processed, parked and replayed.

use crate::kernel::error::{Error, Result};
use crate::kernel::jwt::unix_now;
use crate::kernel::spi::Text;
use crate::ops::inbox::{self, Event, Handler, Outcome, Source};
use crate::pgrx_tests::support::*;
use hmac::{Hmac, KeyInit, Mac};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

pub const SECRET: &str = "whsec_of_the_live_mode";
pub const TEST_SECRET: &str = "whsec_of_the_test_mode";

pub fn hmac(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stripe's header for a body, signed so many seconds ago.
pub fn signed(secret: &str, body: &str, age: i64) -> Value {
    let time = unix_now() - age;
    json!({"stripe-signature": format!("t={time},v1={}", hmac(secret, &format!("{time}.{body}")))})
}

/// A request as the gateway passes it on; the status and the answer.
pub fn post(source: &str, headers: &Value, body: &str) -> (u16, Value) {
    let mut headers = headers.clone();
    headers["x-orig-path"] = json!(format!("webhooks/{source}"));
    let headers = literal(&headers.to_string());
    run(&format!(
        "select set_config('request.headers', {headers}, true), set_config('response.status', '', true)"
    ));
    become_anonymous();
    let call = format!("select ops.receive_webhook(convert_to({}, 'UTF8'))::jsonb", literal(body));
    let answer = one::<JsonB>(&call).0;
    become_database();
    let status = one::<String>("select coalesce(current_setting('response.status', true), '')");
    (status.parse().unwrap_or(200), answer)
}

/// An event of Stripe about a thing that says what the handler of the tests is to do.
pub fn event(id: &str, wants: &str, created: i64) -> String {
    let object = json!({"id": format!("ch_{id}"), "wants": wants});
    json!({"id": id, "type": "balance.available", "created": created, "livemode": true,
           "data": {"object": object}})
    .to_string()
}

/// Sends an event that is signed well; its status, or `duplicate`.
pub fn send(id: &str, wants: &str) -> String {
    send_at(id, wants, 1_700_000_000)
}

pub fn send_at(id: &str, wants: &str, created: i64) -> String {
    let body = event(id, wants, created);
    let (status, answer) = post("stripe", &signed(SECRET, &body, 0), &body);
    assert_eq!((status, &answer["received"]), (200, &json!(true)), "{answer}");
    match answer["duplicate"] == json!(true) {
        true => "duplicate".to_owned(),
        false => answer["status"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Does what the event's thing wants, and notes down the event.
pub fn handle(event: &Event) -> Result<Outcome> {
    Text::write("insert into public.handled (key) values ($1)")
        .run(&[event.key.as_str().into()])?;
    match event.object()["wants"].as_str().unwrap_or_default() {
        "error" if Text::read("select public.is_broken()").one::<bool>(&[])? => {
            Err(Error::conflict("not today"))
        }
        "zero" => Text::write("select 1 / 0").one::<i32>(&[]).map(|_| Outcome::Processed),
        "panic" => panic!("a bug"),
        "nothing" => Ok(Outcome::Ignored),
        key if key.starts_with("charge:") => {
            let there = "select exists (select from public.parents where key = $1)";
            match Text::read(there).one::<bool>(&[key.into()])? {
                true => Ok(Outcome::Processed),
                false => Ok(Outcome::Parked { waits_for: key.to_owned() }),
            }
        }
        _ => Ok(Outcome::Processed),
    }
}

/// Secrets, a handler, and the tables that it uses.
pub fn prepare() {
    run("create table public.handled (n integer generated always as identity, key text);
         create table public.parents (key text);
         create function public.is_broken() returns boolean language sql as
            $$ select to_regclass('public.repaired') is null $$;
         grant all on public.handled, public.parents to public;");
    run(&format!("select ops.set_webhook_secret('stripe', '{SECRET}', true)"));
    run(&format!("select ops.set_webhook_secret('stripe', '{TEST_SECRET}', false)"));
    inbox::register(Handler { source: Source::Stripe, system: "test", handle });
}

pub fn row(key: &str) -> Value {
    one::<JsonB>(&format!("select to_jsonb(e) from ops.webhook_events e where event_key = '{key}'"))
        .0
}

/// The events that the handler was given and that stayed, in their order.
pub fn handled() -> String {
    one("select coalesce(string_agg(key, ' ' order by n), '') from public.handled")
}

pub fn count(table: &str) -> i64 {
    one(&format!("select count(*) from {table}"))
}

/// Runs a job; its result.
pub fn result_of(job: &str) -> Value {
    let record = one::<JsonB>(&format!("select to_jsonb(r) from ops.run_job('{job}') r")).0;
    assert_eq!(record["status"], "succeeded", "{record}");
    record["result"].clone()
}

#[pg_schema]
mod tests {
    use super::*;
    use pgrx::Uuid;

    #[pg_test]
    fn an_event_is_kept_as_it_came_and_processed() {
        prepare();
        let body = event("evt_1", "", 1_700_000_000).replace(',', ", ");
        let mut headers = signed(SECRET, &body, 0);
        headers["authorization"] = json!("Bearer x");
        headers["cookie"] = json!("a=b");
        headers["user-agent"] = json!("Stripe/1.0");
        let answer = post("stripe", &headers, &body);
        assert_eq!(answer, (200, json!({"received": true, "status": "processed"})));
        let row = row("evt_1");
        assert_eq!(row["status"], "processed");
        assert_eq!(row["handled_by"], json!(["test"]));
        assert_eq!(
            (&row["event_type"], &row["source"]),
            (&json!("balance.available"), &json!("stripe"))
        );
        assert_eq!(
            (&row["live"], &row["verified"], &row["attempts"]),
            (&json!(true), &json!(true), &json!(1))
        );
        let kept: String = one("select convert_from(body, 'UTF8') from ops.webhook_events");
        assert_eq!(kept, body);
        let names: Vec<&String> = row["headers"].as_object().expect("headers").keys().collect();
        assert_eq!(names, ["stripe-signature", "user-agent"]);
        assert_eq!(handled(), "evt_1");
    }

    #[pg_test]
    fn a_second_delivery_changes_nothing_also_when_signed_anew() {
        prepare();
        assert_eq!(send("evt_1", ""), "processed");
        assert_eq!(send("evt_1", ""), "duplicate");
        let body = event("evt_1", "", 1_700_000_000);
        let again = post("stripe", &signed(SECRET, &body, 200), &body);
        assert_eq!(again, (200, json!({"received": true, "duplicate": true})));
        assert_eq!((handled().as_str(), count("ops.webhook_events")), ("evt_1", 1));
    }

    #[pg_test]
    fn what_is_not_signed_well_is_refused_counted_and_not_kept() {
        prepare();
        let body = event("evt_1", "", 1_700_000_000);
        let refused = |headers: &Value, body: &str| {
            let (status, answer) = post("stripe", headers, body);
            assert_eq!((status, &answer["code"]), (400, &json!("webhook_refused")), "{headers}");
        };
        refused(&json!({}), &body);
        refused(&json!({"stripe-signature": ""}), &body);
        refused(&signed("whsec_of_somebody_else", &body, 0), &body);
        refused(&signed(SECRET, &body, 0), &body.replace("evt_1", "evt_2"));
        refused(&signed(SECRET, &body, 310), &body);
        refused(&signed(SECRET, &body, -310), &body);
        refused(&signed(TEST_SECRET, &body, 0), &body);
        let test = body.replace("\"livemode\":true", "\"livemode\":false");
        refused(&signed(SECRET, &test, 0), &test);
        refused(&signed(SECRET, "{}", 0), "{}");
        assert_eq!(count("ops.webhook_events"), 0);
        let counts =
            one::<JsonB>("select jsonb_object_agg(reason, count) from ops.webhook_refusals").0;
        assert_eq!(counts, json!({"signature": 4, "time": 2, "mode": 2, "content": 1}));
        assert_eq!(post("stripe", &signed(TEST_SECRET, &test, 0), &test).0, 200);
        assert_eq!(row("evt_1")["live"], false);
        assert_eq!(send("evt_1", ""), "processed");
    }

    #[pg_test]
    fn the_tolerance_is_a_setting() {
        prepare();
        run("select ops.set_setting('ops', 'webhook_tolerance_seconds', '10')");
        let body = event("evt_1", "", 1_700_000_000);
        assert_eq!(post("stripe", &signed(SECRET, &body, 15), &body).0, 400);
        assert_eq!(post("stripe", &signed(SECRET, &body, 5), &body).0, 200);
    }

    #[pg_test]
    fn other_paths_and_long_bodies_are_refused() {
        prepare();
        for source in ["nobody", "", "Stripe", "stripe/x"] {
            assert_eq!(post(source, &json!({}), "{}").0, 404, "{source}");
        }
        run(
            "select set_config('request.headers', '{\"x-orig-path\": \"rpc/receive_webhook\"}', true)",
        );
        assert_eq!(one::<JsonB>("select ops.receive_webhook('')::jsonb").0["code"], "not_found");
        let long = " ".repeat(1024 * 1024 + 1);
        assert_eq!(post("stripe", &signed(SECRET, &long, 0), &long).0, 413);
        assert_eq!(count("ops.webhook_refusals"), 0);
    }

    #[pg_test]
    fn a_failure_is_kept_and_what_the_handler_did_is_not() {
        prepare();
        for (id, wants, code) in
            [("evt_1", "error", "PT409"), ("evt_2", "zero", "22012"), ("evt_3", "panic", "XX000")]
        {
            assert_eq!(send(id, wants), "failed");
            assert_eq!((&row(id)["error_code"], &row(id)["attempts"]), (&json!(code), &json!(1)));
        }
        assert_eq!(row("evt_1")["error_message"], "not today");
        assert_eq!(handled(), "");
        assert_eq!(send("evt_1", "error"), "duplicate");
    }

    /// Seconds until the next attempt.
    fn wait() -> Option<i32> {
        maybe("select extract(epoch from next_attempt_at - now())::integer from ops.webhook_events")
    }

    #[pg_test]
    fn a_failed_event_is_tried_again_ever_more_seldom_and_then_given_up() {
        alone_with_jobs();
        prepare();
        run("select ops.set_setting('ops', 'webhook_max_attempts', '4')");
        assert_eq!(send("evt_1", "error"), "failed");
        assert_eq!(result_of("retry_webhooks"), json!({"retried": 0}));
        for seconds in [Some(60), Some(120), Some(240), None] {
            assert_eq!(wait(), seconds);
            run(
                "update ops.webhook_events set next_attempt_at = now() where next_attempt_at is not null",
            );
            let retried = i32::from(seconds.is_some());
            assert_eq!(result_of("retry_webhooks"), json!({"retried": retried}));
        }
        run("select ops.run_checks()");
        let open = || count("ops.alerts where kind = 'webhooks_failed' and resolved_at is null");
        assert_eq!(open(), 1);
        run("create table public.repaired ()");
        run("select ops.replay_webhooks('stripe', now() - interval '1 hour')");
        assert_eq!(
            (row("evt_1")["status"].clone(), row("evt_1")["attempts"].clone()),
            (json!("processed"), json!(5))
        );
        run("select ops.run_checks()");
        assert_eq!((open(), handled().as_str()), (0, "evt_1"));
    }

    #[pg_test]
    fn a_retry_that_is_successful_is_the_last() {
        alone_with_jobs();
        prepare();
        assert_eq!(send("evt_1", "error"), "failed");
        run("create table public.repaired ()");
        run("update ops.webhook_events set next_attempt_at = now()");
        assert_eq!(result_of("retry_webhooks"), json!({"retried": 1}));
        assert_eq!(result_of("retry_webhooks"), json!({"retried": 0}));
        let row = row("evt_1");
        assert_eq!((&row["status"], &row["error_code"]), (&json!("processed"), &json!(null)));
    }

    #[pg_test]
    fn an_admin_replays_one_and_the_log_says_so() {
        prepare();
        assert_eq!(send("evt_1", "error"), "failed");
        let id: Uuid = one("select id from ops.webhook_events");
        let replay = format!("select status from ops.replay_webhook('{id}')");
        assert_eq!(one::<String>(&replay), "failed");
        run("create table public.repaired ()");
        become_service();
        assert_eq!(one::<String>(&replay), "processed");
        expect_error("PT409", &replay);
        expect_error("PT404", "select ops.replay_webhook(gen_random_uuid())");
        expect_error("22004", "select ops.replay_webhook(null)");
        expect_error("22023", "select ops.replay_webhooks('nobody', now())");
        expect_error("22004", "select ops.replay_webhooks('stripe', null)");
        become_database();
        let log: String =
            one("select string_agg(actor_role || ' ' || (new_values->>'after'), ', ' order by id)
               from ops.audit_logs where action = 'replay' and table_name = 'ops.webhook_events'");
        assert_eq!(log, "database failed, service processed");
    }

    #[pg_test]
    fn all_since_a_time_are_replayed_in_the_order_in_which_they_happened() {
        prepare();
        for (id, created) in [("evt_1", 300), ("evt_2", 100), ("evt_3", 200), ("evt_4", 50)] {
            assert_eq!(send_at(id, "error", created), "failed");
        }
        run(
            "update ops.webhook_events set received_at = now() - interval '2 days' where event_key = 'evt_4'",
        );
        run("create table public.repaired ()");
        let replayed: i64 =
            one("select count(*) from ops.replay_webhooks('stripe', now() - interval '1 day')");
        assert_eq!((replayed, handled().as_str()), (3, "evt_2 evt_3 evt_1"));
        assert_eq!(row("evt_4")["status"], "failed");
    }

    #[pg_test]
    fn what_nobody_needs_is_processed_by_nobody() {
        prepare();
        assert_eq!(send("evt_1", "nothing"), "processed");
        assert_eq!(row("evt_1")["handled_by"], json!([]));
    }

    #[pg_test]
    fn what_nobody_takes_yet_waits_for_somebody() {
        prepare();
        run("select ops.set_webhook_secret('razorpay', 'the-razorpay-secret', true)");
        let body = r#"{"event": "payment.captured", "payload": {"payment": {"entity": {"id": "pay_1", "status": "captured"}}}}"#;
        let headers = |id: &str| json!({"x-razorpay-signature": hmac("the-razorpay-secret", body), "x-razorpay-event-id": id});
        let answer = post("razorpay", &headers("a"), body);
        assert_eq!(answer, (200, json!({"received": true, "status": "received"})));
        // The id is not signed.
        let again = post("razorpay", &headers("b"), body);
        assert_eq!(again, (200, json!({"received": true, "duplicate": true})));
        let id: Uuid = one("select id from ops.webhook_events");
        expect_error("PT409", &format!("select ops.replay_webhook('{id}')"));
        let replay = "select count(*) from ops.replay_webhooks('razorpay', '2020-01-01')";
        assert_eq!(one::<i64>(replay), 0);
        inbox::register(Handler { source: Source::Razorpay, system: "later", handle });
        assert_eq!(one::<i64>(replay), 1);
        assert_eq!(one::<Vec<String>>("select handled_by from ops.webhook_events"), ["later"]);
    }

    #[pg_test]
    fn events_wait_for_their_parent_and_are_taken_up_in_their_order() {
        prepare();
        assert_eq!(send_at("evt_3", "charge:ch_1", 300), "parked");
        assert_eq!(send_at("evt_1", "charge:ch_1", 100), "parked");
        assert_eq!(send_at("evt_2", "charge:ch_2", 200), "parked");
        assert_eq!(row("evt_3")["parked_for"], "charge:ch_1");
        assert_eq!(handled(), "");
        run("insert into public.parents values ('charge:ch_1')");
        assert_eq!(inbox::arrived("charge:ch_1").expect("arrives"), 2);
        assert_eq!(handled(), "evt_1 evt_3");
        assert_eq!(inbox::arrived("charge:ch_1").expect("arrives"), 0);
        assert_eq!(row("evt_2")["status"], "parked");
        assert_eq!(send("evt_4", "charge:ch_1"), "processed");
        assert_eq!(send("evt_3", "charge:ch_1"), "duplicate");
    }

    #[pg_test]
    fn of_very_many_that_wait_the_job_takes_the_rest() {
        alone_with_jobs();
        prepare();
        for n in 0..103 {
            assert_eq!(send_at(&format!("evt_{n}"), "charge:ch_1", n), "parked");
        }
        run("insert into public.parents values ('charge:ch_1')");
        assert_eq!(inbox::arrived("charge:ch_1").expect("arrives"), 100);
        let due = "ops.webhook_events where status = 'failed' and next_attempt_at <= now()";
        assert_eq!(count(due), 3);
        run("select ops.run_job('retry_webhooks')");
        assert_eq!(count("ops.webhook_events where status <> 'processed'"), 0);
    }

    #[pg_test]
    fn one_that_fails_when_its_parent_comes_takes_nothing_else_along() {
        prepare();
        assert_eq!(send_at("evt_1", "charge:ch_1", 100), "parked");
        assert_eq!(send_at("evt_2", "charge:ch_1", 200), "parked");
        run("insert into public.parents values ('charge:ch_1')");
        run("create function public.refuse() returns trigger language plpgsql as
                $$ begin if new.key = 'evt_1' then raise 'no' using errcode = '22000'; end if; return new; end $$;
             create trigger refuse before insert on public.handled for each row execute function public.refuse()");
        assert_eq!(inbox::arrived("charge:ch_1").expect("arrives"), 2);
        assert_eq!(
            (&row("evt_1")["status"], &row("evt_1")["error_code"]),
            (&json!("failed"), &json!("22000"))
        );
        assert_eq!(
            (row("evt_2")["status"].clone(), handled().as_str()),
            (json!("processed"), "evt_2")
        );
        assert_eq!(count("public.parents"), 1);
    }

    #[pg_test]
    fn what_can_no_longer_be_read_keeps_nothing_from_coming() {
        prepare();
        assert_eq!(send("evt_1", "charge:ch_1"), "parked");
        assert_eq!(send("evt_2", "charge:ch_1"), "parked");
        run("update ops.webhook_events set body = null where event_key = 'evt_1'");
        run("update ops.webhook_events set body = 'x' where event_key = 'evt_2'");
        assert_eq!(inbox::arrived("charge:ch_1").expect("arrives"), 1);
        assert_eq!(row("evt_1")["status"], "parked");
        assert_eq!(
            (&row("evt_2")["status"], &row("evt_2")["error_code"]),
            (&json!("failed"), &json!("XX000"))
        );
        let id: Uuid = one("select id from ops.webhook_events where event_key = 'evt_1'");
        expect_error("PT409", &format!("select ops.replay_webhook('{id}')"));
    }

    #[pg_test]
    fn what_waits_too_long_raises_an_alert() {
        prepare();
        assert_eq!(send("evt_1", "charge:ch_1"), "parked");
        let open = || count("ops.alerts where kind = 'webhooks_parked' and resolved_at is null");
        run("select ops.run_checks()");
        assert_eq!(open(), 0);
        run("update ops.webhook_events set received_at = now() - interval '25 hours'");
        run("select ops.run_checks()");
        assert_eq!(open(), 1);
        assert!(
            one::<String>("select ops.metrics()::text")
                .contains(r#"backoffice_webhooks_open{source="stripe",status="parked"} 1"#)
        );
    }

    #[pg_test]
    fn the_content_of_what_was_processed_long_ago_goes_and_it_is_known_again() {
        alone_with_jobs();
        prepare();
        assert_eq!(send("evt_1", ""), "processed");
        assert_eq!(send("evt_2", ""), "processed");
        assert_eq!(send("evt_3", "error"), "failed");
        run("update ops.webhook_events set received_at = now() - interval '91 days',
                    processed_at = processed_at - interval '91 days' where event_key <> 'evt_2'");
        run(
            "insert into ops.webhook_refusals values ('stripe', now() - interval '91 days', 'time', 1)",
        );
        assert_eq!(result_of("purge_webhooks"), json!({"emptied": 1, "refusals": 1, "secrets": 0}));
        let left: String = one(
            "select string_agg(event_key, ' ' order by event_key) from ops.webhook_events where body is not null",
        );
        assert_eq!(left, "evt_2 evt_3");
        assert_eq!(row("evt_1")["headers"], json!({}));
        assert_eq!(send("evt_1", ""), "duplicate");
    }

    #[pg_test]
    fn erasing_a_person_takes_what_names_them_out_of_the_inbox() {
        prepare();
        let person: Uuid = one(
            "insert into identity.users (id, system, email) values (gen_random_uuid(), 'network', 'payer@example.test') returning id",
        );
        assert_eq!(send("evt_1", "Payer@example.test"), "processed");
        assert_eq!(send("evt_2", "somebody@example.test"), "processed");
        run(&format!("select ops.erase_person('{person}', 'asked for it')"));
        let left: String =
            one("select string_agg(event_key, ' ') from ops.webhook_events where body is not null");
        assert_eq!(left, "evt_2");
        assert_eq!(row("evt_1")["status"], "processed");
    }
}
