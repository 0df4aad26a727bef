//! Old rows move to the archive, and nothing that anybody asks for changes.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// An admin, a promoter with a customer and a withdrawal that was paid, all two years old.
    fn old() -> (Uuid, Uuid, Uuid, Uuid) {
        let (admin, promoter) = (admin(), promoter(None));
        let customer = customer(promoter);
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{promoter}', 200, '{{\"account_holder_name\": \"A\",
                \"account_number\": \"123456789012\", \"ifsc_code\": \"HDFC0001234\"}}')"
        ));
        become_person(admin);
        for status in ["approved", "processed"] {
            run(&format!(
                "select network.process_withdrawal_request('{request}', null, '{status}')"
            ));
        }
        become_database();
        run("set local session_replication_role = replica");
        for table in
            ["pin_transactions", "affiliate_commissions", "withdrawal_requests", "customers"]
        {
            run(&format!(
                "update network.{table} set created_at = created_at - interval '2 years'"
            ));
        }
        run(
            "update network.withdrawal_requests set processed_at = processed_at - interval '2 years'",
        );
        run("set local session_replication_role = origin");
        run("select backoffice.set_setting('network', 'archive_months', '12')");
        (admin, promoter, customer, request)
    }

    fn count(table: &str) -> i64 {
        one(&format!("select count(*) from {table}"))
    }

    #[pg_test]
    fn nothing_moves_unless_a_setting_says_so() {
        old();
        run("select backoffice.set_setting('network', 'archive_months', 'null')");
        run("select network.archive_old_rows()");
        assert_eq!(count("network.pin_transactions_archive"), 0);
        expect_error("22023", "select backoffice.set_setting('network', 'archive_months', '11')");
    }

    #[pg_test]
    fn old_rows_move_once_and_new_ones_stay() {
        let (_, promoter, ..) = old();
        customer(promoter);
        let moved = || one::<pgrx::JsonB>("select network.archive_old_rows()").0;
        assert_eq!(
            moved(),
            serde_json::json!({"pin_transactions": 2, "affiliate_commissions": 4,
                               "withdrawal_requests": 1, "more": false})
        );
        assert_eq!(moved()["pin_transactions"], 0);
        for (table, kept) in [
            ("pin_transactions", 2),
            ("affiliate_commissions", 4),
            ("withdrawal_requests", 0),
            ("withdrawal_holds", 0),
        ] {
            assert_eq!(count(&format!("network.{table}")), kept, "{table}");
        }
        assert_eq!(count("network.withdrawal_holds_archive"), 1);
        assert_eq!(count("network.commission_history"), 8);
        expect_consistent();
    }

    #[pg_test]
    fn what_anybody_asks_for_is_the_same_before_and_after() {
        let (admin, promoter, ..) = old();
        let asked = || -> String {
            become_person(admin);
            let answers = one(&format!(
                "select concat_ws(E'\\n',
                    network.get_promoter_commission_summary('{promoter}'),
                    network.get_admin_commission_summary(),
                    (select w from network.promoter_wallet w),
                    (select w from network.admin_wallet w),
                    (select string_agg(h::text, ',') from network.get_withdrawal_history('{promoter}') h),
                    (select string_agg(s::text, ',') from network.get_period_summary(null,
                        network.today() - 760, network.today(), 'month') s),
                    network.get_promoter_hierarchy('{promoter}'),
                    network.get_promoter_level('{promoter}'),
                    (select string_agg(t::text, ',' order by t.id) from network.pin_history t))"
            ));
            become_database();
            answers
        };
        let before = asked();
        run("select network.archive_old_rows()");
        assert_eq!(count("network.affiliate_commissions"), 0);
        assert_eq!(asked(), before);
        expect_consistent();
    }

    #[pg_test]
    fn a_repeat_finds_what_was_archived() {
        let (admin, promoter, customer, request) = old();
        let pin: Uuid =
            one("select id from network.pin_transactions where related_entity_id is not null");
        run("select network.archive_old_rows()");
        allocate(promoter, 1);
        let again: Uuid = one(&format!(
            "select id from network.deduct_pin_for_customer_creation('{promoter}', '{customer}')"
        ));
        assert_eq!(again, pin);
        let paid: i64 = one(&format!(
            "select count(*) from network.distribute_affiliate_commission('{customer}', '{promoter}')"
        ));
        assert_eq!(paid, 4);
        become_person(admin);
        let status: String = one(&format!(
            "select status::text from network.process_withdrawal_request('{request}', null, 'processed')"
        ));
        assert_eq!(status, "processed");
        expect_error(
            "PT409",
            &format!("select network.process_withdrawal_request('{request}', null, 'rejected')"),
        );
        let number: String = one(&format!(
            "select network.get_withdrawal_bank_details('{request}')->>'account_number'"
        ));
        assert_eq!(number, "123456789012");
        expect_consistent();
    }

    #[pg_test]
    fn an_open_withdrawal_is_never_archived() {
        let (_, promoter, ..) = old();
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{promoter}', 100, '{{\"account_holder_name\": \"A\",
                \"account_number\": \"123456789012\", \"ifsc_code\": \"HDFC0001234\"}}')"
        ));
        run(&format!(
            "update network.withdrawal_requests set created_at = created_at - interval '3 years' where id = '{request}'"
        ));
        run("select network.archive_old_rows()");
        assert_eq!(one::<Uuid>("select id from network.withdrawal_requests"), request);
    }

    #[pg_test]
    fn the_archive_is_read_like_its_table_and_written_by_nobody() {
        let (admin, promoter, customer, _) = old();
        let stranger = super::super::promoter(None);
        run("select network.archive_old_rows()");
        let tables = ["pin_transactions", "affiliate_commissions", "withdrawal_requests"];
        for (viewer, seen) in
            [(admin, [2, 4, 1]), (promoter, [2, 1, 1]), (stranger, [0; 3]), (customer, [0; 3])]
        {
            become_person(viewer);
            for (table, rows) in tables.iter().zip(seen) {
                assert_eq!(count(&format!("network.{table}_archive")), rows, "{table}");
                expect_error("42501", &format!("delete from network.{table}_archive"));
            }
            expect_error("42501", "select * from network.withdrawal_holds_archive");
        }
        become_person(promoter);
        assert_eq!(count("network.commission_history"), 1);
        expect_error("42501", "select network.archive_old_rows()");
        become_database();
        for table in tables {
            expect_error("42501", &format!("delete from network.{table}_archive"));
            expect_error(
                "42501",
                &format!("update network.{table}_archive set created_at = now()"),
            );
            expect_error("42501", &format!("truncate network.{table}_archive cascade"));
        }
    }

    #[pg_test]
    fn the_way_past_the_refusal_closes_behind_the_archive() {
        old();
        expect_error("42501", "delete from network.pin_transactions");
        run("select network.archive_old_rows()");
        customer(one("select id from network.profiles where role = 'promoter'"));
        expect_error("42501", "delete from network.pin_transactions");
        run("set backoffice.archiving = 'network.pin_transactions'");
        expect_error("42501", "delete from network.pin_transactions");
    }

    #[pg_test]
    fn a_move_that_fails_moves_nothing() {
        old();
        run("create function pg_temp.refuse() returns trigger language plpgsql as
             $$ begin raise exception 'no room' using errcode = '53100'; end $$");
        run("create trigger refuse before insert on network.affiliate_commissions_archive
             for each row execute function pg_temp.refuse()");
        expect_error("53100", "select network.archive_old_rows()");
        assert_eq!(count("network.pin_transactions_archive"), 0);
        expect_error("42501", "delete from network.affiliate_commissions");
    }

    #[pg_test]
    fn a_move_is_one_line_of_the_audit_log() {
        old();
        let before = count("ops.audit_logs");
        run("select network.archive_old_rows()");
        assert_eq!(count("ops.audit_logs"), before + 3);
        let moved: String =
            one("select string_agg(table_name || ' ' || (new_values->>'rows'), ', ' order by id)
               from ops.audit_logs where action = 'archive'");
        assert_eq!(
            moved,
            "network.pin_transactions 2, network.affiliate_commissions 4, network.withdrawal_requests 1"
        );
    }

    #[pg_test]
    fn an_archive_has_the_columns_of_its_table() {
        let different: i64 = one(
            "select count(*) from (values ('network.pin_transactions'), ('network.affiliate_commissions'),
                ('network.withdrawal_requests'), ('network.withdrawal_holds'), ('ops.audit_logs')) as t (name)
              where (select array_agg((attname, atttypid, attnotnull) order by attnum) from pg_attribute
                      where attrelid = t.name::regclass and attnum > 0 and not attisdropped)
                 is distinct from
                    (select array_agg((attname, atttypid, attnotnull) order by attnum) from pg_attribute
                      where attrelid = (t.name || '_archive')::regclass and attnum > 0 and not attisdropped)",
        );
        assert_eq!(different, 0);
    }

    #[pg_test]
    fn the_audit_log_is_archived_by_its_own_setting() {
        let admin = admin();
        let before = count("ops.audit_logs");
        assert!(before > 0);
        run("set local session_replication_role = replica");
        run("update ops.audit_logs set at = at - interval '5 months'");
        run("set local session_replication_role = origin");
        assert_eq!(one::<i64>("select (ops.archive_audit_logs()->>'audit_logs')::bigint"), 0);
        run("select backoffice.set_setting('ops', 'audit_archive_months', '4')");
        let moved: i64 = one("select (ops.archive_audit_logs()->>'audit_logs')::bigint");
        assert_eq!(moved, before);
        // The setting and the move have a line each.
        assert_eq!(count("ops.audit_logs"), 2);
        assert_eq!(count("ops.audit_history"), before + 2);
        expect_error("42501", "delete from ops.audit_logs");
        expect_error("42501", "delete from ops.audit_logs_archive");
        become_person(promoter_without_rights(admin));
        assert_eq!(count("ops.audit_history"), 0);
        expect_error("42501", "select ops.archive_audit_logs()");
    }

    fn promoter_without_rights(_admin: Uuid) -> Uuid {
        become_database();
        promoter(None)
    }
}
