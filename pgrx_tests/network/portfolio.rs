//! What customers have invested: who records it, what it adds up to.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// An admin, a promoter and their customer.
    fn three() -> (Uuid, Uuid, Uuid) {
        let (admin, promoter) = (admin(), promoter(None));
        (admin, promoter, customer(promoter))
    }

    fn lump_sum_sql(customer: Uuid, amount: &str) -> String {
        format!(
            "select id from network.create_investment('{customer}', 'Gold fund', {amount}, network.today() - 100)"
        )
    }

    /// Three monthly instalments of 100: two are past their day, one is to come.
    fn plan_sql(customer: Uuid) -> String {
        format!(
            "select id from network.create_savings_plan('{customer}', 'Monthly saver', 100.50, 3, 'monthly',
                (network.today() - interval '1 month 10 days')::date)"
        )
    }

    fn portfolio(customer: Uuid) -> serde_json::Value {
        one::<pgrx::JsonB>(&format!("select network.get_customer_portfolio('{customer}')::jsonb")).0
    }

    fn portfolio_text(customer: Uuid, key: &str) -> String {
        one(&format!("select network.get_customer_portfolio('{customer}')->>'{key}'"))
    }

    fn instalments(plan: Uuid) -> String {
        one(&format!(
            "select string_agg(format('%s %s %s', number, status, coalesce(paid_amount::text, '-')), ', ' order by number)
               from network.instalments where investment_id = '{plan}'"
        ))
    }

    #[pg_test]
    fn an_investment_without_a_valuation_is_worth_what_was_paid_in() {
        let (_, promoter, customer) = three();
        become_person(promoter);
        run(&lump_sum_sql(customer, "1000"));
        become_person(customer);
        assert_eq!(portfolio_text(customer, "invested"), "1000.00");
        assert_eq!(portfolio_text(customer, "current_value"), "1000.00");
        assert_eq!(portfolio_text(customer, "gain"), "0.00");
        assert_eq!(portfolio(customer)["currency"], "INR");
    }

    #[pg_test]
    fn a_valuation_makes_the_gain_and_the_last_one_counts() {
        let (admin, _, customer) = three();
        become_person(admin);
        let id: Uuid = one(&lump_sum_sql(customer, "1000"));
        for (value, day) in [("1250.25", "network.today()"), ("900", "network.today() - 5")] {
            run(&format!("select network.record_valuation('{id}', {value}, {day})"));
        }
        assert_eq!(portfolio_text(customer, "gain"), "250.25");
        run(&format!("select network.record_valuation('{id}', 1300)"));
        assert_eq!(portfolio_text(customer, "current_value"), "1300.00");
        let rows: i64 = one("select count(*) from network.valuations");
        assert_eq!(rows, 2, "the same day is replaced");
    }

    #[pg_test]
    fn what_is_paid_after_a_valuation_adds_to_it() {
        let (admin, promoter, customer) = three();
        become_person(promoter);
        let plan: Uuid = one(&plan_sql(customer));
        run(&format!(
            "select network.record_instalment('{plan}', 1, 'paid', network.today() - 30)"
        ));
        become_person(admin);
        run(&format!("select network.record_valuation('{plan}', 110, network.today() - 20)"));
        become_person(promoter);
        run(&format!("select network.record_instalment('{plan}', 2)"));
        assert_eq!(portfolio_text(customer, "invested"), "201.00");
        assert_eq!(portfolio_text(customer, "current_value"), "210.50");
    }

    #[pg_test]
    fn a_plan_says_what_is_due_and_what_is_overdue() {
        let (_, promoter, customer) = three();
        become_person(promoter);
        let plan: Uuid = one(&plan_sql(customer));
        let before = portfolio(customer);
        assert_eq!(before["overdue"]["count"], 2);
        assert_eq!(before["next_instalment"]["number"], 3);
        run(&format!("select network.record_instalment('{plan}', 1)"));
        run(&format!("select network.record_instalment('{plan}', 2, 'missed')"));
        let after = portfolio(customer);
        assert_eq!(after["overdue"]["count"], 0);
        assert_eq!(after["investments"][0]["missed_instalments"], 1);
        assert_eq!(instalments(plan), "1 paid 100.50, 2 missed -, 3 due -");
    }

    #[pg_test]
    fn the_end_of_a_month_stays_the_end_of_a_month() {
        let (_, _, customer) = three();
        let plan: Uuid = one(&format!(
            "select id from network.create_savings_plan('{customer}', 'Saver', 1, 4, 'monthly', '2026-01-31')"
        ));
        let days: String = one(&format!(
            "select string_agg(due_on::text, ' ' order by number) from network.instalments
              where investment_id = '{plan}'"
        ));
        assert_eq!(days, "2026-01-31 2026-02-28 2026-03-31 2026-04-30");
    }

    #[pg_test]
    fn recording_the_same_again_changes_nothing_and_otherwise_is_a_conflict() {
        let (admin, promoter, customer) = three();
        become_person(promoter);
        let plan: Uuid = one(&plan_sql(customer));
        for _ in 0..2 {
            run(&format!("select network.record_instalment('{plan}', 1, 'paid', null, 90)"));
        }
        assert_eq!(instalments(plan), "1 paid 90.00, 2 due -, 3 due -");
        expect_error("PT409", &format!("select network.record_instalment('{plan}', 1, 'missed')"));
        expect_error(
            "PT409",
            &format!("select network.record_instalment('{plan}', 1, 'paid', null, 91)"),
        );
        run(&format!("select network.record_instalment('{plan}', 2, 'missed')"));
        run(&format!("select network.record_instalment('{plan}', 2, 'paid')"));
        become_person(admin);
        run(&format!("select network.record_instalment('{plan}', 1, 'due')"));
        assert_eq!(instalments(plan), "1 due -, 2 paid 100.50, 3 due -");
    }

    #[pg_test]
    fn a_closed_investment_keeps_its_result_and_takes_nothing_more() {
        let (admin, promoter, customer) = three();
        become_person(promoter);
        let plan: Uuid = one(&plan_sql(customer));
        run(&format!("select network.record_instalment('{plan}', 1)"));
        become_person(admin);
        for _ in 0..2 {
            run(&format!("select network.close_investment('{plan}', 120.50)"));
        }
        expect_error("PT409", &format!("select network.close_investment('{plan}', 121)"));
        expect_error("PT409", &format!("select network.record_valuation('{plan}', 121)"));
        expect_error("PT409", &format!("select network.record_instalment('{plan}', 2)"));
        assert_eq!(portfolio_text(customer, "realised_gain"), "20.00");
        assert_eq!(portfolio_text(customer, "invested"), "0");
        assert_eq!(instalments(plan), "1 paid 100.50, 2 cancelled -, 3 cancelled -");
    }

    #[pg_test]
    fn values_over_time_have_a_row_for_each_period() {
        let (admin, _, customer) = three();
        become_person(admin);
        let id: Uuid = one(&format!(
            "select id from network.create_investment('{customer}', 'Fund', 100, '2026-01-15')"
        ));
        run(&format!("select network.record_valuation('{id}', 110, '2026-02-10')"));
        run(&format!("select network.record_valuation('{id}', 90, '2026-04-01')"));
        let rows: String = one(&format!(
            "select string_agg(format('%s %s %s', day, value, gain), ', ' order by day)
               from network.get_portfolio_history('{customer}', '2025-12-20', '2026-04-10')"
        ));
        assert_eq!(
            rows,
            "2025-12-31 0 0, 2026-01-31 100.00 0.00, 2026-02-28 110.00 10.00, \
             2026-03-31 110.00 10.00, 2026-04-10 90.00 -10.00"
        );
        let points: i64 =
            one(&format!("select count(*) from network.get_portfolio_history('{customer}')"));
        assert!(points >= 1);
    }

    #[pg_test]
    fn only_admins_and_the_own_promoter_record() {
        let (_, own, customer) = three();
        let stranger = promoter(None);
        become_person(own);
        let id: Uuid = one(&lump_sum_sql(customer, "10"));
        expect_error("42501", &format!("select network.record_valuation('{id}', 11)"));
        expect_error("42501", &format!("select network.close_investment('{id}', 11)"));
        for other in [stranger, customer] {
            become_person(other);
            expect_error("42501", &lump_sum_sql(customer, "10"));
            expect_error("42501", &plan_sql(customer));
            expect_error("42501", &format!("select network.record_instalment('{id}', 1)"));
            expect_error("42501", &format!("select network.record_instalment('{stranger}', 1)"));
        }
        become_person(stranger);
        expect_error("42501", &format!("select network.get_customer_portfolio('{customer}')"));
        expect_error("42501", &format!("select network.get_portfolio_history('{customer}')"));
        become_database();
        run(&format!("update network.profiles set status = 'Inactive' where id = '{own}'"));
        become_person(own);
        expect_error("42501", &lump_sum_sql(customer, "10"));
    }

    #[pg_test]
    fn a_row_is_seen_by_the_customer_their_promoter_and_admins() {
        let (admin, own, mine) = three();
        let stranger = promoter(None);
        let other = customer(stranger);
        for customer in [mine, other] {
            let id: Uuid = one(&plan_sql(customer));
            run(&format!("select network.record_valuation('{id}', 11)"));
        }
        for (viewer, seen) in [(mine, 1), (own, 1), (stranger, 1), (admin, 2)] {
            become_person(viewer);
            for (table, times) in
                [("investments", 1), ("instalments", 3), ("valuations", 1), ("portfolio", 1)]
            {
                let rows: i64 = one(&format!("select count(*) from network.{table}"));
                assert_eq!(rows, seen * times, "{table}");
            }
        }
        become_person(own);
        let theirs: i64 =
            one(&format!("select count(*) from network.investments where customer_id = '{other}'"));
        assert_eq!(theirs, 0);
    }

    #[pg_test]
    fn bad_input_of_an_investment_is_refused() {
        let (_, _, customer) = three();
        for (code, sql) in [
            ("22023", lump_sum_sql(customer, "0")),
            ("22023", lump_sum_sql(customer, "1.001")),
            ("22003", lump_sum_sql(customer, "'NaN'")),
            ("22004", lump_sum_sql(customer, "null")),
            ("22004", format!("select network.create_investment('{customer}', '  ', 1)")),
            (
                "22023",
                format!("select network.create_investment('{customer}', 'x', 1, 'infinity')"),
            ),
            (
                "22023",
                format!(
                    "select network.create_investment('{customer}', 'x', 1, network.today() + 1)"
                ),
            ),
            ("PT404", "select network.create_investment(gen_random_uuid(), 'x', 1)".to_owned()),
            ("22023", format!("select network.create_savings_plan('{customer}', 'x', 1, 0)")),
            ("22023", format!("select network.create_savings_plan('{customer}', 'x', 1, 601)")),
            (
                "22023",
                format!("select network.create_savings_plan('{customer}', 'x', 1, 2, 'daily')"),
            ),
            ("PT404", "select network.record_instalment(gen_random_uuid(), 1)".to_owned()),
            ("PT404", "select network.record_valuation(gen_random_uuid(), 1)".to_owned()),
            (
                "22023",
                format!(
                    "select network.get_portfolio_history('{customer}', '2026-01-02', '2026-01-01')"
                ),
            ),
            (
                "22023",
                format!(
                    "select network.get_portfolio_history('{customer}', '1990-01-01', null, 'day')"
                ),
            ),
            (
                "22023",
                format!("select network.get_portfolio_history('{customer}', null, null, 'hour')"),
            ),
        ] {
            expect_error(code, &sql);
        }
        let plan: Uuid = one(&plan_sql(customer));
        for (code, sql) in [
            ("PT404", format!("select network.record_instalment('{plan}', 4)")),
            ("22023", format!("select network.record_instalment('{plan}', 1, 'cancelled')")),
            (
                "22023",
                format!("select network.record_instalment('{plan}', 1, 'missed', network.today())"),
            ),
            (
                "22023",
                format!(
                    "select network.record_instalment('{plan}', 1, 'paid', network.today() + 1)"
                ),
            ),
            ("22023", format!("select network.record_valuation('{plan}', -1)")),
            ("22023", format!("select network.record_valuation('{plan}', 1, '1999-01-01')")),
        ] {
            expect_error(code, &sql);
        }
    }

    #[pg_test]
    fn an_unknown_time_zone_is_refused() {
        admin();
        expect_error(
            "22023",
            "select backoffice.set_setting('network', 'time_zone', '\"Mars/Olympus\"')",
        );
        run("select backoffice.set_setting('network', 'time_zone', '\"Pacific/Kiritimati\"')");
        let ahead: bool =
            one("select network.today() = (now() at time zone 'Pacific/Kiritimati')::date");
        assert!(ahead);
    }
}
