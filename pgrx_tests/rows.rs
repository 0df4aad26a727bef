//! Rows that are written without a statement: whatever somebody puts on a table counts.

#[pgrx::pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn pay(debit: AccountId, credit: AccountId) -> String {
        format!(
            "select * from ledger.transfer('test', p_amount => 1, p_debit_account_id => {debit},
                p_credit_account_id => {credit})"
        )
    }

    /// Posted to before the table changes, so that what backends keep of it must be
    /// forgotten. Alone, since other tests wait for such a change with locks of their own.
    fn accounts() -> (AccountId, AccountId) {
        alone();
        let (bank, wallet) = (open("bank"), open("wallet"));
        transfer(bank, wallet, 1).unwrap();
        (bank, wallet)
    }

    const NOTE: &str = "
        create table pg_temp.notes (what text);
        grant insert on pg_temp.notes to public;
        create function pg_temp.note() returns trigger language plpgsql as $f$
        begin insert into notes values (tg_op); return new; end $f$";

    #[pg_test]
    fn a_trigger_after_insert_runs() {
        let (bank, wallet) = accounts();
        run(NOTE);
        run(
            "create trigger z after insert on ledger.transfers for each row execute function pg_temp.note()",
        );
        run(&pay(bank, wallet));
        assert_eq!(one::<String>("select string_agg(what, ' ') from notes"), "INSERT");
    }

    #[pg_test]
    fn a_trigger_before_update_runs() {
        let (bank, wallet) = accounts();
        run(NOTE);
        run(
            "create trigger z before update on ledger.accounts for each row execute function pg_temp.note()",
        );
        run(&pay(bank, wallet));
        assert_eq!(one::<i64>("select count(*) from notes"), 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_trigger_of_a_column_that_postings_change_runs() {
        let (bank, wallet) = accounts();
        run(NOTE);
        run("create trigger z after update of credits_posted on ledger.accounts
            for each row execute function pg_temp.note()");
        run(&pay(bank, wallet));
        assert!(one::<i64>("select count(*) from notes") > 0);
    }

    #[pg_test]
    fn a_check_that_somebody_added_refuses() {
        let (bank, wallet) = accounts();
        run("alter table ledger.transfers add constraint large check (amount > 1) not valid");
        expect_error("23514", &pay(bank, wallet));
        run("alter table ledger.transfers drop constraint large");
        run("alter table ledger.accounts add constraint little check (credits_posted < 2)");
        expect_error("23514", &pay(bank, wallet));
        expect_books_in_order();
    }

    #[pg_test]
    fn an_index_on_what_postings_change_is_kept() {
        let (bank, wallet) = accounts();
        run("create index z on ledger.accounts (credits_posted)");
        run("create index y on ledger.transfers ((amount % 10)) where amount > 0");
        run(&pay(bank, wallet));
        run("set local enable_seqscan = off; set local enable_bitmapscan = off");
        let found = format!(
            "select count(*) from ledger.accounts where credits_posted = 2 and id = {wallet}"
        );
        assert_eq!(one::<i64>(&found), 1);
        assert_eq!(
            one::<i64>(
                "select count(*) from ledger.transfers where amount % 10 = 1 and amount > 0"
            ),
            2
        );
    }

    #[pg_test]
    fn a_unique_index_that_somebody_added_refuses() {
        let (bank, wallet) = accounts();
        run("create unique index z on ledger.transfers (credit_account_id, amount)");
        expect_error("23505", &pay(bank, wallet));
        expect_books_in_order();
    }

    #[pg_test]
    fn a_row_that_outgrows_its_page_is_found_by_every_index() {
        let (bank, wallet) = accounts();
        for _ in 0..300 {
            transfer(bank, wallet, 1).unwrap();
        }
        run("set local enable_seqscan = off; set local enable_bitmapscan = off");
        assert_eq!(
            one::<i64>(
                "select credits_posted::bigint from ledger.accounts where system = 'test' and code = 'wallet'"
            ),
            301
        );
        assert_eq!(
            one::<i64>(&format!(
                "select credits_posted::bigint from ledger.accounts where id = {wallet}"
            )),
            301
        );
        expect_books_in_order();
    }

    #[pg_test]
    fn a_session_that_plays_replica_writes_as_statements_do() {
        let (bank, wallet) = accounts();
        run("set session_replication_role = replica");
        run(&pay(bank, wallet));
        run("set session_replication_role = origin");
        assert_eq!(figures(wallet).0, 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn a_savepoint_takes_back_what_was_written_after_it() {
        let (bank, wallet) = accounts();
        run(&format!(
            "do $$ begin
                begin
                    perform * from ledger.transfer('test', p_amount => 5, p_debit_account_id => {bank},
                        p_credit_account_id => {wallet});
                    raise exception 'back';
                exception when others then null;
                end;
            end $$"
        ));
        assert_eq!(figures(wallet).0, 1);
        run(&pay(bank, wallet));
        assert_eq!(figures(wallet).0, 2);
        expect_books_in_order();
    }

    #[pg_test]
    fn many_postings_of_one_statement_add_up() {
        let (bank, wallet) = accounts();
        run(&format!(
            "select (ledger.transfer('test', p_amount => 1, p_debit_account_id => {bank},
                p_credit_account_id => {wallet})).transfer_id from generate_series(1, 50)"
        ));
        assert_eq!(figures(wallet).0, 51);
        expect_books_in_order();
    }
}
