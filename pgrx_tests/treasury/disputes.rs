//! Disputes: their life, their money, and what is noted of them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::jwt::unix_now;
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn sold() -> Uuid {
        let host = person("host");
        listen();
        assert_eq!(tell("charge.succeeded", &charge("ch_1", 10_000, host)), "processed");
        host
    }

    fn status() -> String {
        one("select status from treasury.disputes")
    }

    #[pg_test]
    fn an_inquiry_moves_no_money() {
        let host = sold();
        for status in ["warning_needs_response", "warning_under_review", "warning_closed"] {
            assert_eq!(
                tell("charge.dispute.updated", &dispute("dp_1", "ch_1", 10_000, status, &[])),
                "processed"
            );
        }
        assert_eq!((status().as_str(), earned(host)), ("warning_closed", 10_000));
    }

    #[pg_test]
    fn a_lost_dispute_takes_from_the_recipients_and_its_fee_from_the_platform() {
        let host = sold();
        let taken = transaction("txn_1", -10_000, 1_500);
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 10_000, "needs_response", &[]));
        assert_eq!(earned(host), 10_000);
        for _ in 0..2 {
            tell(
                "charge.dispute.funds_withdrawn",
                &dispute("dp_1", "ch_1", 10_000, "needs_response", std::slice::from_ref(&taken)),
            );
        }
        tell("charge.dispute.closed", &dispute("dp_1", "ch_1", 10_000, "lost", &[taken]));
        assert_eq!((earned(host), balance("stripe"), balance("dispute_fees")), (0, -1_500, 1_500));
        assert_eq!(
            one::<String>(
                "select status || ' ' || withdrawn_cents || ' ' || fee_cents from treasury.disputes"
            ),
            "lost 10000 1500"
        );
        assert_eq!(one::<i64>("select count(*) from ledger.check()"), 0);
    }

    #[pg_test]
    fn a_won_dispute_gives_back_whichever_is_told_first() {
        let host = sold();
        let (taken, given) =
            (transaction("txn_1", -10_000, 1_500), transaction("txn_2", 10_000, -1_500));
        let won = dispute("dp_1", "ch_1", 10_000, "won", &[taken.clone(), given]);
        tell("charge.dispute.funds_reinstated", &won);
        assert_eq!(earned(host), 10_000);
        tell(
            "charge.dispute.funds_withdrawn",
            &dispute("dp_1", "ch_1", 10_000, "needs_response", &[taken]),
        );
        assert_eq!((earned(host), balance("stripe"), balance("dispute_fees")), (10_000, 10_000, 0));
        assert_eq!(status(), "won");
    }

    #[pg_test]
    fn what_was_fetched_from_stripe_before_is_still_moved() {
        let host = sold();
        let mut taken = transaction("txn_1", -10_000, 1_500);
        taken["source"] = json!("dp_1");
        taken["type"] = json!("adjustment");
        run(&format!(
            "select treasury.apply_balance_transactions({})",
            literal(&json!([taken]).to_string())
        ));
        assert_eq!((earned(host), balance("dispute_fees")), (10_000, 1_500));
        tell(
            "charge.dispute.funds_withdrawn",
            &dispute("dp_1", "ch_1", 10_000, "needs_response", &[taken]),
        );
        assert_eq!((earned(host), balance("dispute_fees"), balance("stripe")), (0, 1_500, -1_500));
    }

    #[pg_test]
    fn a_refund_and_a_dispute_of_one_charge_lose_the_platform_what_is_beyond() {
        let host = sold();
        tell("refund.created", &refund("re_1", "ch_1", 6_000, "succeeded"));
        tell(
            "charge.dispute.funds_withdrawn",
            &dispute("dp_1", "ch_1", 10_000, "needs_response", &[transaction("txn_1", -10_000, 0)]),
        );
        assert_eq!((earned(host), balance("losses"), balance("stripe")), (0, 6_000, -6_000));
    }

    #[pg_test]
    fn funds_without_a_balance_transaction_are_kept_for_somebody_to_look_at() {
        sold();
        assert_eq!(
            tell(
                "charge.dispute.funds_withdrawn",
                &dispute("dp_1", "ch_1", 10_000, "needs_response", &[])
            ),
            "failed"
        );
    }

    #[pg_test]
    fn a_dispute_before_its_charge_waits_for_it() {
        let host = person("host");
        listen();
        assert_eq!(
            tell(
                "charge.dispute.funds_withdrawn",
                &dispute("dp_1", "ch_1", 500, "needs_response", &[transaction("txn_1", -500, 0)])
            ),
            "parked"
        );
        tell("charge.succeeded", &charge("ch_1", 10_000, host));
        assert_eq!(earned(host), 9_500);
    }

    #[pg_test]
    fn admins_see_what_is_open_and_note_things_down() {
        sold();
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "needs_response", &[]));
        let mut urgent = dispute("dp_2", "ch_1", 500, "needs_response", &[]);
        urgent["evidence_details"]["due_by"] = json!(unix_now() + 60);
        tell("charge.dispute.created", &urgent);
        tell("charge.dispute.closed", &dispute("dp_3", "ch_1", 500, "won", &[]));
        become_person(person("admin"));
        assert_eq!(
            one::<String>(
                "select string_agg(stripe_dispute_id, ' ') from treasury.list_open_disputes()"
            ),
            "dp_2 dp_1"
        );
        let note = |json: &str| {
            format!("select kind || ' ' || body from treasury.comment_on_dispute('{json}')")
        };
        assert_eq!(
            one::<String>(&note(r#"{"dispute_id": "dp_1", "comment": " called "}"#)),
            "comment called"
        );
        let number: i64 = one("select id from treasury.disputes where stripe_dispute_id = 'dp_2'");
        assert_eq!(
            one::<String>(&note(&format!(
                r#"{{"dispute_id": {number}, "body": "photo", "kind": "evidence"}}"#
            ))),
            "evidence photo"
        );
        for (bad, code) in [
            (r#"{"comment": "x"}"#, "22004"),
            (r#"{"dispute_id": "dp_1"}"#, "22004"),
            (r#"{"dispute_id": "dp_9", "comment": "x"}"#, "PT404"),
            (r#"{"dispute_id": "dp_1", "comment": " "}"#, "22023"),
            (r#"{"dispute_id": "dp_1", "comment": "x", "kind": "y"}"#, "22023"),
            (r#"{"dispute_id": [], "comment": "x"}"#, "22023"),
        ] {
            assert_eq!(sqlstate_of(&note(bad)), code, "{bad}");
        }
        become_person(person("host"));
        assert_eq!(sqlstate_of("select treasury.list_open_disputes()"), "42501");
        assert_eq!(sqlstate_of(&note(r#"{"dispute_id": "dp_1", "comment": "x"}"#)), "42501");
    }
}
