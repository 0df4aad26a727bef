//! The health of the treasury: what is bad shows.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::stripe::{charge, dispute, listen, tell};
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::Account::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    fn health() -> Value {
        become_service();
        let health = one::<pgrx::JsonB>("select treasury.health()").0;
        become_database();
        health
    }

    fn is_named(health: &Value, part: &str) -> bool {
        let reasons = health["reasons"].as_array().unwrap();
        reasons.iter().any(|one| one["reason"].as_str().unwrap().contains(part))
    }

    #[pg_test]
    fn it_is_for_admins_and_servers() {
        become_person(person("host"));
        expect_error("42501", "select treasury.health()");
        become_anonymous();
        expect_error("42501", "select treasury.health()");
        become_person(person("admin"));
        assert!(one::<pgrx::JsonB>("select treasury.health()").0.is_object());
    }

    #[pg_test]
    fn the_numbers_are_those_of_the_books() {
        let (host, artist) = (person("host"), person("artist"));
        sold(host, "ch_1");
        posting("stripe_charge", "ch_2", &[(Stripe, Unallocated, 50)]);
        posting("payout", "po_1", &[(Earnings(host), InTransit, 70)]);
        posting("refund", "re_1", &[(Earnings(artist), Stripe, 30)]);
        let books = health()["books"].clone();
        assert_eq!(
            books["currencies"]["USD"],
            json!({"stripe": 117, "unallocated": 50, "in_transit": 70,
                   "owed_to_users": 20, "owed_by_users": 30})
        );
        assert_eq!((&books["unbalanced"], &books["receivables"]), (&json!(0), &json!(1)));
    }

    #[pg_test]
    fn books_that_do_not_balance_are_critical() {
        sold(person("host"), "ch_1");
        run("set local session_replication_role = replica;
             update ledger.accounts set credits_posted = credits_posted + 1
              where system = 'treasury' and owner_id is not null;
             set local session_replication_role = origin");
        let health = health();
        assert_eq!(
            (&health["status"], &health["books"]["unbalanced"]),
            (&json!("critical"), &json!(1))
        );
    }

    #[pg_test]
    fn events_requests_and_disputes_count() {
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "needs_response", &[]));
        tell("charge.dispute.created", &dispute("dp_2", "ch_9", 500, "needs_response", &[]));
        run(
            "insert into treasury.stripe_requests (id, subject, method, path, status, available_at)
             select gen_random_uuid(), 'balance_transactions', 'GET', '/v1/x', status, now() - age
               from (values ('pending', interval '0'), ('pending', interval '1 hour'),
                            ('dead', interval '1 hour')) r (status, age)",
        );
        let found = health();
        assert_eq!(
            (&found["webhooks"]["parked"], &found["webhooks"]["long_parked"]),
            (&json!(1), &json!(0))
        );
        assert!(found["webhooks"]["last_received_at"].is_string());
        let requests = &found["requests"];
        assert_eq!(
            (&requests["pending"], &requests["late"], &requests["dead"]),
            (&json!(2), &json!(1), &json!(1))
        );
        let disputes = &found["disputes"];
        assert_eq!(
            (&disputes["open"], &disputes["due_soon"], &disputes["overdue"]),
            (&json!(1), &json!(1), &json!(0))
        );
        assert_eq!(found["status"], "critical");
        assert!(is_named(&found, "given up") && is_named(&found, "late"));
        // Late and soon are what the settings say.
        run("select backoffice.set_setting('treasury', 'request_late_seconds', '7200'),
                    backoffice.set_setting('treasury', 'dispute_due_hours', '1')");
        let found = health();
        assert_eq!(
            (&found["requests"]["late"], &found["disputes"]["due_soon"]),
            (&json!(0), &json!(0))
        );
        run("update treasury.disputes set due_by = now() - interval '1 hour'");
        assert_eq!(health()["disputes"]["overdue"], 1);
    }

    #[pg_test]
    fn what_waits_for_a_second_admin_and_what_differs_is_a_warning() {
        let (host, admin) = (person("host"), person("admin"));
        become_person(admin);
        run(&format!(
            r#"select treasury.create_adjustment('{{"user_id": "{host}", "type": "credit",
                "amount_cents": 100000, "currency": "USD", "reason": "a good reason indeed"}}')"#
        ));
        become_database();
        run("insert into treasury.reconciliation (currency, reference, outcome, booked_on, stripe_cents,
                books_cents, difference_cents, lines, open_lines, open_entries)
             values ('USD', 'ch_1', 'missing_in_books', '2026-01-01', 5, 0, 5, 1, 1, 0)");
        let health = health();
        assert_eq!(health["approvals"], json!({"adjustments": 1, "overrides": 0}));
        assert_eq!(
            (&health["reconciliation"]["open"], &health["reconciliation"]["missing_in_books"]),
            (&json!(1), &json!(1))
        );
        assert!(is_named(&health, "second admin") && is_named(&health, "differ"));
    }

    #[pg_test]
    fn its_own_jobs_are_listed() {
        let names: Vec<String> = health()["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["name"].as_str().unwrap().to_owned())
            .collect();
        for name in ["expire_approvals", "purge_treasury", "reconcile_stripe"] {
            assert!(names.iter().any(|one| one == name), "{name}");
        }
        assert!(!names.iter().any(|name| name == "purge_sessions"));
    }
}
