//! Ways around the rule of two persons, each of which is closed.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::{host_with, payout, set, status};
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn assign(owner: Uuid) -> String {
        format!(
            r#"select status from treasury.apply_override('{{"action": "assign_charge", "target": "ch_1",
                "reason": "it is surely theirs", "owner_id": "{owner}"}}')"#
        )
    }

    /// A charge of 100 dollars that is nobody's.
    fn unallocated(captured: bool) {
        let mut object = charge("ch_1", 10_000, new_id());
        object["metadata"] = json!({});
        if !captured {
            object["captured"] = json!(false);
            object["amount_captured"] = json!(0);
        }
        assert_eq!(tell("charge.succeeded", &object), "processed");
    }

    #[pg_test]
    fn a_charge_is_nobodys_before_it_is_known_how_much_it_is() {
        listen();
        unallocated(false);
        let host = person("host");
        become_person(person("admin"));
        expect_error("PT409", &assign(host));
    }

    #[pg_test]
    fn an_admin_who_would_get_a_share_of_a_charge_does_not_assign_it_alone() {
        listen();
        unallocated(true);
        let (host, admin, second) = (person("host"), person("admin"), person("admin"));
        become_person(host);
        rule(admin, r#", "is_default": true"#);
        become_person(admin);
        assert_eq!(one::<String>(&assign(host)), "waiting");
        become_database();
        let id: Uuid = one("select id from treasury.overrides");
        let decide = format!("select status from treasury.decide_override('{id}', true, 'seen')");
        become_person(admin);
        expect_error("42501", &decide);
        become_person(second);
        assert_eq!(one::<String>(&decide), "applied");
        assert_eq!(earned(admin), 10_000);
    }

    #[pg_test]
    fn nobody_gives_themselves_a_share_of_what_is_others() {
        let (host, admin, other) = (person("host"), person("admin"), person("admin"));
        let of = |owner: &str| format!(r#", "owner_id": {owner}"#);
        let all = percents(&[(admin, "100")]);
        become_person(admin);
        for owner in [format!("\"{host}\""), "null".to_owned()] {
            expect_error("42501", &new_rule("Mine", &all, &of(&owner)));
        }
        let id: i64 =
            one(&new_rule("Theirs", &percents(&[(host, "100")]), &of(&format!("\"{host}\""))));
        expect_error("42501", &change(id, &format!(r#"{{"rules": {all}}}"#)));
        // Another admin may, and then it may be renamed, too.
        become_person(other);
        run(&change(id, &format!(r#"{{"rules": {all}}}"#)));
        become_person(admin);
        run(&change(id, &format!(r#"{{"name": "Crew", "rules": {all}}}"#)));
        become_person(admin);
        run(&new_rule("My own", &all, ""));
    }

    #[pg_test]
    fn a_server_is_one_and_never_the_other() {
        set("two_person_amount", r#"{"USD": 500}"#);
        set("payout_review_score", "1");
        listen();
        let (host, _) = host_with(600);
        let id = payout(host);
        assert_eq!(status(id), "review");
        become_service();
        expect_error(
            "PT409",
            &format!("select treasury.decide_payout({id}, true, 'a program says so')"),
        );
        tell("charge.succeeded", &charge("ch_1", 501, host));
        become_service();
        let status: String =
            one(r#"select status from treasury.request_refund('{"charge_id": "ch_1"}')"#);
        assert_eq!(status, "requested");
    }

    #[pg_test]
    fn closing_a_large_request_gives_money_again_and_takes_two() {
        set("request_max_attempts", "1");
        set("two_person_amount", r#"{"USD": 500}"#);
        let (host, _) = host_with(600);
        payout(host);
        crate::pgrx_tests::treasury::money::answer(503, json!({}));
        let id: Uuid = one("select id from treasury.stripe_requests where status = 'dead'");
        let (first, second) = (person("admin"), person("admin"));
        become_person(first);
        expect_error(
            "PT409",
            &format!("select treasury.close_stripe_request('{id}', 'not there')"),
        );
        let status: String = one(&format!(
            r#"select status from treasury.apply_override('{{"action": "close_stripe_request",
                "target": "{id}", "reason": "Stripe has no such transfer"}}')"#
        ));
        assert_eq!((status.as_str(), earned(host)), ("waiting", 0));
        become_database();
        let asked: Uuid = one("select id from treasury.overrides");
        become_person(second);
        // What is not dead is not to be closed, now or later.
        let other: Uuid = {
            become_database();
            one("insert into treasury.stripe_requests (id, subject, subject_id, method, path)
                 select gen_random_uuid(), subject, subject_id, method, path
                   from treasury.stripe_requests returning id")
        };
        become_person(second);
        expect_error(
            "PT409",
            &format!(
                r#"select treasury.apply_override('{{"action": "close_stripe_request",
                    "target": "{other}", "reason": "Stripe has no such transfer"}}')"#
            ),
        );
        run(&format!("select treasury.decide_override('{asked}', true, 'seen')"));
        assert_eq!(earned(host), 600);
    }

    #[pg_test]
    fn whether_money_is_real_is_not_for_an_admin_of_the_treasury() {
        become_person(person("admin"));
        expect_error("42501", "select backoffice.set_setting('treasury', 'live', 'false')");
    }

    #[pg_test]
    fn what_somebody_who_was_erased_owes_can_be_settled() {
        use crate::treasury::books::Account::*;
        let host = person("host");
        become_database();
        run(&format!("select identity.erase_person('{host}', 'by letter')"));
        posting("refund", "re_1", &[(Earnings(host), Stripe, 400)]);
        become_person(person("admin"));
        let status: String = one(&format!(
            r#"select status from treasury.apply_override('{{"action": "write_off_receivable",
                "target": "{host}", "reason": "they are not there any more", "currency": "USD"}}')"#
        ));
        assert_eq!((status.as_str(), earned(host)), ("applied", 0));
    }
}
