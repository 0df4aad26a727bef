//! Split rules: one default, versions that hold from then on, and who may write.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    /// The ids of an owner's defaults.
    fn defaults(owner: Uuid) -> Vec<i64> {
        maybe(&format!(
            "select array_agg(id order by id) from treasury.split_rules
              where owner_id = '{owner}' and is_default"
        ))
        .unwrap_or_default()
    }

    fn versions(rule: i64) -> String {
        one(&format!(
            "select string_agg(format('%s %s %s', version, is_default, rules is null), ', ' order by version)
               from treasury.split_rule_versions where rule_id = {rule}"
        ))
    }

    #[pg_test]
    fn a_rule_is_kept_as_it_was_given() {
        let (host, artist) = (person("host"), person("artist"));
        become_person(host);
        let rules = format!(
            r#"[{{"recipient_id": "{artist}", "percent": "66.666667", "minimum": 500}},
                {{"recipient_id": "{host}", "percent": 33.333333, "fixed": 200}}]"#
        );
        let id: i64 = one(&new_rule("Tour", &rules, r#", "currency": "USD""#));
        let row: String = one(&format!(
            "select concat_ws(' ', name, is_default, currency, rules -> 0 ->> 'percent',
                              rules -> 0 ->> 'minimum', rules -> 1 ->> 'percent', rules -> 1 ->> 'fixed')
               from treasury.split_rules where id = {id} and owner_id = '{host}'"
        ));
        assert_eq!(row, "Tour f USD 66.666667 500 33.333333 200");
        assert_eq!(versions(id), "1 f f");
    }

    #[pg_test]
    fn another_default_replaces_the_first_but_not_that_of_another_currency() {
        let host = person("host");
        become_person(host);
        let first = rule(host, r#", "is_default": true"#);
        let euro = rule(host, r#", "is_default": true, "currency": "EUR""#);
        let second = rule(host, r#", "is_default": true"#);
        assert_eq!(defaults(host), [euro, second]);
        run(&change(first, r#"{"is_default": true}"#));
        assert_eq!(defaults(host), [first, euro]);
        // The same again is no change.
        run(&change(first, r#"{"is_default": true}"#));
        assert_eq!(versions(first), "1 t f, 2 f f, 3 t f");
        assert_eq!(versions(second), "1 t f, 2 f f");
        run(&change(first, r#"{"currency": "EUR"}"#));
        assert_eq!(defaults(host), [first]);
        // The constraint behind it.
        become_database();
        let sql =
            format!("update treasury.split_rules set is_default = true where owner_id = '{host}'");
        run(&format!("update treasury.split_rules set currency = 'EUR' where id = {second}"));
        expect_error("23505", &sql);
    }

    #[pg_test]
    fn editing_and_ending_never_changes_the_past() {
        let (host, artist) = (person("host"), person("artist"));
        become_person(host);
        let id = rule(host, r#", "is_default": true"#);
        let moment = || {
            let now: String = one("select clock_timestamp()::text");
            run("select pg_sleep(0.002)");
            format!("'{now}'::timestamptz")
        };
        let made = moment();
        run(&change(id, &format!(r#"{{"rules": {}}}"#, percents(&[(artist, "100")]))));
        let edited = moment();
        run(&change(id, r#"{"name": "Other"}"#));
        run(&end(id));
        let ended = moment();
        let at = |time: &str| in_force(host, "USD", time);
        assert_eq!(at(&made), Some(format!("{id}/1")));
        assert_eq!(at(&edited), Some(format!("{id}/2")));
        assert_eq!(at(&ended), None);
        assert_eq!(at("'2020-01-01'"), None);
        let paid: String = one(&format!(
            "select rules -> 0 ->> 'recipient_id' from treasury.rule_in_force('{host}', 'USD', {made})"
        ));
        assert_eq!(paid, host.to_string());
        become_database();
        for sql in [
            "update treasury.split_rule_versions set is_default = false",
            "delete from treasury.split_rule_versions",
            "truncate treasury.split_rule_versions",
        ] {
            expect_error("42501", sql);
        }
    }

    #[pg_test]
    fn the_own_default_comes_before_the_platforms_and_one_currency_before_all() {
        let (admin, host) = (person("admin"), person("host"));
        become_person(admin);
        let owner = r#"[{"recipient_id": "owner", "percent": 100}]"#;
        let platform: i64 =
            one(&new_rule("Everybody", owner, r#", "owner_id": null, "is_default": true"#));
        let now = "clock_timestamp()";
        assert_eq!(in_force(host, "USD", now), Some(format!("{platform}/1")));
        become_person(host);
        let all = rule(host, r#", "is_default": true"#);
        let dollars = rule(host, r#", "is_default": true, "currency": "USD""#);
        assert_eq!(in_force(host, "USD", now), Some(format!("{dollars}/1")));
        assert_eq!(in_force(host, "EUR", now), Some(format!("{all}/1")));
        run(&end(dollars));
        run(&end(all));
        assert_eq!(in_force(host, "USD", now), Some(format!("{platform}/1")));
        expect_error("22023", &format!("select treasury.rule_in_force('{host}', 'XXY')"));
        expect_error("42501", &format!("select treasury.rule_in_force('{admin}', 'USD')"));
        // Only the platform knows owners that it does not name.
        expect_error("22023", &new_rule("Mine", owner, ""));
    }

    #[pg_test]
    fn hosts_and_artists_write_their_own_and_admins_everybodys() {
        let people = ["host", "artist", "admin", "buyer", "platform"].map(person);
        let [host, artist, admin, buyer, platform] = people;
        become_person(host);
        let id = rule(artist, "");
        for other in [artist, buyer, platform] {
            become_person(other);
            for sql in [change(id, r#"{"name": "x"}"#), end(id), change(id + 1000, "{}")] {
                expect_error("42501", &sql);
            }
            let for_host = format!(r#", "owner_id": "{host}""#);
            let all = percents(&[(other, "100")]);
            expect_error("42501", &new_rule("x", &all, &for_host));
            expect_error("42501", &new_rule("x", &all, r#", "owner_id": null"#));
        }
        become_person(buyer);
        expect_error("42501", &new_rule("x", &percents(&[(buyer, "100")]), ""));
        become_person(admin);
        run(&change(id, r#"{"name": "By an admin"}"#));
        let own = format!(r#", "owner_id": "{artist}""#);
        assert!(rule(artist, &own) > id);
        expect_error("PT404", &change(id + 1000, "{}"));
        become_service();
        expect_error("22004", &new_rule("x", &percents(&[(host, "100")]), ""));
        // A role that is gone is gone at once.
        become_database();
        run(&format!("select backoffice.revoke_role('{host}', 'treasury', 'host')"));
        become_person(host);
        expect_error("42501", &change(id, r#"{"name": "x"}"#));
    }

    #[pg_test]
    fn what_is_ended_is_not_there_any_more() {
        let host = person("host");
        become_person(host);
        let id = rule(host, "");
        run(&end(id));
        expect_error("PT404", &end(id));
        expect_error("PT404", &change(id, "{}"));
        assert_eq!(versions(id), "1 f f, 2 f t");
        assert!(rule(host, "") > id);
    }

    #[pg_test]
    fn an_idempotency_key_does_it_once() {
        let host = person("host");
        become_person(host);
        let with_key = |key: &str| {
            run(&format!(
                "select set_config('request.headers', '{{\"idempotency-key\": \"{key}\"}}', true)"
            ));
        };
        with_key("one");
        let id = rule(host, "");
        assert_eq!(rule(host, ""), id);
        expect_error("PT409", &new_rule("Other", &percents(&[(host, "100")]), ""));
        with_key("two");
        let ended: Vec<Option<i64>> = (0..2).map(|_| maybe(&end(id))).collect();
        assert_eq!(ended, [Some(id), Some(id)]);
        run("select set_config('request.headers', '', true)");
    }

    #[pg_test]
    fn bad_rules_are_refused() {
        let host = person("host");
        become_person(host);
        let all = percents(&[(host, "100")]);
        let nobody = percents(&[(crate::kernel::ids::new_id(), "100")]);
        for (code, name, rules, more) in [
            ("22023", "x", percents(&[(host, "99.99")]), ""),
            ("PT404", "x", nobody, ""),
            ("22004", " ", all.clone(), ""),
            ("22004", "x", "null".to_owned(), ""),
            ("22023", "x", all.clone(), r#", "is_default": "yes""#),
            ("22023", "x", all.clone(), r#", "currency": "usd""#),
            ("22023", "x", all.clone(), r#", "colour": 1"#),
            ("22023", "x", all.clone(), r#", "owner_id": "x""#),
        ] {
            expect_error(code, &new_rule(name, &rules, more));
        }
        let id = rule(host, r#", "currency": "USD""#);
        let fixed =
            format!(r#"{{"rules": [{{"recipient_id": "{host}", "percent": 100, "fixed": 5}}]}}"#);
        run(&change(id, &fixed));
        // Its amounts are of that currency.
        expect_error("22023", &change(id, r#"{"currency": null}"#));
        expect_error("22023", &change(id, r#"{"owner_id": null}"#));
        expect_error("22004", "select treasury.update_split_rule(null, '{}')");
        expect_error("22004", &format!("select treasury.update_split_rule({id}, null)"));
        expect_error("22004", "select treasury.delete_split_rule(null)");
    }
}
