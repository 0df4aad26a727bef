//! Refunds: from Stripe and from here.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::jwt::unix_now;
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    /// A host with a charge of 100.01 that is theirs.
    fn sold() -> Uuid {
        let host = person("host");
        listen();
        assert_eq!(tell("charge.succeeded", &charge("ch_1", 10_001, host)), "processed");
        host
    }

    fn refunded() -> i64 {
        one("select refunded_cents from treasury.charges")
    }

    #[pg_test]
    fn a_refund_takes_from_each_what_is_theirs_and_all_of_it_takes_everything() {
        let (host, artist) = (person("host"), person("artist"));
        listen();
        become_person(host);
        run(&new_rule(
            "Tour",
            &percents(&[(artist, "66.666667"), (host, "33.333333")]),
            r#", "is_default": true"#,
        ));
        tell("charge.succeeded", &charge("ch_1", 10_001, host));
        for (n, cents) in [3_000, 3_000, 4_001].into_iter().enumerate() {
            assert_eq!(
                tell("refund.created", &refund(&format!("re_{n}"), "ch_1", cents, "succeeded")),
                "processed"
            );
            assert_eq!(earned(host) + earned(artist), balance("stripe"));
        }
        assert_eq!((earned(artist), earned(host), balance("stripe")), (0, 0, 0));
        assert_eq!(one::<i64>("select count(*) from ledger.check()"), 0);
    }

    #[pg_test]
    fn what_somebody_no_longer_has_is_paid_off_by_what_they_earn_next() {
        let host = sold();
        run(&format!("select * from ledger.accounts where owner_id = '{host}'"));
        crate::treasury::books::post(
            "payout",
            None,
            None,
            crate::kernel::money::Currency::parse("USD", "c").unwrap(),
            &[crate::treasury::books::Move {
                debit: crate::treasury::books::Account::Earnings(host),
                credit: crate::treasury::books::Account::Stripe,
                minor: 10_001,
            }],
        )
        .expect("paid out");
        tell("refund.created", &refund("re_1", "ch_1", 4_000, "succeeded"));
        assert_eq!(earned(host), -4_000);
        tell("charge.succeeded", &charge("ch_2", 5_000, host));
        assert_eq!(earned(host), 1_000);
    }

    #[pg_test]
    fn a_refund_before_its_charge_waits_for_it() {
        let host = person("host");
        listen();
        assert_eq!(tell("refund.created", &refund("re_1", "ch_1", 500, "succeeded")), "parked");
        tell("charge.succeeded", &charge("ch_1", 10_001, host));
        assert_eq!((earned(host), refunded()), (9_501, 500));
    }

    #[pg_test]
    fn a_refund_that_fails_gives_back_and_does_not_come_to_life_again() {
        let host = sold();
        for (status, left) in
            [("pending", 9_501), ("succeeded", 9_501), ("failed", 10_001), ("succeeded", 10_001)]
        {
            tell("refund.updated", &refund("re_1", "ch_1", 500, status));
            assert_eq!(earned(host), left, "{status}");
        }
    }

    #[pg_test]
    fn what_stripe_says_of_the_charge_and_of_the_refund_is_the_same_money() {
        let host = sold();
        let mut object = charge("ch_1", 10_001, host);
        object["amount_refunded"] = json!(500);
        assert_eq!(tell("charge.refunded", &object), "processed");
        assert_eq!((earned(host), refunded()), (9_501, 500));
        tell("refund.created", &refund("re_1", "ch_1", 500, "succeeded"));
        assert_eq!((earned(host), refunded()), (9_501, 500));
        tell("refund.created", &refund("re_2", "ch_1", 100, "succeeded"));
        assert_eq!((earned(host), refunded()), (9_401, 600));
    }

    #[pg_test]
    fn a_refund_of_another_currency_fails() {
        sold();
        let mut other = refund("re_1", "ch_1", 500, "succeeded");
        other["currency"] = json!("eur");
        assert_eq!(tell("refund.created", &other), "failed");
    }

    /// A buyer who paid 100.01.
    fn bought() -> Uuid {
        let (host, buyer) = (person("host"), person("buyer"));
        listen();
        let mut object = charge("ch_1", 10_001, host);
        object["metadata"]["buyer_id"] = json!(buyer.to_string());
        tell("charge.succeeded", &object);
        buyer
    }

    fn ask(more: &str) -> String {
        format!(r#"select id from treasury.request_refund('{{"charge_id": "ch_1"{more}}}')"#)
    }

    #[pg_test]
    fn a_buyers_refund_goes_to_stripe_and_takes_nothing_before_it_answers() {
        let buyer = bought();
        become_person(buyer);
        let id: i64 = one(&ask(r#", "amount_cents": 500, "reason": "I fell ill""#));
        become_database();
        let (path, params): (String, pgrx::JsonB) = (
            one("select path from treasury.stripe_requests"),
            one("select params from treasury.stripe_requests"),
        );
        assert_eq!(path, "/v1/refunds");
        assert_eq!(
            params.0,
            json!({"charge": "ch_1", "amount": 500, "reason": "requested_by_customer",
        "metadata": {"backoffice_refund": id.to_string()}})
        );
        assert_eq!((refunded(), balance("stripe")), (0, 10_001));
        let mut made = refund("re_1", "ch_1", 500, "succeeded");
        made["metadata"] = params.0["metadata"].clone();
        // The webhook may come before the answer to the call.
        tell("refund.created", &made);
        crate::treasury::refund::answered(id, &made).expect("the refund");
        assert_eq!((refunded(), balance("stripe")), (500, 9_501));
        assert_eq!(
            one::<String>("select stripe_refund_id || ' ' || status from treasury.refunds"),
            "re_1 succeeded"
        );
    }

    /// What a worker says of the one request there is.
    fn acknowledge(status: i32, answer: &serde_json::Value) -> String {
        become_service();
        let id: Uuid = one("select id from treasury.claim_stripe_requests('worker')");
        one(&format!(
            "select treasury.acknowledge_stripe_request('{id}', 'worker', {status}, {})",
            literal(&answer.to_string())
        ))
    }

    #[pg_test]
    fn what_stripe_answers_to_the_worker_is_what_became_of_the_refund() {
        become_person(bought());
        run(&ask(r#", "amount_cents": 500"#));
        assert_eq!(acknowledge(200, &refund("re_1", "ch_1", 500, "succeeded")), "done");
        become_database();
        assert_eq!((refunded(), balance("stripe")), (500, 9_501));
    }

    #[pg_test]
    fn what_stripe_refuses_the_worker_is_a_refund_that_failed() {
        become_person(bought());
        run(&ask(r#", "amount_cents": 500"#));
        assert_eq!(
            acknowledge(400, &json!({"error": {"code": "charge_already_refunded"}})),
            "refused"
        );
        become_database();
        let state: String = one("select status || ' ' || failure_reason from treasury.refunds");
        assert_eq!((state.as_str(), refunded()), ("failed charge_already_refunded", 0));
    }

    #[pg_test]
    fn no_more_is_asked_for_than_is_left() {
        let buyer = bought();
        become_person(buyer);
        run(&ask(r#", "amount_cents": 10000"#));
        assert_eq!(sqlstate_of(&ask(r#", "amount_cents": 2"#)), "PT409");
        let rest: i64 = one(&ask(""));
        let amount = format!("select amount_cents from treasury.refunds where id = {rest}");
        assert_eq!(one::<i64>(&amount), 1);
        assert_eq!(sqlstate_of(&ask("")), "PT409");
    }

    #[pg_test]
    fn a_refused_request_frees_what_it_asked_for() {
        let buyer = bought();
        become_person(buyer);
        let id: i64 = one(&ask(""));
        become_database();
        crate::treasury::refund::refused(id, "charge_disputed").expect("the refund");
        assert_eq!(
            one::<String>("select status || ' ' || failure_reason from treasury.refunds"),
            "failed charge_disputed"
        );
        become_person(buyer);
        run(&ask(""));
    }

    #[pg_test]
    fn what_was_given_up_and_made_all_the_same_is_booked() {
        become_person(bought());
        let id: i64 = one(&ask(r#", "amount_cents": 500"#));
        become_database();
        crate::treasury::refund::refused(id, "closed").expect("the refund");
        let mut made = refund("re_1", "ch_1", 500, "succeeded");
        made["metadata"] = json!({"backoffice_refund": id.to_string()});
        assert_eq!(tell("refund.created", &made), "processed");
        assert_eq!((refunded(), balance("stripe")), (500, 9_501));
    }

    #[pg_test]
    fn a_late_wish_waits_for_an_admin() {
        let buyer = bought();
        let admin = person("admin");
        run(
            "update treasury.charges set charged_at = now() - interval '20 days', captured_at = null",
        );
        become_person(buyer);
        let id: i64 = one(&ask(r#", "amount_cents": 500"#));
        let decide = |approve: &str| {
            format!("select status from treasury.decide_refund({id}, {approve}, 'as agreed')")
        };
        assert_eq!(sqlstate_of(&decide("true")), "42501");
        become_person(admin);
        assert_eq!(one::<i64>("select count(*) from treasury.stripe_requests"), 0);
        assert_eq!(one::<String>(&decide("true")), "pending");
        assert_eq!(one::<String>(&decide("true")), "pending");
        assert_eq!(one::<i64>("select count(*) from treasury.stripe_requests"), 1);
        assert_eq!(sqlstate_of(&decide("false")), "PT409");
        become_database();
        crate::treasury::refund::answered(id, &refund("re_1", "ch_1", 500, "succeeded"))
            .expect("the refund");
        become_person(admin);
        assert_eq!(one::<String>(&decide("true")), "succeeded");
    }

    #[pg_test]
    fn an_admin_refuses_with_a_reason() {
        let buyer = bought();
        let admin = person("admin");
        run("select backoffice.set_setting('treasury', 'refund_days', '0')");
        become_person(buyer);
        let id: i64 = one(&ask(""));
        become_person(admin);
        assert_eq!(sqlstate_of(&format!("select treasury.decide_refund({id}, false)")), "22004");
        assert_eq!(
            one::<String>(&format!(
                "select status from treasury.decide_refund({id}, false, 'the show took place')"
            )),
            "canceled"
        );
        assert_eq!(sqlstate_of(&format!("select treasury.decide_refund({id}, true)")), "PT409");
        become_person(buyer);
        assert_eq!(
            one::<String>("select failure_reason from treasury.refunds"),
            "the show took place"
        );
        assert_eq!(one::<i64>(&ask("")), id + 1);
    }

    fn decide_refund(id: i64) -> String {
        format!("select status from treasury.decide_refund({id}, true, 'known to us')")
    }

    #[pg_test]
    fn what_one_admin_may_not_let_go_alone_waits_for_a_second() {
        bought();
        let (first, second) = (person("admin"), person("admin"));
        run(r#"select backoffice.set_setting('treasury', 'two_person_amount', '{"USD": 500}')"#);
        become_person(first);
        let small: i64 = one(&ask(r#", "amount_cents": 500"#));
        let large: i64 = one(&ask(r#", "amount_cents": 501"#));
        let state = |id: i64| -> String {
            become_database();
            one(&format!("select status from treasury.refunds where id = {id}"))
        };
        assert_eq!((state(small).as_str(), state(large).as_str()), ("pending", "requested"));
        for admin in [first, second] {
            become_person(admin);
            expect_error("PT409", &decide_refund(large));
        }
        become_person(first);
        let id: Uuid = one(&format!(
            r#"select id from treasury.apply_override('{{"action": "refund_approve", "target": "{large}",
                "reason": "The show was cancelled"}}')"#
        ));
        let agree = format!("select status from treasury.decide_override('{id}', true)");
        expect_error("42501", &agree);
        become_person(second);
        assert_eq!(one::<String>(&agree), "applied");
        assert_eq!(state(large), "pending");
        // A server, of which nobody knows who it is, is one like an admin.
        become_service();
        let third: i64 = one(&ask(r#", "amount_cents": 600"#));
        assert_eq!(state(third), "requested");
    }

    #[pg_test]
    fn what_stripe_cannot_write_is_not_asked_for() {
        let buyer = bought();
        run(
            "update treasury.charges set currency = 'KWD', charged_at = now() - interval '20 days',
                    captured_at = null",
        );
        become_person(buyer);
        expect_error("22023", &ask(r#", "amount_cents": 1234"#));
        run(&ask(r#", "amount_cents": 1230"#));
    }

    #[pg_test]
    fn an_admin_who_bought_asks_as_any_buyer_and_does_not_decide() {
        let admin = person("admin");
        bought();
        run(&format!(
            "update treasury.charges
                set buyer_id = '{admin}', charged_at = now() - interval '20 days', captured_at = null"
        ));
        become_person(admin);
        let id: i64 = one(&ask(r#", "amount_cents": 5"#));
        assert_eq!(one::<i64>("select count(*) from treasury.stripe_requests"), 0);
        expect_error("42501", &decide_refund(id));
        become_person(person("admin"));
        assert_eq!(one::<String>(&decide_refund(id)), "pending");
        become_database();
        let note: String = one(&format!(
            "select new_values ->> 'decision_note' from ops.audit_logs
              where table_name = 'treasury.refunds' and record_id = '{id}' and action = 'APPROVE'"
        ));
        assert_eq!(note, "known to us");
    }

    #[pg_test]
    fn only_who_paid_and_admins_ask() {
        let buyer = bought();
        let seller: Uuid = one("select owner_id from treasury.charges");
        for other in [seller, person("buyer")] {
            become_person(other);
            assert_eq!(sqlstate_of(&ask("")), "42501");
        }
        become_person(person("admin"));
        assert_eq!(
            sqlstate_of(r#"select treasury.request_refund('{"charge_id": "ch_none"}')"#),
            "PT404"
        );
        become_person(buyer);
        assert_eq!(
            sqlstate_of(r#"select treasury.request_refund('{"charge_id": "ch_none"}')"#),
            "42501"
        );
        for (bad, code) in [
            ("null", "22004"),
            ("'{}'", "22004"),
            ("'[]'", "22023"),
            (r#"'{"charge_id": "ch_1", "amount_cents": 0}'"#, "22023"),
            (r#"'{"charge_id": "ch_1", "amount_cents": 1.5}'"#, "22023"),
            (r#"'{"charge_id": "ch_1", "sum": 1}'"#, "22023"),
            (r#"'{"charge_id": 1}'"#, "22023"),
        ] {
            assert_eq!(
                sqlstate_of(&format!("select treasury.request_refund({bad})")),
                code,
                "{bad}"
            );
        }
        let _ = unix_now();
    }
}
