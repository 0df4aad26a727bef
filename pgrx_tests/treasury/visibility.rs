//! Who sees which rows.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_recipient_sees_their_own_part_and_nothing_else() {
        let (host, artist, other) = (person("host"), person("artist"), person("artist"));
        become_person(host);
        let rules = percents(&[(artist, "62.5"), (host, "37.5")]);
        let id: i64 = one(&new_rule("Tour", &rules, r#", "is_default": true"#));
        rule(host, "");
        let shares = "select string_agg(concat_ws(' ', rule_id, name, percent, is_default), ',' order by rule_id)
                        from treasury.my_shares";
        become_person(artist);
        assert_eq!(one::<String>(shares), format!("{id} Tour 62.5 t"));
        assert_eq!(one::<i64>("select count(*) from treasury.split_rules"), 0);
        assert_eq!(one::<i64>("select count(*) from treasury.list_split_rules()"), 0);
        become_person(other);
        assert_eq!(maybe::<String>(shares), None);
        become_person(host);
        assert_eq!(one::<i64>("select count(*) from treasury.my_shares"), 2);
        run(&end(id));
        become_person(artist);
        assert_eq!(maybe::<String>(shares), None);
    }

    #[pg_test]
    fn owners_see_their_own_admins_and_servers_all() {
        let (host, artist, admin) = (person("host"), person("artist"), person("admin"));
        for owner in [host, artist] {
            become_person(owner);
            rule(owner, "");
        }
        let counts = || {
            ["split_rules", "split_rule_versions", "stripe_accounts", "list_split_rules()"]
                .map(|table| one::<i64>(&format!("select count(*) from treasury.{table}")))
        };
        become_service();
        for (owner, account) in [(host, "acct_1"), (artist, "acct_2")] {
            run(&format!("select treasury.link_stripe_account('{owner}', '{account}')"));
        }
        assert_eq!(counts(), [2, 2, 2, 2]);
        become_person(host);
        assert_eq!(counts(), [1, 1, 1, 1]);
        expect_error("42501", &format!("select treasury.list_split_rules('{artist}')"));
        become_person(admin);
        assert_eq!(counts(), [2, 2, 2, 0]);
        let theirs: i64 =
            one(&format!("select count(*) from treasury.list_split_rules('{artist}')"));
        assert_eq!(theirs, 1);
        become_person(person("buyer"));
        assert_eq!(counts(), [0, 0, 0, 0]);
    }
}
