//! Stripe's balance transactions against the books.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::jwt::unix_now;
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::Account::*;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    /// A balance transaction about something at Stripe, as Stripe lists it.
    fn about(id: &str, source: &str, amount: i64, fee: i64) -> Value {
        let mut object = transaction(id, amount, fee);
        object["source"] = json!(source);
        object
    }

    /// Has a server bring what Stripe lists; their fees are posted.
    fn bring(list: &[Value]) {
        become_service();
        run(&format!("select treasury.apply_balance_transactions('{}')", json!(list)));
        become_database();
    }

    /// Compares the last two days, as an admin; the counts.
    fn compare() -> Value {
        compare_since(1, 0)
    }

    /// Compares from so many days ago to so many days ago.
    fn compare_since(from: i32, to: i32) -> Value {
        become_person(person_of_the_books());
        let counts = one::<pgrx::JsonB>(&format!(
            "select treasury.reconcile_stripe('USD', (now() at time zone 'UTC')::date - {from},
                    (now() at time zone 'UTC')::date - {to})",
        ))
        .0;
        become_database();
        counts
    }

    fn person_of_the_books() -> Uuid {
        person("admin")
    }

    fn found() -> Vec<String> {
        become_person(person_of_the_books());
        let rows = maybe::<Vec<String>>(
            "select array_agg(concat_ws(' ', reference, outcome, stripe_cents, books_cents,
                    difference_cents) order by reference) from treasury.reconciliation",
        )
        .unwrap_or_default();
        become_database();
        rows
    }

    #[pg_test]
    fn each_difference_is_found_and_explained() {
        listen();
        let (host, artist) = (person("host"), person("artist"));
        become_person(host);
        run(&new_rule(
            "Two",
            &percents(&[(host, "60"), (artist, "40")]),
            r#", "is_default": true"#,
        ));
        run(
            r#"reset role; select backoffice.set_setting('treasury', 'platform_fee_basis_points', '1000')"#,
        );
        for (id, cents) in [("ch_good", 10_000), ("ch_other", 5_000), ("ch_extra", 700)] {
            become_database();
            assert_eq!(tell("charge.succeeded", &charge(id, cents, host)), "processed");
        }
        bring(&[
            // In the books in three parts, and its fee apart.
            about("txn_good", "ch_good", 10_000, 320),
            // Of another amount than the books have.
            about("txn_other", "ch_other", 4_900, 160),
            // Not in the books at all.
            about("txn_gone", "ch_gone", 2_500, 0),
        ]);
        let counts = compare();
        assert_eq!(
            counts,
            json!({"transactions": 3, "matched": 1, "missing_in_books": 1,
                   "missing_at_stripe": 1, "amount_differs": 1})
        );
        assert_eq!(
            found(),
            [
                "ch_extra missing_at_stripe 0 700 -700",
                "ch_gone missing_in_books 2500 0 2500",
                "ch_good matched 9680 9680 0",
                "ch_other amount_differs 4740 4840 -100",
            ]
        );
        let parts: String = one("select string_agg(cardinality(m.reasons) || ':' ||
                    (select count(*) from ledger.match_transfers t where t.match_id = m.id), ' '
                    order by m.lines_amount desc)
               from ledger.matches m where m.lines_amount > 0");
        assert!(parts.ends_with(":3"), "{parts}");
    }

    #[pg_test]
    fn again_it_goes_on_from_where_it_was() {
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        bring(&[about("txn_1", "ch_1", 1_000, 30), about("txn_2", "ch_2", 500, 0)]);
        assert_eq!(compare()["transactions"], 2);
        let first = found();
        let matches: i64 = one("select count(*) from ledger.matches");
        assert_eq!(compare()["transactions"], 0);
        assert_eq!(found(), first);
        assert_eq!(one::<i64>("select count(*) from ledger.matches"), matches);
        // What was missing comes in, and so does a transaction of what the books had.
        tell("charge.succeeded", &charge("ch_2", 500, host));
        tell("charge.succeeded", &charge("ch_3", 200, host));
        assert_eq!(compare()["missing_at_stripe"], 1);
        bring(&[about("txn_3", "ch_3", 200, 0)]);
        assert_eq!(
            compare(),
            json!({"transactions": 1, "matched": 3, "missing_in_books": 0,
                   "missing_at_stripe": 0, "amount_differs": 0})
        );
        let kept: bool =
            one("select bool_and(found_at <= updated_at) from treasury.reconciliation");
        assert!(kept);
    }

    #[pg_test]
    fn a_refund_that_the_books_have_under_its_charge_is_the_same() {
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        // Stripe first says how much is refunded, and only then of which refund.
        let mut refunded = charge("ch_1", 1_000, host);
        refunded["amount_refunded"] = json!(400);
        tell("charge.refunded", &refunded);
        tell("refund.created", &refund("re_1", "ch_1", 400, "succeeded"));
        let under: String = one("select coalesce(t.metadata, j.metadata) ->> 'reference'
               from ledger.transfers t
               join ledger.transfer_kinds k on k.id = t.kind_id and k.kind = 'refund'
               left join ledger.journals j on j.id = t.journal_id");
        assert_eq!(under, "ch_1");
        bring(&[about("txn_1", "ch_1", 1_000, 0), about("txn_2", "re_1", -400, 0)]);
        compare();
        assert_eq!(found(), ["ch_1 matched 1000 1000 0", "re_1 matched -400 -400 0"]);
        let reasons: Vec<String> =
            one("select reasons from ledger.matches where lines_amount = -400");
        assert_eq!(reasons, ["amount", "reference", "same_subject"]);
    }

    #[pg_test]
    fn what_the_books_heard_weeks_later_is_found_all_the_same() {
        listen();
        let host = person("host");
        let mut refunded = charge("ch_1", 1_000, host);
        refunded["amount_refunded"] = json!(400);
        tell("charge.refunded", &refunded);
        tell("refund.created", &refund("re_1", "ch_1", 400, "succeeded"));
        let mut then = [about("txn_1", "ch_1", 1_000, 0), about("txn_2", "re_1", -400, 0)];
        for one in &mut then {
            one["created"] = json!(unix_now() - 30 * 86_400);
        }
        bring(&then);
        let matched = json!({"transactions": 2, "matched": 2, "missing_in_books": 0,
            "missing_at_stripe": 0, "amount_differs": 0});
        assert_eq!(compare_since(31, 29), matched);
        assert_eq!(found(), ["ch_1 matched 1000 1000 0", "re_1 matched -400 -400 0"]);
        // Nor are they missing in the days in which the books have them.
        assert_eq!(compare()["missing_at_stripe"], 0);
    }

    #[pg_test]
    fn a_dispute_and_its_fee_are_found() {
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        let taken = transaction("txn_2", -1_000, 1_500);
        tell(
            "charge.dispute.funds_withdrawn",
            &dispute("dp_1", "ch_1", 1_000, "needs_response", &[taken]),
        );
        bring(&[about("txn_1", "ch_1", 1_000, 59)]);
        compare();
        assert_eq!(found(), ["ch_1 matched 941 941 0", "dp_1 matched -2500 -2500 0"]);
    }

    #[pg_test]
    fn a_transfer_to_a_connected_account_is_its_payout() {
        let host = person("host");
        posting("stripe_charge", "ch_1", &[(Stripe, Earnings(host), 1_000)]);
        run(&format!(
            "insert into treasury.payouts (user_id, status, amount_cents, currency, stripe_payout_id,
                stripe_transfer_id, stripe_account_id, sent_at)
             values ('{host}', 'paid', 700, 'USD', 'po_1', 'tr_1', 'acct_1', now())"
        ));
        posting("payout", "po_1", &[(Earnings(host), InTransit, 700), (InTransit, Stripe, 700)]);
        bring(&[about("txn_1", "ch_1", 1_000, 0), about("txn_2", "tr_1", -700, 0)]);
        compare();
        assert_eq!(found(), ["ch_1 matched 1000 1000 0", "tr_1 matched -700 -700 0"]);
    }

    #[pg_test]
    fn what_differs_raises_an_alert_until_it_is_over() {
        let open = || -> Option<String> {
            run("select ops.run_checks()");
            maybe(
                "select severity || (detail -> 'open')::text from ops.alerts
                    where kind = 'treasury_reconciliation' and resolved_at is null",
            )
        };
        listen();
        let host = person("host");
        bring(&[about("txn_1", "ch_1", 1_000, 0)]);
        compare();
        assert_eq!(open().as_deref(), Some(r#"warning{"missing_in_books": 1}"#));
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        compare();
        assert_eq!(open(), None);
    }

    #[pg_test]
    fn a_match_that_somebody_undid_stays_undone() {
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        bring(&[about("txn_1", "ch_1", 1_000, 0)]);
        compare();
        run("select ledger.unmatch(id, 'not the same') from ledger.matches");
        assert_eq!(compare()["matched"], 0);
        assert_eq!(found(), ["ch_1 amount_differs 1000 1000 0"]);
    }

    #[pg_test]
    fn the_job_compares_every_currency_and_leaves_the_last_days_alone() {
        alone_with_jobs();
        listen();
        let host = person("host");
        tell("charge.succeeded", &charge("ch_1", 1_000, host));
        bring(&[about("txn_1", "ch_1", 1_000, 0)]);
        let run_job = || -> Value {
            run("select ops.run_job('reconcile_stripe')");
            one::<pgrx::JsonB>(
                "select result from ops.job_runs where job = 'reconcile_stripe'
                  order by id desc limit 1",
            )
            .0
        };
        assert_eq!(run_job()["transactions"], 0);
        assert!(found().is_empty());
        run("select backoffice.set_setting('treasury', 'reconcile_grace_days', '0')");
        let result = run_job();
        assert_eq!((&result["transactions"], &result["matched"]), (&json!(1), &json!(1)));
    }

    #[pg_test]
    fn what_is_asked_for_is_checked() {
        let (host, admin) = (person("host"), person("admin"));
        let call = |arguments: &str| format!("select treasury.reconcile_stripe({arguments})");
        become_person(admin);
        for (code, arguments) in [
            ("22004", "null, '2026-01-01', '2026-01-02'"),
            ("22004", "'USD', null, '2026-01-02'"),
            ("22004", "'USD', '2026-01-01', null"),
            ("22023", "'usd', '2026-01-01', '2026-01-02'"),
            ("22023", "'USD', '2026-01-02', '2026-01-01'"),
            ("22023", "'USD', '2025-01-01', '2026-01-02'"),
            ("22023", "'USD', '-infinity', 'infinity'"),
            ("22023", "'USD', '0001-01-01', '0001-01-02'"),
        ] {
            expect_error(code, &call(arguments));
        }
        run(&call("'USD', '2025-01-01', '2026-01-01'"));
        become_person(host);
        expect_error("42501", &call("'USD', '2026-01-01', '2026-01-02'"));
        assert_eq!(one::<i64>("select count(*) from treasury.reconciliation"), 0);
    }
}
