//! The kernel inside PostgreSQL.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::error::{Error, Result};
    use crate::kernel::ids::new_id;
    use crate::kernel::rows::Insert;
    use crate::kernel::spi::subtransaction;
    use crate::kernel::{secrets, settings};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    fn attempts() -> i64 {
        settings::get("ops", "outbox_max_attempts").expect("the setting")
    }

    #[pg_test]
    fn a_setting_that_changed_is_seen_at_once() {
        assert_eq!(attempts(), 8);
        run("select backoffice.set_setting('ops', 'outbox_max_attempts', '5')");
        assert_eq!(attempts(), 5);
        run("delete from backoffice.settings where system = 'ops'");
        assert_eq!(attempts(), 8);
    }

    #[pg_test]
    fn a_change_of_a_setting_that_was_undone_is_forgotten() {
        assert_eq!(attempts(), 8);
        let undone: Result<()> = subtransaction(|| {
            run("select backoffice.set_setting('ops', 'outbox_max_attempts', '5')");
            assert_eq!(attempts(), 5);
            Err(Error::conflict("never mind"))
        });
        assert!(undone.is_err());
        assert_eq!(attempts(), 8);
    }

    #[pg_test]
    fn a_default_that_an_update_changed_is_seen_at_once() {
        assert_eq!(attempts(), 8);
        run("update backoffice.setting_definitions set default_value = '9'
              where system = 'ops' and key = 'outbox_max_attempts'");
        assert_eq!(attempts(), 9);
    }

    #[pg_test]
    fn rows_that_are_appended_keep_to_the_rules_of_their_table() {
        run("create domain public.small as integer check (value < 10)");
        run("create type public.color as enum ('red')");
        run("create table public.things (id integer primary key, size public.small,
                color public.color, name text check (name <> 'bad'), gone text)");
        run("alter table public.things drop column gone");
        static THINGS: Insert =
            Insert::into(c"public", c"things", &["id", "size", "color", "name"]);
        let put = |id: i32, size: i32, color: &str, name: &str| {
            subtransaction(|| THINGS.run([[id.into(), size.into(), color.into(), name.into()]]))
                .map_err(|e| e.sqlstate.code())
        };
        assert_eq!(put(1, 9, "red", "good"), Ok(()));
        assert_eq!(put(1, 9, "red", "good"), Err("23505".into()));
        assert_eq!(put(2, 10, "red", "good"), Err("23514".into()));
        assert_eq!(put(2, 9, "blue", "good"), Err("22P02".into()));
        assert_eq!(put(2, 9, "red", "bad"), Err("23514".into()));
        assert_eq!(one::<i64>("select count(*) from public.things where color = 'red'"), 1);
    }

    #[pg_test]
    fn a_trigger_for_each_statement_is_not_passed_over_in_silence() {
        run("create table public.things (id integer)");
        run(
            "create function public.nothing() returns trigger language plpgsql as 'begin return null; end'",
        );
        run("create trigger things_statement after insert on public.things
               for each statement execute function public.nothing()");
        static THINGS: Insert = Insert::into(c"public", c"things", &["id"]);
        let refused = subtransaction(|| THINGS.run([[1.into()]])).map_err(|e| e.sqlstate.code());
        assert_eq!(refused, Err("55000".into()));
    }

    #[pg_test]
    fn a_setting_that_changes_while_a_replica_is_played_is_seen() {
        assert_eq!(attempts(), 8);
        run("set local session_replication_role = replica");
        run(
            "insert into backoffice.settings (system, key, value) values ('ops', 'outbox_max_attempts', '5')",
        );
        run("reset session_replication_role");
        assert_eq!(attempts(), 5);
    }

    #[pg_test]
    fn an_appended_value_of_another_type_is_refused() {
        run("create table public.things (id integer)");
        static THINGS: Insert = Insert::into(c"public", c"things", &["id"]);
        static MISNAMED: Insert = Insert::into(c"public", c"things", &["ident"]);
        assert!(subtransaction(|| THINGS.run([["1".into()]])).is_err());
        assert!(subtransaction(|| MISNAMED.run([[1.into()]])).is_err());
    }

    #[pg_test]
    fn a_person_is_who_the_token_says() {
        let person = new_id();
        become_person(person);
        assert_eq!(one::<pgrx::Uuid>("select backoffice.person_id()"), person);
    }

    #[pg_test]
    fn claims_mean_nothing_without_the_role_of_a_verified_token() {
        run(
            "select set_config('request.jwt.claims', '{\"sub\":\"01900000-0000-7000-8000-000000000001\",\"role\":\"authenticated\"}', true)",
        );
        run("set local role anon");
        assert_eq!(maybe::<pgrx::Uuid>("select backoffice.person_id()"), None);
    }

    #[pg_test]
    fn a_login_role_of_its_own_cannot_forge_claims() {
        run("create role forger login in role authenticated; set session authorization forger");
        run(
            "select set_config('request.jwt.claims', '{\"sub\":\"01900000-0000-7000-8000-000000000001\"}', true)",
        );
        run("set local role authenticated");
        let seen = maybe::<pgrx::Uuid>("select backoffice.person_id()");
        run("reset session authorization");
        assert_eq!(seen, None);
    }

    #[pg_test]
    fn a_role_counts_only_in_its_system_and_a_star_in_all() {
        let (one_system, all_systems) = (new_id(), new_id());
        run(&format!("select backoffice.grant_role('{one_system}', 'ops', 'admin')"));
        run(&format!("select backoffice.grant_role('{all_systems}', '*', 'admin')"));
        let holds =
            |system: &str| one::<bool>(&format!("select backoffice.has_role('{system}', 'admin')"));
        become_person(one_system);
        assert_eq!((holds("ops"), holds("ledger")), (true, false));
        become_person(all_systems);
        assert_eq!((holds("ops"), holds("ledger")), (true, true));
    }

    #[pg_test]
    fn a_role_that_is_taken_away_is_gone_at_once() {
        let person = new_id();
        run(&format!("select backoffice.grant_role('{person}', 'ops', 'admin')"));
        run(&format!("select backoffice.revoke_role('{person}', 'ops', 'admin')"));
        become_person(person);
        assert!(!one::<bool>("select backoffice.has_role('ops', 'admin')"));
    }

    #[pg_test]
    fn nobody_grants_a_role_to_themselves() {
        let person = new_id();
        become_person(person);
        expect_error("42501", &format!("select backoffice.grant_role('{person}', 'ops', 'admin')"));
        become_anonymous();
        expect_error("42501", &format!("select backoffice.grant_role('{person}', 'ops', 'admin')"));
    }

    #[pg_test]
    fn an_admin_of_one_system_grants_nothing_in_another_or_in_all() {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ops', 'admin')"));
        become_person(admin);
        expect_error(
            "42501",
            &format!("select backoffice.grant_role('{admin}', 'ledger', 'admin')"),
        );
        expect_error("42501", &format!("select backoffice.grant_role('{admin}', '*', 'admin')"));
    }

    #[pg_test]
    fn an_unknown_role_is_refused() {
        let person = new_id();
        expect_error("22023", &format!("select backoffice.grant_role('{person}', 'ops', 'king')"));
    }

    #[pg_test]
    fn an_admin_needs_the_second_factor_where_the_setting_says_so() {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', 'ops', 'admin')"));
        run("select backoffice.set_setting('backoffice', 'admin_second_factor', 'true')");
        become_person_at(admin, "aal1");
        assert!(!one::<bool>("select backoffice.has_role('ops', 'admin')"));
        become_person_at(admin, "aal2");
        assert!(one::<bool>("select backoffice.has_role('ops', 'admin')"));
    }

    #[pg_test]
    fn a_setting_keeps_to_its_type() {
        expect_error("22023", "select backoffice.set_setting('ops', 'outbox_max_attempts', '0')");
        expect_error(
            "22023",
            "select backoffice.set_setting('ops', 'outbox_max_attempts', '\"3\"')",
        );
        expect_error("22023", "select backoffice.set_setting('ops', 'outbox_max_attempts', null)");
        expect_error("PT404", "select backoffice.set_setting('ops', 'nothing', '1')");
    }

    #[pg_test]
    fn a_changed_setting_is_audited() {
        run("select backoffice.set_setting('ops', 'outbox_max_attempts', '3')");
        let logged: pgrx::JsonB =
            one("select new_values from ops.audit_logs where table_name = 'backoffice.settings'
              and record_id = 'ops,outbox_max_attempts'");
        assert_eq!(logged.0["value"], 3);
    }

    #[pg_test]
    fn a_secret_opens_only_for_its_purpose() {
        let id = secrets::seal("bank", b"0123456789").unwrap();
        assert_eq!(secrets::open(id, "bank").unwrap().as_slice(), b"0123456789");
        assert!(secrets::open(id, "totp").is_err());
        let stored: Vec<u8> = one("select ciphertext from backoffice.secrets");
        assert!(!stored.windows(10).any(|window| window == b"0123456789"));
    }

    #[pg_test]
    fn rotation_seals_under_the_first_key_and_old_secrets_still_open() {
        let id = secrets::seal("bank", b"iban").unwrap();
        let file = std::env::temp_dir().join(format!("rotated-{}.key", std::process::id()));
        let old = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let new = "next:HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        std::fs::write(&file, format!("{new}\n{old}\n")).unwrap();
        run(&format!("set local backoffice.root_key_file = '{}'", file.display()));
        assert_eq!(one::<i64>("select backoffice.rotate_secrets()"), 1);
        assert_eq!(one::<i64>("select backoffice.rotate_secrets()"), 0);
        std::fs::write(&file, format!("{new}\n")).unwrap();
        assert_eq!(secrets::open(id, "bank").unwrap().as_slice(), b"iban");
        std::fs::remove_file(&file).unwrap();
    }

    #[pg_test]
    fn a_secret_that_does_not_open_is_named() {
        let (good, moved) =
            (secrets::seal("bank", b"1").unwrap(), secrets::seal("bank", b"2").unwrap());
        let broken = "select array_agg(id) from backoffice.check_secrets()";
        assert_eq!(maybe::<Vec<pgrx::Uuid>>(broken), None);
        run(&format!("update backoffice.secrets set purpose = 'totp' where id = '{moved}'"));
        assert_eq!(one::<Vec<pgrx::Uuid>>(broken), [moved]);
        run(&format!("update backoffice.secrets set key_id = 'lost' where id = '{good}'"));
        assert_eq!(one::<Vec<pgrx::Uuid>>(broken).len(), 2);
        become_service();
        expect_error("42501", broken);
    }

    #[pg_test]
    fn minor_units_print_with_the_decimals_of_their_currency() {
        let shown = |call: &str| one::<String>(&format!("select backoffice.major({call})::text"));
        assert_eq!(shown("50000, 'INR'"), "500.00");
        assert_eq!(shown("-7, 'JPY'"), "-7");
        assert_eq!(shown("1005, 'KWD'"), "1.005");
        expect_error("22023", "select backoffice.major(1, 'XXY')");
    }

    #[pg_test]
    fn only_the_database_makes_api_keys() {
        let key: String = one("select backoffice.api_key('anon')");
        assert_eq!(key.split('.').count(), 3);
        expect_error("22023", "select backoffice.api_key('authenticated')");
        become_service();
        expect_error("42501", "select backoffice.api_key('anon')");
    }

    #[pg_test]
    fn an_error_that_ends_a_subtransaction_keeps_its_code_and_undoes_its_writes() {
        use crate::kernel::error::{Error, Result};
        use crate::kernel::spi::subtransaction;
        run("create temporary table written (n int check (n > 0))");
        let code = |outcome: Result<()>| outcome.unwrap_err().sqlstate.code();
        let raising =
            |code: &str| format!("do $$ begin raise exception using errcode = '{code}'; end $$");
        for expected in ["PT409", "PT404", "22023", "P0001", "55P03"] {
            let outcome = subtransaction(|| {
                run("insert into written values (1)");
                run(&raising(expected));
                Ok(())
            });
            assert_eq!(code(outcome), expected);
        }
        let own = subtransaction(|| {
            run("insert into written values (1)");
            Err(Error::conflict("own"))
        });
        assert_eq!(code(own), "PT409");
        let nested = subtransaction(|| {
            let inner = subtransaction(|| {
                run("insert into written values (0)");
                Ok(())
            });
            assert_eq!(code(inner), "23514");
            run("insert into written values (2)");
            Ok(())
        });
        nested.unwrap();
        assert_eq!(one::<i64>("select sum(n) from written"), 2);
    }
}
