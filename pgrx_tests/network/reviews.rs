//! Reviews: what makes an admin look before a withdrawal is approved.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    fn earner() -> Uuid {
        let promoter = promoter(None);
        customer(promoter);
        promoter
    }

    fn flags(request: Uuid) -> Vec<String> {
        one(&format!("select flags from network.withdrawal_reviews where request_id = '{request}'"))
    }

    fn approve(request: Uuid, notes: &str) -> String {
        format!("select network.process_withdrawal_request('{request}', null, 'approved', {notes})")
    }

    const NONE: [&str; 0] = [];

    #[pg_test]
    fn nothing_found_needs_no_note() {
        admin();
        let request: Uuid = one(&ask(earner(), "100"));
        assert_eq!(flags(request), NONE);
        run(&approve(request, "null"));
        expect_consistent();
    }

    #[pg_test]
    fn an_account_that_another_promoter_gave_is_reviewed() {
        let (admin, promoter_a, promoter_b) = (admin(), earner(), earner());
        run(&ask_to(promoter_a, "100", &bank_with("123456789012")));
        let second: Uuid = one(&ask_to(promoter_b, "100", &bank_with("00 1234-5678 9012")));
        assert_eq!(flags(second), ["shared_bank_account"]);
        let status: String = one(&format!(
            "select status::text from network.withdrawal_requests where id = '{second}'"
        ));
        assert_eq!(status, "pending");
        become_person(admin);
        expect_error("22004", &approve(second, "null"));
        expect_error("22004", &approve(second, "'  '"));
        run(&approve(second, "'they are married'"));
        become_database();
        let looked: String = one(&format!(
            "select format('%s %s', notes, acknowledged_by = '{admin}') from network.withdrawal_reviews where request_id = '{second}'"
        ));
        assert_eq!(looked, "they are married t");
        // The promoter reads the request, so the note is not there.
        assert_eq!(
            maybe::<String>(&format!(
                "select admin_notes from network.withdrawal_requests where id = '{second}'"
            )),
            None
        );
        run(&decide(second, "processed"));
        expect_consistent();
    }

    #[pg_test]
    fn what_comes_up_after_the_request_is_found_at_the_approval() {
        admin();
        let (promoter_a, promoter_b) = (earner(), earner());
        let first: Uuid = one(&ask_to(promoter_a, "100", &bank_with("123456789012")));
        assert_eq!(flags(first), NONE);
        run(&ask_to(promoter_b, "100", &bank_with("123456789012")));
        expect_error("22004", &approve(first, "null"));
        run(&approve(first, "'seen'"));
        assert_eq!(flags(first), ["shared_bank_account"]);
    }

    #[pg_test]
    fn a_rejection_needs_no_look() {
        admin();
        run(&ask_to(earner(), "100", &bank_with("123456789012")));
        let second: Uuid = one(&ask_to(earner(), "100", &bank_with("123456789012")));
        run(&format!("select network.process_withdrawal_request('{second}', null, 'rejected')"));
        expect_consistent();
    }

    #[pg_test]
    fn an_account_that_replaced_another_is_reviewed_for_a_while() {
        admin();
        let promoter = earner();
        let first: Uuid = one(&ask_to(promoter, "100", &bank_with("111111111111")));
        let second: Uuid = one(&ask_to(promoter, "100", &bank_with("222222222222")));
        let back: Uuid = one(&ask_to(promoter, "100", &bank_with("111111111111")));
        assert_eq!(flags(first), NONE);
        assert_eq!(flags(second), ["bank_account_changed"]);
        assert_eq!(flags(back), NONE);
        run("update network.payout_accounts set first_used_at = first_used_at - interval '8 days'");
        let later: Uuid = one(&ask_to(promoter, "100", &bank_with("222222222222")));
        assert_eq!(flags(later), NONE);
    }

    #[pg_test]
    fn an_account_may_have_to_be_verified_first() {
        let (admin, promoter) = (admin(), earner());
        set("review_unverified_bank_account", "true");
        let request: Uuid = one(&ask(promoter, "100"));
        assert_eq!(flags(request), ["unverified_bank_account"]);
        expect_error("22004", &approve(request, "null"));
        let account: Uuid = one("select id from network.payout_accounts");
        let verify =
            |more: &str| format!("select network.verify_payout_account('{account}'{more})");
        become_person(promoter);
        expect_error("42501", &verify(""));
        become_person(admin);
        run(&verify(""));
        run(&approve(request, "null"));
        run(&verify(", false"));
        let next: Uuid = one(&ask(promoter, "100"));
        assert_eq!(flags(next), ["unverified_bank_account"]);
        expect_error("PT404", &format!("select network.verify_payout_account('{}')", new_id()));
        expect_error("22004", "select network.verify_payout_account(null)");
        expect_error("22004", &verify(", null"));
        expect_consistent();
    }

    /// A promoter whose only customer has this address.
    fn promoter_with_customer(email: &str, customer_email: &str) -> Uuid {
        let promoter: Uuid = one(&format!(
            "select id from network.create_unified_promoter('Asha', '{email}', null)"
        ));
        allocate(promoter, 1);
        run(&format!(
            "select network.create_customer_with_commission('{promoter}', '{{\"name\": \"Ravi\", \"email\": \"{customer_email}\"}}')"
        ));
        promoter
    }

    #[pg_test]
    fn a_customer_with_the_promoters_mailbox_is_found() {
        admin();
        let promoter = promoter_with_customer("asha@example.com", "asha+2@example.com");
        let request: Uuid = one(&ask(promoter, "100"));
        assert_eq!(flags(request), ["self_referral"]);
        let shares: String =
            one("select findings#>>'{0,customers,0,shares}' from network.withdrawal_reviews");
        assert_eq!(shares, "email");
        // What was found stays, also when the address is another.
        run(
            "select network.update_customer_profile((select id from network.customers), '{\"email\": \"other@example.com\"}')",
        );
        expect_error("22004", &approve(request, "null"));
    }

    #[pg_test]
    fn a_customer_with_the_mailbox_of_somebody_above_is_found() {
        admin();
        let top: Uuid =
            one("select id from network.create_unified_promoter('Asha', 'asha@example.com', null)");
        let below = promoter(Some(top));
        allocate(below, 1);
        run(&format!(
            "select network.create_customer_with_commission('{below}', '{{\"name\": \"Ravi\", \"email\": \"asha+x@example.com\"}}')"
        ));
        for promoter in [top, below] {
            let request: Uuid = one(&ask(promoter, "100"));
            assert_eq!(flags(request), ["self_referral"]);
        }
    }

    #[pg_test]
    fn an_account_in_a_customers_name_and_a_cancelled_customer() {
        admin();
        let promoter = earner();
        let ravi = bank_with("123456789012").replace("Asha", "RAVI");
        let request: Uuid = one(&ask_to(promoter, "100", &ravi));
        assert_eq!(flags(request), ["self_referral"]);
        run(&cancel(one("select id from network.customers")));
        customer(promoter);
        run(
            "update network.profiles set name = 'Other' where role = 'customer' and status = 'Active'",
        );
        customer(promoter);
        run(
            "update network.profiles set name = 'Other' where role = 'customer' and status = 'Active'",
        );
        let next: Uuid = one(&ask_to(promoter, "100", &ravi));
        assert_eq!(flags(next), NONE);
    }

    #[pg_test]
    fn every_check_can_be_switched_off() {
        admin();
        for key in ["review_self_referral", "review_shared_bank_account"] {
            set(key, "false");
        }
        set("review_bank_changed_days", "0");
        let promoter = promoter_with_customer("asha@example.com", "asha+2@example.com");
        run(&ask_to(earner(), "100", &bank_with("123456789012")));
        run(&ask_to(promoter, "100", &bank_with("111111111111")));
        let request: Uuid = one(&ask_to(promoter, "100", &bank_with("123456789012")));
        assert_eq!(flags(request), NONE);
    }

    #[pg_test]
    fn only_admins_see_reviews() {
        let (admin, promoter) = (admin(), earner());
        run(&ask_to(earner(), "100", &bank_with("123456789012")));
        run(&ask_to(promoter, "100", &bank_with("123456789012")));
        let seen = || {
            one::<String>(
                "select format('%s %s %s', (select count(*) from network.withdrawal_reviews),
                        (select count(*) from network.open_withdrawals),
                        (select count(review_flags) from network.open_withdrawals))",
            )
        };
        become_person(admin);
        assert_eq!(seen(), "2 2 1");
        become_person(promoter);
        assert_eq!(seen(), "0 1 0");
        become_database();
        let to_review: String = one(
            "select s#>>'{withdrawals,to_review}' from network.get_admin_commission_summary() s",
        );
        assert_eq!(to_review, "1");
    }

    #[pg_test]
    fn account_numbers_are_compared_without_being_kept() {
        admin();
        run(&ask_to(earner(), "100", &bank_with("123456789012")));
        let kept: String = one(
            "select account_number || encode(account_hash, 'hex') from network.payout_accounts",
        );
        assert!(kept.starts_with("XXXXXXXX9012") && !kept.contains("123456789012"));
        let plain: bool =
            one("select account_hash = sha256('123456789012') from network.payout_accounts");
        assert!(!plain);
        assert_eq!(
            one::<i64>("select count(*) from ops.audit_logs a where a::text like '%123456789012%'"),
            0
        );
        // The key outlives a new root key: it is sealed anew, not made anew.
        assert_eq!(one::<i64>("select count(*) from backoffice.index_keys"), 1);
    }

    #[pg_test]
    fn a_request_says_by_when_and_is_overdue_then() {
        admin();
        let promoter = earner();
        set("withdrawal_processing_days", "3");
        let request: Uuid = one(&ask(promoter, "100"));
        let due: bool = one(&format!(
            "select expected_by = ((now() at time zone 'Asia/Kolkata')::date + 4)::timestamp at time zone 'Asia/Kolkata'
               from network.withdrawal_requests where id = '{request}'"
        ));
        assert!(due);
        set("withdrawal_processing_days", "0");
        let overdue = || one::<bool>("select overdue from network.open_withdrawals");
        assert!(!overdue());
        run("update network.withdrawal_requests set expected_by = now()");
        assert!(overdue());
        let counted: String =
            one("select s#>>'{withdrawals,overdue}' from network.get_admin_commission_summary() s");
        assert_eq!(counted, "1");
    }
}
