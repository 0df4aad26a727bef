//! The extension is not dropped by accident. What ends with the drop is tried in
//! http/drop-extension.test.mjs, on databases of its own.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::network::{admin, customer, promoter};
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;

    const REFUSED: &str = "2BP01";

    fn money() {
        admin();
        customer(promoter(None));
    }

    #[pg_test]
    fn the_extension_is_not_dropped_while_there_is_money() {
        money();
        expect_error(REFUSED, "drop extension backoffice");
        expect_error(REFUSED, "drop extension backoffice cascade");
        let schema: String = one(
            "select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'backoffice'",
        );
        expect_error(REFUSED, &format!("drop schema {schema} cascade"));
    }

    #[pg_test]
    fn a_replica_session_does_not_get_past_the_guard() {
        money();
        run("set local session_replication_role = replica");
        expect_error(REFUSED, "drop extension backoffice cascade");
    }

    #[pg_test]
    fn only_the_whole_sentence_is_consent_to_drop() {
        money();
        for text in ["yes", "on", "Yes, delete all data"] {
            run(&format!("set local backoffice.allow_drop = {}", literal(text)));
            expect_error(REFUSED, "drop extension backoffice cascade");
        }
    }

    #[pg_test]
    fn only_a_superuser_consents_to_drop() {
        for role in ["authenticated", "service_role", "backoffice_owner"] {
            run(&format!("set local role {role}"));
            expect_error("42501", "set local backoffice.allow_drop = 'yes, delete all data'");
            run("reset role");
        }
    }

    #[pg_test]
    fn other_drops_are_not_held_up() {
        money();
        run("create schema other; create table other.thing (id integer)");
        run("drop schema other cascade");
        run("create role other_owner; create schema other authorization other_owner");
        run("drop owned by other_owner cascade");
        assert_eq!(
            one::<i64>("select count(*) from pg_catalog.pg_namespace where nspname = 'other'"),
            0
        );
    }

    #[pg_test]
    fn a_part_of_the_extension_is_not_dropped_on_its_own() {
        for sql in [
            "drop table ledger.transfers cascade",
            "drop schema ledger cascade",
            "drop event trigger backoffice_guard_drop",
            "drop owned by backoffice_owner cascade",
        ] {
            expect_error(REFUSED, sql);
        }
    }
}
