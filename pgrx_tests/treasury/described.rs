//! Whoever reads the API's description finds a sentence on everything.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn every_table_and_view_has_a_comment_and_each_of_their_columns() {
        let silent: Option<Vec<String>> = maybe(
            "select array_agg(concat_ws('.', c.relname, a.attname) order by 1)
               from pg_class c
               join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where c.relnamespace = 'treasury'::regnamespace and c.relkind in ('r', 'p', 'v')
                and (col_description(c.oid, a.attnum) is null
                     or obj_description(c.oid, 'pg_class') is null)",
        );
        assert_eq!(silent, None);
    }

    #[pg_test]
    fn every_function_that_somebody_may_call_has_a_comment() {
        let silent: Option<Vec<String>> = maybe(
            "select array_agg(p.oid::regprocedure::text) from pg_proc p
              where p.pronamespace = 'treasury'::regnamespace
                and has_function_privilege('service_role', p.oid, 'execute')
                and obj_description(p.oid, 'pg_proc') is null",
        );
        assert_eq!(silent, None);
    }
}
