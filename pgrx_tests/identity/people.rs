//! People as products create and change them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::identity::{self, NewPerson, PersonUpdate};
    use crate::kernel::error::Error;
    use crate::pgrx_tests::identity::client::*;
    use crate::pgrx_tests::support::*;
    use pgrx::Uuid;
    use pgrx::prelude::*;
    use serde_json::{Value, json};

    const ANNA: NewPerson<'static> = NewPerson {
        id: None,
        email: Some(" Anna@Example.COM "),
        phone: Some("+91 98765-43210"),
        name: Some("Anna"),
        password: None,
        confirmed: true,
        system: "network",
    };

    fn code<T>(outcome: Result<T, Error>) -> String {
        outcome.err().map_or_else(|| "00000".to_owned(), |error| error.sqlstate.code())
    }

    #[pg_test]
    fn a_person_is_kept_in_canonical_form() {
        let id = identity::create_person(&ANNA).unwrap();
        let kept: String =
            one(&format!("select email || ' ' || phone from identity.users where id = '{id}'"));
        assert_eq!(kept, "anna@example.com 9876543210");
        assert!(one::<bool>(&format!(
            "select email_confirmed_at is not null from identity.users where id = '{id}'"
        )));
    }

    #[pg_test]
    fn an_address_belongs_to_one_person() {
        identity::create_person(&ANNA).unwrap();
        let same_email = NewPerson { phone: None, ..ANNA };
        let same_phone = NewPerson { email: Some("b@example.com"), ..ANNA };
        for other in [same_email, same_phone] {
            assert_eq!(code(identity::create_person(&other)), "23505");
        }
    }

    #[pg_test]
    fn a_person_needs_a_good_address_and_a_strong_password() {
        let none = NewPerson { email: None, phone: None, ..ANNA };
        let bad_email = NewPerson { email: Some("anna"), ..ANNA };
        let bad_phone = NewPerson { phone: Some("12345"), ..ANNA };
        let bad_name = NewPerson { name: Some(" "), ..ANNA };
        for bad in [none, bad_email, bad_phone, bad_name] {
            assert_eq!(code(identity::create_person(&bad)), "22023");
        }
        let weak = NewPerson { password: Some("short"), ..ANNA };
        assert_eq!(code(identity::create_person(&weak)), "PT422");
    }

    #[pg_test]
    fn an_update_changes_what_it_names_and_voids_tokens_sent_elsewhere() {
        let id = identity::create_person(&ANNA).unwrap();
        identity::invite(id, "network").unwrap();
        let name = PersonUpdate { name: Some("Annika"), ..Default::default() };
        identity::update_person(id, &name).unwrap();
        let tokens = "select count(*) from identity.one_time_tokens";
        assert_eq!(one::<i64>(tokens), 1);
        let email = PersonUpdate { email: Some("new@example.com"), ..Default::default() };
        identity::update_person(id, &email).unwrap();
        assert_eq!(one::<i64>(tokens), 0);
        let kept: String = one("select concat_ws(' ', name, email, phone) from identity.users");
        assert_eq!(kept, "Annika new@example.com 9876543210");
    }

    /// A customer of the network who may change all of their profile.
    fn customer() -> Uuid {
        let body = json!({"email": "anna@example.com", "password": PASSWORD});
        Call::to("signup").body(body).send().ok();
        let token = message("confirm_signup")["token_hash"].clone();
        let body = json!({"type": "signup", "token_hash": token});
        Call::to("verify").body(body).send().ok();
        let id: Uuid = one("select id from identity.users where email = 'anna@example.com'");
        // The row alone: granting the role makes an admin of the customer.
        run(&format!(
            "insert into backoffice.role_grants (person_id, system, role) values ('{id}', 'network', 'admin')"
        ));
        id
    }

    /// What a product does when a person changes themselves; the SQLSTATE.
    fn change_own(person: Uuid, updates: Value) -> String {
        let call = format!("select network.update_customer_profile('{person}', '{updates}')");
        become_person(person);
        let outcome = attempt(&call);
        become_database();
        outcome.err().unwrap_or_else(|| "00000".to_owned())
    }

    #[pg_test]
    fn a_persons_own_new_address_waits_for_its_confirmation() {
        let anna = customer();
        let new = json!({"name": "Annika", "phone": "98765 43219", "email": "New@example.com"});
        assert_eq!(change_own(anna, new), "00000");
        let kept: String = one(
            "select concat_ws(' ', name, email, phone, new_email, new_phone) from identity.users",
        );
        assert_eq!(kept, "Annika anna@example.com new@example.com 9876543219");
        let sent: String = one("select string_agg(template || ' ' || recipient, ', ' order by id)
            from ops.outbox where template like 'change%'");
        assert_eq!(sent, "change_email new@example.com, change_phone 9876543219");
        let token = message("change_phone")["token_hash"].clone();
        let body = json!({"type": "phone_change", "token_hash": token});
        assert_eq!(Call::to("verify").body(body).send().ok()["user"]["phone"], "9876543219");
    }

    #[pg_test]
    fn without_confirmation_a_persons_own_new_address_is_in_force_at_once() {
        let anna = customer();
        setting("require_email_confirmation", "false");
        assert_eq!(change_own(anna, json!({"phone": "9876543219"})), "00000");
        assert_eq!(one::<String>("select phone from identity.users"), "9876543219");
    }

    #[pg_test]
    fn a_person_has_only_so_many_confirmations_sent() {
        let anna = customer();
        setting("mails_per_hour", "2");
        let outcomes = ["9876543211", "9876543212", "9876543213"]
            .map(|phone| change_own(anna, json!({"phone": phone})));
        assert_eq!(outcomes, ["00000", "00000", "PT429"]);
    }

    #[pg_test]
    fn an_update_takes_nobody_elses_address() {
        identity::create_person(&ANNA).unwrap();
        let ben = NewPerson { email: Some("ben@example.com"), phone: None, ..ANNA };
        let ben = identity::create_person(&ben).unwrap();
        let phone = PersonUpdate { phone: Some("09876543210"), ..Default::default() };
        assert_eq!(code(identity::update_person(ben, &phone)), "23505");
        let unknown = crate::kernel::ids::new_id();
        assert_eq!(code(identity::update_person(unknown, &phone)), "PT404");
    }

    #[pg_test]
    fn an_invitation_goes_to_the_email_or_else_the_phone() {
        let anna = identity::create_person(&ANNA).unwrap();
        let ben = NewPerson { email: None, phone: Some("9876543211"), ..ANNA };
        let ben = identity::create_person(&ben).unwrap();
        for person in [anna, ben] {
            identity::invite(person, "network").unwrap();
        }
        let sent: String = one("select string_agg(channel || ' ' || template || ' ' || recipient,
            ', ' order by channel) from ops.outbox");
        assert_eq!(sent, "email invite anna@example.com, sms invite 9876543211");
        assert_eq!(code(identity::invite(crate::kernel::ids::new_id(), "network")), "PT404");
    }

    /// What an admin does; the SQLSTATEs of bringing so many people.
    fn bring(admin: Uuid, numbers: std::ops::Range<i32>) -> Vec<String> {
        numbers
            .map(|number| {
                let email = format!("c{number}@example.com");
                let call = format!(
                    "select network.create_unified_promoter('C', '{email}', p_parent_promoter_id => null)"
                );
                become_person(admin);
                let outcome = attempt(&call);
                become_database();
                outcome.err().unwrap_or_else(|| "00000".to_owned())
            })
            .collect()
    }

    #[pg_test]
    fn a_person_causes_only_so_many_invitations_and_a_server_any_number() {
        run("select backoffice.bootstrap_admin('root@example.com')");
        let (anna, ben) = (customer(), person("ben@example.com"));
        run(&format!("select backoffice.grant_role('{ben}', 'network', 'admin')"));
        for (limit, brought) in [("invites_per_minute", 0..3), ("invites_per_day", 10..13)] {
            setting(limit, "2");
            assert_eq!(bring(anna, brought), ["00000", "00000", "PT429"], "{limit}");
            setting(limit, "50");
            run("delete from identity.throttle");
        }
        setting("invites_per_minute", "1");
        assert_eq!(bring(anna, 20..22), ["00000", "PT429"]);
        // Each person for themselves, and servers not at all.
        assert_eq!(bring(ben, 30..31), ["00000"]);
        become_service();
        let outcomes = [40, 41].map(|number| {
            attempt(&format!(
                "select network.create_unified_promoter('C', 'c{number}@example.com')"
            ))
        });
        become_database();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    #[pg_test]
    fn a_handle_is_one_persons_however_it_is_written() {
        let anna = identity::create_person(&ANNA).unwrap();
        let ben = NewPerson { email: Some("b@example.com"), phone: None, ..ANNA };
        let ben = identity::create_person(&ben).unwrap();
        identity::register_handle(anna, "promoter_id", "BPVP01").unwrap();
        identity::register_handle(anna, "promoter_id", "bpvp01").unwrap();
        assert_eq!(code(identity::register_handle(ben, "promoter_id", "BpVp01")), "23505");
        for malformed in ["12345", "a@b", "", "a b"] {
            assert_eq!(code(identity::register_handle(ben, "promoter_id", malformed)), "22023");
        }
    }
}
