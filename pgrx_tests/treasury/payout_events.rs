//! What Stripe says of payouts and accounts, in any order and more than once.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn text(column: &str) -> Option<String> {
        maybe(&format!("select ({column})::text from treasury.payouts order by id desc limit 1"))
    }

    #[pg_test]
    fn events_end_alike_in_whatever_order_they_come() {
        listen();
        let kinds = [
            ("created", "pending"),
            ("updated", "in_transit"),
            ("paid", "paid"),
            ("failed", "failed"),
        ];
        let mut ends = Vec::new();
        let orders =
            [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2], [3, 0, 2, 1], [2, 3, 1, 0]];
        for (n, order) in orders.iter().enumerate() {
            let (host, account) = host_with(1_000);
            let id = payout(host);
            answer(200, json!({"id": format!("tr_{n}")}));
            answer(200, stripes(&format!("po_{n}"), 1_000, "pending", Some(id)));
            for at in order.iter().chain(order) {
                let (kind, status) = kinds[*at];
                let object = stripes(&format!("po_{n}"), 1_000, status, Some(id));
                let told = tell(&format!("payout.{kind}"), Some(&account), object, *at as i64);
                assert_eq!(told, "processed");
            }
            assert_eq!(earnings(host), 1_000);
            ends.push(
                text("concat_ws(' ', status, failure_code, event_at, completed_at)").unwrap(),
            );
            // It is brought back once.
            let back: i64 = one(&format!(
                "select count(*) from treasury.stripe_requests where subject_id = {id} and path like '%/reversals'"
            ));
            assert_eq!(back, 1);
            run("update treasury.stripe_requests set status = 'done', finished_at = now()");
        }
        assert_eq!([balance("in_transit"), balance("stripe")], [0, 6_000]);
        let at =
            |second: i64| one::<String>(&format!("select to_timestamp({})::text", BEGIN + second));
        assert_eq!(ends, vec![format!("failed account_closed {0} {0}", at(3)); 6]);
    }

    #[pg_test]
    fn without_a_failure_it_is_paid_in_whatever_order() {
        listen();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let (host, account) = host_with(1_000);
            let id = payout(host);
            let po = format!("po_{id}");
            let kinds =
                [("created", "pending"), ("paid", "paid"), ("reconciliation_completed", "paid")];
            for at in order {
                let (kind, status) = kinds[at];
                let object = stripes(&po, 1_000, status, Some(id));
                tell(&format!("payout.{kind}"), Some(&account), object, at as i64);
            }
            assert_eq!(earnings(host), 0);
            let first: String = one(&format!("select to_timestamp({})::text", BEGIN + 1));
            assert_eq!(text("status").as_deref(), Some("paid"));
            assert_eq!(text("completed_at"), Some(first));
        }
        assert_eq!([balance("in_transit"), balance("stripe")], [0, 0]);
    }

    #[pg_test]
    fn an_event_may_come_before_the_answer() {
        listen();
        let (host, account) = host_with(1_000);
        let id = payout(host);
        answer(200, json!({"id": "tr_1"}));
        let calls = claim("worker");
        tell("payout.paid", Some(&account), stripes("po_1", 1_000, "paid", Some(id)), 5);
        become_service();
        let late = stripes("po_1", 1_000, "pending", Some(id));
        run(&acknowledge(calls[0].0, "worker", Some(200), late));
        become_database();
        assert_eq!(status(id), "paid");
        assert_eq!(books(host), [0, 0, 0, 0]);
        assert_eq!(one::<i64>("select count(*) from treasury.payouts"), 1);
    }

    #[pg_test]
    fn a_payout_that_only_stripe_knew_is_booked_for_whoever_has_the_account() {
        listen();
        let (host, account) = host_with(1_000);
        for _ in 0..2 {
            let object = stripes("po_auto", 1_500, "in_transit", None);
            assert_eq!(tell("payout.created", Some(&account), object, 0), "processed");
        }
        assert_eq!(books(host), [-500, 1_500, 1_000, 0]);
        assert!(text("ledger_entry_id").is_some());
        tell("payout.paid", Some(&account), stripes("po_auto", 1_500, "paid", None), 1);
        assert_eq!(books(host), [-500, 0, -500, 0]);
        let owner: Uuid = one("select user_id from treasury.payouts");
        assert_eq!(owner, host);
        // Stripe takes money back from a bank account in the same way.
        tell("payout.paid", Some(&account), stripes("po_back", -500, "paid", None), 2);
        assert_eq!(books(host), [0, 0, 0, 0]);
        become_person(host);
        let newest: i64 = one("select id from treasury.get_payout_status()");
        expect_error("PT409", &format!("select treasury.cancel_payout({newest})"));
    }

    #[pg_test]
    fn a_payout_to_an_account_of_nobody_waits_until_it_is_somebodys() {
        listen();
        let host = person("host");
        credit(host, "USD", 1_000);
        let account = format!("acct_{}", host.to_string().replace('-', ""));
        let object = stripes("po_1", 600, "paid", None);
        assert_eq!(tell("payout.paid", Some(&account), object, 2), "parked");
        let about = json!({"id": account, "charges_enabled": true, "payouts_enabled": true, "details_submitted": true});
        assert_eq!(tell("account.updated", Some(&account), about, 1), "parked");
        assert_eq!(earnings(host), 1_000);
        run(&format!("select treasury.link_stripe_account('{host}', '{account}')"));
        assert_eq!(earnings(host), 400);
        let state: String = one("select onboarding_status from treasury.stripe_accounts");
        assert_eq!(state, "completed");
    }

    #[pg_test]
    fn the_platforms_own_payouts_go_to_its_bank() {
        listen();
        let (host, _) = host_with(1_000);
        tell("payout.created", None, stripes("po_1", 300, "in_transit", None), 0);
        assert_eq!(books(host), [1_000, -300, 700, 0]);
        tell("payout.paid", None, stripes("po_1", 300, "paid", None), 1);
        assert_eq!(books(host), [1_000, 0, 700, 300]);
        tell("payout.failed", None, stripes("po_1", 300, "failed", None), 2);
        assert_eq!(books(host), [1_000, 0, 1_000, 0]);
        assert_eq!(text("user_id"), None);
        become_person(person("admin"));
        let id: i64 = one("select id from treasury.payouts");
        expect_error("PT409", &format!("select treasury.cancel_payout({id})"));
        become_person(host);
        expect_error("42501", &format!("select treasury.get_payout_status({id})"));
    }

    #[pg_test]
    fn a_number_in_the_metadata_is_believed_only_where_all_agrees() {
        listen();
        let ((host, account), (other, theirs)) = (host_with(1_000), host_with(1_000));
        let id = payout(host);
        // Somebody else's account, or another amount: not this payout, but one all the same.
        tell("payout.paid", Some(&theirs), stripes("po_1", 1_000, "paid", Some(id)), 0);
        tell("payout.paid", Some(&account), stripes("po_2", 400, "paid", Some(id)), 0);
        assert_eq!(status(id), "pending");
        assert_eq!((earnings(host), earnings(other)), (-400, 0));
        tell("payout.paid", Some(&account), stripes("po_3", 1_000, "paid", Some(id)), 0);
        assert_eq!(status(id), "paid");
        assert_eq!((earnings(host), earnings(other)), (-400, 0));
    }

    #[pg_test]
    fn one_that_was_given_back_here_and_made_at_stripe_is_booked_anew() {
        set("request_max_attempts", "1");
        listen();
        let (host, account) = host_with(1_000);
        let id = payout(host);
        answer(200, json!({"id": "tr_1"}));
        answer(500, json!({}));
        let request: Uuid = one("select id from treasury.stripe_requests where status = 'dead'");
        run(&format!("select treasury.close_stripe_request('{request}', 'not there')"));
        assert_eq!(earnings(host), 1_000);
        tell("payout.paid", Some(&account), stripes("po_1", 1_000, "paid", Some(id)), 0);
        assert_eq!(status(id), "failed");
        assert_eq!(earnings(host), 0);
    }

    #[pg_test]
    fn a_payout_of_another_amount_is_no_payout_of_ours() {
        listen();
        let (host, account) = host_with(1_000);
        let id = payout(host);
        tell("payout.created", Some(&account), stripes("po_1", 1_000, "pending", Some(id)), 0);
        let other = stripes("po_1", 900, "paid", Some(id));
        assert_eq!(tell("payout.paid", Some(&account), other, 1), "failed");
        assert_eq!(status(id), "pending");
        let bad = json!({"id": "po_9", "amount": 1, "currency": "usd", "status": "flying"});
        assert_eq!(tell("payout.paid", Some(&account), bad, 1), "failed");
        assert_eq!(earnings(host), 0);
    }

    #[pg_test]
    fn transfers_move_nothing_in_the_books() {
        listen();
        let (host, account) = host_with(1_000);
        for kind in ["transfer.created", "transfer.reversed"] {
            let object =
                json!({"id": "tr_1", "amount": 1_000, "currency": "usd", "destination": account});
            assert_eq!(tell(kind, None, object, 0), "processed");
        }
        assert_eq!(books(host), [1_000, 0, 1_000, 0]);
        assert_eq!(one::<i64>("select count(*) from ledger.transfers"), 1);
    }

    #[pg_test]
    fn changed_bank_details_are_noted_down() {
        listen();
        let (host, account) = host_with(0);
        let changed = || {
            maybe::<String>(&format!(
                "select payout_details_changed_at::text from treasury.stripe_accounts where id = '{host}'"
            ))
        };
        let bank = json!({"id": "ba_1", "object": "bank_account", "account": account});
        let kind = "account.external_account.updated";
        assert_eq!(changed(), None);
        tell(kind, Some(&account), bank.clone(), 20);
        tell(kind, None, bank, 10);
        assert_eq!(changed(), Some(one(&format!("select to_timestamp({})::text", BEGIN + 20))));
        let unknown = tell(kind, Some("acct_nobody"), json!({"id": "ba_2"}), 0);
        assert_eq!(unknown, "parked");
        assert_eq!(tell(kind, None, json!({"id": "ba_3"}), 0), "processed");
    }
}
