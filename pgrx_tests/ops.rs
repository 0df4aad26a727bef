//! The audit log, the outbox and the settings inside PostgreSQL.

use pgrx::prelude::*;

pub mod inbox;
mod inbox_secrets;
mod jobs;
mod purges;
mod watched_jobs;

#[pg_schema]
mod tests {
    use crate::kernel::error::{Error, Result, entry};
    use crate::kernel::ids::new_id;
    use crate::kernel::spi::subtransaction;
    use crate::ops::outbox::{self, Channel, Message};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::{Value, json};

    /// A table of the test's own with an audit trigger and a secret column.
    fn audited_table() {
        run(
            "create table public.things (id integer primary key, name text, secret text, size integer, extra jsonb)",
        );
        run("create trigger audit after insert or update or delete on public.things
               for each row execute function ops.audit_row('secret')");
    }

    /// The last entry about the test's table.
    fn last() -> Value {
        one::<JsonB>(
            "select to_jsonb(a) from ops.audit_logs a where table_name = 'public.things'
              order by id desc limit 1",
        )
        .0
    }

    fn entries() -> i64 {
        one("select count(*) from ops.audit_logs where table_name = 'public.things'")
    }

    #[pg_test]
    fn an_insert_is_logged_with_what_was_set() {
        audited_table();
        run(r#"insert into public.things values (1, 'a', 'hush', null, '{"x": 1.50}')"#);
        let entry = last();
        assert_eq!((&entry["action"], &entry["record_id"]), (&json!("INSERT"), &json!("1")));
        assert_eq!(entry["old_values"], Value::Null);
        let new = json!({"id": 1, "name": "a", "secret": "[redacted]", "extra": {"x": 1.5}});
        assert_eq!(entry["new_values"], new);
    }

    /// Runs SQL as part of a function of ours.
    fn inside(work: impl FnOnce() -> Result<()>) {
        entry(work).unwrap_or_else(|e| panic!("{}", e.message()));
    }

    #[pg_test]
    fn what_a_function_changes_is_logged_when_it_is_done() {
        audited_table();
        inside(|| {
            run("insert into public.things values (1, 'a'), (2, 'b')");
            run("insert into public.things values (3, 'c')");
            assert_eq!(entries(), 0);
            Ok(())
        });
        assert_eq!(entries(), 3);
    }

    #[pg_test]
    fn what_was_undone_inside_a_function_is_not_logged() {
        audited_table();
        inside(|| {
            let undone: Result<()> = subtransaction(|| {
                run("insert into public.things values (1, 'undone')");
                subtransaction(|| {
                    run("insert into public.things values (2, 'undone with it')");
                    Ok(())
                })?;
                Err(Error::conflict("never mind"))
            });
            assert!(undone.is_err());
            subtransaction(|| {
                run("insert into public.things values (3, 'done')");
                Ok(())
            })
        });
        assert_eq!(last()["new_values"]["name"], json!("done"));
        assert_eq!(entries(), 1);
    }

    #[pg_test]
    fn what_a_trigger_of_the_log_changes_is_logged_too() {
        audited_table();
        run("create table public.seen (id integer primary key)");
        run("create trigger audit after insert on public.seen
               for each row execute function ops.audit_row()");
        run("create function public.see() returns trigger language plpgsql security definer as $$
               begin
                 if new.table_name = 'public.things' then insert into public.seen values (1); end if;
                 return null;
               end $$");
        run(
            "create trigger see after insert on ops.audit_logs for each row execute function public.see()",
        );
        run("grant insert on public.seen to backoffice_owner");
        inside(|| {
            run("insert into public.things values (1, 'a')");
            Ok(())
        });
        let seen: i64 = one("select count(*) from ops.audit_logs where table_name = 'public.seen'");
        assert_eq!(seen, 1);
    }

    #[pg_test]
    fn a_block_that_catches_an_error_leaves_no_trace_of_it() {
        audited_table();
        inside(|| {
            run("do $$ begin
                   begin
                     insert into public.things values (1, 'undone');
                     raise exception 'no';
                   exception when others then null;
                   end;
                 end $$");
            Ok(())
        });
        assert_eq!(entries(), 0);
    }

    #[pg_test]
    fn a_function_that_fails_leaves_nothing_for_the_next_to_log() {
        audited_table();
        let failed: Result<()> = subtransaction(|| {
            inside(|| {
                run("insert into public.things values (1, 'undone')");
                Ok(())
            });
            Err(Error::conflict("never mind"))
        });
        assert!(failed.is_err());
        inside(|| {
            run("insert into public.things values (2, 'done')");
            Ok(())
        });
        assert_eq!((entries(), &last()["record_id"]), (1, &json!("2")));
    }

    #[pg_test]
    fn the_log_is_written_whoever_is_the_outermost() {
        audited_table();
        run("grant insert on public.things to authenticated");
        run("grant usage on schema public to authenticated");
        become_person(new_id());
        inside(|| {
            run("insert into public.things values (1, 'a')");
            Ok(())
        });
        become_database();
        assert_eq!(last()["actor_role"], json!("person"));
    }

    #[pg_test]
    fn an_update_is_logged_with_the_changed_columns_only() {
        audited_table();
        run("insert into public.things values (1, 'a', 'hush', 7, null)");
        run("update public.things set name = 'b', size = null");
        let entry = last();
        assert_eq!(entry["old_values"], json!({"name": "a", "size": 7}));
        assert_eq!(entry["new_values"], json!({"name": "b", "size": null}));
    }

    #[pg_test]
    fn a_changed_secret_shows_that_it_changed_and_not_what_it_is() {
        audited_table();
        run("insert into public.things values (1, 'a', 'hush', 7, null)");
        run("update public.things set secret = 'still'");
        assert_eq!(last()["new_values"], json!({"secret": "[redacted]"}));
        assert_eq!(last()["old_values"], json!({"secret": "[redacted]"}));
    }

    #[pg_test]
    fn an_update_that_changes_nothing_is_not_logged() {
        audited_table();
        run("insert into public.things values (1, 'a', 'hush', 7, null)");
        run("update public.things set name = 'a'");
        assert_eq!(entries(), 1);
    }

    #[pg_test]
    fn a_delete_is_logged_with_what_was_there() {
        audited_table();
        run("insert into public.things values (1, 'a', null, 7, null)");
        run("delete from public.things");
        assert_eq!(last()["action"], "DELETE");
        assert_eq!(last()["old_values"], json!({"id": 1, "name": "a", "size": 7}));
    }

    #[pg_test]
    fn a_restored_row_is_no_change() {
        audited_table();
        run("set local row_security = off; set local check_function_bodies = off");
        run("insert into public.things values (1, 'a', 'hush', 7, null)");
        assert_eq!(entries(), 0);
        run("set local check_function_bodies = on");
        run("insert into public.things values (2, 'a', 'hush', 7, null)");
        assert_eq!(entries(), 1);
    }

    #[pg_test]
    fn an_entry_says_who_and_from_where() {
        audited_table();
        run("grant all on public.things to authenticated");
        run(
            r#"select set_config('request.headers', '{"x-request-id": "r-1", "x-real-ip": "192.0.2.7", "user-agent": "curl"}', true)"#,
        );
        let person = new_id();
        become_person(person);
        run("insert into public.things values (1)");
        become_database();
        let entry = last();
        assert_eq!(
            (&entry["actor_id"], &entry["actor_role"]),
            (&json!(person.to_string()), &json!("person"))
        );
        assert_eq!(entry["request_id"], "r-1");
        assert_eq!(entry["ip_address"], "192.0.2.7");
        assert_eq!(entry["user_agent"], "curl");
    }

    #[pg_test]
    fn an_address_that_is_none_is_left_out() {
        audited_table();
        run(r#"select set_config('request.headers', '{"x-real-ip": "''; drop table"}', true)"#
            .replace("''", "")
            .as_str());
        run("insert into public.things values (1)");
        assert_eq!(last()["ip_address"], Value::Null);
    }

    #[pg_test]
    fn psql_and_servers_are_told_apart() {
        audited_table();
        run("grant all on public.things to service_role");
        run("insert into public.things values (1)");
        assert_eq!(last()["actor_role"], "database");
        become_service();
        run("insert into public.things values (2)");
        become_database();
        assert_eq!(last()["actor_role"], "service");
    }

    #[pg_test]
    fn the_log_is_append_only_even_for_the_superuser() {
        audited_table();
        run("insert into public.things values (1)");
        expect_error("42501", "update ops.audit_logs set action = 'x'");
        expect_error("42501", "delete from ops.audit_logs");
        expect_error("42501", "truncate ops.audit_logs");
    }

    #[pg_test]
    fn the_log_and_the_outbox_are_for_admins() {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ops', 'admin')"));
        send("a@example.com", None);
        let rows = |table: &str| one::<i64>(&format!("select count(*) from ops.{table}"));
        become_person(admin);
        assert!(rows("audit_logs") > 0);
        assert_eq!(
            one::<i64>("select count(id) from ops.outbox where recipient = 'a@example.com'"),
            1
        );
        expect_error("42501", "select payload from ops.outbox");
        become_person(new_id());
        assert_eq!(rows("audit_logs"), 0);
        assert_eq!(one::<i64>("select count(id) from ops.outbox"), 0);
        become_anonymous();
        expect_error("42501", "select * from ops.audit_logs");
        expect_error("42501", "select id from ops.outbox");
    }

    fn send(recipient: &str, key: Option<&str>) {
        outbox::enqueue(&Message {
            system: "test",
            channel: Channel::Sms,
            template: "hello",
            recipient,
            payload: json!({"token": "t"}),
            idempotency_key: key,
        })
        .expect("a message in the outbox");
    }

    fn claim(worker: &str) -> Vec<Uuid> {
        maybe(&format!("select array_agg(id) from ops.claim_outbox('sms', 10, 60, '{worker}')"))
            .unwrap_or_default()
    }

    #[pg_test]
    fn a_message_is_leased_to_one_worker() {
        send("a", None);
        assert_eq!(claim("w1").len(), 1);
        assert_eq!(claim("w2").len(), 0);
    }

    #[pg_test]
    fn a_lease_that_ran_out_is_given_to_another() {
        send("a", None);
        let first = claim("w1");
        run("update ops.outbox set leased_until = now() - interval '1 second'");
        assert_eq!(claim("w2"), first);
        expect_error("PT409", &format!("select ops.complete_outbox('{}', 'w1')", first[0]));
        run(&format!("select ops.complete_outbox('{}', 'w2')", first[0]));
    }

    #[pg_test]
    fn a_sent_message_is_emptied_and_not_sent_again() {
        send("a", None);
        let id = claim("w1")[0];
        run(&format!("select ops.complete_outbox('{id}', 'w1')"));
        let (status, payload): (String, JsonB) = (
            one(&format!("select status from ops.outbox where id = '{id}'")),
            one(&format!("select payload from ops.outbox where id = '{id}'")),
        );
        assert_eq!((status.as_str(), payload.0), ("sent", json!({})));
        run("update ops.outbox set leased_until = null, available_at = now() - interval '1 day'");
        assert_eq!(claim("w1").len(), 0);
    }

    #[pg_test]
    fn a_failure_waits_longer_each_time_and_ends_as_dead() {
        run("select backoffice.set_setting('ops', 'outbox_max_attempts', '3')");
        send("a", None);
        let wait = || -> i32 {
            run("update ops.outbox set available_at = now() where recipient = 'a'");
            let id = claim("w")[0];
            run(&format!("select ops.fail_outbox('{id}', 'no route', 'w')"));
            one(
                "select extract(epoch from available_at - now())::integer from ops.outbox where recipient = 'a'",
            )
        };
        assert_eq!((wait(), wait()), (30, 60));
        wait();
        assert_eq!(one::<String>("select status from ops.outbox where recipient = 'a'"), "dead");
        assert_eq!(
            one::<JsonB>("select payload from ops.outbox where recipient = 'a'").0,
            json!({})
        );
    }

    #[pg_test]
    fn a_second_message_with_the_same_key_is_dropped() {
        send("a", Some("k"));
        send("a", Some("k"));
        assert_eq!(one::<i64>("select count(*) from ops.outbox where recipient = 'a'"), 1);
    }

    #[pg_test]
    fn the_outbox_is_worked_by_servers_only() {
        send("a", None);
        become_person(new_id());
        expect_error("42501", "select ops.claim_outbox('sms')");
        become_service();
        assert_eq!(claim("w").len(), 1);
    }

    #[pg_test]
    fn claims_keep_to_their_bounds() {
        for call in
            ["'fax'", "'sms', 0", "'sms', 1001", "'sms', 1, 0", "'sms', 1, 3601", "'sms', 1, 1, ''"]
        {
            expect_error("22023", &format!("select ops.claim_outbox({call})"));
        }
        expect_error("22004", "select ops.claim_outbox(null)");
        expect_error("22004", "select ops.complete_outbox(null)");
        expect_error("PT409", &format!("select ops.complete_outbox('{}')", new_id()));
        expect_error("PT409", &format!("select ops.fail_outbox('{}', 'x')", new_id()));
    }

    #[pg_test]
    fn admins_read_and_change_settings_of_their_system() {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ops', 'admin')"));
        become_person(admin);
        run("select ops.set_setting('ops', 'outbox_max_attempts', '5')");
        let settings: JsonB = one("select ops.get_settings('ops')");
        assert_eq!(settings.0["outbox_max_attempts"], 5);
        expect_error("42501", "select ops.get_settings('identity')");
        expect_error("42501", "select ops.set_setting('identity', 'allow_sign_up', 'false')");
    }
}
