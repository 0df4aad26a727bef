//! Invoices: which tax, which number, what corrects them, and that nobody changes them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::sales::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::report::nightly::{self, Queued};
    use pgrx::prelude::*;
    use serde_json::Value;

    /// Somebody with a tax profile.
    fn known(role: &str, country: &str, vat_id: Option<&str>) -> Uuid {
        let person = person(role);
        let vat_id = vat_id.map_or("null".to_owned(), |id| format!("\"{id}\""));
        run(&format!(
            r#"select treasury.set_tax_profile('{person}', '{{"name": "N {country}", "address": "1 Lane", "country": "{country}", "vat_id": {vat_id}}}')"#
        ));
        person
    }

    fn german() -> Uuid {
        known("host", "DE", Some("DE123456789"))
    }

    fn issue(charge: Uuid) -> String {
        format!("select id from treasury.issue_invoice('{charge}')")
    }

    /// Kind, number, gross, net, tax, rate and treatment of what there is for a charge.
    fn documents(charge: Uuid) -> Vec<String> {
        one(&format!(
            "select array_agg(concat_ws(' ', kind, number, gross_cents, net_cents, tax_cents, rate_basis_points, treatment)
                              order by issued_at, id)
               from treasury.invoices where charge_id = '{charge}'"
        ))
    }

    #[pg_test]
    fn who_is_where_says_how_it_is_taxed() {
        alone_with_reports();
        let seller = german();
        let sale = |buyer: Option<Uuid>| charge(seller, buyer, 11_900, "EUR", "2026-02-01 12:00Z");
        let taxed = |charge: Uuid| {
            run(&issue(charge));
            documents(charge)[0].split(' ').skip(2).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(taxed(sale(None)), "11900 10000 1900 1900 standard");
        let unknown = person("buyer");
        assert_eq!(taxed(sale(Some(unknown))), "11900 10000 1900 1900 standard");
        for (country, vat_id, expected) in [
            ("DE", Some("DE987654321"), "11900 10000 1900 1900 standard"),
            ("FR", Some("FR12345678901"), "11900 11900 0 0 reverse_charge"),
            ("FI", None, "11900 10000 1900 1900 standard"),
            ("US", None, "11900 11900 0 0 export"),
        ] {
            let buyer = known("buyer", country, vat_id);
            assert_eq!(taxed(sale(Some(buyer))), expected, "{country}");
        }
        run(r#"select backoffice.set_setting('treasury', 'vat_consumer_rate', '"buyer"')"#);
        let finn = known("buyer", "FI", None);
        assert_eq!(taxed(sale(Some(finn))), "11900 9482 2418 2550 standard");
        // The rate is that of the day it was supplied on.
        let then = charge(seller, None, 11_600, "EUR", "2020-12-31 22:59Z");
        assert_eq!(taxed(then), "11600 10000 1600 1600 standard");
        run("select treasury.set_vat_rate('DE', '2026-01-01', 2000)");
        assert_eq!(
            taxed(charge(seller, None, 12_000, "EUR", "2026-01-01 00:00Z")),
            "12000 10000 2000 2000 standard"
        );
        assert_eq!(
            taxed(charge(seller, None, 11_900, "EUR", "2025-12-31 23:00Z")),
            "11900 10000 1900 1900 standard"
        );
    }

    #[pg_test]
    fn numbers_have_no_gaps_even_where_something_fails() {
        alone_with_reports();
        let (seller, other) = (german(), known("artist", "FR", Some("FR12345678901")));
        let charges: Vec<Uuid> =
            (0..4).map(|_| charge(seller, None, 100, "EUR", "2026-02-01 12:00Z")).collect();
        run(&issue(charges[0]));
        expect_error(
            "22012",
            &format!("select 1 / (count(*) - 1) from treasury.issue_invoice('{}')", charges[1]),
        );
        for charge in &charges {
            run(&issue(*charge));
            run(&issue(*charge));
        }
        run(&issue(charge(other, None, 100, "EUR", "2026-02-01 12:00Z")));
        let numbers: String = one(&format!(
            "select string_agg(series || '/' || number, ' ' order by number) from treasury.invoices where seller_id = '{seller}'"
        ));
        let year: String = one("select extract(year from now() at time zone 'UTC')::text");
        let expected: Vec<_> = (1..=4).map(|n| format!("INV-{year}/{n}")).collect();
        assert_eq!(numbers, expected.join(" "));
        assert_eq!(
            one::<i32>(&format!(
                "select number from treasury.invoices where seller_id = '{other}'"
            )),
            1
        );
    }

    #[pg_test]
    fn what_is_given_back_is_credited_to_the_cent() {
        alone_with_reports();
        let seller = german();
        let charge = charge(seller, None, 1_001, "EUR", "2026-02-01 12:00Z");
        run(&issue(charge));
        for cents in [1, 333, 334] {
            refund(charge, cents, "2026-03-01 12:00Z");
            run(&issue(charge));
            run(&issue(charge));
        }
        run(&format!("update treasury.charges set disputed_cents = 5000 where id = '{charge}'"));
        run(&issue(charge));
        assert_eq!(
            documents(charge),
            [
                "invoice 1 1001 841 160 1900 standard",
                "credit_note 1 -1 -1 0 1900 standard",
                "credit_note 2 -333 -280 -53 1900 standard",
                "credit_note 3 -334 -280 -54 1900 standard",
                "credit_note 4 -333 -280 -53 1900 standard",
            ]
        );
        let sums: Vec<i64> = one(
            "select array[sum(gross_cents), sum(net_cents), sum(tax_cents)]::bigint[] from treasury.invoices",
        );
        assert_eq!(sums, [0, 0, 0]);
        // The dispute was won.
        run(&format!("update treasury.charges set disputed_cents = 0 where id = '{charge}'"));
        run(&issue(charge));
        assert_eq!(documents(charge)[5], "debit_note 1 333 280 53 1900 standard");
        let wrong: i64 = one(
            "select count(*) from treasury.invoices where kind <> 'invoice' and invoice_id is null",
        );
        assert_eq!(wrong, 0);
    }

    #[pg_test]
    fn what_cannot_be_invoiced_is_refused() {
        alone_with_reports();
        let seller = german();
        let poor = person("host");
        expect_error("PT409", &issue(charge(poor, None, 100, "EUR", "2026-02-01 12:00Z")));
        let unregistered = known("host", "DE", None);
        expect_error("PT409", &issue(charge(unregistered, None, 100, "EUR", "2026-02-01 12:00Z")));
        let american = known("host", "US", Some("US12345"));
        expect_error("PT409", &issue(charge(american, None, 100, "EUR", "2026-02-01 12:00Z")));
        expect_error("PT409", &issue(charge(seller, None, 0, "EUR", "2026-02-01 12:00Z")));
        expect_error("PT409", &issue(charge(seller, None, 100, "EUR", "2010-02-01 12:00Z")));
        let waits = charge(seller, None, 100, "EUR", "2026-02-01 12:00Z");
        run(&format!("update treasury.charges set status = 'authorized' where id = '{waits}'"));
        expect_error("PT409", &issue(waits));
        run(&format!(
            "update treasury.charges set status = 'captured', owner_id = null where id = '{waits}'"
        ));
        expect_error("PT409", &issue(waits));
        expect_error("PT404", &issue(new_id()));
        expect_error("22004", "select treasury.issue_invoice(null)");
        assert_eq!(one::<i64>("select count(*) from treasury.invoices"), 0);
        assert_eq!(one::<i64>("select count(*) from treasury.invoice_counters"), 0);
    }

    #[pg_test]
    fn an_invoice_is_its_two_sides_business() {
        alone_with_reports();
        let (seller, buyer) = (german(), person("buyer"));
        let charge = charge(seller, Some(buyer), 100, "EUR", "2026-02-01 12:00Z");
        let seen = "select count(*) from treasury.invoices";
        become_person(german_stranger());
        expect_error("PT404", &issue(charge));
        expect_error(
            "PT404",
            &ask("vat_invoice", "json", &format!(r#"{{"charge_id": "{charge}"}}"#)),
        );
        for (who, sees) in [(buyer, 1), (seller, 1), (person("admin"), 1), (person("buyer"), 0)] {
            become_person(who);
            if sees > 0 {
                run(&issue(charge));
            }
            assert_eq!(one::<i64>(seen), sees);
        }
    }

    fn german_stranger() -> Uuid {
        known("host", "DE", Some("DE111111111"))
    }

    #[pg_test]
    fn invoices_keep_what_was_said_and_are_never_changed() {
        alone_with_reports();
        let (seller, buyer) = (german(), known("buyer", "AT", None));
        let charge = charge(seller, Some(buyer), 100, "EUR", "2026-02-01 12:00Z");
        run(&issue(charge));
        run(&format!(
            r#"select treasury.set_tax_profile('{seller}', '{{"name": "New", "address": "2 Lane", "country": "FR", "vat_id": "FR12345678901"}}')"#
        ));
        run(&issue(charge));
        let sides: String =
            one("select seller->>'name' || ' ' || (buyer->>'name') from treasury.invoices");
        assert_eq!(sides, "N DE N AT");
        for sql in [
            "update treasury.invoices set tax_cents = 0, net_cents = gross_cents",
            "update treasury.invoices set number = 2",
            "delete from treasury.invoices",
        ] {
            expect_error("42501", sql);
        }
        let kept: String = one(
            "select (keep_until - make_date(extract(year from issued_on)::int + 10, 12, 31))::text from treasury.invoices",
        );
        assert_eq!(kept, "0");
    }

    #[pg_test]
    fn the_file_of_a_charge_has_what_the_law_wants() {
        alone_with_reports();
        let (seller, buyer) = (german(), known("buyer", "FR", Some("FR12345678901")));
        let charge = charge(seller, Some(buyer), 11_900, "EUR", "2026-01-31 23:30Z");
        run(r#"select backoffice.set_setting('treasury', 'report_time_zone', '"Europe/Berlin"')"#);
        become_person(buyer);
        let text = report("vat_invoice", "json", &format!(r#"{{"charge_id": "ch_{charge}"}}"#));
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let invoice = &file["documents"][0];
        assert_eq!(invoice["supplied_on"], "2026-02-01");
        assert_eq!(invoice["seller"]["vat_id"], "DE123456789");
        assert_eq!(invoice["buyer"]["vat_id"], "FR12345678901");
        assert_eq!(invoice["treatment"], "reverse_charge");
        assert_eq!(invoice["notes"].as_array().unwrap().len(), 1);
        assert_eq!(invoice["lines"][0]["rate_percent"], "0");
        assert!(invoice["number"].as_str().unwrap().ends_with("-000001"));
        // The report is the buyer's, and Stripe's id and ours are the same charge.
        become_person(buyer);
        let again: i64 =
            one(&ask("vat_invoice", "json", &format!(r#"{{"charge_id": "{charge}"}}"#)));
        become_database();
        let row: String = one(&format!(
            "select concat_ws(' ', user_id, status) from treasury.reports where id = {again}"
        ));
        assert_eq!(row, format!("{buyer} done"));
        // A refund makes it another document.
        refund(charge, 100, "2026-03-01 12:00Z");
        become_person(buyer);
        let later: i64 =
            one(&ask("vat_invoice", "json", &format!(r#"{{"charge_id": "{charge}"}}"#)));
        assert_ne!(again, later);
        make_reports();
        let file: Value = serde_json::from_str(&file_of(later)).unwrap();
        assert_eq!(file["documents"][1]["corrects"], invoice["number"]);
        assert_eq!(file["documents"][1]["gross_cents"], -100);
    }

    #[pg_test]
    fn a_statement_has_all_of_a_period_with_totals() {
        alone_with_reports();
        let seller = german();
        for day in
            ["2026-01-31 23:59Z", "2026-02-01 00:00Z", "2026-02-28 23:59Z", "2026-03-01 00:00Z"]
        {
            charge(seller, None, 1_190, "EUR", day);
        }
        let yen = charge(seller, None, 500, "JPY", "2026-02-10 12:00Z");
        become_person(seller);
        let february = r#"{"from": "2026-02-01", "to": "2026-03-01"}"#;
        let text = report("vat_invoice", "json", february);
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(file["documents"].as_array().unwrap().len(), 3);
        assert_eq!(
            file["totals"][0],
            serde_json::json!({"currency": "EUR", "treatment": "standard", "rate_percent": "19",
            "gross_cents": 2380, "net_cents": 2000, "tax_cents": 380})
        );
        assert_eq!(file["totals"][1]["gross_cents"], 500);
        assert_eq!(one::<i64>("select count(*) from treasury.invoices"), 3);
        // What is given back is corrected on the day of the note, which is today.
        refund(yen, 500, "2026-03-02 12:00Z");
        become_person(seller);
        let (from, to): (String, String) = {
            become_database();
            (one("select (current_date)::text"), one("select (current_date + 1)::text"))
        };
        become_person(seller);
        let csv = report("vat_invoice", "csv", &format!(r#"{{"from": "{from}", "to": "{to}"}}"#));
        assert_eq!(csv.lines().count(), 2, "{csv}");
        assert!(csv.contains("credit_note") && csv.contains(",-500,"), "{csv}");
        run("select backoffice.set_setting('treasury', 'report_max_rows', '2')");
        become_person(seller);
        assert_eq!(report("vat_invoice", "csv", february), "failed PT409");
    }

    #[pg_test]
    fn each_month_makes_the_past_ones_once_where_it_is_wanted() {
        alone_with_reports();
        let (seller, idle) = (german(), german_stranger());
        charge(seller, None, 1_190, "EUR", "2026-02-10 12:00Z");
        charge(idle, None, 1_190, "EUR", "2026-01-10 12:00Z");
        charge(person("host"), None, 1_190, "EUR", "2026-02-10 12:00Z");
        let night = |day: &str| nightly::queue(day.parse().unwrap(), 1000).unwrap();
        assert_eq!(night("2026-03-01"), Queued::default());
        run("select backoffice.set_setting('treasury', 'automatic_vat_statements', 'true')");
        assert_eq!(night("2026-03-08"), Queued::default());
        assert_eq!(night("2026-03-02"), Queued { forms: 0, statements: 1 });
        assert_eq!(night("2026-03-03"), Queued::default());
        make_reports();
        assert_eq!(night("2026-03-04"), Queued::default());
        let row: String = one("select concat_ws(' ', user_id, status) from treasury.reports");
        assert_eq!(row, format!("{seller} done"));
    }

    #[pg_test]
    fn a_profile_is_ones_own() {
        alone_with_reports();
        let (host, admin) = (person("host"), person("admin"));
        let set = |who: &str, profile: &str| {
            format!("select user_id from treasury.set_tax_profile({who}, '{profile}')")
        };
        let good = r#"{"name": "A", "address": "B", "country": "AT", "vat_id": "atu 12345678"}"#;
        become_person(host);
        run(&set("null", good));
        assert_eq!(one::<String>("select vat_id from treasury.tax_profiles"), "ATU12345678");
        expect_error("42501", &set(&format!("'{admin}'"), good));
        expect_error(
            "22023",
            &set(
                "null",
                r#"{"name": "A", "address": "B", "country": "AT", "vat_id": "DE123456789"}"#,
            ),
        );
        expect_error("22004", &set("null", r#"{"name": "A", "country": "AT"}"#));
        expect_error("22004", "select treasury.set_tax_profile(null, null)");
        expect_error("42501", "select treasury.set_vat_rate('AT', '2026-01-01', 1)");
        expect_error("42501", "select treasury.set_tax_threshold('1099-K', 2027, 1)");
        become_person(admin);
        run(&set(&format!("'{host}'"), good));
        expect_error("PT404", &set(&format!("'{}'", new_id()), good));
        for (code, sql) in [
            ("22023", "select treasury.set_vat_rate('XX', '2026-01-01', 1)"),
            ("22023", "select treasury.set_vat_rate('AT', 'infinity', 1)"),
            ("22023", "select treasury.set_vat_rate('AT', '2026-01-01', 10001)"),
            ("22004", "select treasury.set_vat_rate('AT', null, 1)"),
            ("22023", "select treasury.set_tax_threshold('1099', 2027, 1)"),
            ("22023", "select treasury.set_tax_threshold('1099-K', 1999, 1)"),
            ("22023", "select treasury.set_tax_threshold('1099-K', 2027, -1)"),
            ("22023", "select treasury.set_tax_threshold('1099-K', 2027, 1, -1)"),
            ("22004", "select treasury.set_tax_threshold('1099-K', 2027, null)"),
        ] {
            expect_error(code, sql);
        }
        become_service();
        expect_error("22004", &set("null", good));
    }
}
