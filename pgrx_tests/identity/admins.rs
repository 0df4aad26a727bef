//! The first admin, and what admins do about people.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;

    const ANNA: &str = "anna@example.com";

    fn bootstrap(email: &str, password: &str) -> Uuid {
        one(&format!("select backoffice.bootstrap_admin('{email}', '{password}')"))
    }

    fn admin_of_identity() -> Uuid {
        let admin = person("admin@example.com");
        run(&format!("select backoffice.grant_role('{admin}', 'identity', 'admin')"));
        admin
    }

    #[pg_test]
    fn the_first_admin_is_made_from_psql() {
        let admin = bootstrap("Root@example.com", PASSWORD);
        let session = sign_in("root@example.com");
        assert_eq!(claims(&session)["sub"], admin.to_string());
        become_person(admin);
        assert!(one::<bool>("select backoffice.has_role('network', 'admin')"));
    }

    #[pg_test]
    fn bootstrapping_again_changes_the_password_and_nothing_else() {
        let admin = bootstrap("root@example.com", PASSWORD);
        let session = sign_in("root@example.com");
        assert_eq!(bootstrap("root@example.com", PASSWORD), admin);
        assert_eq!(rest_request(&session), "00000");
        assert_eq!(bootstrap("root@example.com", "another password"), admin);
        assert_eq!(rest_request(&session), "PT401");
        try_sign_in("root@example.com", "another password").ok();
        assert_eq!(one::<i64>("select count(*) from backoffice.role_grants"), 1);
    }

    #[pg_test]
    fn a_person_is_promoted_and_keeps_their_password() {
        let anna = person(ANNA);
        assert_eq!(one::<Uuid>("select backoffice.bootstrap_admin('anna@example.com')"), anna);
        sign_in(ANNA);
    }

    #[pg_test]
    fn only_psql_makes_the_first_admin() {
        expect_error("PT422", "select backoffice.bootstrap_admin('a@example.com', 'short')");
        expect_error("22023", "select backoffice.bootstrap_admin('a', 'long enough password')");
        expect_error("22004", "select backoffice.bootstrap_admin(null)");
        let call = "select backoffice.bootstrap_admin('a@example.com', 'long enough password')";
        let admin = admin_of_identity();
        become_person(admin);
        expect_error("42501", call);
        become_service();
        expect_error("42501", call);
        become_anonymous();
        expect_error("42501", call);
    }

    #[pg_test]
    fn a_banned_person_is_out_until_the_ban_is_lifted() {
        let (admin, anna) = (admin_of_identity(), person(ANNA));
        let session = sign_in(ANNA);
        become_person(admin);
        run(&format!("select ops.ban_person('{anna}')"));
        become_database();
        assert_eq!(rest_request(&session), "PT401");
        try_sign_in(ANNA, PASSWORD).refused(403, "user_banned");
        try_sign_in(ANNA, "wrong password").refused(400, "invalid_credentials");
        refresh(&session).refused(403, "user_banned");
        Call::to("user_get").session(&session).send().refused(403, "user_banned");
        become_person(admin);
        run(&format!("select ops.unban_person('{anna}')"));
        become_database();
        sign_in(ANNA);
        assert_eq!(rest_request(&session), "PT401");
    }

    #[pg_test]
    fn a_ban_ends_at_its_time() {
        let anna = person(ANNA);
        run(&format!("select ops.ban_person('{anna}', now() - interval '1 second')"));
        sign_in(ANNA);
    }

    #[pg_test]
    fn admins_end_sessions() {
        let (admin, anna) = (admin_of_identity(), person(ANNA));
        let session = sign_in(ANNA);
        become_person(admin);
        run(&format!("select ops.end_sessions('{anna}')"));
        become_database();
        assert_eq!(rest_request(&session), "PT401");
    }

    #[pg_test]
    fn nobody_else_bans_or_ends() {
        let (admin, anna) = (admin_of_identity(), person(ANNA));
        let root = bootstrap("root@example.com", PASSWORD);
        let calls = |who: Uuid| {
            [
                format!("select ops.ban_person('{who}')"),
                format!("select ops.unban_person('{who}')"),
                format!("select ops.end_sessions('{who}')"),
            ]
        };
        become_person(anna);
        calls(anna).iter().for_each(|call| expect_error("42501", call));
        become_anonymous();
        calls(anna).iter().for_each(|call| expect_error("42501", call));
        become_person(admin);
        calls(root).iter().for_each(|call| expect_error("42501", call));
        expect_error("PT404", "select ops.ban_person('01900000-0000-7000-8000-000000000001')");
        expect_error("22004", "select ops.ban_person(null)");
        expect_error("22004", &format!("select ops.ban_person('{anna}', null)"));
        become_person(root);
        calls(anna).iter().for_each(|call| run(call));
    }

    #[pg_test]
    fn an_endpoint_takes_one_unnamed_bytea_and_is_for_everybody() {
        let odd: i64 = one("select count(*) from pg_proc
            where pronamespace = 'auth_api'::regnamespace
              and not (pronargs = 1 and proargtypes[0] = 'bytea'::regtype and proargnames is null
                       and prosecdef and has_function_privilege('anon', oid, 'execute')
                       and obj_description(oid, 'pg_proc') is not null)");
        assert_eq!(odd, 0);
        assert_eq!(
            one::<i64>(
                "select count(*) from pg_proc
            where pronamespace = 'auth_api'::regnamespace"
            ),
            17
        );
    }

    #[pg_test]
    fn what_changes_about_a_person_is_audited_without_secrets() {
        person(ANNA);
        sign_in(ANNA);
        let rows: i64 =
            one("select count(*) from ops.audit_logs where table_name = 'identity.users'");
        assert_eq!(rows, 1);
        let shown: String = one("select new_values ->> 'password_hash' from ops.audit_logs
            where table_name = 'identity.users'");
        assert_eq!(shown, "[redacted]");
    }
}
