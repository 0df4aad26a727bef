//! Tax deducted at source.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::json;

    fn rule(from: &str, with: &str, without: &str, threshold: &str) -> String {
        format!("select network.set_tax_rule({from}, '194H', {with}, {without}, {threshold})")
    }

    /// 5 or 20 per cent beyond a threshold, from April on.
    fn taxed(threshold: &str) {
        run(&rule("'2020-04-01'", "5", "20", threshold));
    }

    fn with_pan(promoter: Uuid) {
        run(&format!("select network.set_promoter_pan('{promoter}', 'ABCPE1234F')"));
    }

    /// A promoter who earned 500.00 for each of `customers`.
    fn earner(customers: usize) -> Uuid {
        let promoter = promoter(None);
        for _ in 0..customers {
            customer(promoter);
        }
        promoter
    }

    fn payable() -> String {
        one("select coalesce((select backoffice.major(posted::bigint, currency)::text
               from ledger.balances where system = 'network' and code = 'tax_payable'), 'none')")
    }

    #[pg_test]
    fn without_a_rule_nothing_is_deducted() {
        admin();
        let request = withdraw(earner(1), "500");
        assert_eq!(parts(request), "500.00 0.00 0.00");
        assert_eq!(
            (payable().as_str(), one::<i64>("select count(*) from network.tax_deductions")),
            ("none", 0)
        );
    }

    #[pg_test]
    fn the_tax_goes_to_its_account_and_the_rest_is_paid() {
        admin();
        let promoter = earner(1);
        taxed("0");
        with_pan(promoter);
        let request = withdraw(promoter, "333.33");
        // 16.6665, to the nearest paisa.
        assert_eq!(parts(request), "316.66 16.67 0.00");
        assert_eq!(payable(), "16.67");
        assert_eq!(money(promoter), "166.67 0.00 0.00 500.00 316.66 16.67");
        expect_consistent();
    }

    #[pg_test]
    fn without_a_pan_the_higher_rate_is_due() {
        admin();
        taxed("0");
        let promoter = earner(1);
        assert_eq!(parts(withdraw(promoter, "300")), "240.00 60.00 0.00");
        with_pan(promoter);
        assert_eq!(parts(withdraw(promoter, "200")), "190.00 10.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn beyond_the_threshold_the_earlier_payouts_of_the_year_are_taxed_too() {
        admin();
        let promoter = earner(3);
        taxed("1000");
        with_pan(promoter);
        assert_eq!(parts(withdraw(promoter, "600")), "600.00 0.00 0.00");
        assert_eq!(parts(withdraw(promoter, "400")), "400.00 0.00 0.00");
        assert_eq!(parts(withdraw(promoter, "500")), "425.00 75.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn never_more_is_deducted_than_is_paid() {
        admin();
        let promoter = earner(4);
        taxed("1500");
        withdraw(promoter, "1500");
        assert_eq!(parts(withdraw(promoter, "100")), "0.00 100.00 0.00");
        // 20 % of 1600 is 320, of which 100 were deducted.
        assert_eq!(parts(withdraw(promoter, "400")), "100.00 300.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn what_was_paid_before_the_first_rule_counts_but_is_not_taxed() {
        admin();
        let promoter = earner(2);
        withdraw(promoter, "600");
        run(&format!(
            "update network.withdrawal_requests set processed_at = now() - interval '1 day' where promoter_id = '{promoter}'"
        ));
        run(&rule("current_date", "5", "20", "500"));
        with_pan(promoter);
        // Yesterday was another financial year on the first of April only.
        let april: bool =
            one("select to_char(now() at time zone 'Asia/Kolkata', 'MM-DD') = '04-01'");
        let expected = if april { "400.00 0.00 0.00" } else { "380.00 20.00 0.00" };
        assert_eq!(parts(withdraw(promoter, "400")), expected);
    }

    #[pg_test]
    fn a_debt_is_kept_before_the_tax() {
        admin();
        let promoter = promoter(None);
        let customers = [customer(promoter), customer(promoter)];
        taxed("0");
        with_pan(promoter);
        let request: Uuid = one(&ask(promoter, "700"));
        run(&cancel(customers[0]));
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        assert_eq!(parts(request), "475.00 25.00 200.00");
        expect_consistent();
    }

    #[pg_test]
    fn the_rule_that_began_last_is_in_force() {
        admin();
        let promoter = earner(1);
        taxed("0");
        run(&rule("current_date - 10", "10", "10", "0"));
        run(&rule("current_date + 2", "30", "30", "0"));
        assert_eq!(parts(withdraw(promoter, "200")), "180.00 20.00 0.00");
    }

    #[pg_test]
    fn a_rule_is_not_changed_for_what_was_paid() {
        admin();
        let promoter = earner(1);
        taxed("0");
        run(&rule("current_date + 2", "7", "20", "0"));
        withdraw(promoter, "200");
        taxed("0");
        expect_error("PT409", &rule("'2020-04-01'", "6", "20", "0"));
        expect_error("PT409", &rule("current_date - 1", "6", "20", "0"));
        expect_error("PT409", "select network.remove_tax_rule('2020-04-01')");
        run(&rule("current_date + 2", "6", "20", "0"));
        let removed = || one::<bool>("select network.remove_tax_rule(current_date + 2)");
        assert_eq!([removed(), removed()], [true, false]);
    }

    #[pg_test]
    fn rules_are_checked() {
        admin();
        for (from, with, without, threshold) in [
            ("'2020-04-01'", "-1", "20", "0"),
            ("'2020-04-01'", "5", "100", "0"),
            ("'2020-04-01'", "5", "4", "0"),
            ("'2020-04-01'", "5.00001", "20", "0"),
            ("'2020-04-01'", "5", "20", "-1"),
            ("'2020-04-01'", "5", "20", "0.001"),
            ("'infinity'", "5", "20", "0"),
            ("'1999-12-31'", "5", "20", "0"),
            ("'4000-01-01 BC'", "5", "20", "0"),
        ] {
            expect_error("22023", &rule(from, with, without, threshold));
        }
        expect_error("22003", &rule("'2020-04-01'", "'NaN'", "20", "0"));
        expect_error("22004", &rule("null", "5", "20", "0"));
        expect_error("22004", &rule("'2020-04-01'", "5", "null", "0"));
        expect_error("22004", &rule("'2020-04-01'", "5", "20", "null"));
        expect_error("22023", "select network.set_tax_rule('2020-04-01', ' ', 5, 20)");
        expect_error("22023", "select network.remove_tax_rule('infinity')");
    }

    #[pg_test]
    fn rules_are_for_admins_and_audited() {
        let (admin, promoter) = (admin(), promoter(None));
        become_person(promoter);
        expect_error("42501", &rule("'2020-04-01'", "5", "20", "0"));
        expect_error("42501", "select network.remove_tax_rule('2020-04-01')");
        become_person(admin);
        taxed("0");
        become_person(promoter);
        assert_eq!(one::<i64>("select count(*) from network.tax_rules"), 1);
        become_database();
        let traces: i64 = one(&format!(
            "select count(*) from ops.audit_logs where table_name = 'network.tax_rules' and actor_id = '{admin}'"
        ));
        assert_eq!(traces, 1);
    }

    #[pg_test]
    fn a_pan_is_sealed_masked_and_shown_to_admins_with_a_trace() {
        let (admin, promoter_a) = (admin(), promoter(None));
        let promoter_b = promoter(None);
        become_person(promoter_a);
        let set =
            |pan: &str| format!("select (network.set_promoter_pan('{promoter_a}', {pan})).pan");
        for bad in ["''", "'ABCDE1234F'", "'ABCPE12345'"] {
            expect_error("22023", &set(bad));
        }
        expect_error("22004", &set("null"));
        assert_eq!(one::<String>(&set("'abcpe1234f'")), "XXXXXX234F");
        let show = format!("select network.get_promoter_pan('{promoter_a}')");
        expect_error("42501", &show);
        become_person(promoter_b);
        expect_error("42501", &set("'ABCPE1234F'"));
        assert_eq!(one::<i64>("select count(*) from network.tax_identities"), 0);
        become_person(admin);
        assert_eq!(one::<String>(&show), "ABCPE1234F");
        expect_error("PT404", &format!("select network.get_promoter_pan('{promoter_b}')"));
        become_database();
        assert_eq!(
            one::<i64>("select count(*) from ops.audit_logs a where a::text ilike '%abcpe1234f%'"),
            0
        );
        assert_eq!(one::<i64>("select count(*) from ops.audit_logs where action = 'pan_shown'"), 1);
    }

    #[pg_test]
    fn a_new_pan_replaces_the_old_one_and_its_secret() {
        admin();
        let promoter = promoter(None);
        let set =
            |pan: &str| run(&format!("select network.set_promoter_pan('{promoter}', '{pan}')"));
        set("ABCPE1234F");
        set("ABCPE1234F");
        set("ABCPE9876F");
        assert_eq!(
            one::<i64>("select count(*) from backoffice.secrets where purpose = 'network.pan'"),
            1
        );
        assert_eq!(
            one::<String>(&format!("select network.get_promoter_pan('{promoter}')")),
            "ABCPE9876F"
        );
    }

    #[pg_test]
    fn a_certificate_says_what_was_deducted_and_when() {
        admin();
        let promoter = earner(2);
        set("deductor_name", "\"Bharat Ventures\"");
        set("deductor_tan", "\"PNEB12345A\"");
        taxed("0");
        let first = withdraw(promoter, "300");
        with_pan(promoter);
        withdraw(promoter, "200");
        // The first one a quarter of a year ago, in whichever year that was.
        run("alter table network.tax_deductions disable trigger tax_deductions_append_only");
        run(&format!(
            "update network.tax_deductions set paid_on = '2026-05-01', financial_year = 2026 where request_id = '{first}';
             update network.tax_deductions set paid_on = '2027-02-01', financial_year = 2026 where request_id <> '{first}'"
        ));
        become_person(promoter);
        let JsonB(c) =
            one(&format!("select network.get_tax_certificate('{promoter}', '2026-27')::jsonb"));
        assert_eq!(c["deductor"], json!({"name": "Bharat Ventures", "tan": "PNEB12345A"}));
        assert_eq!(c["deductee"]["pan"], "XXXXXX234F");
        assert_eq!((&c["assessment_year"], &c["to"]), (&json!("2027-28"), &json!("2027-03-31")));
        assert_eq!(
            (&c["gross"], &c["tax"], &c["net"]),
            (&json!(500.0), &json!(70.0), &json!(430.0))
        );
        let quarter = |n: usize| {
            [&c["quarters"][n]["quarter"], &c["quarters"][n]["gross"], &c["quarters"][n]["tax"]]
        };
        assert_eq!(quarter(0), [&json!("Q1"), &json!(300.0), &json!(60.0)]);
        assert_eq!(quarter(1), [&json!("Q2"), &json!(0.0), &json!(0.0)]);
        assert_eq!(quarter(3), [&json!("Q4"), &json!(200.0), &json!(10.0)]);
        assert_eq!(c["quarters"][3]["to"], "2027-03-31");
        assert_eq!(c["sections"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            (&c["sections"][0]["rate"], &c["sections"][0]["section"]),
            (&json!(5), &json!("194H"))
        );
        assert_eq!(c["payouts"][1]["net"], 190.0);
    }

    #[pg_test]
    fn a_certificate_is_for_the_promoter_and_admins() {
        let (admin, promoter_a, promoter_b) = (admin(), promoter(None), promoter(None));
        let of = |promoter: Uuid, year: &str| {
            format!("select network.get_tax_certificate('{promoter}', {year})")
        };
        become_person(promoter_b);
        expect_error("42501", &of(promoter_a, "'2026-27'"));
        become_person(admin);
        run(&of(promoter_a, "'2026-27'"));
        expect_error("PT404", &of(new_id(), "'2026-27'"));
        expect_error("22023", &of(admin, "'2026-27'"));
        expect_error("22023", &of(promoter_a, "'2026'"));
        expect_error("22004", &of(promoter_a, "null"));
    }

    #[pg_test]
    fn deductions_are_never_changed() {
        admin();
        taxed("0");
        withdraw(earner(1), "300");
        expect_error("42501", "update network.tax_deductions set tax = 0");
        expect_error("42501", "delete from network.tax_deductions");
        expect_error("42501", "truncate network.tax_deductions");
    }

    #[pg_test]
    fn the_time_zone_is_one() {
        admin();
        set("time_zone", "\"Europe/London\"");
        expect_error(
            "22023",
            "select backoffice.set_setting('network', 'time_zone', '\"Mars/Olympus\"')",
        );
    }

    #[pg_test]
    fn the_check_finds_tax_that_is_not_in_the_ledger() {
        admin();
        taxed("0");
        let request = withdraw(earner(1), "300");
        run(&format!(
            "update network.withdrawal_requests set tax_amount = 0, paid_amount = 300 where id = '{request}'"
        ));
        let rules: Vec<String> =
            one("select array_agg(distinct rule order by rule) from network.check()");
        assert_eq!(rules, ["tax", "withdrawal"]);
    }
}
