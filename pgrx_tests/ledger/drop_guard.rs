//! Who may consent to dropping the extension. What is refused and what is not is tried
//! in http/drop-extension.test.mjs, on databases of its own: a drop locks every table.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn only_a_superuser_consents_to_drop() {
        for role in ["authenticated", "service_role", "backoffice_owner"] {
            run(&format!("set local role {role}"));
            expect_error("42501", "set local backoffice.allow_drop = 'yes, delete all data'");
            run("reset role");
        }
        run("set local backoffice.allow_drop = 'yes, delete all data'");
    }

    #[pg_test]
    fn the_guard_fires_for_every_session_and_only_for_what_may_drop_an_extension() {
        let guard: String =
            one("select format('%s %s %s', evtevent, evtenabled, array_to_string(evttags, ','))
               from pg_catalog.pg_event_trigger where evtname = 'backoffice_guard_drop'");
        assert_eq!(
            guard,
            "ddl_command_start A DROP EXTENSION,DROP SCHEMA,DROP OWNED,DROP LANGUAGE"
        );
    }
}
