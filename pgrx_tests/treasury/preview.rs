//! The preview: a rule, the platform's fee and a refund.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    /// Party, share, refunded and kept of each row.
    fn preview(arguments: &str) -> String {
        one(&format!(
            "select string_agg(concat_ws(' ', party, share, refunded, kept), ', ')
               from treasury.preview_split({arguments})"
        ))
    }

    fn set(key: &str, value: &str) {
        run(&format!("select backoffice.set_setting('treasury', '{key}', '{value}')"));
    }

    #[pg_test]
    fn shares_refunds_and_what_is_kept() {
        let (host, artist) = (person("host"), person("artist"));
        become_person(host);
        let rules = percents(&[(artist, "70"), (host, "30")]);
        let id: i64 = one(&new_rule("Tour", &rules, ""));
        let shares = "platform 0 0 0, recipient 71 0 71, recipient 30 0 30";
        assert_eq!(preview(&format!("101, 'USD', p_rule_id => {id}")), shares);
        assert_eq!(preview(&format!("101, 'USD', p_rules => '{rules}'")), shares);
        assert_eq!(
            preview(&format!("101, 'USD', {id}, p_refunded => 50")),
            "platform 0 0 0, recipient 71 35 36, recipient 30 15 15"
        );
        assert_eq!(
            preview(&format!("101, 'USD', {id}, p_refunded => 101")),
            "platform 0 0 0, recipient 71 71 0, recipient 30 30 0"
        );
    }

    #[pg_test]
    fn the_platform_keeps_its_fee_first() {
        set("platform_fee_basis_points", "250");
        set("platform_fee_fixed", r#"{"USD": 30}"#);
        become_service();
        let rules = r#"[{"recipient_id": "owner", "percent": 100}]"#;
        assert_eq!(
            preview(&format!("1000, 'USD', p_rules => '{rules}'")),
            "platform 55 0 55, owner 945 0 945"
        );
        assert_eq!(
            preview(&format!("1000, 'EUR', p_rules => '{rules}', p_refunded => 500")),
            "platform 25 13 12, owner 975 487 488"
        );
        become_database();
        // What the fee was is kept.
        set("platform_fee_basis_points", "0");
        let fees: String = one(
            "select string_agg(concat_ws(' ', basis_points, fixed), ', ' order by valid_from, id)
               from treasury.platform_fees",
        );
        assert_eq!(fees, r#"250 {}, 250 {"USD": 30}, 0 {"USD": 30}"#);
        expect_error("42501", "delete from treasury.platform_fees");
        for bad in [r#"{"usd": 1}"#, r#"{"USD": -1}"#, r#"{"USD": 1.5}"#, "[]", "null"] {
            let sql =
                format!("select backoffice.set_setting('treasury', 'platform_fee_fixed', '{bad}')");
            expect_error("22023", &sql);
        }
    }

    #[pg_test]
    fn bad_questions_are_refused() {
        let host = person("host");
        become_person(host);
        let rules = percents(&[(host, "100")]);
        let id = rule(host, r#", "currency": "USD""#);
        for (code, arguments) in [
            ("22023", format!("0, 'USD', {id}")),
            ("22023", format!("-1, 'USD', {id}")),
            ("22023", format!("10, 'USD', {id}, p_refunded => 11")),
            ("22023", format!("10, 'USD', {id}, p_refunded => -1")),
            ("22004", format!("10, 'USD', {id}, p_refunded => null")),
            ("22023", format!("10, 'EUR', {id}")),
            ("22023", format!("10, 'usd', {id}")),
            ("22023", "10, 'USD'".to_owned()),
            ("22023", format!("10, 'USD', {id}, '{rules}'")),
            ("22004", format!("null, 'USD', {id}")),
            ("42501", format!("10, 'USD', {}", id + 1000)),
        ] {
            expect_error(code, &format!("select * from treasury.preview_split({arguments})"));
        }
        let by_rules =
            format!("select * from treasury.preview_split(10, 'USD', p_rules => '{rules}')");
        become_person(person("buyer"));
        expect_error("42501", &by_rules);
    }
}
