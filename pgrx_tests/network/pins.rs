//! PINs and PIN requests.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn pins(promoter: Uuid) -> i32 {
        one(&format!("select network.get_pin_balance('{promoter}')"))
    }

    fn execute(promoter: Uuid, action: &str, change: &str, by: &str) -> String {
        format!("select network.execute_pin_transaction('{promoter}', '{action}', {change}, {by})")
    }

    #[pg_test]
    fn an_allocation_adds_and_a_deduction_takes_away() {
        let (admin, promoter) = (admin(), promoter(None));
        become_person(admin);
        run(&execute(promoter, "admin_allocation", "10", &format!("'{admin}'")));
        run(&execute(promoter, "admin_deduction", "-4", "null"));
        assert_eq!(pins(promoter), 6);
        expect_consistent();
    }

    #[pg_test]
    fn the_transaction_says_everything() {
        let (admin, promoter) = (admin(), promoter(None));
        become_person(admin);
        run(&format!("select network.admin_allocate_pins('{promoter}', 5)"));
        let row: pgrx::JsonB =
            one(&format!("select to_jsonb(t) from network.admin_deduct_pins('{promoter}', 2) t"));
        let row = row.0;
        assert!(row["transaction_id"].as_str().is_some_and(|id| id.starts_with("BPV")));
        assert_eq!(row["action_type"], "admin_deduction");
        assert_eq!(row["pin_change_value"], -2);
        assert_eq!((&row["balance_before"], &row["balance_after"]), (&5.into(), &3.into()));
        assert_eq!(row["note"], "2 PINs deducted by an admin");
        assert_eq!(row["created_by"], admin.to_string());
    }

    #[pg_test]
    fn a_balance_never_goes_below_zero() {
        let (_, promoter) = (admin(), promoter(None));
        allocate(promoter, 3);
        expect_error("PT409", &execute(promoter, "admin_deduction", "-4", "null"));
        assert_eq!(pins(promoter), 3);
    }

    #[pg_test]
    fn a_balance_never_leaves_the_range_of_its_column() {
        let (_, promoter) = (admin(), promoter(None));
        run("set local session_replication_role = replica");
        run(&format!("update network.profiles set pins = 2147483000 where id = '{promoter}'"));
        expect_error("22003", &execute(promoter, "admin_allocation", "1000", "null"));
    }

    #[pg_test]
    fn the_sign_follows_from_the_action() {
        let (_, promoter) = (admin(), promoter(None));
        for (action, change) in [
            ("admin_allocation", "0"),
            ("admin_allocation", "-1"),
            ("admin_allocation", "1000001"),
            ("admin_deduction", "1"),
            ("customer_creation", "1"),
            ("gift", "1"),
        ] {
            expect_error("22023", &execute(promoter, action, change, "null"));
        }
    }

    #[pg_test]
    fn what_is_required_is_required() {
        let (_, promoter) = (admin(), promoter(None));
        expect_error(
            "22004",
            "select network.execute_pin_transaction(null, 'admin_allocation', 1, null)",
        );
        expect_error(
            "22004",
            &format!("select network.execute_pin_transaction('{promoter}', null, 1, null)"),
        );
        expect_error("22004", &format!("select network.admin_allocate_pins('{promoter}', null)"));
    }

    #[pg_test]
    fn an_unknown_profile_is_404() {
        admin();
        expect_error("PT404", &execute(new_id(), "admin_allocation", "1", "null"));
        expect_error("PT404", &format!("select network.get_pin_balance('{}')", new_id()));
    }

    #[pg_test]
    fn only_promoters_have_pins() {
        let admin = admin();
        expect_error("22023", &execute(admin, "admin_allocation", "1", "null"));
    }

    #[pg_test]
    fn only_admins_move_pins_by_hand() {
        let (_, promoter) = (admin(), promoter(None));
        become_person(promoter);
        expect_error("42501", &execute(promoter, "admin_allocation", "1", "null"));
        expect_error("42501", &execute(promoter, "admin_deduction", "-1", "null"));
        expect_error("42501", &format!("select network.admin_allocate_pins('{promoter}', 1)"));
        become_anonymous();
        expect_error("42501", &execute(promoter, "admin_allocation", "1", "null"));
    }

    #[pg_test]
    fn nobody_acts_in_anothers_name() {
        let (admin, promoter) = (admin(), promoter(None));
        become_person(admin);
        expect_error(
            "42501",
            &execute(promoter, "admin_allocation", "1", &format!("'{promoter}'")),
        );
    }

    #[pg_test]
    fn a_server_may_name_the_actor() {
        let (admin, promoter) = (admin(), promoter(None));
        become_service();
        let by: Uuid = one(&format!(
            "select created_by from network.execute_pin_transaction('{promoter}', 'admin_allocation', 1, '{admin}')"
        ));
        assert_eq!(by, admin);
        expect_error(
            "PT404",
            &execute(promoter, "admin_allocation", "1", &format!("'{}'", new_id())),
        );
    }

    #[pg_test]
    fn a_stranger_does_not_learn_a_balance() {
        let (_, promoter_a, promoter_b) = (admin(), promoter(None), promoter(None));
        become_person(promoter_b);
        expect_error("42501", &format!("select network.get_pin_balance('{promoter_a}')"));
    }

    #[pg_test]
    fn transactions_are_never_changed_or_deleted() {
        let (_, promoter) = (admin(), promoter(None));
        allocate(promoter, 1);
        expect_error("42501", "update network.pin_transactions set note = 'x'");
        expect_error("42501", "delete from network.pin_transactions");
        expect_error("42501", "truncate network.pin_transactions");
    }

    #[pg_test]
    fn a_repeat_with_the_same_key_moves_pins_once() {
        let (_, promoter) = (admin(), promoter(None));
        run(r#"select set_config('request.headers', '{"idempotency-key":"k1"}', true)"#);
        allocate(promoter, 5);
        allocate(promoter, 5);
        assert_eq!(pins(promoter), 5);
        expect_error("PT409", &format!("select network.admin_allocate_pins('{promoter}', 6)"));
    }

    #[pg_test]
    fn every_change_is_audited() {
        let (_, promoter) = (admin(), promoter(None));
        allocate(promoter, 1);
        let logged: i64 = one(
            "select count(*) from ops.audit_logs where table_name = 'network.pin_transactions' and action = 'INSERT'",
        );
        assert_eq!(logged, 1);
    }

    #[pg_test]
    fn an_approved_request_allocates_once() {
        let (admin, promoter) = (admin(), promoter(None));
        become_person(promoter);
        let number: String = one(&format!(
            "select request_id from network.create_pin_request('{promoter}', 7, 'please')"
        ));
        become_person(admin);
        run(&format!("select network.process_pin_request('{number}', null, 'approved', 'fine')"));
        run(&format!("select network.process_pin_request('{number}', null, 'approved')"));
        assert_eq!(pins(promoter), 7);
        expect_error(
            "PT409",
            &format!("select network.process_pin_request('{number}', null, 'rejected')"),
        );
    }

    #[pg_test]
    fn a_rejected_request_allocates_nothing() {
        let (_, promoter) = (admin(), promoter(None));
        let id: Uuid = one(&format!("select id from network.create_pin_request('{promoter}', 7)"));
        run(&format!("select network.process_pin_request('{id}', null, 'rejected', 'no')"));
        assert_eq!(pins(promoter), 0);
    }

    #[pg_test]
    fn requests_keep_to_their_bounds_and_callers() {
        let (_, promoter_a, promoter_b) = (admin(), promoter(None), promoter(None));
        let request: Uuid =
            one(&format!("select id from network.create_pin_request('{promoter_a}', 1)"));
        for pins in ["0", "-1", "10001"] {
            expect_error(
                "22023",
                &format!("select network.create_pin_request('{promoter_a}', {pins})"),
            );
        }
        expect_error(
            "22023",
            &format!("select network.process_pin_request('{request}', null, 'processed')"),
        );
        expect_error("PT404", "select network.process_pin_request('BPVR999999', null, 'approved')");
        become_person(promoter_b);
        expect_error("42501", &format!("select network.create_pin_request('{promoter_a}', 1)"));
        expect_error(
            "42501",
            &format!("select network.process_pin_request('{request}', null, 'approved')"),
        );
    }
}
