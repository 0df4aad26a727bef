//! Users: who becomes one, and copies that follow.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::user;
    use pgrx::prelude::*;
    use serde_json::json;

    fn role(user: Uuid) -> Option<String> {
        maybe(&format!("select role from treasury.users where id = '{user}'"))
    }

    fn unknown_here() -> Uuid {
        identity::create_person(&NewPerson {
            id: None,
            email: Some("mina@example.com"),
            phone: None,
            name: None,
            password: None,
            confirmed: true,
            system: "network",
        })
        .expect("the person")
    }

    #[pg_test]
    fn whoever_signs_up_is_a_buyer_whatever_they_say() {
        let person = unknown_here();
        user::signed_up(person, &json!({"role": "admin"})).expect("the sign-up");
        assert_eq!(role(person).as_deref(), Some("buyer"));
        let roles: String = one(&format!(
            "select string_agg(system || ' ' || role, ',') from backoffice.role_grants where person_id = '{person}'"
        ));
        assert_eq!(roles, "treasury buyer");
    }

    #[pg_test]
    fn the_highest_role_is_shown_as_it_comes_and_goes() {
        let person = unknown_here();
        assert_eq!(role(person), None);
        let change = |verb: &str, system: &str, name: &str| {
            run(&format!("select backoffice.{verb}_role('{person}', '{system}', '{name}')"));
        };
        for (system, name, shown) in [
            ("treasury", "host", "host"),
            ("treasury", "artist", "artist"),
            ("treasury", "buyer", "artist"),
            ("treasury", "platform", "platform"),
            ("*", "admin", "admin"),
        ] {
            change("grant", system, name);
            assert_eq!(role(person).as_deref(), Some(shown));
        }
        change("revoke", "*", "admin");
        change("revoke", "treasury", "platform");
        assert_eq!(role(person).as_deref(), Some("artist"));
        run(&format!("delete from backoffice.role_grants where person_id = '{person}'"));
        assert_eq!(role(person).as_deref(), Some("buyer"));
    }

    #[pg_test]
    fn roles_of_other_systems_and_of_nobody_make_no_user() {
        let person = unknown_here();
        run(&format!("select backoffice.grant_role('{person}', 'ops', 'admin')"));
        assert_eq!(role(person), None);
        let nobody = new_id();
        run(&format!("select backoffice.grant_role('{nobody}', 'treasury', 'host')"));
        assert_eq!(role(nobody), None);
    }

    #[pg_test]
    fn the_address_follows_the_persons() {
        let host = person("host");
        run(&format!("update identity.users set email = 'new@example.com' where id = '{host}'"));
        let email: String = one(&format!("select email from treasury.users where id = '{host}'"));
        assert_eq!(email, "new@example.com");
    }

    #[pg_test]
    fn nobody_is_paid_who_was_erased() {
        let (host, gone) = (person("host"), person("artist"));
        run(&format!("select identity.erase_person('{gone}', 'by letter')"));
        let left: String = one(&format!(
            "select concat_ws(' ', role, email) from treasury.users where id = '{gone}'"
        ));
        assert_eq!(left, "buyer");
        become_person(host);
        expect_error("PT404", &new_rule("x", &percents(&[(gone, "100")]), ""));
    }
}
