//! Risky payouts: what makes them so, who decides, and who sees what.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    /// The reasons of a payout, and its score.
    fn risk(id: i64) -> String {
        become_database();
        one(&format!(
            "select concat_ws(' ', p.risk_score, (select string_agg(x ->> 'reason', ',' order by n)
                from treasury.payout_risks r, jsonb_array_elements(r.reasons) with ordinality as e (x, n)
               where r.payout_id = p.id)) from treasury.payouts p where p.id = {id}"
        ))
    }

    fn decide(id: i64, approve: bool, note: &str) -> String {
        format!("select status from treasury.decide_payout({id}, {approve}, {note})")
    }

    /// Somebody with much money and a payout that is under review.
    fn reviewed() -> (Uuid, i64) {
        set("payout_review_score", "15");
        let (host, _) = host_with(1_000);
        let id = payout(host);
        assert_eq!(status(id), "review");
        (host, id)
    }

    /// A payout of somebody's that was paid long ago.
    fn history(host: Uuid, minor: i64) {
        run(&format!(
            "insert into treasury.payouts (user_id, status, amount_cents, currency, stripe_account_id, initiated_at, completed_at)
             values ('{host}', 'paid', {minor}, 'USD', 'acct_x', now() - interval '60 days', now())"
        ));
    }

    #[pg_test]
    fn what_is_known_of_somebody_adds_up() {
        let (host, _) = host_with(10_000);
        let asked = |minor: i64| {
            become_person(host);
            let id: i64 = one(&ask(host, &format!(r#", "amount_cents": {minor}"#)));
            risk(id)
        };
        assert_eq!(asked(100), "15 first_payout");
        history(host, 200);
        assert_eq!(asked(600), "0");
        assert_eq!(asked(1_801), "30 unusual_amount");
        assert_eq!(asked(100), "25 velocity");
        run(
            "update treasury.payouts set initiated_at = now() - interval '2 days' where initiated_at = now()",
        );
        run(&format!(
            "update treasury.stripe_accounts set created_at = now() - interval '29 days' where id = '{host}'"
        ));
        assert_eq!(asked(100), "30 new_account");
        run(&format!(
            "update treasury.stripe_accounts set created_at = now() - interval '31 days' where id = '{host}'"
        ));
        for status in ["needs_response", "won", "lost", "warning_closed"] {
            let about = charge(100, 0, &[(host, 5)], 0);
            run(&format!(
                "insert into treasury.disputes (stripe_dispute_id, charge_id, status, currency)
                 values ('dp_{status}', '{about}', '{status}', 'USD')"
            ));
        }
        assert_eq!(asked(100), "40 disputes");
        run("update treasury.disputes set created_at = now() - interval '91 days'");
        run(
            "update treasury.stripe_accounts set payout_details_changed_at = now() - interval '13 days'",
        );
        assert_eq!(asked(100), "50 details_changed");
        run(
            "update treasury.stripe_accounts set payout_details_changed_at = now() - interval '14 days'",
        );
        run(
            "update treasury.payouts set initiated_at = now() - interval '2 days' where initiated_at = now()",
        );
        assert_eq!(asked(100), "0");
        // Who was never paid before cannot have been paid elsewhere.
        let (new, _) = host_with(1_000);
        run("update treasury.stripe_accounts set payout_details_changed_at = now()");
        assert_eq!(risk(payout(new)), "15 first_payout");
    }

    #[pg_test]
    fn a_large_payout_is_not_let_go_by_one_admin() {
        let (_, id) = reviewed();
        set("two_person_amount", r#"{"USD": 999}"#);
        become_person(person("admin"));
        expect_error("PT409", &decide(id, true, "'known'"));
        assert_eq!(status(id), "review");
        set("two_person_amount", r#"{"USD": 1000}"#);
        become_person(person("admin"));
        assert_eq!(one::<String>(&decide(id, true, "'known'")), "pending");
    }

    #[pg_test]
    fn a_risky_payout_waits_for_an_admin_who_says_why() {
        let (host, id) = reviewed();
        assert_eq!(books(host), [0, 1_000, 1_000, 0]);
        assert!(claim("worker").is_empty());
        become_person(person("admin"));
        expect_error("22004", &decide(id, true, "null"));
        expect_error("22004", &decide(id, true, "'  '"));
        expect_error("22004", &format!("select treasury.decide_payout({id}, null, 'x')"));
        expect_error("22004", "select treasury.decide_payout(null, true, 'x')");
        expect_error("22023", &decide(id, true, "repeat('x', 501)"));
        expect_error("PT404", &decide(-1, true, "'x'"));
        assert_eq!(one::<String>(&decide(id, true, "'called them'")), "pending");
        assert_eq!(one::<String>(&decide(id, true, "'called them'")), "pending");
        expect_error("PT409", &decide(id, false, "'no'"));
        assert_eq!(answer(200, json!({"id": "tr_1"})).0, "/v1/transfers");
        let log: String = one(&format!(
            "select string_agg(coalesce(new_values ->> 'decision_note', new_values ->> 'status'), ',' order by id)
               from ops.audit_logs where table_name in ('treasury.payouts', 'treasury.payout_risks')
                and record_id = '{id}' and action = 'UPDATE'
                and (new_values ? 'decision_note' or new_values ? 'status')"
        ));
        assert_eq!(log, "called them,pending");
    }

    #[pg_test]
    fn what_an_admin_refuses_is_given_back() {
        let (host, id) = reviewed();
        become_person(person("admin"));
        assert_eq!(one::<String>(&decide(id, false, "'not theirs'")), "canceled");
        expect_error("PT409", &decide(id, true, "'after all'"));
        become_database();
        assert_eq!(books(host), [1_000, 0, 1_000, 0]);
        assert!(claim("worker").is_empty());
    }

    #[pg_test]
    fn nobody_decides_about_themselves_and_nobody_else_at_all() {
        let (host, id) = reviewed();
        become_database();
        crate::kernel::roles::grant(host, "treasury", "admin", "", None).unwrap();
        for who in [host, person("host"), person("buyer")] {
            become_person(who);
            expect_error("42501", &decide(id, true, "'mine'"));
        }
        become_service();
        assert_eq!(one::<String>(&decide(id, true, "'by a server'")), "pending");
    }

    #[pg_test]
    fn whose_payout_it_is_sees_that_it_is_reviewed_but_not_why() {
        let (host, id) = reviewed();
        become_person(host);
        let shown: String = one("select status || ' ' || risk_score from treasury.payouts");
        assert_eq!(shown, "review 15");
        assert_eq!(one::<i64>("select count(*) from treasury.payout_risks"), 0);
        assert_eq!(one::<String>("select status from treasury.get_payout_status()"), "review");
        become_person(person("admin"));
        assert_eq!(one::<i64>("select count(*) from treasury.payout_risks"), 1);
        become_person(host);
        assert_eq!(
            one::<String>(&format!("select status from treasury.cancel_payout({id})")),
            "canceled"
        );
        become_person(person("admin"));
        expect_error("PT409", &decide(id, true, "'too late'"));
    }

    /// A payout of somebody whose time has come, asked for a day ago.
    fn scheduled() -> (Uuid, i64) {
        alone_with_jobs();
        let (host, _) = host_with(1_000);
        let at: String = one("select (now() + interval '1 day')::text");
        become_person(host);
        let id = one(&ask(host, &format!(r#", "scheduled_for": "{at}""#)));
        become_database();
        run(
            "update treasury.payouts set scheduled_for = now(), initiated_at = now() - interval '1 day'",
        );
        (host, id)
    }

    #[pg_test]
    fn a_scheduled_payout_waits_until_the_account_is_ready_again() {
        let (_, id) = scheduled();
        for change in [
            "payouts_enabled = false",
            "charges_enabled = false",
            "details_submitted = false",
            r#"requirements = '{"currently_due": ["external_account"]}'"#,
            r#"requirements = '{"past_due": ["tos"]}'"#,
            r#"requirements = '{"disabled_reason": "rejected.fraud"}'"#,
        ] {
            run("update treasury.stripe_accounts set payouts_enabled = true, charges_enabled = true,
                 details_submitted = true, requirements = '{}'");
            run(&format!("update treasury.stripe_accounts set {change}"));
            run("select ops.run_job('send_payouts')");
            assert!(claim("worker").is_empty(), "{change}");
        }
        assert_eq!(status(id), "pending");
        run("update treasury.stripe_accounts set requirements = '{}'");
        run("select ops.run_job('send_payouts')");
        assert_eq!(claim("worker").len(), 1);
    }

    #[pg_test]
    fn a_scheduled_payout_that_would_go_elsewhere_is_reviewed() {
        let (host, id) = scheduled();
        run(
            "update treasury.stripe_accounts set payout_details_changed_at = now() - interval '1 hour'",
        );
        run("select ops.run_job('send_payouts')");
        assert!(claim("worker").is_empty());
        assert_eq!(status(id), "review");
        assert_eq!(books(host), [0, 1_000, 1_000, 0]);
        assert_eq!(risk(id), "15 first_payout,details_changed");
        become_person(person("admin"));
        assert_eq!(one::<String>(&decide(id, true, "'called them'")), "pending");
        assert_eq!(claim("worker").len(), 1);
    }

    #[pg_test]
    fn what_is_let_go_goes_to_an_account_that_is_ready() {
        let (_, id) = reviewed();
        become_database();
        run("update treasury.stripe_accounts set payouts_enabled = false");
        become_person(person("admin"));
        expect_error("PT409", &decide(id, true, "'fine'"));
        assert_eq!(one::<String>(&decide(id, false, "'then not'")), "canceled");
    }
}
