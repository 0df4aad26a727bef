//! What is left of an erased person in whatever table: nothing, and the books.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::erasure::*;
    use crate::pgrx_tests::network::{admin, customer, expect_consistent, promoter, withdraw};
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::json;

    #[pg_test]
    fn before_erasure_the_search_finds_every_trace() {
        zora_everywhere();
        let places = found(&TRACES);
        for trace in TRACES {
            if trace != "123456781234" {
                assert!(places.iter().any(|place| place.ends_with(trace)), "{trace}: {places:?}");
            }
        }
        for log in ["ops.audit_logs.new_values", "ops.audit_logs_archive.old_values"] {
            assert!(places.iter().any(|place| place.starts_with(log)), "{log}");
        }
    }

    /// So that no new table is forgotten here: each has something to be erased.
    #[pg_test]
    fn before_erasure_there_is_something_in_all_that_erasing_empties() {
        // What only stands there while something is going on.
        const PASSING: [&str; 5] = [
            "identity.users.new_email",
            "identity.users.new_phone",
            "identity.one_time_tokens.name",
            "identity.one_time_tokens.user_metadata",
            "ops.outbox.last_error",
        ];
        zora_everywhere();
        let columns: Vec<String> =
            one("select array_agg(distinct table_name || '.' || column_name)
               from backoffice.personal_columns
              where kind in ('identity', 'contact', 'bank', 'content') and erasure <> 'kept'");
        let empty = |name: &&String| {
            let (table, column) = name.rsplit_once('.').unwrap();
            one::<bool>(&format!(
                "select not exists (select from {table}
                  where {column} is not null and {column}::text not in ('', '{{}}', '[]'))"
            ))
        };
        let forgotten: Vec<_> =
            columns.iter().filter(|name| !PASSING.contains(&name.as_str())).filter(empty).collect();
        assert_eq!(forgotten, Vec::<&String>::new());
    }

    #[pg_test]
    fn after_erasure_no_column_of_any_table_names_the_person() {
        let zora = zora_everywhere();
        let tombstone = erase(zora);
        assert_eq!(tombstone["already_erased"], json!(false));
        assert_eq!(found(&TRACES), Vec::<String>::new());
        for gone in [
            "network.payout_accounts",
            "network.tax_identities",
            "backoffice.secrets where purpose like 'network.%' and id not in (select secret_id from backoffice.index_keys)",
        ] {
            assert_eq!(one::<i64>(&format!("select count(*) from {gone}")), 0, "{gone}");
        }
        expect_consistent();
    }

    #[pg_test]
    fn the_books_stay() {
        let books = "select concat_ws(' ',
            (select count(*) from ledger.transfers), (select sum(amount) from ledger.transfers),
            (select count(*) from network.commission_history), (select count(*) from network.pin_history),
            (select sum(amount) from network.withdrawal_history), (select sum(paid_amount) from network.withdrawal_history),
            (select sum(amount) from network.investments), (select sum(value) from network.valuations),
            (select string_agg(format('%s %s', total_earned, total_withdrawn), ',') from network.promoter_wallet),
            (select string_agg(format('%s %s', flags, acknowledged_at), ',' order by request_id) from network.withdrawal_reviews),
            (select string_agg(level, ',') from network.level_overrides),
            (select count(*) from network.cancellations))";
        let zora = zora_everywhere();
        let before: String = one(books);
        erase(zora);
        assert_eq!(one::<String>(books), before);
        let wallet: String = one(
            "select format('%s %s', total_earned, total_withdrawn) from network.promoter_wallet",
        );
        assert_eq!(wallet, "1000.00 1000.00");
    }

    #[pg_test]
    fn a_pan_stays_while_there_are_deductions_to_certify() {
        admin();
        run("select network.set_tax_rule('2020-04-01', '194H', 5, 20, 0)");
        let promoter = promoter(None);
        run(&format!("select network.set_promoter_pan('{promoter}', 'ABCPE1234F')"));
        customer(promoter);
        withdraw(promoter, "500");
        let records = "select string_agg(d::text, ',') from network.tax_deductions d";
        let before: String = one(records);
        erase(promoter);
        assert_eq!(one::<String>(records), before);
        let pan: String = one(&format!("select network.get_promoter_pan('{promoter}')"));
        assert_eq!(pan, "ABCPE1234F");
        // Gone are the name and the bank account.
        assert_eq!(found(&["asha", "hdfc0001234"]), Vec::<String>::new());
        expect_consistent();
    }

    #[pg_test]
    fn a_customer_leaves_the_numbers_of_their_investments() {
        admin();
        let customer = customer(promoter(None));
        let fund: Uuid = one(&format!(
            "select id from network.create_investment('{customer}', 'Gold fund', 1000, null, 'for the opal wedding')"
        ));
        run(&format!("select network.record_valuation('{fund}', 1100, null, 'opal too')"));
        run(&format!("select network.cancel_customer('{customer}', 'opal divorce')"));
        erase(customer);
        assert_eq!(found(&["ravi", "opal"]), Vec::<String>::new());
        let left: String = one(
            "select format('%s %s %s', v.amount, x.value, c.reason = 'erased ' || v.customer_id)
               from network.investments v join network.valuations x on x.investment_id = v.id
               join network.cancellations c on c.customer_id = v.customer_id",
        );
        assert_eq!(left, "1000.00 1100.00 t");
        expect_consistent();
    }

    #[pg_test]
    fn the_archives_still_refuse_every_other_change() {
        let zora = zora_everywhere();
        let refused = || {
            for sql in [
                "update network.withdrawal_requests_archive set bank_details = '{}', admin_notes = null",
                "update network.withdrawal_requests_archive set admin_notes = 'x'",
                "update network.withdrawal_requests_archive set amount = 1",
                "update network.pin_transactions_archive set note = 'x'",
                "update ops.audit_logs_archive set new_values = '{}'",
                "delete from ops.audit_logs_archive",
                "delete from network.withdrawal_requests_archive",
                "truncate ops.audit_logs_archive",
            ] {
                expect_error("42501", sql);
            }
        };
        refused();
        erase(zora);
        refused();
    }

    #[pg_test]
    fn a_column_that_is_not_registered_is_not_changed_along_with_the_others() {
        let zora = zora_everywhere();
        // Somebody's trigger that would use the moment in which the archive lets changes through.
        run("create function pg_temp.more() returns trigger language plpgsql as
             $$ begin new.amount := 1; return new; end $$");
        run("create trigger a_bit_more before update on network.withdrawal_requests_archive
             for each row execute function pg_temp.more()");
        expect_error("42501", &format!("select identity.erase_person('{zora}')"));
        run("drop trigger a_bit_more on network.withdrawal_requests_archive");
        erase(zora);
    }

    #[pg_test]
    fn nothing_moves_to_the_archive_while_somebody_is_erased() {
        let held = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
            and mode = 'ExclusiveLock' and granted
            and (classid::bigint << 32 | objid::bigint) = hashtextextended('backoffice archive', 0)";
        let zora = zora();
        assert_eq!(one::<i64>(held), 0);
        erase(zora);
        assert_eq!(one::<i64>(held), 1);
    }

    #[pg_test]
    fn the_log_of_the_erasure_itself_names_nobody_and_says_what_changed() {
        let zora = zora_everywhere();
        let last: Uuid = one("select id from ops.audit_logs order by id desc limit 1");
        erase(zora);
        let since = format!("from ops.audit_logs where id > '{last}'");
        let said: String = one(&format!(
            "select string_agg(distinct table_name || ' ' || action, ', ') {since}
              and table_name in ('identity', 'network.payout_accounts', 'network.withdrawal_reviews', 'network.level_overrides')"
        ));
        assert_eq!(
            said,
            "identity erase_person, network.level_overrides UPDATE, \
             network.payout_accounts DELETE, network.withdrawal_reviews UPDATE"
        );
        // Nothing waits until the transaction ends.
        let rows: i64 = one("select count(*) from ops.audit_logs");
        run("select 1");
        assert_eq!(one::<i64>("select count(*) from ops.audit_logs"), rows);
    }

    #[pg_test]
    fn the_log_cannot_be_changed_by_anybody_else() {
        let zora = zora();
        run("set local session_replication_role = origin");
        for sql in [
            "update ops.audit_logs set new_values = '{}'",
            "update ops.audit_logs set ip_address = null, user_agent = null",
            "delete from ops.audit_logs",
            "truncate ops.audit_logs",
        ] {
            expect_error("42501", sql);
        }
        erase(zora);
        expect_error("42501", "update ops.audit_logs set new_values = '{}'");
        expect_error(
            "PT404",
            "select identity.erase_person('00000000-0000-0000-0000-000000000000')",
        );
        expect_error("42501", "update ops.audit_logs set new_values = '{}'");
    }

    #[pg_test]
    fn redaction_leaves_what_happened_when_and_to_which_record() {
        let zora = zora();
        let trail = "select md5(string_agg(format('%s %s %s %s %s %s', id, at, actor_id, action, table_name, record_id), ',' order by id))
            from ops.audit_logs where id <= $1";
        let last: Uuid = one("select id from ops.audit_logs order by id desc limit 1");
        let trail = trail.replace("$1", &format!("'{last}'"));
        let before: String = one(&trail);
        erase(zora);
        assert_eq!(one::<String>(&trail), before);
        let changed = one::<JsonB>(&format!(
            "select new_values from ops.audit_logs where table_name = 'identity.users' and action = 'INSERT'
               and record_id = '{zora}'"
        )).0;
        assert_eq!(
            (&changed["email"], &changed["system"]),
            (&json!("[redacted]"), &json!("network"))
        );
    }
}
