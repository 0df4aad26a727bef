//! Whoever reads the API's description finds a sentence on everything.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    const POSTGREST: &str = include_str!("../postgrest.conf");

    /// The schemas that PostgREST shows, as a list for SQL.
    fn shown() -> String {
        let line = POSTGREST.lines().find_map(|line| line.strip_prefix("db-schemas = "));
        let names = line.expect("postgrest.conf says which schemas it shows").trim_matches('"');
        names.split(',').map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }

    #[pg_test]
    fn every_table_and_view_has_a_comment_and_each_of_their_columns() {
        let silent: Option<Vec<String>> = maybe(&format!(
            "select array_agg(concat_ws('.', n.nspname, c.relname, a.attname) order by 1)
               from pg_class c
               join pg_namespace n on n.oid = c.relnamespace
               join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where n.nspname in ({}) and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
                and (col_description(c.oid, a.attnum) is null
                     or obj_description(c.oid, 'pg_class') is null)",
            shown()
        ));
        assert_eq!(silent, None);
    }

    #[pg_test]
    fn every_function_that_anybody_but_its_owner_may_call_has_a_comment() {
        let silent: Option<Vec<String>> = maybe(&format!(
            "select array_agg(p.oid::regprocedure::text)
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname in ({})
                and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) granted
                             where granted.grantee <> p.proowner)
                and obj_description(p.oid, 'pg_proc') is null",
            shown()
        ));
        assert_eq!(silent, None);
    }
}
