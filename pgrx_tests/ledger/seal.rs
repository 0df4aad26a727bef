//! Seals: what was posted is sealed once, and what somebody changed afterwards is named.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::ledger::*;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;
    use serde_json::json;

    /// Transfers of every kind in two blocks, and one that is not sealed yet.
    fn scene() {
        without_delay();
        let (bank, shop, wallet) = funded(100);
        let legs = [leg(bank, wallet, 1), leg(bank, shop, 2)];
        let details = Journal {
            description: Some("Order 17"),
            metadata: Some(json!({"a": [1, {"b": "ü"}]})),
            ..journal(None, &legs)
        };
        let posted = post(&details).unwrap();
        reverse_transfer(posted.transfer_ids[1], None, "wrong").unwrap();
        assert_eq!(seal(), (4, 1));
        let held = hold(&new_hold(wallet, bank, 10)).unwrap();
        settle(held, Some(inr(4))).unwrap();
        let late = [leg(bank, shop, 5)];
        let at = one("select timestamptz '2024-02-29 12:00+00'");
        let details = Journal {
            effective_at: Some(at),
            metadata: Some(json!({"n": 1})),
            ..journal(None, &late)
        };
        post(&details).unwrap();
        assert_eq!(seal(), (2, 1));
        transfer(bank, shop, 7).unwrap();
        assert_eq!(problems("select 1"), "");
    }

    /// Nobody else uses the ledger, and everything is sealed at once.
    fn without_delay() {
        alone();
        run("select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')");
    }

    /// How many transfers and blocks a call sealed.
    fn seal() -> (i64, i32) {
        let row = one::<pgrx::JsonB>("select to_jsonb(s) from ledger.seal() s").0;
        (row["transfers"].as_i64().unwrap(), row["blocks"].as_i64().unwrap() as i32)
    }

    fn head() -> String {
        one("select head from ledger.seal_head()")
    }

    /// What ledger.verify finds after a change that only a superuser who switches
    /// triggers off can make; the change is undone.
    fn problems_by(change: &str, verify: &str) -> String {
        run("create or replace function pg_temp.planted(change text, verify text) returns text
             language plpgsql as $f$
             declare
                 found text;
             begin
                 begin
                     alter table ledger.transfers disable trigger user;
                     alter table ledger.journals disable trigger user;
                     alter table ledger.accounts disable trigger user;
                     alter table ledger.transfer_kinds disable trigger user;
                     alter table ledger.transfers_archive disable trigger user;
                     alter table ledger.seal_blocks disable trigger user;
                     execute change;
                     execute 'select string_agg(concat_ws('' '', problem, block, transfer_id), '', '') from ' || verify
                        into found;
                     raise exception using errcode = 'XX123';
                 exception when sqlstate 'XX123' then
                     return coalesce(found, '');
                 end;
             end $f$");
        one(&format!("select pg_temp.planted({}, {})", literal(change), literal(verify)))
    }

    fn problems(change: &str) -> String {
        problems_by(change, "ledger.verify()")
    }

    /// The nth transfer in the order of recording.
    fn nth(n: usize) -> Uuid {
        one(&format!(
            "select id from ledger.all_transfers order by recorded_at, id offset {} limit 1",
            n - 1
        ))
    }

    #[pg_test]
    fn what_was_posted_is_sealed_once() {
        scene();
        assert_eq!(seal(), (1, 1));
        assert_eq!(seal(), (0, 0));
        assert_eq!(one::<i64>("select sum(transfers)::bigint from ledger.seal_blocks"), 7);
        assert_eq!(one::<String>("select head from ledger.seal()"), head());
        let said: bool = one("select head = height || ':' || hash and length(hash) = 64
            and sealed_until < sealed_at and height = 3 from ledger.seal_head()");
        assert!(said);
        assert_eq!(problems("select 1"), "");
        assert_eq!(problems_by("select 1", &format!("ledger.verify(p_head => '{}')", head())), "");
    }

    #[pg_test]
    fn a_ledger_without_transfers_has_no_head_and_nothing_to_verify() {
        without_delay();
        assert_eq!(seal(), (0, 0));
        assert_eq!(maybe::<String>("select head from ledger.seal_head()"), None);
        assert_eq!(problems("select 1"), "");
    }

    #[pg_test]
    fn what_is_younger_than_the_delay_waits() {
        without_delay();
        funded(100);
        run("select backoffice.set_setting('ledger', 'seal_delay_seconds', '60')");
        assert_eq!(seal(), (0, 0));
        run("select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')");
        assert_eq!(seal(), (1, 1));
    }

    #[pg_test]
    fn a_column_that_was_changed_is_found_in_the_very_row() {
        scene();
        let row = nth(2);
        for (column, value) in [
            ("amount", "amount + 1"),
            ("debit_account_id", "404"),
            ("credit_account_id", "404"),
            ("recorded_at", "recorded_at + interval '1 microsecond'"),
            ("recorded_at", "recorded_at + interval '1 year'"),
            ("recorded_at", "recorded_at - interval '1 year'"),
            ("recorded_at", "'infinity'"),
            ("recorded_at", "'-infinity'"),
            ("effective_at", "recorded_at"),
            ("kind_id", "32000"),
            ("journal_id", "gen_random_uuid()"),
            ("journal_id", "null"),
            ("hold_id", "gen_random_uuid()"),
            ("reverses_id", "gen_random_uuid()"),
            ("description", "''"),
            ("metadata", "'null'"),
        ] {
            let change =
                format!("update ledger.transfers set {column} = {value} where id = '{row}'");
            assert_eq!(problems(&change), format!("transfer_altered 1 {row}"), "{change}");
        }
        let late = nth(6);
        for change in [
            "effective_at = null",
            "effective_at = effective_at + interval '1 microsecond'",
            r#"metadata = '{"n": 1.0}'"#,
            "metadata = null",
        ] {
            let change = format!("update ledger.transfers set {change} where id = '{late}'");
            assert_eq!(problems(&change), format!("transfer_altered 2 {late}"), "{change}");
        }
    }

    #[pg_test]
    fn a_row_that_moved_into_another_block_is_the_one_that_was_changed() {
        scene();
        let (first, late) = (nth(1), nth(6));
        let swap = |a: Uuid, b: Uuid| {
            format!(
                "update ledger.transfers t set recorded_at = o.recorded_at
                       from ledger.transfers o where t.id = '{a}' and o.id = '{b}'"
            )
        };
        assert_eq!(problems(&swap(first, late)), format!("transfer_altered 1 {first}"));
        assert_eq!(problems(&swap(late, first)), format!("transfer_altered 1 {late}"));
    }

    #[pg_test]
    fn a_row_that_was_deleted_or_renamed_is_missing() {
        scene();
        for (n, block) in [(1, 1), (4, 1), (5, 2), (6, 2)] {
            let row = nth(n);
            let found = format!("transfer_missing {block} {row}");
            assert_eq!(
                problems(&format!("delete from ledger.transfers where id = '{row}'")),
                found
            );
            let renamed =
                format!("update ledger.transfers set id = gen_random_uuid() where id = '{row}'");
            assert_eq!(problems(&renamed), found);
        }
        let row = nth(1);
        assert_eq!(problems("delete from ledger.transfers"), format!("transfer_missing 1 {row}"));
        // Not sealed yet.
        assert_eq!(problems(&format!("delete from ledger.transfers where id = '{}'", nth(7))), "");
    }

    #[pg_test]
    fn a_row_that_was_put_into_sealed_time_is_extra() {
        scene();
        let id = Uuid::from_bytes([0x4e; 16]);
        let insert = |table: &str, id: &str, at: &str| {
            format!("insert into ledger.{table} (id, debit_account_id, credit_account_id, amount, recorded_at, kind_id)
                     select {id}, debit_account_id, credit_account_id, amount, {at}, kind_id
                       from ledger.transfers where id = '{}'", nth(6))
        };
        let new = format!("'{id}'");
        for table in ["transfers", "transfers_archive"] {
            assert_eq!(
                problems(&insert(table, &new, "recorded_at - interval '1 microsecond'")),
                format!("transfer_extra 2 {id}")
            );
            assert_eq!(
                problems(&insert(table, &new, "recorded_at - interval '1 year'")),
                format!("transfer_extra 1 {id}")
            );
            assert_eq!(
                problems(&insert(table, &new, "'-infinity'")),
                format!("transfer_extra 1 {id}")
            );
            assert_eq!(problems(&insert(table, &new, "clock_timestamp()")), "");
        }
        let twice = insert("transfers_archive", "id", "recorded_at");
        assert_ne!(problems(&twice), "");
    }

    #[pg_test]
    fn journals_accounts_and_kinds_are_sealed_with_their_transfers() {
        scene();
        let of_journal: Uuid = one("select id from ledger.transfers where journal_id is not null
            order by recorded_at, id limit 1");
        for change in [
            "update ledger.journals set description = 'Order 18'",
            "update ledger.journals set metadata = null",
            "update ledger.journals set effective_at = recorded_at",
            "update ledger.journals set recorded_at = recorded_at - interval '1 day'",
            "update ledger.journals set kind_id = 32000",
            "update ledger.journals set reverses_id = gen_random_uuid()",
            "delete from ledger.journals",
        ] {
            assert_eq!(problems(change), format!("journal_altered 1 {of_journal}"), "{change}");
        }
        let first = nth(1);
        for (code, change) in [
            ("bank", "currency = 'USD'"),
            ("bank", "system = 'x'"),
            ("wallet", "class = 'asset'"),
            ("wallet", "code = 'purse'"),
            ("wallet", "created_at = created_at - interval '1 day'"),
        ] {
            let change = format!(
                "update ledger.accounts set {change} where system = 'test' and code = '{code}'"
            );
            assert_eq!(problems(&change), format!("account_altered 1 {first}"), "{change}");
        }
        let change =
            "update ledger.accounts set name = 'x', max_overdraft = null, updated_at = now()";
        assert_eq!(problems(change), "");
        let change = "update ledger.transfer_kinds set kind = kind || '!' where system = 'test'";
        assert_eq!(problems(change), format!("transfer_altered 1 {first}"));
    }

    /// A column that nobody has thought of is not sealed.
    #[pg_test]
    fn every_column_is_sealed() {
        for (table, columns) in [
            (
                "transfers",
                "amount credit_account_id debit_account_id description effective_at hold_id id journal_id kind_id metadata recorded_at reverses_id",
            ),
            ("journals", "description effective_at id kind_id metadata recorded_at reverses_id"),
            ("transfer_kinds", "id kind system"),
        ] {
            let there: String = one(&format!(
                "select string_agg(attname::text, ' ' order by attname::text collate \"C\") from pg_catalog.pg_attribute
                  where attrelid = 'ledger.{table}'::regclass and attnum > 0 and not attisdropped"
            ));
            assert_eq!(there, columns, "{table}");
        }
    }

    #[pg_test]
    fn a_block_that_was_changed_is_named_and_its_rows_are_not_blamed() {
        scene();
        assert_eq!(seal(), (1, 1));
        for change in [
            "until_at = until_at - interval '1 microsecond'",
            "until_id = gen_random_uuid()",
            "sealed_at = now() - interval '1 day'",
            "root = sha256('x')",
            "previous_hash = sha256('x')",
            "entries_hash = sha256('x')",
            "hash = sha256('x')",
            "entries = overlay(entries placing '\\x00000000' from 20)",
        ] {
            let change = format!("update ledger.seal_blocks set {change} where height = 2");
            assert_eq!(problems(&change), "block_altered 2", "{change}");
        }
        let consistent = "update ledger.seal_blocks set entries = overlay(entries placing '\\x00000000' from 20),
            entries_hash = sha256(overlay(entries placing '\\x00000000' from 20)) where height = 2";
        assert_eq!(problems(consistent), "block_altered 2");
    }

    #[pg_test]
    fn blocks_that_were_swapped_or_deleted_are_named() {
        scene();
        assert_eq!(seal(), (1, 1));
        let swap = "update ledger.seal_blocks set height = height + 100 where height in (1, 2);
                    update ledger.seal_blocks set height = 103 - height where height > 100";
        assert_eq!(problems(swap), "block_altered 1");
        for height in [1, 2] {
            let delete = format!("delete from ledger.seal_blocks where height = {height}");
            assert_eq!(problems(&delete), format!("block_missing {height}"));
        }
    }

    #[pg_test]
    fn a_chain_that_was_cut_or_made_anew_is_found_by_a_head_that_was_published() {
        scene();
        let published = head();
        let verify = format!("ledger.verify(p_head => '{published}')");
        let cut = "delete from ledger.seal_blocks where height >= 2";
        assert_eq!(problems(cut), "");
        assert_eq!(problems_by(cut, &verify), "head_missing 2");
        let anew =
            "delete from ledger.seal_blocks; update ledger.transfers set amount = amount + 1;
                    select ledger.seal(); select ledger.seal()";
        assert_eq!(problems(anew), "");
        assert_eq!(problems_by(anew, &verify), "head_missing 2");
        let (bank, shop) = (open("bank"), open("shop"));
        transfer(bank, shop, 1).unwrap();
        let longer = format!(
            "{cut}; update ledger.transfers set description = 'x' where id = '{}'; select ledger.seal()",
            nth(6)
        );
        assert_eq!(problems_by(&longer, &verify), "head_differs 2");
        seal();
        assert_eq!(problems_by("select 1", &verify), "");
        let upper = format!("ledger.verify(p_head => '{}')", published.to_uppercase());
        assert_eq!(problems_by("select 1", &upper), "");
    }

    #[pg_test]
    fn a_part_of_the_time_is_verified_alone() {
        scene();
        let (first, late) = (nth(1), nth(6));
        let change =
            format!("update ledger.transfers set amount = 9 where id in ('{first}', '{late}')");
        let until: String = one("select until_at::text from ledger.seal_blocks where height = 1");
        let after =
            format!("ledger.verify(p_from => '{until}'::timestamptz + interval '1 microsecond')");
        assert_eq!(problems_by(&change, &after), format!("transfer_altered 2 {late}"));
        let before =
            format!("ledger.verify(p_to => '{until}'::timestamptz - interval '1 microsecond')");
        assert_eq!(problems_by(&change, &before), format!("transfer_altered 1 {first}"));
        let change = format!("update ledger.transfers set amount = 9 where id = '{late}'");
        assert_eq!(problems_by(&change, &before), "");
    }

    #[pg_test]
    fn blocks_are_cut_where_they_are_full_also_within_one_moment() {
        without_delay();
        let (bank, _, wallet) = funded(100);
        run(&format!("insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at, kind_id)
            select gen_random_uuid(), {bank}, {wallet}, n, case when n > 500 then clock_timestamp() else now() end, 1
              from generate_series(1, 9500) n"));
        assert_eq!(seal(), (9501, 3));
        assert_eq!(problems("select 1"), "");
        let last: Uuid = nth(9501);
        let change = format!("update ledger.transfers set amount = 12345678 where id = '{last}'");
        assert_eq!(problems(&change), format!("transfer_altered 3 {last}"));
    }

    #[pg_test]
    fn the_blocks_are_a_record() {
        scene();
        for trick in [
            "update ledger.seal_blocks set sealed_at = now()",
            "delete from ledger.seal_blocks",
            "truncate ledger.seal_blocks",
        ] {
            expect_error("42501", trick);
        }
        run("set local session_replication_role = replica");
        expect_error("42501", "delete from ledger.seal_blocks");
        run("set local session_replication_role = origin");
        expect_error("23514", "insert into ledger.seal_blocks select 99, until_at, sealed_at, transfers, until_id,
            previous_hash, root, entries_hash, hash, '\\x00' from ledger.seal_blocks where height = 1");
    }

    #[pg_test]
    fn a_time_that_ends_before_it_begins_is_refused() {
        expect_error("22023", "select ledger.verify(now(), now() - interval '1 second')");
        run("select ledger.verify(now(), now())");
    }

    #[pg_test]
    fn only_a_head_is_taken_as_one() {
        for wrong in ["", "1", "1:abc", "0:00", "deadbeef"] {
            expect_error("22023", &format!("select ledger.verify(p_head => '{wrong}')"));
        }
    }

    #[pg_test]
    fn jobs_seal_and_verify() {
        alone_with_jobs();
        without_delay();
        funded(100);
        let result = |job: &str| {
            let id: Uuid = one(&format!("select id from ops.run_job('{job}')"));
            one::<pgrx::JsonB>(&format!("select jsonb_build_object('status', status, 'result', result) from ops.job_runs where id = '{id}'")).0
        };
        assert_eq!(
            result("seal_ledger"),
            json!({"status": "succeeded", "result": {"transfers": 1, "blocks": 1, "more": false}})
        );
        assert_eq!(result("verify_seals")["status"], "succeeded");
        run("alter table ledger.transfers disable trigger user");
        run("update ledger.transfers set amount = 5");
        let failed = result("verify_seals");
        assert_eq!(failed["status"], "failed");
        assert_eq!(failed["result"]["found"][0]["problem"], "transfer_altered");
    }
}
