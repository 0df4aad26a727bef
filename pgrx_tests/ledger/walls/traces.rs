//! What an owner does who takes the triggers away: `verify()` and `check()` name it, also when
//! everything was put back.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    const VERIFY: &str =
        "select string_agg(concat_ws(' ', problem, transfer_id), ', ') from ledger.verify()";
    const CHECK: &str =
        "select string_agg(distinct problem, ' ' order by problem) from ledger.check()";

    /// Sealed transfers, the first of 100; from here on the session is the owner's.
    fn scene() -> Uuid {
        alone();
        run("select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')");
        run("create schema walls; grant all on schema walls to backoffice_owner");
        let (bank, shop, wallet) = funded(100);
        open_account(&NewAccount { stripes: 2, ..plain("striped") }).unwrap();
        post(&journal(None, &[leg(bank, wallet, 1), leg(bank, shop, 2)])).unwrap();
        hold(&new_hold(wallet, bank, 10)).unwrap();
        run("select ledger.seal()");
        run("create function pg_temp.found_after(change text, query text) returns text
             language plpgsql as $f$
             declare
                 found text;
             begin
                 begin
                     execute change;
                     execute query into found;
                     raise exception using errcode = 'XX123';
                 exception when sqlstate 'XX123' then
                     return coalesce(found, '');
                 end;
             end $f$");
        run("grant execute on function pg_temp.found_after(text, text) to backoffice_owner");
        run("set local session authorization backoffice_owner");
        assert_eq!(verified("select 1"), "");
        assert_eq!(checked("select 1"), "");
        one("select id from ledger.transfers where amount = 100")
    }

    /// What `verify()` finds after a change, which is undone.
    fn verified(change: &str) -> String {
        found(change, VERIFY)
    }

    /// What `check()` finds after a change, which is undone.
    fn checked(change: &str) -> String {
        found(change, CHECK)
    }

    fn found(change: &str, query: &str) -> String {
        one(&format!("select pg_temp.found_after({}, {})", literal(change), literal(query)))
    }

    /// A change behind the back of a table's triggers, which fire again afterwards.
    fn unguarded(table: &str, change: &str) -> String {
        let triggers: Vec<String> = one(&format!(
            "select array_agg(tgname::text) from pg_catalog.pg_trigger
              where tgrelid = 'ledger.{table}'::regclass and tgenabled = 'A'"
        ));
        let again = triggers.iter().map(|name| format!("enable always trigger {name}"));
        format!(
            "alter table ledger.{table} disable trigger user; {change};
             alter table ledger.{table} {}",
            again.collect::<Vec<_>>().join(", ")
        )
    }

    const ALTER: &str = "update ledger.transfers set amount = 99 where amount = 100";

    #[pg_test]
    fn triggers_that_were_put_back_refuse_again() {
        scene();
        run(&unguarded("transfers", "select 1"));
        expect_error("42501", ALTER);
        run("reset session authorization; set local session_replication_role = replica");
        expect_error("42501", ALTER);
    }

    #[pg_test]
    fn an_amount_is_named_however_the_trigger_was_passed() {
        let first = scene();
        let altered = format!("transfer_altered {first}");
        let passed = [
            unguarded("transfers", ALTER),
            format!(
                "drop trigger transfers_append_only on ledger.transfers; {ALTER};
                 create trigger transfers_append_only before update or delete on ledger.transfers
                    for each row execute function backoffice.refuse_change();
                 alter table ledger.transfers enable always trigger transfers_append_only"
            ),
            format!(
                "create or replace function backoffice.refuse_change() returns trigger
                    language plpgsql as 'begin return new; end'; {ALTER}"
            ),
        ];
        for change in passed {
            assert_eq!(verified(&change), altered, "{change}");
            assert_eq!(checked(&change), "credits_posted debits_posted", "{change}");
        }
    }

    /// Books that add up say nothing of what was changed; the seal does.
    #[pg_test]
    fn an_amount_is_named_where_the_counters_were_made_to_agree() {
        let first = scene();
        let agreeing = unguarded(
            "transfers",
            &format!(
                "{ALTER};
                 update ledger.accounts set debits_posted = debits_posted - 1 where code = 'bank';
                 update ledger.accounts set credits_posted = credits_posted - 1 where code = 'wallet'"
            ),
        );
        assert_eq!(checked(&agreeing), "");
        assert_eq!(verified(&agreeing), format!("transfer_altered {first}"));
    }

    #[pg_test]
    fn a_transfer_that_was_deleted_is_named() {
        let first = scene();
        for change in ["delete from ledger.transfers", "truncate ledger.transfers"] {
            let change = unguarded("transfers", change);
            assert_eq!(verified(&change), format!("transfer_missing {first}"), "{change}");
        }
    }

    /// An owner inserts without taking anything away.
    #[pg_test]
    fn a_transfer_that_was_put_in_is_named() {
        scene();
        let id = Uuid::from_bytes([0x4e; 16]);
        let row = format!(
            "select '{id}'::uuid, debit_account_id, credit_account_id, 5, recorded_at, null, kind_id
               from ledger.transfers where amount = 100"
        );
        let columns =
            "id, debit_account_id, credit_account_id, amount, recorded_at, effective_at, kind_id";
        for change in [
            format!("insert into ledger.transfers ({columns}) {row}"),
            format!("insert into ledger.transfers_archive ({columns}) {row}"),
            // A child's rows are read with the table's, and no trigger of the table guards them.
            format!(
                "create table walls.child () inherits (ledger.transfers);
                 insert into walls.child ({columns}) {row}"
            ),
        ] {
            assert_eq!(verified(&change), format!("transfer_extra {id}"), "{change}");
            assert_eq!(checked(&change), "credits_posted debits_posted", "{change}");
        }
    }

    #[pg_test]
    fn a_counter_that_was_altered_is_found() {
        scene();
        let set = |what: &str| {
            checked(&format!("update ledger.accounts set {what} where code = 'wallet'"))
        };
        assert_eq!(
            set("credits_posted = credits_posted + 1"),
            "credits_posted currency_unbalanced"
        );
        assert_eq!(set("debits_posted = debits_posted + 1"), "currency_unbalanced debits_posted");
        assert_eq!(set("debits_pending = 0"), "debits_pending");
        assert_eq!(set("credits_pending = 1"), "credits_pending");
    }

    #[pg_test]
    fn a_hold_that_was_altered_or_deleted_is_found() {
        scene();
        for change in [
            "update ledger.holds set amount = amount + 1",
            "update ledger.holds set settled_amount = 1",
            "delete from ledger.holds",
        ] {
            let found = checked(&unguarded("holds", change));
            assert!(found.starts_with("credits_pending debits_pending"), "{change}: {found}");
        }
    }

    /// Stripes go when their account is closed, so no trigger keeps them.
    #[pg_test]
    fn a_stripe_that_was_deleted_is_found() {
        scene();
        assert_eq!(checked("delete from ledger.account_stripes where stripe = 1"), "stripes");
    }

    #[pg_test]
    fn an_account_journal_kind_or_block_that_was_altered_is_named() {
        let first = scene();
        for (table, change, problem) in [
            (
                "accounts",
                "update ledger.accounts set code = 'b' where code = 'bank'",
                "account_altered",
            ),
            (
                "transfer_kinds",
                "update ledger.transfer_kinds set kind = kind || '!'",
                "transfer_altered",
            ),
        ] {
            assert_eq!(
                verified(&unguarded(table, change)),
                format!("{problem} {first}"),
                "{change}"
            );
        }
        let leg: Uuid = one("select id from ledger.transfers where journal_id is not null
            order by recorded_at, id limit 1");
        let change = unguarded("journals", "update ledger.journals set description = 'x'");
        assert_eq!(verified(&change), format!("journal_altered {leg}"));
        let change = unguarded("seal_blocks", "update ledger.seal_blocks set root = sha256('x')");
        assert_eq!(verified(&change), "block_altered");
    }

    /// Triggers for named columns do not see what another trigger writes into them.
    #[pg_test]
    fn a_column_that_a_trigger_of_the_owner_changes_is_named() {
        let first = scene();
        let change = "create function walls.sly() returns trigger language plpgsql
                as 'begin new.currency := ''USD''; return new; end';
             create trigger sly before update of name on ledger.accounts
                for each row execute function walls.sly();
             update ledger.accounts set name = 'x' where code = 'bank';
             drop trigger sly on ledger.accounts";
        assert_eq!(verified(change), format!("account_altered {first}"));
        assert_eq!(checked(change), "currency_mixed currency_unbalanced");
    }

    #[pg_test]
    fn what_a_trigger_of_the_owner_makes_of_a_posting_is_found() {
        scene();
        let change = "create function walls.sly() returns trigger language plpgsql
                as 'begin new.amount := new.amount * 2; return new; end';
             create trigger sly before insert on ledger.transfers
                for each row execute function walls.sly();
             select ledger.transfer('test', 'bank', 'shop', 5);
             drop trigger sly on ledger.transfers";
        assert_eq!(checked(change), "credits_posted debits_posted");
    }

    #[pg_test]
    fn a_posting_that_a_rule_of_the_owner_keeps_away_is_found_or_refused() {
        scene();
        run("create rule sly as on insert to ledger.transfers do instead nothing");
        let posted = attempt("select ledger.transfer('test', 'bank', 'shop', 5)");
        run("reset session authorization; drop rule sly on ledger.transfers");
        let there: i64 = one("select count(*) from ledger.transfers where amount = 5");
        match posted {
            Ok(()) if there == 0 => assert_eq!(checked("select 1"), "credits_posted debits_posted"),
            Ok(()) => expect_books_in_order(),
            Err(code) => {
                assert_eq!((code.as_str(), there), ("0A000", 0));
                expect_books_in_order();
            }
        }
    }
}
