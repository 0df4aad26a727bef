//! A walk over the catalog: rules that every object of the extension keeps.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    /// What a query lists; a test fails with these names.
    fn listed(sql: &str) -> Vec<String> {
        maybe::<Vec<String>>(&format!(
            "select array_agg(name order by name) from ({sql}) as x (name)"
        ))
        .unwrap_or_default()
    }

    /// Everything of one catalog that the extension owns, outside the tests' schema.
    fn ours(catalog: &str) -> String {
        format!(
            "select o.* from pg_catalog.{catalog} o
               join pg_catalog.pg_depend d on d.classid = 'pg_catalog.{catalog}'::regclass
                and d.objid = o.oid and d.deptype = 'e'
               join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'"
        )
    }

    fn none(sql: &str) {
        assert_eq!(listed(sql), Vec::<String>::new());
    }

    #[pg_test]
    fn the_walk_finds_the_extension() {
        for (catalog, least) in [("pg_class", 20), ("pg_proc", 60), ("pg_namespace", 6)] {
            assert!(one::<i64>(&format!("select count(*) from ({}) o", ours(catalog))) >= least);
        }
    }

    #[pg_test]
    fn every_table_has_row_level_security() {
        none(&format!(
            "select oid::regclass::text from ({}) c where relkind in ('r', 'p') and not relrowsecurity",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn every_table_and_sequence_is_dumped_or_comes_with_the_extension() {
        // Rows of these come with the extension and nobody changes them.
        none(&format!(
            "select c.oid::regclass::text from ({}) c
              where relkind in ('r', 'p', 'S')
                and c.oid::regclass::text not in
                    ('backoffice.role_definitions', 'backoffice.setting_definitions', 'backoffice.personal_columns', 'ledger.transfer_kinds')
                and not exists (select from pg_catalog.pg_extension e
                                 where e.extname = 'backoffice' and c.oid = any (e.extconfig))",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn every_table_view_and_schema_says_what_it_is() {
        none(&format!(
            "select c.oid::regclass::text from ({}) c
              where relkind in ('r', 'p', 'v')
                and pg_catalog.obj_description(c.oid, 'pg_class') is null",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn every_function_that_clients_may_call_says_what_it_does() {
        none(&format!(
            "select p.oid::regprocedure::text from ({}) p
              where (pg_catalog.has_function_privilege('authenticated', p.oid, 'execute')
                  or pg_catalog.has_function_privilege('service_role', p.oid, 'execute'))
                and p.pronamespace <> 'tests'::regnamespace
                and pg_catalog.obj_description(p.oid, 'pg_proc') is null",
            ours("pg_proc")
        ));
    }

    #[pg_test]
    fn every_view_reads_with_the_rights_of_its_caller() {
        none(&format!(
            "select c.oid::regclass::text from ({}) c where relkind = 'v'
                and not coalesce(reloptions && '{{security_invoker=true,security_invoker=on}}', false)",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn every_definer_has_a_search_path_of_its_own() {
        none(&format!(
            "select p.oid::regprocedure::text from ({}) p where prosecdef
                and not exists (select from unnest(proconfig) as c (setting)
                                 where setting = 'search_path=pg_catalog, pg_temp')",
            ours("pg_proc")
        ));
    }

    #[pg_test]
    fn nothing_is_for_public() {
        none(&format!(
            "select p.oid::regprocedure::text from ({}) p
              where pronamespace <> 'tests'::regnamespace
                and exists (select from pg_catalog.aclexplode(
                        coalesce(proacl, pg_catalog.acldefault('f', proowner))) a where a.grantee = 0)",
            ours("pg_proc")
        ));
        none(&format!(
            "select c.oid::regclass::text from ({}) c
              where exists (select from pg_catalog.aclexplode(c.relacl) a where a.grantee = 0)",
            ours("pg_class")
        ));
        none(&format!(
            "select n.nspname::text from ({}) n
              where nspname <> 'tests'
                and exists (select from pg_catalog.aclexplode(n.nspacl) a where a.grantee = 0)",
            ours("pg_namespace")
        ));
    }

    #[pg_test]
    fn everything_belongs_to_the_owner() {
        for (catalog, owner, name) in [
            ("pg_class", "relowner", "oid::regclass::text"),
            ("pg_proc", "proowner", "oid::regprocedure::text"),
            ("pg_namespace", "nspowner", "nspname::text"),
        ] {
            none(&format!(
                "select {name} from ({}) o where {owner} <> 'backoffice_owner'::regrole",
                ours(catalog)
            ));
        }
    }

    #[pg_test]
    fn the_owner_can_neither_log_in_nor_do_everything() {
        none(
            "select rolname::text from pg_catalog.pg_roles
              where rolname = 'backoffice_owner'
                and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)",
        );
    }

    #[pg_test]
    fn nothing_of_ours_is_outside_our_schemas() {
        for (catalog, schema, name) in [
            ("pg_class", "relnamespace", "oid::regclass::text"),
            ("pg_proc", "pronamespace", "oid::regprocedure::text"),
            ("pg_type", "typnamespace", "oid::regtype::text"),
        ] {
            none(&format!(
                "select {name} from ({}) o
                  where {schema} not in (select oid from pg_catalog.pg_namespace where nspname in ({SCHEMAS}, 'tests'))",
                ours(catalog)
            ));
        }
    }

    #[pg_test]
    fn every_foreign_key_has_an_index() {
        none(
            "select c.conrelid::regclass || '.' || c.conname
               from pg_catalog.pg_constraint c
               join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass
                and d.objid = c.conrelid and d.deptype = 'e'
              where c.contype = 'f'
                and not exists (
                    select from pg_catalog.pg_index i
                     where i.indrelid = c.conrelid
                       -- An index of the rows that refer to something serves as well.
                       and (i.indpred is null or pg_catalog.pg_get_expr(i.indpred, i.indrelid)
                            = (select format('(%s IS NOT NULL)', a.attname) from pg_catalog.pg_attribute a
                                where a.attrelid = c.conrelid and a.attnum = c.conkey[1]))
                       and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)",
        );
    }

    #[pg_test]
    fn no_table_can_be_written_by_clients() {
        none(&format!(
            "select c.oid::regclass || ' by ' || r.role
               from ({}) c
              cross join (values ('anon'), ('authenticated'), ('service_role')) as r (role)
              where relkind in ('r', 'p', 'v')
                and (pg_catalog.has_table_privilege(r.role, c.oid, 'insert, update, delete, truncate, references, trigger')
                  or pg_catalog.has_any_column_privilege(r.role, c.oid, 'insert, update'))",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn visitors_reach_no_table_at_all() {
        none(&format!(
            "select c.oid::regclass::text from ({}) c
              where relkind in ('r', 'p', 'v', 'S')
                and (pg_catalog.has_any_column_privilege('anon', c.oid, 'select')
                  or pg_catalog.has_table_privilege('anon', c.oid, 'select'))",
            ours("pg_class")
        ));
    }

    /// Columns that can hold something about a person, by type, by name or because
    /// they refer to one.
    const SUSPICIOUS: &str = "a.atttypid in ('json'::regtype, 'jsonb'::regtype, 'inet'::regtype, 'uuid[]'::regtype)
        or (a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype)
            and a.attname ~ '(^|_)(e?mail|phone|mobile|name|address|recipient|user_agent|device|bank|account_number|iban|ifsc|holder|pan|aadhaar|tax_id|birth|note|notes|message|comment|handle|person|actor|password_hash|token|token_hash|code_hash|secret|ciphertext|last_error)($|_)')
        or (a.atttypid = 'uuid'::regtype
            and a.attname ~ '(^|_)(person|user|actor|owner|admin|promoter|customer|recipient|member|buyer|artist|host|student|agent|referrer|referee)_id$|_by$')
        or exists (
            select from pg_catalog.pg_constraint f
             where f.contype = 'f' and f.conrelid = c.oid and f.conkey = array[a.attnum]
               and f.confrelid in ('identity.users'::regclass, 'network.profiles'::regclass,
                                   'network.promoters'::regclass, 'network.customers'::regclass,
                                   'treasury.users'::regclass))";

    #[pg_test]
    fn every_column_about_a_person_is_registered() {
        none(&format!(
            "select c.oid::regclass || '.' || a.attname
               from ({}) c
               join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where c.relkind in ('r', 'p') and ({SUSPICIOUS})
                and not exists (select from backoffice.personal_columns r
                                 where r.table_name = c.oid::regclass::text and a.attname in (r.column_name, r.person))",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn every_registered_column_exists() {
        none(
            "select r.table_name || '.' || r.column_name from backoffice.personal_columns r
              where not exists (select from pg_catalog.pg_attribute a
                                 where a.attrelid = pg_catalog.to_regclass(r.table_name)
                                   and a.attname = r.column_name and not a.attisdropped)",
        );
    }

    #[pg_test]
    fn only_the_audit_log_is_redacted_in_place() {
        none(
            "select distinct table_name from backoffice.personal_columns
              where erasure = 'redact'
                and table_name not in ('ops.audit_logs', 'ops.audit_logs_archive')",
        );
    }

    #[pg_test]
    fn a_column_that_is_to_be_empty_may_be_empty() {
        none(
            "select r.table_name || '.' || r.column_name
               from backoffice.personal_columns r
               join pg_catalog.pg_attribute a
                 on a.attrelid = pg_catalog.to_regclass(r.table_name) and a.attname = r.column_name
               join pg_catalog.pg_type y on y.oid = a.atttypid
              cross join lateral (select coalesce(nullif(y.typbasetype, 0), y.oid) as type) base
              where (r.erasure = 'null' and (a.attnotnull or y.typnotnull))
                 or (r.erasure = 'empty' and base.type <> 'jsonb'::regtype)
                 or (r.erasure = 'pseudonym' and base.type <> 'text'::regtype)
                 or (r.erasure = 'addresses' and base.type not in ('text'::regtype, 'jsonb'::regtype))",
        );
    }

    const SCHEMAS: &str =
        "'backoffice', 'ops', 'identity', 'auth_api', 'ledger', 'network', 'treasury'";

    #[pg_test]
    fn the_extension_has_these_schemas_only() {
        none(&format!(
            "select nspname::text from ({}) n where nspname not in ({SCHEMAS}, 'tests')",
            ours("pg_namespace")
        ));
    }

    #[pg_test]
    fn the_extension_owns_nothing_but_what_is_looked_at_here() {
        // Casts, operators, collations and so on have no schema of their own or no owner.
        none(
            "select d.classid::regclass || ' ' || pg_catalog.pg_describe_object(d.classid, d.objid, 0)
               from pg_catalog.pg_depend d
               join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'
              where d.deptype = 'e' and d.classid not in (
                    'pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass,
                    'pg_event_trigger'::regclass, 'pg_publication'::regclass)",
        );
    }

    #[pg_test]
    fn nothing_in_our_schemas_is_somebody_elses() {
        for (catalog, schema, name) in [
            ("pg_class", "relnamespace", "oid::regclass::text"),
            ("pg_proc", "pronamespace", "oid::regprocedure::text"),
            ("pg_type", "typnamespace", "oid::regtype::text"),
            ("pg_operator", "oprnamespace", "oid::regoperator::text"),
        ] {
            // Indexes, rows' types, arrays and sequences of identity columns belong to what they are for.
            none(&format!(
                "select {name} from pg_catalog.{catalog} o
                  where {schema} in (select oid from pg_catalog.pg_namespace where nspname in ({SCHEMAS}))
                    and not exists (select from pg_catalog.pg_depend d
                                     where d.classid = 'pg_catalog.{catalog}'::regclass and d.objid = o.oid
                                       and d.deptype in ('e', 'i', 'a'))"
            ));
        }
    }

    #[pg_test]
    fn types_and_domains_belong_to_the_owner_and_are_granted_by_name() {
        let types = format!(
            "select t.* from pg_catalog.pg_type t
               join pg_catalog.pg_namespace n on n.oid = t.typnamespace
              where n.nspname in ({SCHEMAS}) and t.typtype in ('e', 'd', 'c', 'r')"
        );
        none(&format!(
            "select oid::regtype::text from ({types}) t where typowner <> 'backoffice_owner'::regrole"
        ));
        none(&format!(
            "select oid::regtype::text from ({types}) t
              where typtype in ('e', 'd')
                and exists (select from pg_catalog.aclexplode(
                        coalesce(typacl, pg_catalog.acldefault('T', typowner))) a where a.grantee = 0)"
        ));
    }

    #[pg_test]
    fn sequences_are_for_the_owner() {
        none(&format!(
            "select c.oid::regclass || ' by ' || r.role from pg_catalog.pg_class c
              cross join (values ('anon'), ('authenticated'), ('service_role')) as r (role)
              where c.relkind = 'S'
                and c.relnamespace in (select oid from pg_catalog.pg_namespace where nspname in ({SCHEMAS}))
                and (pg_catalog.has_sequence_privilege(r.role, c.oid, 'usage, select, update')
                     or c.relowner <> 'backoffice_owner'::regrole)"
        ));
    }

    #[pg_test]
    fn what_somebody_makes_later_is_granted_to_nobody_by_itself() {
        none(&format!(
            "select pg_catalog.pg_describe_object('pg_default_acl'::regclass, oid, 0)
               from pg_catalog.pg_default_acl
              where defaclrole = 'backoffice_owner'::regrole
                 or defaclnamespace in (select oid from pg_catalog.pg_namespace where nspname in ({SCHEMAS}))"
        ));
        none(&format!(
            "select n.nspname || ' by ' || r.role from ({}) n
              cross join (values ('anon'), ('authenticated'), ('service_role'), ('authenticator')) as r (role)
              where nspname <> 'tests' and pg_catalog.has_schema_privilege(r.role, n.oid, 'create')",
            ours("pg_namespace")
        ));
    }

    #[pg_test]
    fn nobody_becomes_the_owner_and_the_owner_only_reads_statistics() {
        none(
            "select m.member::regrole || ' is a member of ' || m.roleid::regrole
               from pg_catalog.pg_auth_members m
              where m.roleid = 'backoffice_owner'::regrole
                 or m.member = 'backoffice_owner'::regrole and m.roleid <> 'pg_read_all_stats'::regrole",
        );
    }

    #[pg_test]
    fn every_column_that_a_policy_filters_on_has_an_index() {
        none(
            "select distinct p.polrelid::regclass || '.' || a.attname
               from pg_catalog.pg_policy p
               join pg_catalog.pg_depend e on e.classid = 'pg_class'::regclass and e.objid = p.polrelid
                and e.deptype = 'e'
               join pg_catalog.pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
                and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
               join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
              where d.refobjid = p.polrelid
                and not exists (select from pg_catalog.pg_index i
                                 where i.indrelid = p.polrelid and i.indkey[0] = a.attnum
                                   and (i.indpred is null or pg_catalog.pg_get_expr(i.indpred, i.indrelid)
                                        = format('(%s IS NOT NULL)', a.attname)))",
        );
    }

    #[pg_test]
    fn policies_ask_about_the_caller_once_for_a_query() {
        // As (select f(…)) or (select case when f(…) …) PostgreSQL asks once, as f(…) for every row.
        let policies = r"select p.polrelid::regclass || ' ' || p.polname as policy,
                regexp_count(x.text, '\m(backoffice|ops|identity|ledger|network|treasury)\.\w+\(') as calls,
                regexp_count(x.text,
                    'SELECT\s+(CASE\s+WHEN\s+)?(backoffice|ops|identity|ledger|network|treasury)\.\w+\(') as once
               from pg_catalog.pg_policy p
              cross join lateral concat_ws(' ', pg_get_expr(p.polqual, p.polrelid),
                                           pg_get_expr(p.polwithcheck, p.polrelid)) x (text)";
        assert!(one::<i64>(&format!("select sum(calls)::bigint from ({policies}) p")) >= 20);
        none(&format!("select policy from ({policies}) p where calls <> once"));
    }

    #[pg_test]
    fn every_table_that_clients_read_has_a_policy_and_no_policy_is_for_everybody() {
        none(&format!(
            "select c.oid::regclass::text from ({}) c
              where relkind in ('r', 'p')
                and (pg_catalog.has_table_privilege('authenticated', c.oid, 'select')
                     or pg_catalog.has_any_column_privilege('authenticated', c.oid, 'select'))
                and not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid)",
            ours("pg_class")
        ));
        none(&format!(
            "select p.polrelid::regclass || ' ' || p.polname from pg_catalog.pg_policy p
               join ({}) c on c.oid = p.polrelid
              where 0 = any (p.polroles) or 'anon'::regrole = any (p.polroles) or p.polcmd <> 'r'",
            ours("pg_class")
        ));
    }

    #[pg_test]
    fn a_row_that_is_never_deleted_is_not_erased_by_deleting_it() {
        none(
            "select r.table_name || '.' || r.column_name
               from backoffice.personal_columns r
               join pg_catalog.pg_trigger t on t.tgrelid = pg_catalog.to_regclass(r.table_name)
              where r.erasure = 'delete'
                -- Bits of a trigger: for each row, and on DELETE.
                and t.tgtype & 1 = 1 and t.tgtype & 8 = 8
                and t.tgfoid in ('backoffice.refuse_change()'::regprocedure, 'ops.keep_log()'::regprocedure)",
        );
    }

    #[pg_test]
    fn an_archive_is_about_the_same_people_as_its_table() {
        let columns = "column_name, kind, export, erasure from backoffice.personal_columns";
        let archives = format!(
            "select replace(table_name, '_archive', '') as table_name, {columns}
              where table_name like '%\\_archive'"
        );
        let tables = format!(
            "select table_name, {columns}
              where pg_catalog.to_regclass(table_name || '_archive') is not null"
        );
        for (some, others) in [(&archives, &tables), (&tables, &archives)] {
            none(&format!(
                "select table_name || '.' || column_name from ({some} except all {others}) x"
            ));
        }
    }
}
