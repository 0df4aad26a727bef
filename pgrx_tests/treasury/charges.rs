//! Charges: whose they are, how they are split, and what comes when.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::jwt::unix_now;
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn problems() -> i64 {
        one("select count(*) from ledger.check()")
    }

    #[pg_test]
    fn a_charge_is_split_by_the_rule_of_its_owner() {
        let (host, artist) = (person("host"), person("artist"));
        listen();
        become_person(host);
        let rule: i64 = one(&new_rule(
            "Tour",
            &percents(&[(artist, "70"), (host, "30")]),
            r#", "is_default": true"#,
        ));
        become_database();
        run("select backoffice.set_setting('treasury', 'platform_fee_basis_points', '1000')");
        assert_eq!(tell("charge.succeeded", &charge("ch_1", 10_001, host)), "processed");
        let shares: String = one(
            "select string_agg(party || ' ' || amount_cents, ', ' order by position) from treasury.charge_shares",
        );
        assert_eq!(shares, "platform 1000, recipient 6301, recipient 2700");
        assert_eq!((earned(artist), earned(host), balance("revenue")), (6301, 2700, 1000));
        assert_eq!(balance("stripe"), 10_001);
        let of: (Option<i64>, Option<i32>) = (
            maybe("select split_rule_id from treasury.charges"),
            maybe("select split_version from treasury.charges"),
        );
        assert_eq!(of, (Some(rule), Some(1)));
        assert_eq!(problems(), 0);
    }

    #[pg_test]
    fn the_same_charge_again_changes_nothing() {
        let host = person("host");
        listen();
        let object = charge("ch_1", 500, host);
        for kind in ["charge.succeeded", "charge.updated", "charge.succeeded", "charge.captured"] {
            assert_eq!(tell(kind, &object), "processed");
        }
        assert_eq!((earned(host), balance("stripe")), (500, 500));
    }

    #[pg_test]
    fn the_rule_of_the_time_of_the_charge_holds_however_late_it_comes() {
        let (host, artist) = (person("host"), person("artist"));
        listen();
        become_person(host);
        let id: i64 =
            one(&new_rule("Tour", &percents(&[(artist, "100")]), r#", "is_default": true"#));
        become_database();
        let mut late = charge("ch_1", 500, host);
        run("select pg_sleep(1.1)");
        become_person(host);
        run(&change(id, &format!(r#"{{"rules": {}}}"#, percents(&[(host, "100")]))));
        assert_eq!(tell("charge.succeeded", &late), "processed");
        assert_eq!((earned(artist), earned(host)), (500, 0));
        late["id"] = json!("ch_2");
        late["created"] = json!(unix_now());
        assert_eq!(tell("charge.succeeded", &late), "processed");
        assert_eq!((earned(artist), earned(host)), (500, 500));
    }

    #[pg_test]
    fn a_rule_that_the_charge_names_goes_before_the_default() {
        let (host, artist) = (person("host"), person("artist"));
        listen();
        become_person(host);
        let rule = rule(artist, "");
        let mut object = charge("ch_1", 500, host);
        object["metadata"]["split_rule_id"] = json!(rule.to_string());
        assert_eq!(tell("charge.succeeded", &object), "processed");
        assert_eq!(earned(artist), 500);
    }

    #[pg_test]
    fn an_authorization_moves_nothing_until_it_is_captured() {
        let host = person("host");
        listen();
        let mut object = charge("ch_1", 500, host);
        object["captured"] = json!(false);
        object["amount_captured"] = json!(0);
        assert_eq!(tell("charge.succeeded", &object), "processed");
        assert_eq!(
            one::<String>("select status || amount_cents from treasury.charges"),
            "authorized0"
        );
        assert_eq!(balance("stripe"), 0);
        object["captured"] = json!(true);
        object["amount_captured"] = json!(300);
        assert_eq!(tell("charge.captured", &object), "processed");
        assert_eq!(
            one::<String>("select status || amount_cents from treasury.charges"),
            "captured300"
        );
        assert_eq!((earned(host), balance("stripe")), (300, 300));
    }

    #[pg_test]
    fn what_is_captured_may_grow_and_never_shrinks() {
        let host = person("host");
        listen();
        let mut object = charge("ch_1", 500, host);
        for captured in [200, 500, 300] {
            object["amount_captured"] = json!(captured);
            assert_eq!(tell("charge.captured", &object), "processed");
        }
        assert_eq!((earned(host), balance("stripe")), (500, 500));
    }

    /// 500 set aside, 300 of it captured, 50 refunded; in every order, each twice.
    #[pg_test]
    fn what_a_capture_releases_is_no_refund_whether_stripe_calls_it_one_or_not() {
        let host = person("host");
        listen();
        for (version, in_orders) in [
            ("2024-06-20", [[0, 1, 2, 3], [0, 2, 3, 1], [3, 2, 0, 1]]),
            ("2025-03-31.basil", [[0, 1, 3, 3], [0, 3, 1, 1], [3, 1, 0, 0]]),
        ] {
            let is_old = version < "2025";
            for (n, order) in in_orders.into_iter().enumerate() {
                let id = format!("ch_{version}_{n}");
                let with = |changes: serde_json::Value| {
                    let mut object = charge(&id, 500, host);
                    object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
                    object
                };
                let released = if is_old { 200 } else { 0 };
                let events = [
                    ("charge.succeeded", with(json!({"captured": false, "amount_captured": 0}))),
                    (
                        "charge.captured",
                        with(json!({"amount_captured": 300, "amount_refunded": released})),
                    ),
                    ("refund.created", refund(&format!("re_{id}_released"), &id, 200, "succeeded")),
                    ("refund.created", refund(&format!("re_{id}"), &id, 50, "succeeded")),
                ];
                for at in order.into_iter().chain(order) {
                    let (kind, object) = &events[at];
                    tell_as_of(version, kind, object);
                }
                assert_eq!(earned(host), 250, "{version} {order:?}");
                assert_eq!(
                    one::<i64>(&format!(
                        "select refunded_cents from treasury.charges where stripe_charge_id = '{id}'"
                    )),
                    50
                );
                let total =
                    with(json!({"amount_captured": 300, "amount_refunded": released + 300}));
                tell_as_of(version, "charge.refunded", &total);
                assert_eq!(earned(host), 0, "{version} {order:?}: the rest is refunded");
            }
        }
        assert_eq!(problems(), 0);
    }

    #[pg_test]
    fn a_charge_of_nobody_waits_until_it_is_given_to_somebody() {
        let host = person("host");
        listen();
        assert_eq!(
            tell("charge.succeeded", &charge("ch_1", 500, crate::kernel::ids::new_id())),
            "processed"
        );
        assert_eq!((balance("unallocated"), balance("stripe")), (500, 500));
        assert_eq!(tell("refund.created", &refund("re_1", "ch_1", 200, "succeeded")), "processed");
        crate::treasury::charge::assign("ch_1", host).expect("the charge");
        assert_eq!((balance("unallocated"), earned(host), balance("stripe")), (0, 300, 300));
        let other = person("host");
        let error = crate::treasury::charge::assign("ch_1", other).unwrap_err();
        assert_eq!(error.sqlstate.code(), "PT409");
    }

    #[pg_test]
    fn who_paid_is_whom_the_earliest_names_whichever_comes_first() {
        let (host, first, second) = (person("host"), person("buyer"), person("buyer"));
        listen();
        let now = unix_now();
        let of = |id: &str, buyer: Uuid| {
            let mut object = charge(id, 500, host);
            object["metadata"]["buyer_id"] = json!(buyer.to_string());
            object
        };
        tell_at("charge.succeeded", &of("ch_1", first), now - 9);
        tell_at("charge.updated", &of("ch_1", second), now - 5);
        tell_at("charge.updated", &of("ch_2", second), now - 5);
        tell_at("charge.succeeded", &of("ch_2", first), now - 9);
        let buyers = "select count(*) from treasury.charges where buyer_id = ";
        assert_eq!(one::<i64>(&format!("{buyers} '{first}'")), 2);
    }

    #[pg_test]
    fn a_connected_account_says_whose_a_charge_is() {
        let host = person("host");
        listen();
        run(&format!("select treasury.link_stripe_account('{host}', 'acct_1')"));
        let mut object = charge("ch_1", 500, host);
        object["metadata"] = json!({});
        object["on_behalf_of"] = json!("acct_1");
        assert_eq!(tell("charge.succeeded", &object), "processed");
        assert_eq!(earned(host), 500);
    }

    #[pg_test]
    fn money_that_stripe_has_handed_over_already_is_not_booked_to_be_handed_over_again() {
        let host = person("host");
        listen();
        let mut object = charge("ch_1", 500, host);
        object["transfer_data"] = json!({"destination": "acct_1"});
        assert_eq!(tell("charge.succeeded", &object), "failed");
        assert_eq!(earned(host), 0);
    }

    #[pg_test]
    fn what_a_connected_account_charges_by_itself_is_its_own() {
        let host = person("host");
        listen();
        let object = charge("ch_1", 500, host);
        assert_eq!(tell_of("charge.succeeded", &object, Some("acct_1")), "processed");
        assert_eq!(one::<i64>("select count(*) from treasury.charges"), 0);
    }

    #[pg_test]
    fn the_fee_is_posted_once_whichever_way_it_comes() {
        let host = person("host");
        listen();
        let mut object = charge("ch_1", 10_000, host);
        object["balance_transaction"] = transaction("txn_1", 10_000, 320);
        run(&format!(
            "select treasury.apply_balance_transactions({})",
            literal(&json!({"data": [transaction("txn_1", 10_000, 320)]}).to_string())
        ));
        for _ in 0..2 {
            assert_eq!(tell("charge.updated", &object), "processed");
        }
        assert_eq!(
            (balance("processing_fees"), balance("stripe"), earned(host)),
            (320, 9_680, 10_000)
        );
    }

    #[pg_test]
    fn listing_goes_on_from_what_stripe_listed_last() {
        use crate::treasury::balance_transaction::{fetch, listed};
        let next = || {
            maybe::<String>(
                "select params ->> 'ending_before' from treasury.stripe_requests where status = 'pending'",
            )
        };
        let done = || run("update treasury.stripe_requests set status = 'done'");
        listen();
        assert!(fetch().expect("a request"));
        assert!(!fetch().expect("no second one"));
        assert_eq!(next(), None);
        done();
        let page = |ids: &[&str], more: bool| {
            let data: Vec<_> = ids.iter().map(|id| transaction(id, 100, 3)).collect();
            json!({"object": "list", "has_more": more, "data": data})
        };
        listed(&page(&["txn_2", "txn_1"], false)).expect("a page");
        // One that a webhook brought is newer, and leaves no gap.
        crate::treasury::balance_transaction::apply_list(
            "x",
            &json!([transaction("txn_9", 100, 3)]),
        )
        .expect("one");
        assert!(fetch().expect("a request"));
        assert_eq!(next().as_deref(), Some("txn_2"));
        done();
        listed(&page(&["txn_4", "txn_3"], true)).expect("a page");
        assert_eq!(next().as_deref(), Some("txn_4"));
        done();
        listed(&page(&["txn_9", "txn_5"], false)).expect("a page");
        assert_eq!((balance("processing_fees"), balance("stripe")), (18, -18));
    }

    #[pg_test]
    fn one_that_cannot_be_read_keeps_no_other_out_of_the_books() {
        let mut odd = transaction("txn_1", 100, 3);
        odd["currency"] = json!("xxy");
        let page = json!({"has_more": false, "data": [transaction("txn_2", 100, 3), odd]});
        crate::treasury::balance_transaction::listed(&page).expect("a page");
        assert_eq!(balance("processing_fees"), 3);
        let told: String = one("select key from ops.alerts");
        assert_eq!(told, "treasury_balance_transaction:txn_1");
    }

    #[pg_test]
    fn an_intent_waits_for_its_charge() {
        let host = person("host");
        listen();
        let intent = json!({"id": "pi_1", "amount_received": 500, "currency": "usd", "latest_charge": "ch_1"});
        assert_eq!(tell("payment_intent.succeeded", &intent), "parked");
        assert_eq!(tell("charge.succeeded", &charge("ch_1", 500, host)), "processed");
        assert_eq!(
            one::<i64>("select count(*) from ops.webhook_events where status <> 'processed'"),
            0
        );
        assert_eq!(balance("stripe"), 500);
    }

    #[pg_test]
    fn money_of_the_test_mode_is_no_money() {
        let host = person("host");
        listen();
        run("select backoffice.set_setting('treasury', 'live', 'false')");
        assert_eq!(tell("charge.succeeded", &charge("ch_1", 500, host)), "processed");
        assert_eq!(one::<i64>("select count(*) from treasury.charges"), 0);
    }

    #[pg_test]
    fn amounts_have_the_decimals_of_their_currency() {
        let host = person("host");
        listen();
        for (id, currency, stripe, ours) in
            [("ch_1", "jpy", 500, 500), ("ch_2", "isk", 50_000, 500), ("ch_3", "kwd", 1_230, 1_230)]
        {
            let mut object = charge(id, stripe, host);
            object["currency"] = json!(currency);
            assert_eq!(tell("charge.succeeded", &object), "processed");
            let code = currency.to_uppercase();
            let posted: i64 = one(&format!(
                "select posted from ledger.balances where code = 'earnings:{host}:{code}'"
            ));
            assert_eq!(posted, ours, "{currency}");
        }
        let mut odd = charge("ch_4", 50_001, host);
        odd["currency"] = json!("isk");
        assert_eq!(tell("charge.succeeded", &odd), "failed");
    }

    #[pg_test]
    fn a_check_finds_what_no_constraint_looks_at() {
        let host = person("host");
        listen();
        tell("charge.succeeded", &charge("ch_1", 500, host));
        let broken = || {
            let rules = crate::treasury::broken_rules().expect("the check");
            rules.into_iter().map(|(rule, count, _)| (rule, count)).collect::<Vec<_>>()
        };
        assert_eq!(broken(), []);
        let nobody = crate::kernel::ids::new_id();
        run(&format!(
            "insert into treasury.charge_shares values ('{nobody}', 0, 'recipient', '{nobody}', 1)"
        ));
        run(&format!(
            "insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
             values (gen_random_uuid(), 'ch_2', 'captured', 7, 'USD', '{nobody}', '{nobody}', now())"
        ));
        assert_eq!(broken().len(), 5);
    }
}
