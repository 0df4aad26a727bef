//! What was posted stays: for the owner of the tables and superusers too.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn scene() {
        alone();
        let (bank, shop, wallet) = funded(100);
        post(&journal(None, &[leg(bank, wallet, 1), leg(bank, shop, 2)])).unwrap();
        hold(&new_hold(wallet, bank, 10)).unwrap();
    }

    const TRICKS: [&str; 22] = [
        "update ledger.transfers set amount = amount + 1",
        "update ledger.transfers set description = 'x'",
        "delete from ledger.transfers",
        "truncate ledger.transfers",
        "truncate ledger.transfers, ledger.journals",
        "insert into ledger.transfers select * from ledger.transfers limit 1
            on conflict (id) do update set amount = 1",
        "update ledger.journals set kind_id = 1",
        "delete from ledger.journals",
        "truncate ledger.journals",
        "update ledger.transfer_kinds set kind = 'x'",
        "delete from ledger.transfer_kinds",
        "truncate ledger.transfer_kinds",
        "update ledger.accounts set currency = 'USD'",
        "update ledger.accounts set class = 'asset'",
        "update ledger.accounts set code = code || 'x'",
        "update ledger.accounts set id = id + 1000",
        "delete from ledger.accounts",
        "truncate ledger.accounts cascade",
        "truncate ledger.account_stripes",
        "update ledger.holds set amount = amount + 1",
        "delete from ledger.holds",
        "truncate ledger.holds",
    ];

    #[pg_test]
    fn a_superuser_changes_no_record() {
        scene();
        for trick in TRICKS {
            expect_error("42501", trick);
        }
    }

    #[pg_test]
    fn the_owner_of_the_tables_changes_no_record() {
        scene();
        run("set local role backoffice_owner");
        for trick in TRICKS {
            expect_error("42501", trick);
        }
    }

    #[pg_test]
    fn a_session_that_plays_replica_changes_no_record() {
        scene();
        run("set local session_replication_role = replica");
        for trick in TRICKS {
            expect_error("42501", trick);
        }
    }

    #[pg_test]
    fn the_tables_refuse_what_the_functions_never_write() {
        scene();
        let transfer = "insert into ledger.transfers
            (id, debit_account_id, credit_account_id, amount, recorded_at, kind_id)
            values (gen_random_uuid(), ";
        let account = "insert into ledger.accounts
            (system, code, name, currency, class, max_overdraft, stripes) values ('t', 'c', 'n', ";
        for (code, statement) in [
            ("23514", format!("{transfer} 1, 2, 0, now(), 1)")),
            ("23514", format!("{transfer} 1, 2, -5, now(), 1)")),
            ("23514", format!("{transfer} 1, 1, 5, now(), 1)")),
            ("23514", "update ledger.accounts set debits_posted = -1".to_owned()),
            ("23514", "update ledger.accounts set credits_pending = -1".to_owned()),
            ("23514", "update ledger.accounts set max_overdraft = -1".to_owned()),
            ("23514", "update ledger.accounts set stripes = 1".to_owned()),
            ("23514", format!("{account} 'INR', 'thing', null, 0)")),
            ("23514", format!("{account} 'rupee', 'asset', null, 0)")),
            ("23514", format!("{account} 'INR', 'asset', -1, 0)")),
            ("23514", "update ledger.accounts set max_balance = -1".to_owned()),
            ("23514", format!("{account} 'INR', 'asset', null, 65)")),
            ("23514", "update ledger.holds set settled_amount = amount + 1".to_owned()),
            ("23514", "update ledger.holds set status = 'released'".to_owned()),
            ("23514", "update ledger.holds set status = 'lost', closed_at = now()".to_owned()),
        ] {
            expect_error(code, &statement);
        }
        expect_books_in_order();
    }
}
