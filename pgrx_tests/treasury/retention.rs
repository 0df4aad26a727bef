//! What is forgotten, and what stays of people who were erased.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::stripe::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::Account::*;
    use pgrx::prelude::*;
    use serde_json::json;

    fn erase(person: Uuid) -> String {
        format!("select identity.erase_person('{person}', 'by letter')")
    }

    fn adjust(user: Uuid, kind: &str, cents: i64) -> String {
        format!(
            r#"select id from treasury.create_adjustment('{{"user_id": "{user}", "type": "{kind}",
                "amount_cents": {cents}, "currency": "USD", "reason": "settled by telephone"}}')"#
        )
    }

    /// A buyer who paid an artist 10 dollars and got 4 back, for a reason that says who.
    fn sale() -> (Uuid, Uuid) {
        listen();
        let (artist, buyer) = (person("artist"), person("buyer"));
        let mut object = charge("ch_1", 1_000, artist);
        object["metadata"]["buyer_id"] = json!(buyer.to_string());
        tell("charge.succeeded", &object);
        become_person(buyer);
        run(r#"select treasury.request_refund('{"charge_id": "ch_1", "amount_cents": 400,
            "reason": "I, Zora, was ill"}')"#);
        become_database();
        (artist, buyer)
    }

    fn refund_succeeds() {
        let row: i64 = one("select id from treasury.refunds");
        let mut object = refund("re_1", "ch_1", 400, "succeeded");
        object["metadata"]["backoffice_refund"] = json!(row.to_string());
        tell("refund.created", &object);
    }

    #[pg_test]
    fn nobody_is_erased_who_has_or_owes_something() {
        let (host, artist) = (person("host"), person("artist"));
        sold(host, "ch_1");
        posting("refund", "re_1", &[(Earnings(artist), Stripe, 30)]);
        expect_error("PT409", &erase(host));
        expect_error("PT409", &erase(artist));
        run(&adjust(host, "debit", 90));
        run(&adjust(artist, "credit", 30));
        run(&erase(host));
        run(&erase(artist));
    }

    #[pg_test]
    fn nobody_is_erased_of_whom_something_is_open() {
        let (artist, buyer) = sale();
        run(&adjust(artist, "debit", 1_000));
        expect_error("PT409", &erase(buyer));
        refund_succeeds();
        run(&adjust(artist, "credit", 400));
        run(&erase(buyer));
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "needs_response", &[]));
        expect_error("PT409", &erase(artist));
        tell("charge.dispute.closed", &dispute("dp_1", "ch_1", 500, "won", &[]));
        let waiting: Uuid = one(&adjust(artist, "credit", 100_000));
        expect_error("PT409", &erase(artist));
        run(&format!("select treasury.decide_adjustment('{waiting}', false)"));
        run(&erase(artist));
    }

    #[pg_test]
    fn nobody_is_erased_who_has_a_share_of_it_or_of_whom_an_override_waits() {
        sale();
        let (helper, other) = (person("artist"), person("artist"));
        run(&format!(
            "insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents)
             select id, 9, 'recipient', '{helper}', 0 from treasury.charges"
        ));
        expect_error("PT409", &erase(helper));
        refund_succeeds();
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "needs_response", &[]));
        expect_error("PT409", &erase(helper));
        tell("charge.dispute.closed", &dispute("dp_1", "ch_1", 500, "won", &[]));
        run(&erase(helper));
        let waiting = new_id();
        run(&format!(
            "insert into treasury.overrides (id, action, target, arguments, status, amount_cents, currency, before,
                requested_as, expires_at)
             values ('{waiting}', 'assign_charge', 'ch_2', '{{\"owner_id\": \"{other}\"}}', 'waiting', 1, 'USD', '{{}}',
                'database', now() + interval '1 day')"
        ));
        expect_error("PT409", &erase(other));
        run(&format!("select treasury.decide_override('{waiting}', false)"));
        run(&erase(other));
    }

    #[pg_test]
    fn of_erased_people_amounts_and_ids_stay_and_words_go() {
        let (artist, buyer) = sale();
        refund_succeeds();
        run(&adjust(artist, "debit", 600));
        let books =
            "select string_agg(id || type || amount_cents || coalesce(reference_id, ''), ','
                            order by id) from treasury.ledger_entries";
        let before: String = one(books);
        run(&erase(buyer));
        run(&erase(artist));
        assert_eq!(one::<String>(books), before);
        let row: String = one(&format!(
            "select concat_ws(' ', c.amount_cents, c.refunded_cents, c.owner_id = '{artist}',
                    c.buyer_id = '{buyer}', r.amount_cents, r.requested_by = '{buyer}', r.reason)
               from treasury.charges c join treasury.refunds r on r.original_charge_id = c.stripe_charge_id"
        ));
        assert_eq!(row, "1000 400 t t 400 t");
        let logged: i64 = one("select count(*) from ops.audit_logs
              where concat(old_values, new_values) like '%Zora, was ill%'");
        assert_eq!(logged, 0);
        let emails: i64 = one(&format!(
            "select count(*) from treasury.users where email is not null and id in ('{buyer}', '{artist}')"
        ));
        assert_eq!(emails, 0);
    }

    fn age(table: &str, column: &str, years: i32) {
        run(&format!(
            "set local session_replication_role = replica;
             update {table} set {column} = {column} - interval '{years} years';
             set local session_replication_role = origin"
        ));
    }

    fn purge() -> serde_json::Value {
        run("select ops.run_job('purge_treasury')");
        one::<pgrx::JsonB>(
            "select result from ops.job_runs where job = 'purge_treasury' order by id desc limit 1",
        )
        .0
    }

    #[pg_test]
    fn words_go_when_tax_law_wants_them_no_longer() {
        alone_with_jobs();
        let (artist, buyer) = sale();
        refund_succeeds();
        run(&adjust(artist, "debit", 600));
        posting("refund", "re_9", &[(Earnings(artist), Stripe, 30)]);
        run(&format!(
            r#"select treasury.apply_override('{{"action": "write_off_receivable", "target": "{artist}",
                "currency": "USD", "reason": "gone without a trace"}}')"#
        ));
        tell("charge.dispute.created", &dispute("dp_1", "ch_1", 500, "lost", &[]));
        run(
            r#"select treasury.comment_on_dispute('{"dispute_id": "dp_1", "comment": "Zora was rude"}')"#,
        );
        let words = "select concat_ws(' ', (select count(reason) from treasury.adjustments),
                (select count(reason) from treasury.overrides), (select count(reason) from treasury.refunds),
                (select count(*) from treasury.dispute_comments where body like '%Zora%'),
                (select count(buyer_id) from treasury.charges))";
        purge();
        assert_eq!(one::<String>(words), "1 1 1 1 1");
        run(&erase(buyer));
        for (table, column) in [
            ("treasury.adjustments", "created_at"),
            ("treasury.overrides", "created_at"),
            ("treasury.refunds", "created_at"),
            ("treasury.dispute_comments", "created_at"),
            ("treasury.charges", "charged_at"),
        ] {
            age(table, column, 11);
        }
        let amounts = "select concat_ws(' ', (select sum(amount_cents) from treasury.adjustments),
                (select sum(amount_cents) from treasury.overrides), (select sum(amount_cents) from treasury.refunds),
                (select sum(amount_cents) from treasury.charges))";
        let before: String = one(amounts);
        let counts = purge();
        assert_eq!(one::<String>(words), "0 0 0 0 0");
        assert_eq!(one::<String>(amounts), before);
        // The reason of the refund went with the buyer.
        assert_eq!(
            counts,
            json!({"adjustments": 1, "overrides": 1, "refunds": 0, "dispute_comments": 1, "buyers": 1,
                   "tax_profiles": 0})
        );
        assert_eq!(purge()["adjustments"], 0);
    }

    #[pg_test]
    fn a_tax_profile_stays_as_long_as_there_are_forms_and_invoices_to_come() {
        alone_with_jobs();
        let (artist, buyer) = sale();
        refund_succeeds();
        run(&adjust(artist, "debit", 600));
        let idle = person("host");
        for person in [artist, buyer, idle] {
            run(&format!(
                r#"select treasury.set_tax_profile('{person}', '{{"name": "Zora Quartzheim", "address": "1 Lane", "country": "US"}}')"#
            ));
            run(&erase(person));
        }
        let left =
            || one::<i64>("select count(*) from treasury.tax_profiles where name like 'Zora%'");
        let logged = "select count(*) from ops.audit_logs where concat(old_values, new_values) like '%Quartzheim%'";
        assert_eq!((left(), one::<i64>(logged)), (2, 0));
        purge();
        assert_eq!(left(), 2);
        age("treasury.charges", "charged_at", 11);
        assert_eq!(purge()["tax_profiles"], 2);
        assert_eq!((left(), one::<i64>(logged)), (0, 0));
    }

    #[pg_test]
    fn what_is_younger_or_waits_stays() {
        alone_with_jobs();
        let host = person("host");
        run(&adjust(host, "credit", 100_000));
        run(&adjust(host, "credit", 5));
        age("treasury.adjustments", "created_at", 11);
        // Years count from the end of the one it was in.
        run("select backoffice.set_setting('treasury', 'tax_years', '11')");
        purge();
        let left = "select count(reason) from treasury.adjustments";
        assert_eq!(one::<i64>(left), 2);
        run("select backoffice.set_setting('treasury', 'tax_years', '10')");
        purge();
        assert_eq!(one::<i64>(left), 1);
    }
}
