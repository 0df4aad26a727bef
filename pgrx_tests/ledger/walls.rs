//! Nobody but the functions writes: every table of the ledger, every role, every way to
//! write that SQL has.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::ids::new_id;
    use crate::pgrx_tests::ledger::support::*;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// Runs each statement in a subtransaction of its own, as whoever calls; those that
    /// did not fail with one of the codes, and what they gave instead.
    const TRY: &str = "
        create or replace function pg_temp.try(statements text[], codes text[])
        returns text language plpgsql as $f$
        declare
            one text;
            wrong text := '';
        begin
            foreach one in array statements loop
                begin
                    execute one;
                    raise exception using errcode = 'XX999';
                exception when others then
                    if sqlstate <> all (codes) then
                        wrong := wrong || sqlstate || ' ' || one || e'\n';
                    end if;
                end;
            end loop;
            return wrong;
        end $f$;
        grant execute on function pg_temp.try(text[], text[]) to public";

    fn expect_all(codes: &[&str], statements: &[String]) {
        let list = |texts: &[String]| {
            texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
        };
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        assert!(!statements.is_empty());
        let wrong: String = one(&format!(
            "select pg_temp.try(array[{}]::text[], array[{}]::text[])",
            list(statements),
            list(&codes)
        ));
        assert_eq!(wrong, "");
    }

    fn names(kinds: &str) -> Vec<String> {
        one(&format!(
            "select array_agg(oid::regclass::text order by 1) from pg_class
              where relnamespace = 'ledger'::regnamespace and relkind in ({kinds})"
        ))
    }

    /// A column of a relation, any.
    fn column_of(relation: &str) -> String {
        one(&format!(
            "select quote_ident(attname) from pg_attribute
              where attrelid = '{relation}'::regclass and attnum > 0 and not attisdropped
                and attidentity = '' order by attnum limit 1"
        ))
    }

    fn constraint_of(table: &str) -> Option<String> {
        maybe(&format!(
            "select quote_ident(conname) from pg_constraint
              where conrelid = '{table}'::regclass and contype = 'p'"
        ))
    }

    /// Writing the rows of a table.
    fn writes(table: &str) -> Vec<String> {
        let column = column_of(table);
        let mut ways: Vec<String> = [
            "insert into {t} default values",
            "insert into {t} select * from {t}",
            "insert into {t} default values on conflict do nothing",
            "update {t} set {c} = {c}",
            "update {t} set {c} = t.{c} from {t} t",
            "delete from {t}",
            "delete from {t} using (values (1)) v",
            "with gone as (delete from {t} returning 1) select count(*) from gone",
            "with new as (update {t} set {c} = {c} returning 1) select count(*) from new",
            "merge into {t} using (values (1)) v on true when matched then delete",
            "merge into {t} using (values (1)) v on true when matched then update set {c} = null",
            "merge into {t} using (values (1)) v on false when not matched then insert default values",
            "truncate {t}",
            "truncate {t} cascade",
            "copy {t} from program 'true'",
            "copy {t} from '/dev/null'",
            "select 1 from {t} for update",
            "select 1 from {t} for no key update",
            "select 1 from {t} for share",
            "select 1 from {t} for key share",
            "lock table {t} in exclusive mode",
            "lock table {t} in access exclusive mode",
        ]
        .iter()
        .map(|way| way.replace("{t}", table).replace("{c}", &column))
        .collect();
        ways.extend(constraint_of(table).map(|key| {
            format!(
                "insert into {table} default values
                   on conflict on constraint {key} do update set {column} = excluded.{column}"
            )
        }));
        ways
    }

    /// Taking the table apart, or putting something beside it that writes.
    fn alterations(table: &str) -> Vec<String> {
        [
            "create rule mine as on insert to {t} do instead nothing",
            "create rule mine as on select to {t} do instead select 1",
            "create trigger mine before insert on {t} for each row
                execute function suppress_redundant_updates_trigger()",
            "create policy mine on {t} using (true) with check (true)",
            "alter table {t} disable trigger all",
            "alter table {t} disable trigger user",
            "alter table {t} disable row level security",
            "alter table {t} no force row level security",
            "alter table {t} owner to current_user",
            "alter table {t} add column mine integer",
            "alter table {t} set unlogged",
            "alter table {t} rename to mine",
            "alter table {t} set schema pg_temp",
            "create index on {t} ((1))",
            "create temp table heir () inherits ({t})",
            "drop table {t} cascade",
            "comment on table {t} is 'mine'",
            "alter extension backoffice drop table {t}",
        ]
        .iter()
        .map(|way| way.replace("{t}", table))
        .collect()
    }

    /// Whom to try as. An admin of every system has the rights of a person, and a role
    /// that was let into the schema by mistake has no more than that.
    const CALLERS: [&str; 6] =
        ["anon", "a person", "an admin", "service_role", "authenticator", "let_in"];

    fn become_caller(caller: &str) {
        become_database();
        match caller {
            "anon" => become_anonymous(),
            "a person" => become_person(new_id()),
            "an admin" => {
                let admin = new_id();
                run(&format!("select backoffice.grant_role('{admin}', '*', 'admin')"));
                become_person_at(admin, "aal2");
            }
            "service_role" => become_service(),
            other => run(&format!("set local role {other}")),
        }
    }

    fn scene() {
        alone();
        let (bank, shop, wallet) = funded(100);
        call_transfer(bank, wallet, "");
        crate::ledger::hold(&new_hold(wallet, shop, 10)).unwrap();
        run("create role let_in; grant usage on schema ledger to let_in");
        run(TRY);
    }

    #[pg_test]
    fn no_role_writes_a_row_of_any_table() {
        scene();
        let tables = names("'r', 'p'");
        assert!(tables.len() > 20, "{tables:?}");
        let ways: Vec<String> = tables.iter().flat_map(|table| writes(table)).collect();
        for caller in CALLERS {
            become_caller(caller);
            expect_all(&["42501"], &ways);
        }
        become_database();
        expect_books_in_order();
    }

    #[pg_test]
    fn no_role_takes_a_table_apart() {
        scene();
        let tables = names("'r', 'p'");
        let ways: Vec<String> = tables.iter().flat_map(|table| alterations(table)).collect();
        for caller in CALLERS {
            become_caller(caller);
            expect_all(&["42501"], &ways);
        }
    }

    #[pg_test]
    fn no_role_writes_through_a_view() {
        scene();
        let through = |view: &String| {
            let column = column_of(view);
            [
                format!("insert into {view} default values"),
                format!("update {view} set {column} = {column}"),
                format!("delete from {view}"),
            ]
        };
        let ways: Vec<String> = names("'v'").iter().flat_map(through).collect();
        for caller in CALLERS {
            become_caller(caller);
            // 55000 where no view of this form can be written at all.
            expect_all(&["42501", "55000"], &ways);
        }
    }

    #[pg_test]
    fn no_role_counts_on_or_becomes_somebody_else() {
        scene();
        let mut ways: Vec<String> = names("'S'")
            .iter()
            .flat_map(|sequence| {
                [format!("select nextval('{sequence}')"), format!("select setval('{sequence}', 1)")]
            })
            .collect();
        ways.extend(
            [
                "set local session_replication_role = replica",
                "create function ledger.mine() returns int language sql as 'select 1'",
                "create table ledger.mine (n int)",
                "create extension hstore schema ledger",
                "drop extension backoffice cascade",
                "alter schema ledger owner to current_user",
                "drop schema ledger cascade",
                "grant all on all tables in schema ledger to public",
                "create event trigger mine on ddl_command_start
                    execute function suppress_redundant_updates_trigger()",
            ]
            .map(str::to_owned),
        );
        for caller in CALLERS {
            become_caller(caller);
            expect_all(&["42501"], &ways);
        }
        become_database();
        // The session of a test is a superuser's, which may become anybody.
        let owners: i64 =
            one("select count(*) from unnest(array['anon', 'authenticated', 'service_role',
                    'authenticator', 'let_in']) as role
              where pg_has_role(role, 'backoffice_owner', 'member')");
        assert_eq!(owners, 0);
    }

    #[pg_test]
    fn what_a_caller_puts_in_the_way_is_not_used() {
        scene();
        run("grant temporary on database pgrx_tests to service_role");
        become_service();
        for table in ["transfers", "accounts", "transfer_kinds", "holds"] {
            run(&format!("create temp table {table} (id bigint)"));
        }
        run("create function pg_temp.clock_timestamp() returns timestamptz
                language sql as $$ select timestamptz '1999-01-01' $$;
             create function pg_temp.mine(bigint, bigint) returns boolean
                language sql as 'select false';
             create operator pg_temp.= (leftarg = bigint, rightarg = bigint, function = pg_temp.mine)");
        run("set local search_path = pg_temp, ledger, pg_catalog");
        let at: bool = one("select recorded_at > now() - interval '1 day'
               from ledger.transfer('test', 'bank', 'wallet', 5)");
        assert!(at);
        for table in ["transfers", "accounts", "transfer_kinds", "holds"] {
            assert_eq!(one::<i64>(&format!("select count(*) from pg_temp.{table}")), 0);
        }
        run("set local search_path = pg_catalog, public");
        become_database();
        expect_books_in_order();
    }
}
