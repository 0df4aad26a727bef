//! Paying everybody, once a day.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::money::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::JsonB;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    /// Runs it; counts, totals and who was skipped.
    fn pay_all(currency: &str) -> Value {
        become_database();
        let row =
            one::<JsonB>(&format!("select to_jsonb(r) from treasury.run_payouts({currency}) r"));
        assert!(row.0["finished_at"].is_string());
        json!([
            row.0["accounts"],
            row.0["payouts"],
            row.0["reviews"],
            row.0["totals"],
            row.0["skipped"]
        ])
    }

    fn tomorrow() {
        run("update treasury.payout_runs set day = day - 1");
        run("update treasury.payouts set run_day = run_day - 1 where run_day is not null");
    }

    #[pg_test]
    fn everybody_who_is_payable_is_paid_and_the_others_are_counted() {
        alone_with_runs();
        let ((one_host, account), (two, _)) = (host_with(1_000), host_with(2_500));
        let (held, _) = host_with(700);
        charge(1, 0, &[(held, 700)], 0);
        let (partly, _) = host_with(700);
        charge(1, 0, &[(partly, 200)], 0);
        host_with(99);
        host_with(-50);
        let stranger = person("host");
        credit(stranger, "USD", 400);
        let (unready, its) = host_with(300);
        run(&format!(
            r#"select treasury.apply_stripe_account('{{"id": "{its}", "charges_enabled": true, "payouts_enabled": false,
               "details_submitted": true}}', now(), true)"#
        ));
        credit(two, "EUR", 800);
        let expected = json!([8, 4, 0, {"USD": 4_000, "EUR": 800},
            {"held": 1, "below_minimum": 1, "no_account": 1, "not_ready": 1}]);
        assert_eq!(pay_all("null"), expected);
        let left = [one_host, two, held, partly, stranger, unready].map(earnings);
        assert_eq!(left, [0, 0, 700, 200, 400, 300]);
        assert_eq!(balance("in_transit"), 4_000);
        let calls = claim("worker");
        assert_eq!(calls.len(), 4);
        let first =
            calls.iter().find(|(.., params)| params["destination"] == json!(account)).unwrap();
        assert_eq!((&first.2["amount"], &first.2["currency"]), (&json!(1_000), &json!("usd")));
        // Each payout has the entry that took it off the earnings.
        let entries: i64 = one(
            "select count(*) from treasury.payouts p
               join ledger.accounts a on a.owner_id = p.user_id and a.currency = p.currency
               join ledger.transfers t on t.debit_account_id = a.id and t.amount = p.amount_cents
              where p.ledger_entry_id =
                    ('x' || substr(md5(t.id::text || ':debit'), 1, 16))::bit(64)::bigint & 9007199254740991",
        );
        assert_eq!(entries, 4);
    }

    #[pg_test]
    fn nobody_is_paid_twice_on_one_day() {
        alone_with_runs();
        let (host, _) = host_with(1_000);
        let first = pay_all("null");
        credit(host, "USD", 500);
        assert_eq!(pay_all("null"), first);
        // Another run of the day, for one currency, skips whoever was paid.
        assert_eq!(pay_all("'USD'"), json!([1, 0, 0, {}, {"paid_today": 1}]));
        assert_eq!(earnings(host), 500);
        tomorrow();
        assert_eq!(pay_all("null"), json!([1, 1, 0, {"USD": 500}, {}]));
        assert_eq!(one::<i64>("select count(*) from treasury.payouts"), 2);
        expect_error("22023", "select treasury.run_payouts('usd')");
    }

    #[pg_test]
    fn a_run_of_one_currency_leaves_the_others() {
        alone_with_runs();
        let (host, _) = host_with(1_000);
        credit(host, "EUR", 300);
        assert_eq!(pay_all("'EUR'"), json!([1, 1, 0, {"EUR": 300}, {}]));
        assert_eq!(earnings(host), 1_000);
        assert_eq!(pay_all("null"), json!([1, 1, 0, {"USD": 1_000}, {}]));
    }

    #[pg_test]
    fn a_run_is_taken_up_where_it_broke() {
        alone_with_runs();
        let hosts = [host_with(1_000).0, host_with(2_000).0, host_with(3_000).0];
        let second: i64 =
            one(&format!("select id from ledger.accounts where owner_id = '{}'", hosts[1]));
        run(&format!(
            "insert into treasury.payout_runs (id, day, last_account_id, accounts, payouts, totals)
             values (gen_random_uuid(), (now() at time zone 'utc')::date, {second}, 2, 2, '{{\"USD\": 3000}}')"
        ));
        assert_eq!(pay_all("null"), json!([3, 3, 0, {"USD": 6_000}, {}]));
        assert_eq!(hosts.map(earnings), [1_000, 2_000, 0]);
    }

    #[pg_test]
    fn risky_ones_wait_for_an_admin() {
        alone_with_runs();
        set("payout_review_score", "40");
        let (risky, _) = host_with(1_000);
        host_with(500);
        run(&format!(
            "update treasury.stripe_accounts set created_at = now() where id = '{risky}'"
        ));
        assert_eq!(pay_all("null"), json!([2, 2, 1, {"USD": 1_500}, {}]));
        assert_eq!(claim("worker").len(), 1);
        let reasons: i64 = one(&format!(
            "select jsonb_array_length(r.reasons) from treasury.payout_risks r
               join treasury.payouts p on p.id = r.payout_id where p.user_id = '{risky}' and p.status = 'review'"
        ));
        assert_eq!(reasons, 2);
        let id: i64 = one("select id from treasury.payouts where status = 'review'");
        run(&format!("select treasury.decide_payout({id}, true, 'known to us')"));
        assert_eq!(claim("worker").len(), 1);
    }

    #[pg_test]
    fn a_failed_payout_of_a_run_is_paid_on_the_next_day() {
        alone_with_runs();
        let (host, _) = host_with(1_000);
        pay_all("null");
        answer(400, json!({}));
        assert_eq!(earnings(host), 1_000);
        assert_eq!(pay_all("'USD'"), json!([1, 0, 0, {}, {"paid_today": 1}]));
        tomorrow();
        assert_eq!(pay_all("null"), json!([1, 1, 0, {"USD": 1_000}, {}]));
    }

    #[pg_test]
    fn a_job_does_it_every_night() {
        alone_with_runs();
        alone_with_jobs();
        host_with(1_000);
        for expected in [json!({"accounts": 1, "payouts": 1}), json!({"accounts": 0, "payouts": 0})]
        {
            run("select ops.run_job('run_payouts')");
            let JsonB(result) = one(
                "select result from ops.job_runs where job = 'run_payouts' order by id desc limit 1",
            );
            assert_eq!(result, expected);
        }
        let started: i64 = one(
            "select count(*) from treasury.payout_runs where started_by is null and finished_at is not null",
        );
        assert_eq!(started, 1);
    }

    #[pg_test]
    fn many_are_paid_in_several_calls() {
        alone_with_runs();
        become_database();
        run(
            "insert into identity.users (id, system, email) select gen_random_uuid(), 'treasury', 'p' || n || '@example.com' from generate_series(1, 2100) n",
        );
        run(
            "insert into treasury.users (id, email, role) select id, email, 'host' from identity.users where email like 'p%@example.com'",
        );
        run("insert into treasury.stripe_accounts (id, stripe_account_id, onboarding_status, charges_enabled, payouts_enabled, details_submitted)
             select id, 'acct_' || replace(id::text, '-', ''), 'completed', true, true, true from treasury.users where role = 'host'");
        run(
            "select ledger.open_account('treasury', 'stripe:USD', 'USD', 'asset', p_stripes => 16)",
        );
        run("select count(ledger.open_account('treasury', 'earnings:' || id || ':USD', 'USD', 'liability', p_owner_id => id))
               from treasury.users where role = 'host'");
        run("select ledger.post_journal('treasury', 'stripe_charge', (select jsonb_agg(jsonb_build_object('debit', 'stripe:USD',
                'credit', 'earnings:' || id || ':USD', 'amount', 1000)) from treasury.users where role = 'host'))");
        set("payout_run_accounts", "1000");
        for paid in [1_000_i32, 2_000] {
            let so_far: i32 =
                one("select payouts from treasury.run_payouts() where finished_at is null");
            assert_eq!(so_far, paid);
        }
        assert_eq!(pay_all("null"), json!([2_100, 2_100, 0, {"USD": 2_100_000}, {}]));
        assert_eq!((balance("in_transit"), balance("stripe")), (2_100_000, 2_100_000));
        let requests: i64 = one("select count(distinct subject_id) from treasury.stripe_requests");
        assert_eq!(requests, 2_100);
    }

    #[pg_test]
    fn only_admins_start_a_run() {
        alone_with_runs();
        become_person(person("host"));
        expect_error("42501", "select treasury.run_payouts()");
        let admin = person("admin");
        become_person(admin);
        let by: Uuid = one("select started_by from treasury.run_payouts()");
        assert_eq!(by, admin);
        assert_eq!(one::<i64>("select count(*) from treasury.payout_runs"), 1);
        become_person(person("host"));
        assert_eq!(one::<i64>("select count(*) from treasury.payout_runs"), 0);
    }

    #[pg_test]
    fn frozen_earnings_keep_nobody_else_from_being_paid() {
        alone_with_runs();
        let ((frozen, _), (host, _)) = (host_with(1_000), host_with(500));
        run(&format!("update ledger.accounts set frozen_at = now() where owner_id = '{frozen}'"));
        assert_eq!(pay_all("null"), json!([2, 1, 0, {"USD": 500}, {"frozen": 1}]));
        assert_eq!([frozen, host].map(earnings), [1_000, 0]);
    }

    #[pg_test]
    fn money_that_has_not_come_back_is_not_paid_again() {
        alone_with_runs();
        let (host, _) = host_with(700);
        host_with(500);
        payout(host);
        answer(200, json!({"id": "tr_9"}));
        answer(402, json!({}));
        assert_eq!(earnings(host), 700);
        become_person(host);
        expect_error("PT409", &ask(host, ""));
        assert_eq!(pay_all("null"), json!([2, 1, 0, {"USD": 500}, {"not_brought_back": 1}]));
        run(
            "delete from treasury.stripe_requests where path = '/v1/transfers' and status = 'pending'",
        );
        assert_eq!(answer(200, json!({"id": "trr_1"})).0, "/v1/transfers/tr_9/reversals");
        assert_eq!(pay_all("'USD'")[3], json!({"USD": 700}));
    }

    #[pg_test]
    fn money_that_an_admin_brought_back_is_payable() {
        alone_with_runs();
        let (host, _) = host_with(700);
        payout(host);
        answer(200, json!({"id": "tr_9"}));
        answer(402, json!({}));
        assert_eq!(answer(400, json!({})).0, "/v1/transfers/tr_9/reversals");
        let id: Uuid = one("select id from treasury.stripe_requests where path like '%reversals'");
        become_person(person("admin"));
        run(&format!("select treasury.close_stripe_request('{id}', 'they wired it')"));
        become_database();
        let status = format!("select status from treasury.stripe_requests where id = '{id}'");
        assert_eq!(one::<String>(&status), "canceled");
        assert_eq!(pay_all("'USD'")[3], json!({"USD": 700}));
    }
}
