//! Accounts at Stripe: whose they are, and events in any order.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    fn link(user: Uuid, account: &str) -> String {
        format!("select id from treasury.link_stripe_account('{user}', '{account}')")
    }

    /// An event of an account: whether it may charge and be paid, at a second.
    fn event(enabled: bool, more: &str, second: i32) -> String {
        format!(
            r#"select onboarding_status from treasury.apply_stripe_account(
                '{{"id": "acct_1", "object": "account", "charges_enabled": {enabled}, "payouts_enabled": {enabled},
                   "details_submitted": true, "country": "US"{more}}}',
                '2026-01-01 00:00:00Z'::timestamptz + interval '{second} seconds', true)"#
        )
    }

    #[pg_test]
    fn an_account_is_one_persons() {
        let (host, artist, admin) = (person("host"), person("artist"), person("admin"));
        become_person(admin);
        run(&link(host, "acct_1"));
        run(&link(host, "acct_1"));
        expect_error("PT409", &link(host, "acct_2"));
        expect_error("PT409", &link(artist, "acct_1"));
        expect_error("PT404", &link(new_id(), "acct_3"));
        expect_error("22023", &link(artist, "cus_3"));
        expect_error("22004", "select treasury.link_stripe_account(null, 'acct_3')");
        become_person(host);
        expect_error("42501", &link(host, "acct_1"));
        let row: String = one(
            "select concat_ws(' ', stripe_account_id, onboarding_status, charges_enabled, live, event_at)
               from treasury.stripe_accounts",
        );
        assert_eq!(row, "acct_1 pending f");
    }

    #[pg_test]
    fn the_newest_event_holds_in_whatever_order_they_come() {
        let host = person("host");
        become_service();
        run(&link(host, "acct_1"));
        let rejected = r#", "requirements": {"disabled_reason": "rejected.fraud"}"#;
        for (sql, then) in [
            (event(true, "", 10), "completed"),
            (event(false, "", 5), "completed"),
            (event(false, rejected, 20), "rejected"),
            (event(true, "", 15), "rejected"),
            (event(true, "", 10), "rejected"),
            (event(false, "", 30), "pending"),
        ] {
            assert_eq!(one::<String>(&sql), then, "{sql}");
        }
        let live: bool = one("select live from treasury.stripe_accounts");
        assert!(live);
    }

    #[pg_test]
    fn of_one_second_the_same_event_holds_whichever_comes_first() {
        let host = person("host");
        become_service();
        run(&link(host, "acct_1"));
        let asks = |list: &str| format!(r#", "requirements": {{"currently_due": {list}}}"#);
        let events = [
            event(true, "", 10),
            event(false, "", 10),
            event(true, &asks(r#"["a", "b"]"#), 10),
            event(true, &asks(r#"["c"]"#), 10),
        ];
        let mut ends = Vec::new();
        for first in 0..events.len() {
            become_database();
            run("update treasury.stripe_accounts set event_at = null");
            become_service();
            for at in 0..events.len() {
                run(&events[(first + at) % events.len()]);
            }
            ends.push(one::<String>(
                "select onboarding_status || (requirements -> 'currently_due')::text
                   from treasury.stripe_accounts",
            ));
        }
        assert_eq!(ends, vec!["completed[]"; events.len()]);
    }

    #[pg_test]
    fn what_stripe_does_not_say_is_refused() {
        let host = person("host");
        become_service();
        expect_error("PT404", &event(true, "", 1));
        run(&link(host, "acct_1"));
        run(&event(true, "", 1));
        expect_error("PT409", &event(true, "", 2).replace(", true)", ", false)"));
        for (code, account) in [
            ("22004", "{}"),
            ("22023", "[]"),
            ("22023", r#"{"id": 1}"#),
            ("22023", r#"{"id": "x"}"#),
            ("22004", r#"{"id": "acct_1"}"#),
        ] {
            let sql = format!("select treasury.apply_stripe_account('{account}', now())");
            expect_error(code, &sql);
        }
        expect_error("22004", "select treasury.apply_stripe_account(null, now())");
        let forever = event(true, "", 1).replace("'2026-01-01 00:00:00Z'", "'infinity'");
        expect_error("22023", &forever);
        become_person(person("admin"));
        expect_error("42501", &event(true, "", 3));
    }
}
