//! Summaries by period, and the totals of the tree.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// Puts everything that has happened to another moment, as a restore would.
    fn at(moment: &str) {
        run("set local session_replication_role = replica");
        for table in ["customers", "affiliate_commissions", "pin_transactions"] {
            run(&format!(
                "update network.{table} set created_at = '{moment}' where created_at > now() - interval '1 hour'"
            ));
        }
        run("set local session_replication_role = origin");
    }

    fn summary(promoter: Option<Uuid>, range: &str) -> String {
        let promoter = promoter.map_or("null".to_owned(), |id| format!("'{id}'"));
        one(&format!(
            "select string_agg(format('%s..%s %s %s %s %s %s', period_start, period_end, customers,
                                      commission_count, commissions, pins_used, pins_received), E'\\n'
                               order by period_start)
               from network.get_period_summary({promoter}, {range})"
        ))
    }

    #[pg_test]
    fn a_day_begins_where_the_business_is() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        // Half past midnight in Kolkata is still the day before in UTC.
        at("2026-03-09T19:00:00Z");
        let range = "'2026-03-09', '2026-03-10', 'day'";
        assert_eq!(
            summary(Some(promoter), range),
            "2026-03-09..2026-03-09 0 0 0 0 0\n2026-03-10..2026-03-10 1 1 500.00 1 1"
        );
        run("select backoffice.set_setting('network', 'time_zone', '\"UTC\"')");
        assert_eq!(
            summary(Some(promoter), range),
            "2026-03-09..2026-03-09 1 1 500.00 1 1\n2026-03-10..2026-03-10 0 0 0 0 0"
        );
    }

    #[pg_test]
    fn today_is_in_it_and_the_network_is_the_sum() {
        admin();
        let line = line(2);
        customer(line[1]);
        customer(line[0]);
        let today = "network.today(), network.today(), 'month'";
        let tail = |text: String| text.split_once(' ').map(|(_, tail)| tail.to_owned()).unwrap();
        assert_eq!(tail(summary(Some(line[0]), today)), "1 2 600.00 1 1");
        assert_eq!(tail(summary(Some(line[1]), today)), "1 1 500.00 1 1");
        assert_eq!(tail(summary(None, today)), "2 3 1100.00 2 2");
    }

    #[pg_test]
    fn periods_are_cut_to_the_days_asked_for() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        at("2026-03-04T12:00:00Z");
        assert_eq!(
            summary(Some(promoter), "'2026-02-10', '2026-03-15', 'month'"),
            "2026-02-10..2026-02-28 0 0 0 0 0\n2026-03-01..2026-03-15 1 1 500.00 1 1"
        );
        assert_eq!(
            summary(Some(promoter), "'2026-03-05', '2026-03-15', 'week'"),
            "2026-03-05..2026-03-08 0 0 0 0 0\n2026-03-09..2026-03-15 0 0 0 0 0"
        );
        let rows: i64 =
            one(&format!("select count(*) from network.get_period_summary('{promoter}')"));
        assert_eq!(rows, 12);
    }

    #[pg_test]
    fn withdrawals_count_when_asked_for_and_when_paid() {
        let admin = admin();
        let promoter = promoter(None);
        customer(promoter);
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{promoter}', 200, '{{\"account_holder_name\": \"A\",
                \"account_number\": \"123456789012\", \"ifsc_code\": \"HDFC0001234\"}}')"
        ));
        let sums = || -> String {
            one(&format!(
                "select format('%s %s', withdrawals_requested, withdrawals_paid)
                   from network.get_period_summary('{promoter}', network.today(), network.today())"
            ))
        };
        assert_eq!(sums(), "200.00 0");
        become_person(admin);
        for status in ["approved", "processed"] {
            run(&format!(
                "select network.process_withdrawal_request('{request}', null, '{status}')"
            ));
        }
        assert_eq!(sums(), "200.00 200.00");
    }

    #[pg_test]
    fn a_summary_is_ones_own_and_the_networks_is_for_admins() {
        admin();
        let (promoter, other) = (promoter(None), promoter(None));
        become_person(other);
        expect_error("42501", &format!("select network.get_period_summary('{promoter}')"));
        expect_error("42501", "select network.get_period_summary()");
        become_database();
        expect_error(
            "22023",
            "select network.get_period_summary(null, '1990-01-01', '2026-01-01', 'day')",
        );
        expect_error("22023", "select network.get_period_summary(null, null, '-infinity')");
        expect_error("22023", "select network.get_period_summary(null, null, null, 'decade')");
        expect_error("22004", "select network.get_period_summary(null, null, null, null)");
    }

    fn tree(root: Uuid, limits: &str) -> serde_json::Value {
        one::<pgrx::JsonB>(&format!(
            "select network.get_promoter_hierarchy('{root}'{limits})::jsonb"
        ))
        .0
    }

    #[pg_test]
    fn branches_add_up_and_the_money_is_whose_it_is() {
        let admin = admin();
        let line = line(3);
        let gone = customer(line[2]);
        customer(line[1]);
        run(&format!(
            "select network.update_customer_profile('{gone}', '{{\"status\": \"Inactive\"}}')"
        ));
        become_person(admin);
        let all = tree(line[0], "");
        assert_eq!(all["branch_customers"], 2);
        assert_eq!(all["branch_active_customers"], 1);
        assert_eq!(all["active_promoters_below"], 2);
        // 500 + 100 + 100 for the one, 500 + 100 for the other.
        assert_eq!(all["branch_commissions"], 1300.0);
        assert_eq!(all["children"][0]["commissions"], 600.0);
        become_person(line[0]);
        let own = tree(line[0], "");
        assert_eq!(own["branch_commissions"], 200.0, "what one earned oneself");
        assert_eq!(own["children"][0]["branch_commissions"], 200.0);
        assert_eq!(own["children"][0]["commissions"], 100.0);
    }

    #[pg_test]
    fn a_tree_is_cut_by_depth_and_by_page() {
        admin();
        let top = promoter(None);
        let below: Vec<Uuid> = (0..3).map(|_| promoter(Some(top))).collect();
        promoter(Some(below[1]));
        let flat = tree(top, ", 1");
        assert_eq!(flat["promoters_below"], 4);
        assert_eq!(flat["children"][1]["direct_promoters"], 1);
        assert_eq!(flat["children"][1]["truncated"], true);
        assert_eq!(flat["children"][1]["children"], serde_json::json!([]));
        let page = tree(top, ", null, 1, 1");
        assert_eq!(page["children"].as_array().map(Vec::len), Some(1));
        assert_eq!(page["children"][0]["id"], below[1].to_string());
        assert_eq!(page["direct_promoters"], 3);
        expect_error("22023", &format!("select network.get_promoter_hierarchy('{top}', -1)"));
        expect_error("22023", &format!("select network.get_promoter_hierarchy('{top}', null, 0)"));
    }
}
