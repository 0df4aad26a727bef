//! The ledger against the charges.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::money::Currency;
    use crate::pgrx_tests::treasury::anomalies::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::{Account, Move, post};
    use pgrx::prelude::*;

    fn book(kind: &str, debit: Account, credit: Account, minor: i64) {
        let usd = Currency::parse("USD", "currency").expect("a currency");
        post(kind, Some("ch_1"), None, usd, &[Move { debit, credit, minor }]).expect("a journal");
    }

    /// A charge of 10 dollars: 1 for the platform, 6 and 3 for two.
    fn sale(first: Uuid, second: Uuid) -> Uuid {
        let id = charge(first, second, 1000, "now()");
        run(&format!(
            "insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents) values
                ('{id}', 0, 'platform', null, 100), ('{id}', 1, 'recipient', '{first}', 600),
                ('{id}', 2, 'recipient', '{second}', 300)"
        ));
        book("stripe_charge", Account::Stripe, Account::Revenue, 100);
        book("stripe_charge", Account::Stripe, Account::Earnings(first), 600);
        book("stripe_charge", Account::Stripe, Account::Earnings(second), 300);
        id
    }

    fn open() -> i64 {
        one("select count(*) from ops.alerts where kind = 'treasury_drift' and resolved_at is null")
    }

    #[pg_test]
    fn books_that_agree_have_no_drift_and_every_cent_is_one() {
        let (host, artist) = (person("host"), person("artist"));
        let id = sale(host, artist);
        assert_eq!(detect("drifts"), 0);
        // Half goes back: 50, 300 and 150; what is paid out is no drift.
        run(&format!(
            "update treasury.charges set refunded_cents = 400, disputed_cents = 100 where id = '{id}'"
        ));
        book("refund", Account::Revenue, Account::Stripe, 50);
        book("refund", Account::Earnings(host), Account::Stripe, 300);
        book("dispute", Account::Earnings(artist), Account::Stripe, 150);
        run(&format!(
            "insert into treasury.payouts (user_id, status, amount_cents, currency, stripe_account_id) values
                ('{host}', 'pending', 299, 'USD', 'acct_1'), ('{host}', 'failed', 5, 'USD', 'acct_1')"
        ));
        book("payout", Account::Earnings(host), Account::InTransit, 299);
        book("adjustment", Account::Adjustments, Account::Earnings(artist), 7);
        assert_eq!((detect("drifts"), open()), (0, 0));
        book("refund", Account::Earnings(artist), Account::Stripe, 1);
        assert_eq!((detect("drifts"), open()), (1, 1));
        let row: String = one(
            "select concat_ws(' ', kind, severity, user_id, currency, amount_cents, explanation ->> 'value',
                              explanation ->> 'expected', explanation ->> 'returned') from treasury.anomalies",
        );
        assert_eq!(row, format!("drift high {artist} USD -1 149 150 150"));
        // The same again is the same, and the alert is over when the books agree.
        assert_eq!((detect("drifts"), open()), (1, 1));
        book("refund", Account::Stripe, Account::Earnings(artist), 1);
        assert_eq!((detect("drifts"), open()), (0, 0));
        assert_eq!(found(), "drift high");
    }

    #[pg_test]
    fn earnings_without_a_charge_and_shares_without_earnings_are_drift() {
        let (host, artist) = (person("host"), person("artist"));
        book("stripe_charge", Account::Stripe, Account::Earnings(host), 500);
        let id = charge(artist, host, 1000, "now()");
        run(&format!(
            "insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents)
             values ('{id}', 1, 'recipient', '{artist}', 1000)"
        ));
        assert_eq!(detect("drifts"), 2);
        let amounts: String = one(
            "select string_agg(amount_cents::text, ',' order by amount_cents) from treasury.anomalies",
        );
        assert_eq!(amounts, "-1000,500");
    }

    #[pg_test]
    fn many_drifts_are_a_few_alerts_and_one_for_the_others() {
        for n in 1..=25 {
            book("refund", Account::Stripe, Account::Earnings(person("host")), n);
        }
        detect("drifts");
        assert_eq!(open(), 21);
        let others: String = one("select concat_ws(' ', detail ->> 'drifts', (select count(*) from treasury.anomalies),
                    (select min(abs((detail ->> 'drift')::bigint)) from ops.alerts where kind = 'treasury_drift'))
               from ops.alerts where key = 'treasury_drift:others'");
        assert_eq!(others, "5 25 6");
    }

    #[pg_test]
    fn a_counter_that_was_tampered_with_is_found() {
        let host = person("host");
        book("adjustment", Account::Adjustments, Account::Earnings(host), 500);
        assert_eq!(detect("drifts"), 0);
        run("set local session_replication_role = replica");
        run(
            "update ledger.accounts set debits_posted = debits_posted + 3 where code = 'adjustments:USD'",
        );
        run("set local session_replication_role = origin");
        assert_eq!(detect("drifts"), 1);
        let key: String = one("select key from treasury.anomalies");
        assert_eq!(key, "drift:books:USD:3");
    }

    #[pg_test]
    fn the_nightly_job_fails_while_there_is_drift() {
        alone_with_jobs();
        let host = person("host");
        // Accounts before checks, as the other tests have it.
        book("adjustment", Account::Adjustments, Account::Earnings(host), 1);
        let job = "select status from ops.run_job('check_treasury_drift')";
        assert_eq!(one::<String>(job), "succeeded");
        book("refund", Account::Stripe, Account::Earnings(host), 500);
        assert_eq!(one::<String>(job), "failed");
        assert_eq!(found(), "drift high");
    }
}
