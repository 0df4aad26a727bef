//! Payouts: asked for, sent to Stripe step by step, failed, canceled.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    fn row(id: i64) -> Value {
        one::<JsonB>(&format!("select to_jsonb(p) from treasury.payouts p where id = {id}")).0
    }

    fn cancel(id: i64) -> String {
        format!("select status from treasury.cancel_payout({id})")
    }

    #[pg_test]
    fn a_payout_goes_by_a_transfer_and_a_payout_at_stripe() {
        let (host, account) = host_with(12_345);
        let id = payout(host);
        assert_eq!(status(id), "pending");
        assert_eq!(books(host), [0, 12_345, 12_345, 0]);
        let calls = claim("worker");
        let number = json!({"backoffice_payout_id": id.to_string()});
        let transfer = json!({"amount": 12_345, "currency": "usd", "destination": account,
                              "metadata": number, "account": null});
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].1.as_str(), &calls[0].2), ("/v1/transfers", &transfer));
        // The payout itself is not asked for before the money is there.
        assert!(claim("worker").is_empty());
        become_service();
        run(&acknowledge(calls[0].0, "worker", Some(200), json!({"id": "tr_1"})));
        let calls = claim("worker");
        let wanted = json!({"amount": 12_345, "currency": "usd", "method": "standard",
                            "metadata": number, "account": account});
        assert_eq!((calls[0].1.as_str(), &calls[0].2), ("/v1/payouts", &wanted));
        become_service();
        run(&acknowledge(
            calls[0].0,
            "worker",
            Some(200),
            stripes("po_1", 12_345, "in_transit", None),
        ));
        become_database();
        assert_eq!(status(id), "in_transit");
        assert_eq!(books(host), [0, 12_345, 12_345, 0]);
        let row = row(id);
        assert_eq!(row["stripe_payout_id"], "po_1");
        assert_eq!(row["stripe_transfer_id"], "tr_1");
        assert_eq!(row["completed_at"], Value::Null);
        assert!(claim("worker").is_empty());
    }

    #[pg_test]
    fn its_entry_is_the_debit_of_the_earnings() {
        let (host, _) = host_with(500);
        let id = payout(host);
        let entry: i64 = one(
            "select ('x' || substr(md5(t.id::text || ':debit'), 1, 16))::bit(64)::bigint & 9007199254740991
               from ledger.transfers t join ledger.accounts a on a.id = t.debit_account_id
               join ledger.transfer_kinds k on k.id = t.kind_id
              where a.code like 'earnings:%' and k.kind = 'payout'",
        );
        assert_eq!(row(id)["ledger_entry_id"], json!(entry));
    }

    #[pg_test]
    fn a_transfer_that_stripe_refuses_gives_the_money_back() {
        let (host, _) = host_with(700);
        let id = payout(host);
        let error = json!({"error": {"code": "balance_insufficient"}});
        assert_eq!(answer(400, error), ("/v1/transfers".to_owned(), "refused".to_owned()));
        assert_eq!(status(id), "failed");
        assert_eq!(row(id)["failure_code"], "balance_insufficient");
        assert!(row(id)["completed_at"].is_string());
        assert_eq!(books(host), [700, 0, 700, 0]);
        assert!(claim("worker").is_empty());
        // And it can be asked for again.
        payout(host);
        assert_eq!(books(host), [0, 700, 700, 0]);
    }

    #[pg_test]
    fn a_payout_that_stripe_refuses_is_brought_back_from_the_connected_account() {
        let (host, _) = host_with(700);
        let id = payout(host);
        answer(200, json!({"id": "tr_9"}));
        assert_eq!(answer(402, json!({"error": {"code": "payouts_not_allowed"}})).1, "refused");
        assert_eq!((status(id).as_str(), earnings(host)), ("failed", 700));
        let (path, end) = answer(200, json!({"id": "trr_1"}));
        assert_eq!((path.as_str(), end.as_str()), ("/v1/transfers/tr_9/reversals", "done"));
        assert!(claim("worker").is_empty());
    }

    #[pg_test]
    fn money_that_does_not_come_back_is_told() {
        let (host, _) = host_with(700);
        payout(host);
        answer(200, json!({"id": "tr_9"}));
        answer(402, json!({}));
        assert_eq!(answer(400, json!({})).1, "refused");
        let severity: String =
            one("select severity::text from ops.alerts where kind = 'payout_not_brought_back'");
        assert_eq!(severity, "critical");
        assert_eq!(earnings(host), 700);
    }

    #[pg_test]
    fn what_nobody_knows_does_not_give_the_money_back() {
        set("request_max_attempts", "1");
        let (host, _) = host_with(700);
        let id = payout(host);
        assert_eq!(answer(503, json!({})).1, "dead");
        assert_eq!((status(id).as_str(), earnings(host)), ("pending", 0));
        let alerts: i64 = one(
            "select count(*) from ops.alerts where kind = 'stripe_requests_dead' and severity = 'critical'",
        );
        assert_eq!(alerts, 1);
        become_person(host);
        expect_error("PT409", &cancel(id));
        become_database();
        let request: Uuid = one("select id from treasury.stripe_requests where status = 'dead'");
        become_person(person("admin"));
        run(&format!(
            "select treasury.close_stripe_request('{request}', 'Stripe has no such transfer')"
        ));
        become_database();
        assert_eq!((status(id).as_str(), earnings(host)), ("failed", 700));
        assert_eq!(row(id)["failure_code"], "not_done");
    }

    #[pg_test]
    fn a_dead_call_that_was_made_after_all_is_not_closed() {
        set("request_max_attempts", "1");
        listen();
        let (host, account) = host_with(700);
        let id = payout(host);
        answer(200, json!({"id": "tr_1"}));
        assert_eq!(answer(500, json!({})), ("/v1/payouts".to_owned(), "dead".to_owned()));
        let object = stripes("po_1", 700, "in_transit", Some(id));
        assert_eq!(tell("payout.created", Some(&account), object, 0), "processed");
        let request: Uuid = one("select id from treasury.stripe_requests where status = 'dead'");
        become_person(person("admin"));
        expect_error(
            "PT409",
            &format!("select treasury.close_stripe_request('{request}', 'lost')"),
        );
        become_database();
        assert_eq!((status(id).as_str(), earnings(host)), ("in_transit", 0));
    }

    #[pg_test]
    fn more_than_is_payable_is_not_paid() {
        let (host, _) = host_with(1_000);
        charge(1, 0, &[(host, 400)], 0);
        become_person(host);
        expect_error("PT409", &ask(host, r#", "amount_cents": 601"#));
        let id: i64 = one(&ask(host, r#", "amount_cents": 500"#));
        expect_error("PT409", &ask(host, r#", "amount_cents": 101"#));
        become_database();
        assert_eq!((row(id)["amount_cents"].as_i64(), earnings(host)), (Some(500), 500));
        // All that is payable, which is exactly the minimum.
        let rest = payout(host);
        assert_eq!((row(rest)["amount_cents"].as_i64(), earnings(host)), (Some(100), 400));
        become_person(host);
        expect_error("PT409", &ask(host, ""));
    }

    #[pg_test]
    fn below_the_minimum_nothing_is_paid() {
        let (host, _) = host_with(1_000);
        set("payout_minimum", r#"{"USD": 500}"#);
        become_person(host);
        expect_error("PT409", &ask(host, r#", "amount_cents": 499"#));
        run(&ask(host, r#", "amount_cents": 500"#));
        run(&ask(host, ""));
        expect_error("PT409", &ask(host, ""));
    }

    #[pg_test]
    fn an_account_that_is_not_ready_is_not_paid_to() {
        let host = person("host");
        credit(host, "USD", 1_000);
        become_person(host);
        expect_error("PT409", &ask(host, ""));
        let account = connect(host);
        for (key, value) in [
            ("payouts_enabled", "false"),
            ("details_submitted", "false"),
            ("requirements", r#"{"currently_due": ["external_account"]}"#),
            ("requirements", r#"{"past_due": ["tos"]}"#),
            ("requirements", r#"{"disabled_reason": "rejected.fraud"}"#),
        ] {
            become_database();
            run(&format!(
                r#"update treasury.stripe_accounts set event_at = null;
                   select treasury.apply_stripe_account('{{"id": "{account}", "charges_enabled": true, "payouts_enabled": true,
                   "details_submitted": true}}'::jsonb || '{{"{key}": {value}}}', now(), true)"#
            ));
            become_person(host);
            expect_error("PT409", &ask(host, ""));
        }
        become_database();
        run("update treasury.stripe_accounts set event_at = null");
        connect(host);
        become_person(host);
        run(&ask(host, ""));
    }

    #[pg_test]
    fn a_scheduled_payout_waits_for_its_time() {
        alone_with_jobs();
        let (host, _) = host_with(900);
        become_person(host);
        let at =
            |days: i32| format!(r#", "method": "scheduled", "scheduled_for": "{}""#, in_days(days));
        for (code, more) in [
            ("22004", r#", "method": "scheduled""#.to_owned()),
            ("22023", at(0)),
            ("22023", at(-1)),
            ("22023", at(91)),
            ("22023", r#", "scheduled_for": "infinity""#.to_owned()),
            ("22023", r#", "scheduled_for": "soon""#.to_owned()),
            ("22023", format!(r#", "method": "instant", "scheduled_for": "{}""#, in_days(1))),
        ] {
            expect_error(code, &ask(host, &more));
        }
        let id: i64 = one(&ask(host, &at(3)));
        become_database();
        // The money is set aside at once.
        assert_eq!(books(host), [0, 900, 900, 0]);
        assert!(claim("worker").is_empty());
        run("select ops.run_job('send_payouts')");
        assert!(claim("worker").is_empty());
        run("update treasury.payouts set scheduled_for = now()");
        run("select ops.run_job('send_payouts')");
        run("select ops.run_job('send_payouts')");
        assert_eq!(answer(200, json!({"id": "tr_1"})).0, "/v1/transfers");
        assert_eq!(status(id), "pending");
    }

    fn in_days(days: i32) -> String {
        one(&format!("select (now() + make_interval(days => {days}))::text"))
    }

    #[pg_test]
    fn instant_payouts_have_limits() {
        let (host, _) = host_with(2_000_000);
        let instant = |minor: i64| format!(r#", "method": "instant", "amount_cents": {minor}"#);
        become_person(host);
        expect_error("PT409", &ask(host, &instant(999_901)));
        let id: i64 = one(&ask(host, &instant(1_000)));
        become_database();
        assert_eq!(row(id)["method"], "instant");
        set("payout_instant_per_day", "1");
        become_person(host);
        expect_error("PT409", &ask(host, &instant(1_000)));
        run(&ask(host, r#", "amount_cents": 1000"#));
        become_database();
        run("select treasury.cancel_payout(id) from treasury.payouts where method = 'instant'");
        set("payout_instant_maximum", r#"{"EUR": 1000}"#);
        become_person(host);
        expect_error("PT409", &ask(host, &instant(1_000)));
    }

    #[pg_test]
    fn what_no_worker_has_had_can_be_taken_back() {
        let (host, _) = host_with(900);
        let id = payout(host);
        become_person(host);
        assert_eq!(one::<String>(&cancel(id)), "canceled");
        assert_eq!(one::<String>(&cancel(id)), "canceled");
        become_database();
        assert_eq!(books(host), [900, 0, 900, 0]);
        assert!(claim("worker").is_empty());
        let id = payout(host);
        let calls = claim("worker");
        become_person(host);
        expect_error("PT409", &cancel(id));
        become_service();
        run(&acknowledge(calls[0].0, "worker", None, Value::Null));
        become_person(host);
        expect_error("PT409", &cancel(id));
        become_person(person("host"));
        expect_error("42501", &cancel(id));
        expect_error("42501", &cancel(-1));
        become_person(person("admin"));
        expect_error("PT404", &cancel(-1));
        expect_error("22004", "select treasury.cancel_payout(null)");
        become_database();
        assert_eq!(books(host), [0, 900, 900, 0]);
    }

    #[pg_test]
    fn everybody_asks_for_themselves_and_admins_for_all() {
        let (host, _) = host_with(2_000);
        become_person(person("host"));
        expect_error("42501", &ask(host, ""));
        become_person(host);
        let own: i64 = one(
            r#"select id from treasury.initiate_payout('{"currency": "USD", "amount_cents": 1000}')"#,
        );
        become_person(person("admin"));
        let theirs: i64 = one(&ask(host, ""));
        expect_error("PT404", &ask(new_id(), ""));
        let by = |id: i64| {
            become_database();
            row(id)["requested_by"].clone()
        };
        assert_eq!(by(own), json!(host.to_string()));
        assert_ne!(by(theirs), json!(host.to_string()));
        become_service();
        expect_error("22004", r#"select treasury.initiate_payout('{"currency": "USD"}')"#);
    }

    #[pg_test]
    fn a_payout_that_makes_no_sense_is_refused() {
        let (host, _) = host_with(2_000);
        become_person(host);
        for (code, data) in [
            ("22004", "{}"),
            ("22023", "[]"),
            ("22023", r#"{"currency": "usd"}"#),
            ("22023", r#"{"currency": "USD", "amount_cents": 0}"#),
            ("22023", r#"{"currency": "USD", "amount_cents": -5}"#),
            ("22023", r#"{"currency": "USD", "amount_cents": 1.5}"#),
            ("22023", r#"{"currency": "USD", "amount_cents": "5"}"#),
            ("22023", r#"{"currency": "USD", "amount_cents": 9223372036854775808}"#),
            ("PT409", r#"{"currency": "USD", "amount_cents": 9223372036854775807}"#),
            ("22023", r#"{"currency": "USD", "method": "wire"}"#),
            ("22023", r#"{"currency": "USD", "user_id": "me"}"#),
            ("22023", r#"{"currency": "USD", "userId": 1}"#),
            ("PT409", r#"{"currency": "EUR"}"#),
        ] {
            expect_error(code, &format!("select treasury.initiate_payout('{data}')"));
        }
        expect_error("22004", "select treasury.initiate_payout(null)");
        become_database();
        assert_eq!(one::<i64>("select count(*) from treasury.payouts"), 0);
        assert_eq!(earnings(host), 2_000);
    }

    #[pg_test]
    fn a_currency_that_stripe_writes_in_whole_units_keeps_the_rest() {
        let host = person("host");
        connect(host);
        credit(host, "MGA", 1_234);
        become_person(host);
        let of = |more: &str| {
            format!(
                r#"select amount_cents from treasury.initiate_payout('{{"currency": "MGA"{more}}}')"#
            )
        };
        expect_error("22023", &of(r#", "amount_cents": 150"#));
        assert_eq!(one::<i64>(&of("")), 1_200);
        become_database();
        let amount: i64 = one("select (params ->> 'amount')::bigint from treasury.stripe_requests");
        assert_eq!(amount, 12);
    }

    #[pg_test]
    fn somebody_sees_their_own_and_their_latest() {
        let ((host, _), (other, _)) = (host_with(1_000), host_with(1_000));
        become_person(host);
        let first: i64 = one(&ask(host, r#", "amount_cents": 300"#));
        let second: i64 = one(&ask(host, r#", "amount_cents": 300"#));
        let theirs = payout(other);
        become_person(host);
        let of = |id: &str| format!("select id from treasury.get_payout_status({id})");
        assert_eq!(one::<i64>(&of("")), second);
        assert_eq!(one::<i64>(&of(&first.to_string())), first);
        expect_error("42501", &of(&theirs.to_string()));
        expect_error("42501", &of("-1"));
        assert_eq!(one::<i64>("select count(*) from treasury.payouts"), 2);
        become_person(person("buyer"));
        expect_error("PT404", &of(""));
        become_person(person("admin"));
        assert_eq!(one::<i64>(&of(&theirs.to_string())), theirs);
        expect_error("PT404", &of("-1"));
        assert_eq!(one::<i64>("select count(*) from treasury.payouts"), 3);
        become_service();
        expect_error("22004", &of(""));
    }

    #[pg_test]
    fn payouts_that_take_too_long_are_told() {
        let (host, _) = host_with(1_000);
        let id = payout(host);
        let open = "select string_agg(detail ->> 'status', ',') from ops.alerts
                     where resolved_at is null and kind = 'payouts_overdue'";
        run("select ops.run_checks()");
        assert_eq!(maybe::<String>(open), None);
        run(&format!(
            "update treasury.payouts set initiated_at = now() - interval '8 days' where id = {id}"
        ));
        run("select ops.run_checks()");
        assert_eq!(maybe::<String>(open).as_deref(), Some("pending"));
        let text: String = one("select ops.metrics()::text");
        assert!(text.contains("backoffice_treasury_payouts_open{status=\"pending\"} 1"));
    }

    #[pg_test]
    fn a_transfer_that_was_made_after_an_admin_closed_it_is_reversed() {
        set("request_max_attempts", "1");
        let (host, _) = host_with(700);
        let id = payout(host);
        assert_eq!(answer(503, json!({})).1, "dead");
        let call: Uuid = one("select id from treasury.stripe_requests");
        become_person(person("admin"));
        run(&format!("select treasury.close_stripe_request('{call}', 'not there')"));
        become_service();
        let late = |code: i32| acknowledge(call, "worker", Some(code), json!({"id": "tr_7"}));
        assert_eq!(one::<String>(&late(500)), "refused");
        assert_eq!(one::<String>(&late(400)), "refused");
        assert_eq!(one::<String>(&late(200)), "done");
        assert_eq!(one::<String>(&late(200)), "done");
        become_database();
        assert_eq!((status(id).as_str(), earnings(host)), ("failed", 700));
        assert_eq!(answer(200, json!({"id": "trr_1"})).0, "/v1/transfers/tr_7/reversals");
        assert!(claim("worker").is_empty());
    }

    #[pg_test]
    fn instant_payouts_are_counted_one_by_one() {
        let (host, _) = host_with(2_000);
        // A row that was inserted last has never been locked.
        run("create temp table copied as select * from treasury.stripe_accounts;
             delete from treasury.stripe_accounts;
             insert into treasury.stripe_accounts select * from copied");
        let held = || {
            become_database();
            one::<bool>(&format!(
                "select xmax <> '0'::xid from treasury.stripe_accounts where id = '{host}'"
            ))
        };
        become_person(host);
        run(&ask(host, r#", "amount_cents": 500"#));
        assert!(!held());
        become_person(host);
        run(&ask(host, r#", "method": "instant", "amount_cents": 500"#));
        assert!(held());
    }

    #[pg_test]
    fn a_scheduled_payout_is_asked_for_once_also_when_its_time_has_come() {
        let (host, _) = host_with(900);
        let data = |at: &str| ask(host, &format!(r#", "scheduled_for": "{at}""#));
        let soon: String = one("select (clock_timestamp() + interval '1 hour')::text");
        run(r#"select set_config('request.headers', '{"idempotency-key": "k"}', true)"#);
        become_person(host);
        let id: i64 = one(&data(&soon));
        assert_eq!(one::<i64>(&data(&soon)), id);
        // As the same request is seen an hour later.
        set("payout_schedule_days", "1");
        let late: String = one("select (now() - interval '1 hour')::text");
        become_person(host);
        run(r#"select set_config('request.headers', '{"idempotency-key": "l"}', true)"#);
        expect_error("22023", &data(&late));
        run(r#"select set_config('request.headers', '{"idempotency-key": "k"}', true)"#);
        // Another content under the key, and not a wrong time: the key is looked at first.
        expect_error("PT409", &data(&late));
    }
}
