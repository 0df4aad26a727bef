//! Overrides: each action, what it leaves behind, and who has to agree.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ops::inbox::{SECRET, post, signed};
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::Account::*;
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::json;

    fn sent(action: &str, target: &str, more: &str) -> String {
        format!(
            r#"select id from treasury.apply_override('{{"action": "{action}", "target": "{target}",
                "reason": "Nobody else could do it"{more}}}')"#
        )
    }

    fn decision(id: Uuid, approve: bool) -> String {
        format!("select status from treasury.decide_override('{id}', {approve}, 'seen')")
    }

    /// Status, what it was before and is after.
    fn kept(id: Uuid) -> (String, JsonB, Option<JsonB>) {
        become_database();
        let of =
            |column: &str| format!("select {column} from treasury.overrides where id = '{id}'");
        (one(&of("status")), one(&of("before")), maybe(&of("after")))
    }

    /// Somebody who owes 50 dollars.
    fn debtor() -> Uuid {
        let host = person("host");
        posting("refund", "re_1", &[(Earnings(host), Stripe, 5000)]);
        host
    }

    #[pg_test]
    fn a_receivable_is_written_off() {
        let (host, admin) = (debtor(), person("admin"));
        let write_off = sent("write_off_receivable", &host.to_string(), r#", "currency": "USD""#);
        become_person(admin);
        let id: Uuid = one(&write_off);
        let (status, before, after) = kept(id);
        assert_eq!(status, "applied");
        assert_eq!(before.0, json!({"balance_cents": -5000}));
        assert_eq!(after.unwrap().0["balance_cents"], 0);
        assert_eq!((earned(host), balance("adjustments")), (0, 5000));
        let kind: String = one(&format!(
            "select event_source from treasury.ledger_entries
              where user_id = '{host}' and type = 'credit'"
        ));
        assert_eq!(kind, "write_off");
        become_person(admin);
        expect_error("PT409", &write_off);
        expect_error("PT409", &write_off.replace("USD", "EUR"));
        expect_error("PT404", &write_off.replace(&host.to_string(), &new_id().to_string()));
        expect_error("22023", &write_off.replace(&host.to_string(), "x"));
        expect_error("22004", &write_off.replace(r#""USD""#, "null"));
    }

    #[pg_test]
    fn a_large_one_waits_for_a_second_admin() {
        let (host, first, second) = (debtor(), person("admin"), person("admin"));
        run(r#"select backoffice.set_setting('treasury', 'two_person_amount', '{"USD": 4999}')"#);
        let write_off = sent("write_off_receivable", &host.to_string(), r#", "currency": "USD""#);
        become_person(first);
        let id: Uuid = one(&write_off);
        assert_eq!(kept(id).0, "waiting");
        assert_eq!(earned(host), -5000);
        become_person(first);
        expect_error("42501", &decision(id, true));
        become_service();
        expect_error("42501", &decision(id, true));
        // Meanwhile it is more, for which nobody asked.
        posting("refund", "re_2", &[(Earnings(host), Stripe, 1)]);
        become_person(second);
        expect_error("PT409", &decision(id, true));
        posting("stripe_charge", "ch_2", &[(Stripe, Earnings(host), 3)]);
        become_person(second);
        assert_eq!(one::<String>(&decision(id, true)), "applied");
        assert_eq!(one::<String>(&decision(id, true)), "applied");
        expect_error("PT409", &decision(id, false));
        let (_, before, _) = kept(id);
        assert_eq!(before.0, json!({"balance_cents": -4998}));
        assert_eq!(earned(host), 0);
        let by: String = one(&format!(
            "select concat_ws(' ', requested_by = '{first}', approved_by = '{second}', amount_cents)
               from treasury.overrides where id = '{id}'"
        ));
        assert_eq!(by, "t t 4998");
    }

    #[pg_test]
    fn a_rejected_one_does_nothing() {
        let (host, admin) = (debtor(), person("admin"));
        run(r#"select backoffice.set_setting('treasury', 'two_person_amount', '{"USD": 0}')"#);
        become_person(admin);
        let write_off = sent("write_off_receivable", &host.to_string(), r#", "currency": "USD""#);
        let id: Uuid = one(&write_off);
        assert_eq!(one::<String>(&decision(id, false)), "rejected");
        become_person(person("admin"));
        expect_error("PT409", &decision(id, true));
        become_database();
        assert_eq!(earned(host), -5000);
    }

    #[pg_test]
    fn a_charge_of_nobody_gets_its_owner() {
        listen();
        let (host, admin, other) = (person("host"), person("admin"), person("admin"));
        let mut object = charge("ch_1", 10_000, host);
        object["metadata"] = json!({});
        tell("charge.succeeded", &object);
        assert_eq!((earned(host), balance("unallocated")), (0, 10_000));
        let assign = sent("assign_charge", "ch_1", &format!(r#", "owner_id": "{host}""#));
        become_person(admin);
        let id: Uuid = one(&assign);
        let (status, before, after) = kept(id);
        assert_eq!(status, "applied");
        assert_eq!(before.0, json!({"owner_id": null}));
        assert_eq!(after.unwrap().0, json!({"owner_id": host.to_string()}));
        assert_eq!((earned(host), balance("unallocated")), (10_000, 0));
        become_person(admin);
        expect_error("PT409", &assign);
        expect_error("PT404", &assign.replace("ch_1", "ch_2"));
        // Whoever gets it does not decide alone.
        object["id"] = json!("ch_3");
        become_database();
        tell("charge.succeeded", &object);
        become_person(admin);
        let own: Uuid = one(&sent("assign_charge", "ch_3", &format!(r#", "owner_id": "{admin}""#)));
        expect_error("42501", &decision(own, true));
        become_person(other);
        assert_eq!(one::<String>(&decision(own, true)), "applied");
        become_database();
        assert_eq!(earned(admin), 10_000);
    }

    #[pg_test]
    fn a_refund_that_waits_is_let_out_or_refused() {
        listen();
        let (host, buyer, admin) = (person("host"), person("buyer"), person("admin"));
        let mut object = charge("ch_1", 10_000, host);
        object["metadata"]["buyer_id"] = json!(buyer.to_string());
        tell("charge.succeeded", &object);
        run("select backoffice.set_setting('treasury', 'refund_days', '0')");
        let ask = |cents: i64| -> i64 {
            become_person(buyer);
            one(&format!(
                r#"select id from treasury.request_refund('{{"charge_id": "ch_1", "amount_cents": {cents}}}')"#
            ))
        };
        let (good, bad) = (ask(400), ask(500));
        let refunds = || -> Vec<String> {
            become_database();
            one("select array_agg(status order by id) from treasury.refunds")
        };
        assert_eq!(refunds(), ["requested", "requested"]);
        become_person(admin);
        let id: Uuid = one(&sent("refund_approve", &good.to_string(), ""));
        run(&sent("refund_reject", &bad.to_string(), ""));
        expect_error("PT409", &sent("refund_approve", &bad.to_string(), ""));
        expect_error("PT404", &sent("refund_approve", "999", ""));
        expect_error("22023", &sent("refund_approve", "re_1", ""));
        assert_eq!(refunds(), ["pending", "canceled"]);
        let (status, before, after) = kept(id);
        let after = after.unwrap().0;
        assert_eq!(
            (status.as_str(), &before.0["status"], &after["status"]),
            ("applied", &json!("requested"), &json!("pending"))
        );
        let requests: i64 = one("select count(*) from treasury.stripe_requests");
        assert_eq!(requests, 1);
    }

    #[pg_test]
    fn a_payout_is_let_out_refused_or_taken_back() {
        let (host, first, second) = (person("host"), person("admin"), person("admin"));
        posting("stripe_charge", "ch_1", &[(Stripe, Earnings(host), 90_000)]);
        become_service();
        run(&format!("select treasury.link_stripe_account('{host}', 'acct_1')"));
        run(r#"select treasury.apply_stripe_account('{"id": "acct_1", "charges_enabled": true,
            "payouts_enabled": true, "details_submitted": true}', now())"#);
        become_database();
        run("select backoffice.set_setting('treasury', 'payout_review_score', '1')");
        let ask = |cents: i64| -> i64 {
            become_person(host);
            one(&format!(
                r#"select id from treasury.initiate_payout('{{"currency": "USD", "amount_cents": {cents}}}')"#
            ))
        };
        let (good, bad, large, own) = (ask(1_000), ask(2_000), ask(60_000), ask(3_000));
        let state = |payout: i64| -> String {
            become_database();
            one(&format!("select status from treasury.payouts where id = {payout}"))
        };
        assert_eq!(state(good), "review");
        become_person(first);
        run(&sent("payout_approve", &good.to_string(), ""));
        run(&sent("payout_reject", &bad.to_string(), ""));
        run(&sent("payout_cancel", &own.to_string(), ""));
        expect_error("PT409", &sent("payout_approve", &good.to_string(), ""));
        expect_error("PT404", &sent("payout_cancel", "999999", ""));
        expect_error("22023", &sent("payout_approve", "po_1", ""));
        let id: Uuid = one(&sent("payout_approve", &large.to_string(), ""));
        assert_eq!(
            [state(good), state(bad), state(own), state(large)],
            ["pending", "canceled", "canceled", "review"]
        );
        become_person(first);
        expect_error("42501", &decision(id, true));
        become_person(second);
        assert_eq!(one::<String>(&decision(id, true)), "applied");
        assert_eq!(state(large), "pending");
        assert_eq!(earned(host), 90_000 - 61_000);
    }

    #[pg_test]
    fn a_dispute_that_is_over_gets_a_last_word() {
        listen();
        let (host, admin) = (person("host"), person("admin"));
        tell("charge.succeeded", &charge("ch_1", 10_000, host));
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "needs_response", &[]));
        become_person(admin);
        expect_error("PT409", &sent("dispute_close_note", "dp_1", ""));
        expect_error("PT404", &sent("dispute_close_note", "dp_2", ""));
        become_database();
        tell("charge.dispute.closed", &dispute("dp_1", "ch_1", 500, "lost", &[]));
        become_person(admin);
        let id: Uuid = one(&sent("dispute_close_note", "dp_1", ""));
        let note: String = one("select body from treasury.dispute_comments");
        assert_eq!(note, "Nobody else could do it");
        assert_eq!(kept(id).2.unwrap().0, json!({"status": "lost", "comments": 1}));
    }

    #[pg_test]
    fn an_event_of_stripe_is_processed_again() {
        listen();
        let (host, admin) = (person("host"), person("admin"));
        // Of another currency than the charge: it fails, until somebody tells of it again.
        tell("charge.succeeded", &charge("ch_1", 10_000, host));
        let body = json!({"id": "evt_1", "type": "charge.dispute.created", "created": 1_700_000_000,
            "livemode": true, "data": {"object": dispute("dp_1", "ch_9", 5, "needs_response", &[])}})
        .to_string();
        let (_, answer) = post("stripe", &signed(SECRET, &body, 0), &body);
        assert_eq!(answer["status"], "parked");
        let id: Uuid = one("select id from ops.webhook_events where status = 'parked'");
        become_person(admin);
        let override_: Uuid = one(&sent("replay_webhook", &id.to_string(), ""));
        let (status, before, after) = kept(override_);
        assert_eq!((status.as_str(), &before.0["status"]), ("applied", &json!("parked")));
        assert_eq!(after.unwrap().0["status"], "parked");
        tell("charge.succeeded", &charge("ch_9", 10_000, host));
        become_person(admin);
        expect_error("PT409", &sent("replay_webhook", &id.to_string(), ""));
        expect_error("PT404", &sent("replay_webhook", &new_id().to_string(), ""));
        expect_error("22023", &sent("replay_webhook", "evt_1", ""));
    }

    #[pg_test]
    fn a_request_that_was_given_up_is_made_again() {
        let admin = person("admin");
        run("insert into treasury.stripe_requests (id, subject, method, path, status, attempts, first_claimed_at)
             values (gen_random_uuid(), 'balance_transactions', 'GET', '/v1/a', 'dead', 9, now()),
                    (gen_random_uuid(), 'balance_transactions', 'GET', '/v1/b', 'done', 1, now())");
        let request = |path: &str| -> Uuid {
            become_database();
            one(&format!("select id from treasury.stripe_requests where path = '{path}'"))
        };
        let (dead, done) = (request("/v1/a"), request("/v1/b"));
        become_person(admin);
        run(&sent("retry_stripe_request", &dead.to_string(), ""));
        expect_error("PT409", &sent("retry_stripe_request", &dead.to_string(), ""));
        expect_error("PT409", &sent("retry_stripe_request", &done.to_string(), ""));
        expect_error("PT404", &sent("retry_stripe_request", &new_id().to_string(), ""));
        let state: String =
            one("select status || attempts from treasury.stripe_requests where path = '/v1/a'");
        assert_eq!(state, "pending0");
    }

    #[pg_test]
    fn only_admins_override_and_the_history_stays() {
        let (host, admin) = (debtor(), person("admin"));
        let write_off = sent("write_off_receivable", &host.to_string(), r#", "currency": "USD""#);
        become_person(host);
        expect_error("42501", &write_off);
        expect_error("42501", &decision(new_id(), false));
        assert_eq!(one::<i64>("select count(*) from treasury.overrides"), 0);
        become_person(admin);
        expect_error("PT404", &decision(new_id(), true));
        expect_error("22004", "select treasury.apply_override(null)");
        expect_error("22004", "select treasury.apply_override('{}')");
        expect_error("22023", &sent("drop_tables", "x", ""));
        run(&write_off);
        become_database();
        for sql in [
            "update treasury.overrides set note = 'x'",
            "update treasury.overrides set reason = 'x'",
            "delete from treasury.overrides",
            "truncate treasury.overrides",
        ] {
            expect_error("42501", sql);
        }
    }

    #[pg_test]
    fn the_audit_log_of_the_treasury_is_for_its_admins() {
        let (host, admin) = (debtor(), person("admin"));
        become_person(admin);
        run(&sent("write_off_receivable", &host.to_string(), r#", "currency": "USD""#));
        run("select backoffice.set_setting('treasury', 'tax_years', '9')");
        let seen: Vec<String> =
            one("select array_agg(distinct details ->> 'table') from treasury.audit_logs
              where user_id = (select backoffice.person_id())");
        assert_eq!(seen, ["backoffice.settings", "treasury.overrides"]);
        let new: String = one("select details -> 'new' ->> 'action' from treasury.audit_logs
              where details ->> 'table' = 'treasury.overrides' and action = 'INSERT'");
        assert_eq!(new, "write_off_receivable");
        become_database();
        let foreign: i64 = one("select count(*) from treasury.audit_logs
              where details ->> 'table' not like 'treasury%'
                and details ->> 'record_id' not like 'treasury,%'");
        assert_eq!(foreign, 0);
        let before: i64 =
            one("select count(*) from treasury.read_audit_logs('2000-01-01'::timestamptz)");
        assert_eq!(before, 0);
        become_person(host);
        assert_eq!(one::<i64>("select count(*) from treasury.audit_logs"), 0);
    }
}
