//! Adjustments: who corrects what, and who has to agree.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::stripe::earned;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    const REASON: &str = "Goodwill after the rained-out show";

    fn sent(user: Uuid, kind: &str, cents: i64, more: &str) -> String {
        format!(
            r#"select id from treasury.create_adjustment('{{"user_id": "{user}", "type": "{kind}",
                "amount_cents": {cents}, "currency": "USD", "reason": "{REASON}"{more}}}')"#
        )
    }

    fn decision(id: Uuid, approve: bool) -> String {
        format!("select status from treasury.decide_adjustment('{id}', {approve}, 'seen')")
    }

    fn status(id: Uuid) -> String {
        become_database();
        one(&format!("select status from treasury.adjustments where id = '{id}'"))
    }

    #[pg_test]
    fn an_admin_corrects_what_a_user_has() {
        let (host, admin) = (person("host"), person("admin"));
        become_person(admin);
        let id: Uuid = one(&sent(host, "credit", 500, r#", "reference_id": "ch_1""#));
        run(&sent(host, "debit", 120, ""));
        let entries: Vec<String> = one(&format!(
            "select array_agg(concat_ws(' ', type, amount_cents, event_source, reference_id)
                    order by amount_cents) from treasury.ledger_entries where user_id = '{host}'"
        ));
        assert_eq!(entries, ["debit 120 adjustment", "credit 500 adjustment ch_1"]);
        become_database();
        assert_eq!(earned(host), 380);
        let row: String = one(&format!(
            "select concat_ws(' ', type, amount_cents, currency, reason, status, requested_as,
                    requested_by = '{admin}', journal_id is not null, decided_by, expires_at)
               from treasury.adjustments where id = '{id}'"
        ));
        assert_eq!(row, format!("credit 500 USD {REASON} posted person t t"));
        let logged: i64 = one(&format!(
            "select count(*) from ops.audit_logs
              where table_name = 'treasury.adjustments' and action = 'INSERT'
                and record_id = '{id}' and actor_id = '{admin}'"
        ));
        assert_eq!(logged, 1);
    }

    #[pg_test]
    fn what_is_wrong_is_refused_and_moves_nothing() {
        let (host, admin) = (person("host"), person("admin"));
        become_person(admin);
        for (code, sql) in [
            ("PT404", sent(new_id(), "credit", 5, "")),
            ("22023", sent(host, "gift", 5, "")),
            ("22023", sent(host, "credit", 0, "")),
            ("22023", sent(host, "credit", -1, "")),
            ("22023", sent(host, "credit", i64::MAX, "")),
            ("22023", sent(host, "credit", 5, r#", "status": "posted""#)),
            ("22023", sent(host, "credit", 5, r#", "currency": "usd""#)),
            ("22023", sent(host, "credit", 5, r#", "reason": "short""#)),
            ("22004", sent(host, "credit", 5, r#", "reason": " ""#)),
            ("22004", "select treasury.create_adjustment(null)".to_owned()),
            ("22023", "select treasury.create_adjustment('[]')".to_owned()),
            ("22004", "select treasury.create_adjustment('{}')".to_owned()),
            ("22004", "select treasury.decide_adjustment(null, true)".to_owned()),
            ("PT404", decision(new_id(), true)),
            ("22004", format!("select treasury.decide_adjustment('{host}', null)")),
        ] {
            expect_error(code, &sql);
        }
        for caller in [host, person("buyer")] {
            become_person(caller);
            expect_error("42501", &sent(host, "credit", 5, ""));
            expect_error("42501", &decision(new_id(), false));
        }
        become_database();
        assert_eq!(one::<i64>("select count(*) from treasury.adjustments"), 0);
        assert_eq!(earned(host), 0);
    }

    #[pg_test]
    fn above_the_amount_a_second_admin_has_to_agree() {
        let (host, first, second) = (person("host"), person("admin"), person("admin"));
        run(r#"select backoffice.set_setting('treasury', 'two_person_amount', '{"USD": 1000}')"#);
        become_person(first);
        let small: Uuid = one(&sent(host, "credit", 1000, ""));
        let large: Uuid = one(&sent(host, "credit", 1001, ""));
        assert_eq!((status(small).as_str(), status(large).as_str()), ("posted", "waiting"));
        assert_eq!(earned(host), 1000);
        become_person(first);
        expect_error("42501", &decision(large, true));
        become_service();
        expect_error("42501", &decision(large, true));
        become_database();
        expect_error("42501", &decision(large, true));
        become_person(second);
        assert_eq!(one::<String>(&decision(large, true)), "posted");
        assert_eq!(one::<String>(&decision(large, true)), "posted");
        expect_error("PT409", &decision(large, false));
        become_database();
        assert_eq!(earned(host), 2001);
        let row: String = one(&format!(
            "select concat_ws(' ', decided_by = '{second}', note, journal_id is not null)
               from treasury.adjustments where id = '{large}'"
        ));
        assert_eq!(row, "t seen t");
    }

    #[pg_test]
    fn the_amount_is_by_currency_and_nothing_may_be_enough() {
        let (host, admin) = (person("host"), person("admin"));
        let in_euros = |cents| sent(host, "credit", cents, r#", "currency": "EUR""#);
        let outcome = |sql: &str| -> String {
            become_person(admin);
            let id: Uuid = one(sql);
            status(id)
        };
        let set = |key: &str, value: &str| {
            become_database();
            run(&format!("select backoffice.set_setting('treasury', '{key}', '{value}')"));
        };
        set("two_person_amount", r#"{"USD": 0}"#);
        set("two_person_amount_otherwise", "100");
        assert_eq!(outcome(&sent(host, "credit", 1, "")), "waiting");
        assert_eq!(outcome(&in_euros(100)), "posted");
        assert_eq!(outcome(&in_euros(101)), "waiting");
        set("two_person_amount_otherwise", "null");
        assert_eq!(outcome(&in_euros(1_000_000)), "posted");
        assert_eq!(outcome(&sent(host, "credit", 1, "")), "waiting");
    }

    #[pg_test]
    fn nobody_gives_themselves_anything_alone() {
        let (first, second) = (person("admin"), person("admin"));
        become_person(first);
        let own: Uuid = one(&sent(first, "credit", 1, ""));
        assert_eq!(status(own), "waiting");
        become_person(first);
        expect_error("42501", &decision(own, true));
        become_person(second);
        let for_first: Uuid = one(&sent(first, "credit", 100_000, ""));
        become_person(first);
        expect_error("42501", &decision(for_first, true));
        assert_eq!(one::<String>(&decision(for_first, false)), "rejected");
        become_person(second);
        assert_eq!(one::<String>(&decision(own, true)), "posted");
        become_database();
        assert_eq!(earned(first), 1);
    }

    #[pg_test]
    fn nobody_makes_the_second_person_that_they_need() {
        let (host, admin, later) = (person("host"), person("admin"), person("admin"));
        run(&format!(
            "update backoffice.role_grants set granted_at = now() + interval '1 second' where person_id = '{later}'"
        ));
        become_person(admin);
        let waiting: Uuid = one(&sent(host, "credit", 100_000, ""));
        become_person(later);
        expect_error("42501", &decision(waiting, true));
        assert_eq!(one::<String>(&decision(waiting, false)), "rejected");
    }

    #[pg_test]
    fn how_far_one_admin_is_enough_is_not_for_one_admin() {
        let (admin, of_all) = (person("admin"), person("admin"));
        run(&format!("select backoffice.grant_role('{of_all}', '*', 'admin')"));
        let set = |key: &str, value: &str| {
            format!("select backoffice.set_setting('treasury', '{key}', '{value}')")
        };
        let rules = [
            ("two_person_amount_otherwise", "null"),
            ("two_person_amount", "{}"),
            ("two_person_days", "9"),
        ];
        for (key, value) in rules {
            become_person(admin);
            expect_error("42501", &set(key, value));
            become_person(of_all);
            run(&set(key, value));
        }
        become_person(admin);
        run(&set("refund_days", "3"));
    }

    #[pg_test]
    fn who_asked_may_take_it_back_and_so_may_a_server() {
        let (host, admin) = (person("host"), person("admin"));
        become_person(admin);
        let (one_, other): (Uuid, Uuid) =
            (one(&sent(host, "credit", 100_000, "")), one(&sent(host, "credit", 100_000, "")));
        assert_eq!(one::<String>(&decision(one_, false)), "rejected");
        assert_eq!(one::<String>(&decision(one_, false)), "rejected");
        become_service();
        assert_eq!(one::<String>(&decision(other, false)), "rejected");
        become_person(person("admin"));
        expect_error("PT409", &decision(other, true));
        become_service();
        let asked: Uuid = one(&sent(host, "credit", 100_000, ""));
        expect_error("42501", &decision(asked, true));
        become_person(admin);
        assert_eq!(one::<String>(&decision(asked, true)), "posted");
    }

    #[pg_test]
    fn what_nobody_decides_in_time_expires() {
        alone_with_jobs();
        let (host, first, second) = (person("host"), person("admin"), person("admin"));
        become_person(first);
        let id: Uuid = one(&sent(host, "credit", 100_000, ""));
        let other: Uuid = one(&sent(host, "credit", 100_000, ""));
        become_database();
        run(&format!("update treasury.adjustments set expires_at = now() where id = '{id}'"));
        become_person(second);
        expect_error("PT409", &decision(id, true));
        expect_error("PT409", &decision(id, false));
        become_database();
        run("select ops.run_job('expire_approvals')");
        assert_eq!((status(id).as_str(), status(other).as_str()), ("expired", "waiting"));
        assert_eq!(earned(host), 0);
        become_person(second);
        expect_error("PT409", &decision(id, true));
    }

    #[pg_test]
    fn earnings_go_below_zero_only_where_the_setting_lets_them() {
        let (host, admin) = (person("host"), person("admin"));
        sold(host, "ch_1");
        run("select backoffice.set_setting('treasury', 'adjustment_overdraft', 'false')");
        become_person(admin);
        expect_error("PT409", &sent(host, "debit", 91, ""));
        run(&sent(host, "debit", 90, ""));
        expect_error("PT409", &sent(host, "debit", 1, ""));
        become_database();
        run("select backoffice.set_setting('treasury', 'adjustment_overdraft', 'true')");
        become_person(admin);
        run(&sent(host, "debit", 25, ""));
        become_person(host);
        let owed: i64 = one("select owed_cents from treasury.balances");
        assert_eq!(owed, 25);
    }

    #[pg_test]
    fn a_key_makes_a_repeat_harmless() {
        let (host, admin) = (person("host"), person("admin"));
        run(r#"select set_config('request.headers', '{"idempotency-key": "k1"}', true)"#);
        become_person(admin);
        let first: Uuid = one(&sent(host, "credit", 5, ""));
        assert_eq!(one::<Uuid>(&sent(host, "credit", 5, "")), first);
        expect_error("PT409", &sent(host, "credit", 6, ""));
        become_database();
        assert_eq!(earned(host), 5);
    }

    #[pg_test]
    fn what_was_decided_never_changes() {
        let (host, admin) = (person("host"), person("admin"));
        become_person(admin);
        let posted: Uuid = one(&sent(host, "credit", 5, ""));
        let waiting: Uuid = one(&sent(host, "credit", 100_000, ""));
        become_database();
        for id in [posted, waiting] {
            for change in
                ["amount_cents = 6", "reason = 'x'", "user_id = user_id", "requested_by = null"]
            {
                let sql = format!("update treasury.adjustments set {change} where id = '{id}'");
                expect_error("42501", &sql);
            }
            expect_error("42501", &format!("delete from treasury.adjustments where id = '{id}'"));
        }
        let again = format!("update treasury.adjustments set note = 'x' where id = '{posted}'");
        expect_error("42501", &again);
    }

    /// On its own: emptying a table waits for everybody, who must not wait for this test.
    #[pg_test]
    fn nobody_empties_the_table() {
        become_database();
        expect_error("42501", "truncate treasury.adjustments");
    }
}
