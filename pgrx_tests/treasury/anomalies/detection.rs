//! What the job finds in charges, however often and late it looks.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::anomalies::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    fn explanation(kind: &str, key: &str) -> String {
        one(&format!(
            "select explanation ->> '{key}' from treasury.anomalies where kind = '{kind}'"
        ))
    }

    #[pg_test]
    fn an_odd_amount_is_found_once_with_the_numbers_that_made_it() {
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 60);
        let odd = charge(host, buyer, 900_000, "now() - interval '1 hour'");
        assert_eq!(detect("anomalies"), 1);
        assert_eq!(found(), "amount high");
        assert_eq!((detect("anomalies"), found()), (0, "amount high".to_owned()));
        let row: String = one(
            "select concat_ws(' ', detector, user_id, charge_id, currency, amount_cents, score > 12, resolved_at)
               from treasury.anomalies",
        );
        assert_eq!(row, format!("backoffice {host} {odd} USD 900000 t"));
        assert_eq!(explanation("amount", "value"), "900000");
        assert_eq!(explanation("amount", "threshold"), "5.0");
        assert_eq!(explanation("amount", "compared_with"), "own");
        let median: f64 = explanation("amount", "median").parse().expect("a number");
        assert!((2400.0..2600.0).contains(&median), "{median}");
    }

    #[pg_test]
    fn a_seller_without_history_is_compared_with_everybody() {
        let (host, new, buyer) = (person("host"), person("host"), person("buyer"));
        history(host, buyer, 60);
        charge(new, buyer, 2500, "now()");
        charge(new, buyer, 5_000_000, "now() - interval '3 hours'");
        assert_eq!(detect("anomalies"), 1);
        assert_eq!(explanation("amount", "compared_with"), "everybody");
    }

    #[pg_test]
    fn the_same_again_within_minutes_is_a_duplicate() {
        let (host, buyer, other) = (person("host"), person("buyer"), person("buyer"));
        history(host, buyer, 40);
        charge(host, buyer, 2500, "now() - interval '60 minutes'");
        charge(host, other, 2500, "now() - interval '59 minutes'");
        let second = charge(host, buyer, 2500, "now() - interval '50 minutes'");
        charge(host, buyer, 2500, "now() - interval '39 minutes'");
        run(DETECT);
        assert_eq!(found(), "duplicate medium");
        let row: String = one("select concat_ws(' ', charge_id, score) from treasury.anomalies");
        assert_eq!(row, format!("{second} 2"));
        run("select backoffice.set_setting('treasury', 'anomaly_duplicate_minutes', '11')");
        run("update treasury.anomaly_marks set since = '-infinity'");
        run(DETECT);
        // The group that is longer now begins with the same charge.
        assert_eq!(found(), "duplicate medium");
    }

    #[pg_test]
    fn bursts_of_a_seller_and_of_a_buyer_are_found() {
        let (host, other, buyer) = (person("host"), person("host"), person("buyer"));
        let shopper = person("buyer");
        history(host, buyer, 100);
        history(other, buyer, 100);
        for n in 0..20 {
            let who = person("buyer");
            charge(host, who, 2000 + n, &format!("now() - {n} * interval '1 minute'"));
        }
        for n in 0..8 {
            let at = format!("now() - interval '5 days' - {n} * interval '5 minutes'");
            charge(if n % 2 == 0 { host } else { other }, shopper, 2100 + n, &at);
        }
        run(DETECT);
        let kinds = found();
        assert!(kinds.contains("seller_velocity") && kinds.contains("buyer_velocity"), "{kinds}");
        let who: String =
            one("select string_agg(kind || user_id, ',' order by kind) from treasury.anomalies
                                where kind = 'buyer_velocity' or user_id = '{host}'"
                .replace("{host}", &host.to_string())
                .as_str());
        assert!(who.contains(&format!("buyer_velocity{shopper}")), "{who}");
        assert!(who.contains(&format!("seller_velocity{host}")), "{who}");
    }

    #[pg_test]
    fn a_seller_who_gives_back_too_much_is_found_once_a_month() {
        let buyer = person("buyer");
        let hosts: Vec<Uuid> = (0..12).map(|_| person("host")).collect();
        hosts.iter().for_each(|host| history(*host, buyer, 60));
        run(
            "update treasury.charges set refunded_cents = amount_cents where get_byte(uuid_send(id), 0) < 6",
        );
        run(&format!(
            "update treasury.charges set refunded_cents = 1 where owner_id = '{}' and get_byte(uuid_send(id), 0) < 110",
            hosts[3]
        ));
        run(DETECT);
        let rows: String = one(
            "select string_agg(concat_ws(' ', user_id, charge_id, explanation ->> 'charges'), ',')
               from treasury.anomalies where kind = 'refunds'",
        );
        assert_eq!(rows, format!("{} 60", hosts[3]));
        run(DETECT);
        assert_eq!(one::<i64>("select count(*) from treasury.anomalies where kind = 'refunds'"), 1);
    }

    #[pg_test]
    fn what_is_only_authorized_is_looked_at_once_it_is_captured() {
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 60);
        let odd = charge(host, buyer, 900_000, "now()");
        run(&format!(
            "update treasury.charges set status = 'authorized', amount_cents = 0 where id = '{odd}'"
        ));
        run(DETECT);
        assert_eq!(found(), "");
        assert_eq!(one::<Uuid>("select charge_id from treasury.anomaly_waiting"), odd);
        // Further back than any later sweep begins.
        run("update treasury.charges set created_at = now() - interval '1 day'");
        run("update treasury.anomaly_marks set since = now() where source = 'charges'");
        run(DETECT);
        assert_eq!(found(), "");
        run(&format!(
            "update treasury.charges set status = 'captured', amount_cents = 900000 where id = '{odd}'"
        ));
        run(DETECT);
        assert_eq!(found(), "amount high");
        assert_eq!(one::<i64>("select count(*) from treasury.anomaly_waiting"), 0);
    }

    #[pg_test]
    fn a_row_that_shows_late_is_not_missed() {
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 60);
        run("update treasury.charges set created_at = now() - interval '2 days'");
        run(DETECT);
        // The next sweep begins where a running transaction can still have written.
        let since: bool = one(
            "select since <= least(now(), (select min(xact_start) from pg_stat_activity
                                            where datname = current_database())) - interval '5 minutes'
                    and since > now() - interval '1 day' and seen_at is null
               from treasury.anomaly_marks where source = 'charges'",
        );
        assert!(since);
        // One that began before the mark and was seen by no sweep.
        let odd = charge(host, buyer, 900_000, "now() - interval '10 days'");
        run(&format!(
            "update treasury.charges set created_at = now() - interval '4 minutes' where id = '{odd}'"
        ));
        run(DETECT);
        assert_eq!(found(), "amount high");
    }

    #[pg_test]
    fn the_job_does_as_much_as_an_admin() {
        alone_with_jobs();
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 60);
        charge(host, buyer, 900_000, "now()");
        let run_job =
            "select concat_ws(' ', status, result ->> 'charges', result ->> 'anomalies', sqlstate)
                         from ops.run_job('detect_anomalies')";
        assert_eq!(one::<String>(run_job), "succeeded 61 1");
        assert_eq!(found(), "amount high");
        // What is newer than the oldest transaction that runs is looked at again, to no effect.
        assert_eq!(one::<String>(run_job), "succeeded 61 0");
    }

    #[pg_test]
    fn a_payout_far_from_the_others_is_found() {
        let host = person("host");
        run(&format!(
            "insert into treasury.payouts (user_id, ledger_entry_id, status, amount_cents, currency, stripe_account_id)
             select '{host}', 100 + n, 'paid', case n when 9 then 5000000 else 10000 + 500 * n end, 'USD', 'acct_1'
               from generate_series(1, 12) n"
        ));
        run(
            "insert into treasury.payouts (status, amount_cents, currency) values ('paid', 900000000, 'USD')",
        );
        assert_eq!((detect("payouts"), detect("anomalies")), (12, 0));
        let row: String =
            one("select concat_ws(' ', kind, severity, user_id, amount_cents, related_entry_id,
                    (select amount_cents from treasury.payouts p where p.id = payout_id))
               from treasury.anomalies where kind <> 'drift'");
        assert_eq!(row, format!("payout high {host} 5000000 109 5000000"));
    }

    #[pg_test]
    fn nothing_and_what_is_nobodys_do_no_harm() {
        assert_eq!((detect("charges"), detect("anomalies")), (0, 0));
        let host = person("host");
        let id = charge(host, host, 1, "now()");
        run(&format!(
            "update treasury.charges set owner_id = null, buyer_id = null where id = '{id}'"
        ));
        assert_eq!((detect("charges"), detect("anomalies")), (1, 0));
    }

    #[pg_test]
    fn the_entry_of_the_seller_is_named() {
        use crate::kernel::money::Currency;
        use crate::treasury::books::{Account, Move, post};
        let (host, buyer) = (person("host"), person("buyer"));
        history(host, buyer, 60);
        let odd = charge(host, buyer, 900_000, "now()");
        let stripe: String =
            one(&format!("select stripe_charge_id from treasury.charges where id = '{odd}'"));
        let usd = Currency::parse("USD", "currency").expect("a currency");
        let earned =
            Move { debit: Account::Stripe, credit: Account::Earnings(host), minor: 900_000 };
        let posted = post("stripe_charge", Some(&stripe), None, usd, &[earned])
            .expect("a journal")
            .expect("moves");
        run(DETECT);
        let entry: i64 = one(&format!(
            "select ('x' || substr(md5('{}:credit'), 1, 16))::bit(64)::bigint & 9007199254740991",
            posted.transfers[0]
        ));
        let related: i64 =
            one("select related_entry_id from treasury.anomalies where kind = 'amount'");
        assert_eq!(related, entry);
    }
}
