//! How promoters rise.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn set(key: &str, value: &str) {
        run(&format!("select backoffice.set_setting('network', '{key}', '{value}')"));
    }

    fn level(promoter: Uuid) -> String {
        one(&format!("select role_level from network.profiles where id = '{promoter}'"))
    }

    fn promote() -> i64 {
        one("select (network.promote_promoters()->>'changed')::bigint")
    }

    fn changes(promoter: Uuid) -> String {
        maybe(&format!(
            "select string_agg(format('%s>%s %s', from_level, to_level, reason), ', ' order by id)
               from network.level_changes where promoter_id = '{promoter}'"
        ))
        .unwrap_or_default()
    }

    #[pg_test]
    fn nobody_rises_while_the_settings_ask_for_nothing() {
        admin();
        let top = line(2)[0];
        customer(top);
        assert_eq!(promote(), 0);
        assert_eq!(level(top), "Affiliate");
    }

    #[pg_test]
    fn whoever_meets_the_demand_rises_once_and_it_is_recorded() {
        admin();
        let (top, other) = (line(2)[0], promoter(None));
        customer(top);
        customer(other);
        set("level_manager_customers", "1");
        set("level_manager_promoters", "1");
        assert_eq!(promote(), 1);
        assert_eq!(promote(), 0);
        assert_eq!((level(top), level(other)), ("Manager".into(), "Affiliate".into()));
        assert_eq!(changes(top), "Affiliate>Manager rules");
        let facts: i64 =
            one("select (facts->>'active_customers')::bigint from network.level_changes");
        assert_eq!(facts, 1);
    }

    #[pg_test]
    fn earnings_count_within_the_window() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        set("level_director_earnings", "50000");
        run("set local session_replication_role = replica");
        run("update network.affiliate_commissions set created_at = now() - interval '40 days'");
        run("set local session_replication_role = origin");
        set("level_window_days", "30");
        assert_eq!(promote(), 0);
        set("level_window_days", "50");
        assert_eq!(promote(), 1);
        assert_eq!(level(promoter), "Director");
    }

    #[pg_test]
    fn inactive_people_do_not_count() {
        admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        set("level_manager_customers", "1");
        run(&format!(
            "select network.update_customer_profile('{customer}', '{{\"status\": \"Inactive\"}}')"
        ));
        assert_eq!(promote(), 0);
    }

    #[pg_test]
    fn a_level_is_lost_only_where_the_setting_says_so() {
        admin();
        let promoter = promoter(None);
        let customer = customer(promoter);
        set("level_manager_customers", "1");
        promote();
        run(&format!(
            "select network.update_customer_profile('{customer}', '{{\"status\": \"Inactive\"}}')"
        ));
        assert_eq!(promote(), 0);
        set("level_demotion", "true");
        assert_eq!(promote(), 1);
        assert_eq!(changes(promoter), "Affiliate>Manager rules, Manager>Affiliate rules");
    }

    #[pg_test]
    fn a_level_set_by_hand_stays_until_it_is_given_back() {
        let admin = admin();
        let promoter = promoter(None);
        customer(promoter);
        set("level_manager_customers", "1");
        become_person(admin);
        run(&format!(
            "select network.set_promoter_level('{promoter}', 'Director', 'long service')"
        ));
        run(&format!(
            "select network.update_promoter_profile('{promoter}', '{{\"role_level\": \"Affiliate\"}}')"
        ));
        assert_eq!(promote(), 0);
        assert_eq!(level(promoter), "Affiliate");
        assert_eq!(changes(promoter), "Affiliate>Director admin, Director>Affiliate admin");
        run(&format!("select network.set_promoter_level('{promoter}', null)"));
        assert_eq!(promote(), 1);
        assert_eq!(level(promoter), "Manager");
    }

    #[pg_test]
    fn a_promoter_is_told_what_is_missing() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        set("level_manager_customers", "3");
        set("level_manager_earnings", "100050");
        become_person(promoter);
        let told: String = one(&format!(
            "select format('%s %s %s %s', l->>'level', l->'facts'->>'earnings', l->'next'->>'level',
                           l->'next'->'missing')
               from (select network.get_promoter_level('{promoter}') as l) x"
        ));
        assert_eq!(told, "Affiliate 500.00 Manager {\"customers\":2,\"earnings\":500.50}");
    }

    #[pg_test]
    fn levels_are_an_admins_and_seen_by_their_own() {
        admin();
        let (promoter, other) = (promoter(None), promoter(None));
        run(&format!("select network.set_promoter_level('{promoter}', 'Manager', 'a secret')"));
        become_person(promoter);
        assert_eq!(one::<i64>("select count(*) from network.level_changes"), 1);
        assert_eq!(one::<i64>("select count(*) from network.level_overrides"), 0);
        expect_error(
            "42501",
            &format!("select network.set_promoter_level('{promoter}', 'Director')"),
        );
        expect_error("42501", "select network.promote_promoters()");
        become_person(other);
        assert_eq!(one::<i64>("select count(*) from network.level_changes"), 0);
        expect_error("42501", &format!("select network.get_promoter_level('{promoter}')"));
        become_database();
        expect_error("22023", &format!("select network.set_promoter_level('{promoter}', 'King')"));
        expect_error("42501", "delete from network.level_changes");
    }
}
