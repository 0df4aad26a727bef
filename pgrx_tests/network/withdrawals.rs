//! Withdrawals.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    const BANK: &str = r#"{"account_holder_name": "Asha", "account_number": "1234 5678 9012", "ifsc_code": "hdfc0001234"}"#;

    fn ask(promoter: Uuid, amount: &str) -> String {
        format!(
            "select id from network.create_withdrawal_request('{promoter}', {amount}, '{BANK}')"
        )
    }

    fn decide(request: Uuid, status: &str) -> String {
        format!("select network.process_withdrawal_request('{request}', null, '{status}', 'noted')")
    }

    /// An admin and a promoter with 500.00.
    fn earned() -> (Uuid, Uuid) {
        let (admin, promoter) = (admin(), promoter(None));
        customer(promoter);
        (admin, promoter)
    }

    fn wallet(promoter: Uuid) -> String {
        one(&format!(
            "select format('%s %s %s', balance, total_earned, total_withdrawn)
               from network.promoter_wallet where promoter_id = '{promoter}'"
        ))
    }

    #[pg_test]
    fn a_request_holds_the_money_at_once() {
        let (_, promoter) = earned();
        become_person(promoter);
        run(&ask(promoter, "300"));
        assert_eq!(wallet(promoter), "200.00 500.00 0.00");
        expect_error("PT409", &ask(promoter, "200.01"));
        expect_consistent();
    }

    #[pg_test]
    fn processing_pays_it_out() {
        let (admin, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        become_person(admin);
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        become_database();
        assert_eq!(wallet(promoter), "200.00 500.00 300.00");
        let by: Uuid = one(&format!(
            "select processed_by from network.withdrawal_requests where id = '{request}'"
        ));
        assert_eq!(by, admin);
        expect_consistent();
    }

    #[pg_test]
    fn a_rejection_gives_it_back_from_either_state() {
        let (_, promoter) = earned();
        let first: Uuid = one(&ask(promoter, "300"));
        run(&decide(first, "rejected"));
        let second: Uuid = one(&ask(promoter, "500"));
        run(&decide(second, "approved"));
        run(&decide(second, "rejected"));
        assert_eq!(wallet(promoter), "500.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn nothing_is_paid_without_approval_and_nothing_is_undone() {
        let (_, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        expect_error("PT409", &decide(request, "processed"));
        run(&decide(request, "approved"));
        run(&decide(request, "processed"));
        expect_error("PT409", &decide(request, "rejected"));
        expect_error("PT409", &decide(request, "approved"));
    }

    #[pg_test]
    fn the_same_decision_twice_is_one() {
        let (_, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        for status in ["approved", "approved", "processed", "processed"] {
            run(&decide(request, status));
        }
        assert_eq!(wallet(promoter), "200.00 500.00 300.00");
    }

    #[pg_test]
    fn a_request_is_found_by_its_number_too() {
        let (_, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        let number: String = one(&format!(
            "select request_id from network.withdrawal_requests where id = '{request}'"
        ));
        assert!(number.starts_with("BPVW"));
        run(&format!("select network.process_withdrawal_request('{number}', null, 'approved')"));
        expect_error(
            "PT404",
            "select network.process_withdrawal_request('BPVW999999', null, 'approved')",
        );
        expect_error(
            "PT404",
            &format!("select network.process_withdrawal_request('{}', null, 'approved')", new_id()),
        );
    }

    #[pg_test]
    fn notes_stay_until_there_are_others() {
        let (_, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        run(&format!(
            "select network.process_withdrawal_request('{request}', null, 'approved', 'checked')"
        ));
        run(&format!("select network.process_withdrawal_request('{request}', null, 'processed')"));
        let notes: String = one(&format!(
            "select admin_notes from network.withdrawal_requests where id = '{request}'"
        ));
        assert_eq!(notes, "checked");
    }

    #[pg_test]
    fn amounts_keep_to_minimum_balance_and_decimals() {
        let (_, promoter) = earned();
        for amount in ["0", "-1", "99.99", "100.001"] {
            expect_error("22023", &ask(promoter, amount));
        }
        for amount in ["'NaN'", "'-Infinity'", "1e40"] {
            expect_error("22003", &ask(promoter, amount));
        }
        expect_error("PT409", &ask(promoter, "500.01"));
        expect_error("22004", &ask(promoter, "null"));
        run("select backoffice.set_setting('network', 'minimum_withdrawal', '1')");
        run(&ask(promoter, "0.01"));
    }

    #[pg_test]
    fn bank_details_are_checked_and_nothing_is_held_for_bad_ones() {
        let (_, promoter) = earned();
        let with = |bank: &str| {
            format!("select network.create_withdrawal_request('{promoter}', 300, '{bank}')")
        };
        expect_error("22023", &with(&BANK.replace("1234 5678 9012", "12345")));
        expect_error("22023", &with(&BANK.replace("hdfc0001234", "hdfc1001234")));
        expect_error("22023", &with(&BANK.replace("ifsc_code", "ifsc_kode")));
        expect_error(
            "22004",
            &with(r#"{"account_number": "123456789012", "ifsc_code": "HDFC0001234"}"#),
        );
        expect_error(
            "22004",
            &format!("select network.create_withdrawal_request('{promoter}', 300, null)"),
        );
        assert_eq!(wallet(promoter), "500.00 500.00 0.00");
    }

    #[pg_test]
    fn the_account_number_is_masked_sealed_and_shown_to_admins_with_a_trace() {
        let (admin, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        let shown: String = one(&format!(
            "select bank_details->>'account_number' from network.withdrawal_requests where id = '{request}'"
        ));
        assert_eq!(shown, "XXXXXXXX9012");
        let leaks: i64 =
            one("select count(*) from ops.audit_logs a where a::text like '%123456789012%'");
        assert_eq!(leaks, 0);
        become_person(promoter);
        expect_error("42501", &format!("select network.get_withdrawal_bank_details('{request}')"));
        become_person(admin);
        let clear: pgrx::JsonB =
            one(&format!("select network.get_withdrawal_bank_details('{request}')"));
        assert_eq!(clear.0["account_number"], "123456789012");
        become_database();
        let traces: i64 = one(&format!(
            "select count(*) from ops.audit_logs where action = 'bank_details_shown' and actor_id = '{admin}' and record_id = '{request}'"
        ));
        assert_eq!(traces, 1);
    }

    #[pg_test]
    fn callers_keep_to_themselves() {
        let (admin, promoter_a) = earned();
        let promoter_b = promoter(None);
        let request: Uuid = one(&ask(promoter_a, "300"));
        become_person(promoter_b);
        expect_error("42501", &ask(promoter_a, "100"));
        expect_error("42501", &decide(request, "approved"));
        expect_error("42501", &format!("select network.get_withdrawal_history('{promoter_a}')"));
        become_person(promoter_a);
        expect_error("42501", &decide(request, "approved"));
        become_person(admin);
        expect_error(
            "42501",
            &format!(
                "select network.process_withdrawal_request('{request}', '{promoter_a}', 'approved')"
            ),
        );
        become_anonymous();
        expect_error("42501", &ask(promoter_a, "100"));
    }

    #[pg_test]
    fn only_a_decision_is_a_decision() {
        let (_, promoter) = earned();
        let request: Uuid = one(&ask(promoter, "300"));
        expect_error("22023", &decide(request, "pending"));
        expect_error("22023", &decide(request, "paid"));
        expect_error(
            "22004",
            &format!("select network.process_withdrawal_request('{request}', null, null)"),
        );
        expect_error("22004", "select network.process_withdrawal_request(null, null, 'approved')");
    }

    #[pg_test]
    fn a_repeat_with_the_same_key_asks_once() {
        let (_, promoter) = earned();
        run(r#"select set_config('request.headers', '{"idempotency-key":"w1"}', true)"#);
        let first: Uuid = one(&ask(promoter, "300"));
        let second: Uuid = one(&ask(promoter, "300"));
        assert_eq!(first, second);
        assert_eq!(wallet(promoter), "200.00 500.00 0.00");
        expect_error("PT409", &ask(promoter, "100"));
    }

    #[pg_test]
    fn the_history_comes_newest_first() {
        let (_, promoter) = earned();
        let requests: Vec<Uuid> = (0..3).map(|_| one(&ask(promoter, "100"))).collect();
        become_person(promoter);
        let listed: Vec<Uuid> =
            one(&format!("select array_agg(id) from network.get_withdrawal_history('{promoter}')"));
        assert_eq!(listed, requests.into_iter().rev().collect::<Vec<_>>());
    }
}
