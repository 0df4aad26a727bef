//! The hold period: a commission is earned at once and payable later.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    /// Lets the time of a customer's commission come.
    fn mature(customer: Uuid) {
        run(&format!(
            "update network.affiliate_commissions set payable_at = now() where customer_id = '{customer}'"
        ));
    }

    #[pg_test]
    fn without_one_a_commission_is_payable_at_once() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        let held: i64 =
            one("select count(*) from network.affiliate_commissions where payable_at is not null");
        assert_eq!(held, 0);
        assert_eq!(money(promoter), "500.00 0.00 0.00 500.00 0.00 0.00");
    }

    #[pg_test]
    fn on_hold_is_earned_but_cannot_be_withdrawn_until_its_time() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        set("commission_hold_days", "14");
        let young = customer(promoter);
        assert_eq!(money(promoter), "500.00 500.00 0.00 1000.00 0.00 0.00");
        expect_error("PT409", &ask(promoter, "500.01"));
        withdraw(promoter, "500");
        assert_eq!(money(promoter), "0.00 500.00 0.00 1000.00 500.00 0.00");
        mature(young);
        assert_eq!(money(promoter), "500.00 0.00 0.00 1000.00 500.00 0.00");
        withdraw(promoter, "500");
        expect_consistent();
    }

    #[pg_test]
    fn what_was_promised_stays_when_the_setting_changes() {
        admin();
        let promoter = promoter(None);
        set("commission_hold_days", "14");
        customer(promoter);
        let days = || {
            one::<Vec<i32>>(
                "select array_agg(distinct extract(day from payable_at - created_at)::integer)
                   from network.affiliate_commissions",
            )
        };
        for changed in ["30", "0"] {
            set("commission_hold_days", changed);
            assert_eq!(days(), [14]);
            assert_eq!(money(promoter), "0.00 500.00 0.00 500.00 0.00 0.00");
        }
    }

    #[pg_test]
    fn a_reversal_of_what_is_on_hold_takes_that_and_makes_no_debt() {
        admin();
        let promoter = promoter(None);
        customer(promoter);
        set("commission_hold_days", "14");
        let young = customer(promoter);
        withdraw(promoter, "500");
        run(&cancel(young));
        assert_eq!(money(promoter), "0.00 0.00 0.00 500.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn a_reversal_of_what_was_paid_leaves_what_is_on_hold_alone() {
        admin();
        let promoter = promoter(None);
        let old = customer(promoter);
        withdraw(promoter, "500");
        set("commission_hold_days", "14");
        let young = customer(promoter);
        run(&cancel(old));
        assert_eq!(money(promoter), "0.00 500.00 500.00 500.00 500.00 0.00");
        // The young one can still be reversed in full.
        run(&cancel(young));
        assert_eq!(money(promoter), "0.00 0.00 500.00 0.00 500.00 0.00");
        expect_consistent();
    }

    #[pg_test]
    fn the_summary_says_how_much_and_until_when() {
        admin();
        let promoter = promoter(None);
        set("commission_hold_days", "14");
        customer(promoter);
        let summary: String = one(&format!(
            "select format('%s %s', s->>'on_hold', (s->>'next_payable_at')::timestamptz = now() + interval '14 days')
               from network.get_promoter_commission_summary('{promoter}') s"
        ));
        assert_eq!(summary, "500.00 t");
    }
}
