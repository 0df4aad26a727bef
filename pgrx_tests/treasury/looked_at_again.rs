//! What was right when it was asked for is looked at again before money goes.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::jwt::unix_now;
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::{stripe, *};
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    /// A transfer as Stripe describes it.
    fn transfer(id: &str, minor: i64, account: &str, number: i64) -> Value {
        json!({"id": id, "object": "transfer", "amount": minor, "currency": "usd",
            "destination": account, "metadata": {"backoffice_payout_id": number.to_string()}})
    }

    fn close(request: Uuid) -> String {
        format!("select status from treasury.close_stripe_request('{request}', 'not there')")
    }

    struct Lost {
        host: Uuid,
        account: String,
        id: i64,
        request: Uuid,
    }

    /// A payout of 700 whose transfer nobody knows to be done.
    fn lost_transfer() -> Lost {
        set("request_max_attempts", "1");
        listen();
        let (host, account) = host_with(700);
        let id = payout(host);
        assert_eq!(answer(503, json!({})), ("/v1/transfers".to_owned(), "dead".to_owned()));
        let request = one("select id from treasury.stripe_requests where status = 'dead'");
        Lost { host, account, id, request }
    }

    #[pg_test]
    fn a_transfer_that_stripe_tells_of_was_done_whatever_became_of_the_answer() {
        let Lost { host, account, id, request } = lost_transfer();
        let told = transfer("tr_1", 700, &account, id);
        assert_eq!(tell("transfer.created", None, told.clone(), 0), "processed");
        become_person(person("admin"));
        expect_error("PT409", &close(request));
        become_database();
        assert_eq!((status(id).as_str(), earnings(host)), ("pending", 0));
        assert_eq!(tell("transfer.created", None, told, 1), "processed");
        let calls = claim("worker");
        assert_eq!((calls.len(), calls[0].1.as_str()), (1, "/v1/payouts"), "once");
    }

    #[pg_test]
    fn a_transfer_that_is_not_the_one_asked_for_says_nothing() {
        let Lost { account, id, request, .. } = lost_transfer();
        for other in [
            transfer("tr_1", 699, &account, id),
            transfer("tr_1", 700, "acct_other", id),
            transfer("tr_1", 700, &account, id + 1),
            json!({"id": "tr_1", "metadata": {}}),
        ] {
            assert_eq!(tell("transfer.created", None, other, 0), "processed");
        }
        // What a connected account says of transfers of its own is nothing to go by.
        let own = transfer("tr_1", 700, &account, id);
        assert_eq!(tell("transfer.created", Some(&account), own, 0), "processed");
        become_person(person("admin"));
        assert_eq!(one::<String>(&close(request)), "refused");
    }

    #[pg_test]
    fn a_transfer_that_was_closed_and_made_all_the_same_is_brought_back() {
        let Lost { host, account, id, request } = lost_transfer();
        become_person(person("admin"));
        assert_eq!(one::<String>(&close(request)), "refused");
        tell("transfer.created", None, transfer("tr_1", 700, &account, id), 0);
        assert_eq!(answer(503, json!({})).0, "/v1/transfers/tr_1/reversals");
        become_person(host);
        expect_error("PT409", &ask(host, ""));
    }

    #[pg_test]
    fn a_refused_reversal_is_remembered_until_somebody_settles_it() {
        let (host, _) = host_with(700);
        payout(host);
        answer(200, json!({"id": "tr_9"}));
        answer(402, json!({}));
        answer(400, json!({}));
        run("update treasury.stripe_requests set finished_at = now() - interval '10 years';
             select ops.run_job('purge_stripe_requests')");
        assert_eq!(one::<i64>("select count(*) from treasury.stripe_requests"), 1);
        become_person(host);
        expect_error("PT409", &ask(host, ""));
    }

    #[pg_test]
    fn who_owes_when_the_time_comes_is_not_paid() {
        alone_with_jobs();
        let (host, _) = host_with(900);
        become_person(host);
        let later: String = one("select (now() + interval '1 day')::text");
        let id: i64 = one(&ask(host, &format!(r#", "scheduled_for": "{later}""#)));
        become_database();
        credit(host, "USD", -1);
        run("update treasury.payouts set scheduled_for = now();
             select ops.run_job('send_payouts')");
        assert!(claim("worker").is_empty());
        let why: String = one(
            "select p.status || (r.reasons @> '[{\"reason\": \"owes\"}]') from treasury.payouts p
                   join treasury.payout_risks r on r.payout_id = p.id",
        );
        assert_eq!(why, "reviewtrue");
        let decide = |approve| {
            format!("select status from treasury.decide_payout({id}, {approve}, 'seen it')")
        };
        become_person(person("admin"));
        expect_error("PT409", &decide(true));
        assert_eq!(one::<String>(&decide(false)), "canceled");
        become_database();
        assert_eq!(earnings(host), 899);
    }

    #[pg_test]
    fn a_first_transfer_waits_while_its_account_cannot_be_paid_to() {
        let (host, _) = host_with(700);
        payout(host);
        let rejected = |reason: &str| {
            run(&format!(
                "update treasury.stripe_accounts set requirements = '{{\"disabled_reason\": {reason}}}'"
            ))
        };
        rejected("\"rejected.fraud\"");
        assert!(claim("worker").is_empty());
        rejected("null");
        assert_eq!(claim("worker").len(), 1);
        // Once a worker had it, Stripe may have done it.
        rejected("\"rejected.fraud\"");
        run("update treasury.stripe_requests set leased_until = now() - interval '1 minute'");
        assert_eq!(claim("worker").len(), 1);
    }

    #[pg_test]
    fn what_payouts_wait_for_counts_from_the_capture() {
        stripe::listen();
        let (host, _) = host_with(0);
        let begin = unix_now() - 20 * 86_400;
        let mut object = stripe::charge("ch_1", 300, host);
        object["created"] = json!(begin);
        let mut set_aside = object.clone();
        set_aside["captured"] = json!(false);
        set_aside["amount_captured"] = json!(0);
        stripe::tell_at("charge.succeeded", &set_aside, begin);
        let held =
            || one::<i64>(&format!("select held::bigint from treasury.payable('{host}', 'USD')"));
        // The later one is heard first.
        assert_eq!(stripe::tell_at("charge.updated", &object, unix_now()), "processed");
        assert_eq!(held(), 300);
        stripe::tell_at("charge.captured", &object, unix_now() - 6 * 86_400);
        assert_eq!(held(), 300);
        stripe::tell_at("charge.captured", &object, unix_now() - 8 * 86_400);
        assert_eq!(held(), 0);
    }

    #[pg_test]
    fn a_refund_of_what_is_gone_meanwhile_is_not_let_go() {
        stripe::listen();
        set("refund_days", "0");
        let (host, buyer) = (person("host"), person("buyer"));
        let mut object = stripe::charge("ch_1", 1_000, host);
        object["metadata"]["buyer_id"] = json!(buyer.to_string());
        stripe::tell("charge.succeeded", &object);
        become_person(buyer);
        let id: i64 = one(r#"select id from treasury.request_refund('{"charge_id": "ch_1"}')"#);
        let taken = stripe::transaction("txn_1", -1_000, 0);
        let lost = stripe::dispute("dp_1", "ch_1", 1_000, "lost", &[taken]);
        become_database();
        stripe::tell("charge.dispute.funds_withdrawn", &lost);
        become_person(person("admin"));
        expect_error("PT409", &format!("select treasury.decide_refund({id}, true, null)"));
        become_database();
        assert_eq!(one::<i64>("select count(*) from treasury.stripe_requests"), 0);
    }

    #[pg_test]
    fn a_rule_that_metadata_name_is_the_owners_or_the_platforms() {
        stripe::listen();
        let (host, other) = (person("host"), person("host"));
        become_person(other);
        let theirs = rule(other, "");
        let mut object = stripe::charge("ch_1", 500, host);
        object["metadata"]["split_rule_id"] = json!(theirs.to_string());
        stripe::tell("charge.succeeded", &object);
        assert_eq!([host, other].map(earnings), [500, 0]);
    }

    #[pg_test]
    fn an_event_that_no_system_took_can_be_taken_later() {
        listen();
        set("live", "false");
        let host = person("host");
        assert_eq!(
            stripe::tell("charge.succeeded", &stripe::charge("ch_1", 500, host)),
            "processed"
        );
        assert_eq!(earnings(host), 0);
        set("live", "true");
        let replay = "select status from ops.replay_webhook((select id from ops.webhook_events))";
        assert_eq!(one::<String>(replay), "processed");
        assert_eq!(earnings(host), 500);
        expect_error("PT409", replay);
    }
}
