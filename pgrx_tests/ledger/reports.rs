//! Balances as of a time and the trial balance.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::datum::TimestampWithTimeZone;
    use pgrx::prelude::*;

    fn at(text: &str) -> TimestampWithTimeZone {
        one(&format!("select '{text}'::timestamptz"))
    }

    fn transfer_at(debit: AccountId, credit: AccountId, minor: i64, effective: &str) {
        let legs = [leg(debit, credit, minor)];
        let effective_at = Some(at(effective));
        post(&Journal { effective_at, ..journal(None, &legs) }).unwrap();
    }

    fn posted(account: AccountId, rest: &str) -> i64 {
        one(&format!("select posted from ledger.balance({account}, {rest})"))
    }

    #[pg_test]
    fn a_balance_as_of_a_time_counts_by_either_time() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        transfer_at(bank, wallet, 100, "2024-01-10 12:00+00");
        transfer_at(wallet, bank, 30, "2024-02-01 12:00+00");
        let before_last = at(&one::<String>("select clock_timestamp()::text"));
        transfer_at(bank, wallet, 5, "2024-01-20 00:00+00");
        transfer(bank, wallet, 1000).unwrap();
        let effective = |time: &str| posted(wallet, &format!("'{time}'"));
        assert_eq!(effective("2024-01-01 00:00+00"), 0);
        assert_eq!(effective("2024-01-10 11:59:59+00"), 0);
        assert_eq!(effective("2024-01-10 12:00+00"), 100);
        assert_eq!(effective("2024-01-20 00:00+00"), 105);
        assert_eq!(effective("2024-12-31 00:00+00"), 75);
        assert_eq!(effective("infinity"), 1075);
        assert_eq!(posted(wallet, "null"), 1075);
        let recorded = balance_text(before_last, wallet);
        assert_eq!(recorded, 70);
        assert_eq!(posted(wallet, "'2024-12-31', 'recorded'"), 0);
        assert_eq!(posted(bank, "'2024-12-31'"), -75);
    }

    fn balance_text(time: TimestampWithTimeZone, account: AccountId) -> i64 {
        run("create temp table moment (at timestamptz)");
        Spi::run_with_args("insert into moment values ($1)", &[time.into()]).unwrap();
        one(&format!(
            "select b.posted from moment, ledger.balance({account}, moment.at, 'recorded') b"
        ))
    }

    #[pg_test]
    fn a_balance_now_shows_what_is_held() {
        let (bank, _, wallet) = funded(100);
        hold(&new_hold(wallet, bank, 60)).unwrap();
        let row = format!("select held || '/' || available from ledger.balance({wallet})");
        assert_eq!(one::<String>(&row), "60/40");
        let past = format!("select held is null from ledger.balance({wallet}, now())");
        assert!(one::<bool>(&past));
        for (code, arguments) in [
            ("22004", "null".to_owned()),
            ("PT404", "404404404".to_owned()),
            ("22023", format!("{wallet}, now(), 'booked'")),
            ("22004", format!("{wallet}, now(), null")),
        ] {
            expect_error(code, &format!("select * from ledger.balance({arguments})"));
        }
    }

    #[pg_test]
    fn the_trial_balance_balances_in_every_currency() {
        let (bank, shop, wallet) = funded(100);
        transfer(wallet, shop, 40).unwrap();
        let usd = |code| open_account(&NewAccount { currency: currency("USD"), ..plain(code) });
        let (a, b) = (
            usd("usd-a").unwrap(),
            open_account(&NewAccount {
                currency: currency("USD"),
                class: Class::Asset,
                stripes: 4,
                ..plain("usd-b")
            })
            .unwrap(),
        );
        let amount = crate::kernel::money::Money::new(7, currency("USD"));
        let legs = [Leg { id: None, debit: b, credit: a, amount }];
        post(&journal(None, &legs)).unwrap();
        open("unused");
        let total = |code: &str| {
            one::<String>(&format!(
                "select debits || '/' || credits || '/' || debit_balance || '/' || credit_balance
                   from ledger.trial_balance() where account_id is null and currency = '{code}'"
            ))
        };
        assert_eq!((total("INR"), total("USD")), ("140/140/100/100".into(), "7/7/7/7".into()));
        assert_eq!(one::<i64>("select count(*) from ledger.trial_balance()"), 7);
        let wallet_row = "select debits || '/' || credits || '/' || credit_balance
            from ledger.trial_balance('test') where code = 'wallet'";
        assert_eq!(one::<String>(wallet_row), "40/100/60");
        assert_eq!(one::<i64>("select count(*) from ledger.trial_balance('other')"), 0);
        let _ = bank;
    }

    #[pg_test]
    fn the_trial_balance_as_of_a_time_counts_by_either_time() {
        let (bank, wallet) = (open("bank"), open("wallet"));
        transfer_at(bank, wallet, 100, "2024-01-10");
        transfer_at(bank, wallet, 10, "2024-03-10");
        let total = |arguments: &str| {
            maybe::<String>(&format!(
                "select debits || '/' || credits from ledger.trial_balance({arguments})
                  where account_id is null"
            ))
        };
        assert_eq!(total("null, '2024-02-01'").as_deref(), Some("100/100"));
        assert_eq!(total("'test', '2024-04-01'").as_deref(), Some("110/110"));
        assert_eq!(total("null, '2024-04-01', 'recorded'"), None);
        assert_eq!(total("null, now() + interval '1 day', 'recorded'").as_deref(), Some("110/110"));
        expect_error("22023", "select * from ledger.trial_balance(null, now(), 'x')");
        expect_error("22023", "select * from ledger.trial_balance(null, 'infinity')");
        expect_error("22004", "select * from ledger.trial_balance(null, null, null)");
    }
}
