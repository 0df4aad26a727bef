//! Form 1099: what counts in which year, and when it is required.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::sales::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::report::nightly::{self, Queued};
    use pgrx::prelude::*;
    use serde_json::Value;

    /// The form of a year, as its subject gets it.
    fn form(person: Uuid, year: i32) -> Value {
        become_person(person);
        let text = report("1099", "json", &format!(r#"{{"year": {year}}}"#));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    fn figures(form: &Value) -> [i64; 4] {
        ["gross_cents", "returned_cents", "net_cents", "transactions"]
            .map(|key| form[key].as_i64().unwrap_or_else(|| panic!("{key} of {form}")))
    }

    fn set(key: &str, value: &str) {
        become_database();
        run(&format!("select backoffice.set_setting('treasury', '{key}', '{value}')"));
    }

    #[pg_test]
    fn a_year_begins_in_the_time_zone_and_months_are_its_months() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        for (at, cents) in [
            ("2025-01-01 04:59:59.999999Z", 1),
            ("2025-01-01 05:00:00Z", 10),
            ("2025-02-01 04:59:59Z", 100),
            ("2025-12-31 23:00:00Z", 1_000),
            ("2026-01-01 04:59:59Z", 10_000),
            ("2026-01-01 05:00:00Z", 100_000),
        ] {
            let charge = charge(host, None, cents * 2, "USD", at);
            shares(charge, &[(None, 0), (Some(artist), cents), (Some(host), cents)]);
        }
        let euros = charge(host, None, 7, "EUR", "2025-06-01 12:00Z");
        shares(euros, &[(Some(artist), 7)]);
        become_database();
        run("insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, charged_at)
             select gen_random_uuid(), 'ch_authorized', 'authorized', 0, 'USD', owner_id, charged_at
               from treasury.charges limit 1");
        set("report_time_zone", "\"America/New_York\"");
        let form = form(artist, 2025);
        assert_eq!(figures(&form), [11_110, 0, 11_110, 4]);
        assert_eq!(form["months"], serde_json::json!([110, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11_000]));
        assert_eq!(form["recipient"]["tin"], Value::Null);
        assert_eq!(form["recipient"]["id"], artist.to_string());
        let other: Value = {
            become_person(artist);
            let text = report("1099", "json", r#"{"year": "2025", "currency": "EUR"}"#);
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!((figures(&other), &other["required"]), ([7, 0, 7, 1], &Value::Bool(false)));
    }

    #[pg_test]
    fn what_is_given_back_counts_in_the_year_it_is_given_back() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        let one = charge(host, None, 1_000, "USD", "2024-11-01 12:00Z");
        shares(one, &[(None, 100), (Some(artist), 601), (Some(host), 299)]);
        refund(one, 250, "2024-12-01 12:00Z");
        refund(one, 333, "2025-01-02 12:00Z");
        let before = [form(artist, 2024), form(artist, 2025)];
        // The buyer paid 1000 for shares of 900, the first 601 of them his.
        assert_eq!((figures(&before[0])[0], &before[0]["fees_cents"]), (667, &Value::from(66)));
        // By its turns of units, 250 of 1000 take 150 of 601, and 583 take 351.
        assert_eq!(before.each_ref().map(|form| figures(form)[1]), [150, 201]);
        assert_eq!(figures(&before[1]), [0, 201, -201, 0]);
        become_database();
        run(&format!(
            "insert into treasury.disputes (stripe_dispute_id, charge_id, status, amount_cents, currency, withdrawn_cents, created_at)
             values ('dp_1', 'ch_{one}', 'lost', 1000, 'USD', 1000, '2026-03-01');
             update treasury.charges set disputed_cents = 1000 where id = '{one}'"
        ));
        let years = [2024, 2025, 2026].map(|year| figures(&form(artist, year))[1]);
        assert_eq!(years.iter().sum::<i64>(), 601, "never more than the share");
        assert_eq!(years, [150, 201, 250]);
    }

    #[pg_test]
    fn gross_of_a_k_is_what_buyers_paid_and_of_a_nec_the_shares() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        let one = charge(host, None, 1_001, "USD", "2025-11-01 12:00Z");
        shares(one, &[(None, 100), (Some(artist), 300), (Some(host), 301), (Some(artist), 300)]);
        let whole = charge(host, None, 50, "USD", "2025-11-02 12:00Z");
        shares(whole, &[(None, 50), (Some(host), 0)]);
        let gross = |person| figures(&form(person, 2025))[0];
        assert_eq!([artist, host].map(gross), [333 + 334, 334], "together the charge");
        set("tax_form", "\"1099-NEC\"");
        assert_eq!([artist, host].map(gross), [600, 301]);
    }

    #[pg_test]
    fn a_refund_that_only_the_charge_knows_counts_with_the_charge() {
        alone_with_reports();
        let artist = person("artist");
        let one = charge(artist, None, 900, "USD", "2025-05-01 12:00Z");
        shares(one, &[(Some(artist), 900)]);
        become_database();
        run(&format!("update treasury.charges set refunded_cents = 400 where id = '{one}'"));
        assert_eq!(figures(&form(artist, 2025)), [900, 400, 500, 1]);
        assert_eq!(figures(&form(artist, 2026)), [0, 0, 0, 0]);
    }

    #[pg_test]
    fn the_threshold_is_that_of_the_form_and_the_year() {
        alone_with_reports();
        let artist = person("artist");
        for year in [2023, 2024, 2025, 2026] {
            let one = charge(artist, None, 3_000_000, "USD", &format!("{year}-05-01 12:00Z"));
            shares(one, &[(Some(artist), 3_000_000)]);
        }
        let required = |year| form(artist, year)["required"].as_bool().unwrap();
        // One transaction is not more than 200; 2024 asked for none.
        assert_eq!([2023, 2024, 2025].map(required), [false, true, false]);
        set("tax_form", "\"1099-NEC\"");
        assert_eq!([2023, 2024, 2025].map(required), [true; 3]);
        become_database();
        run("select treasury.set_tax_threshold('1099-NEC', 2026, 3000001)");
        assert_eq!([2025, 2026].map(required), [true, false]);
        become_database();
        run("select treasury.set_tax_threshold('1099-NEC', 2026, 3000000)");
        assert!(required(2026));
        let none = form(person("artist"), 2025);
        assert_eq!((figures(&none), &none["required"]), ([0; 4], &Value::Bool(false)));
        assert_eq!(none["notes"].as_array().unwrap().len(), 2);
    }

    #[pg_test]
    fn a_record_of_csv_has_the_name_and_no_formula() {
        alone_with_reports();
        let artist = person("artist");
        become_person(artist);
        run(
            r#"select treasury.set_tax_profile(null, '{"name": "=HYPERLINK(1)", "address": "1, Lane", "country": "US"}')"#,
        );
        let text = report("1099", "csv", r#"{"year": 2025}"#);
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].contains(",'=HYPERLINK(1),\"1, Lane\",US,,0,0,0,0,0,"), "{text}");
    }

    #[pg_test]
    fn january_makes_those_of_the_past_year_once() {
        alone_with_reports();
        let (rich, poor, old) = (person("artist"), person("artist"), person("artist"));
        set("tax_form", "\"1099-NEC\"");
        for (who, cents, at) in [
            (rich, 60_000, "2025-12-31 12:00Z"),
            (poor, 59_999, "2025-12-31 12:00Z"),
            (old, 60_000, "2024-12-31 12:00Z"),
        ] {
            shares(charge(who, None, cents, "USD", at), &[(Some(who), cents)]);
        }
        let night = |day: &str| nightly::queue(day.parse().unwrap(), 1000).unwrap();
        assert_eq!(night("2026-02-01"), Queued::default());
        assert_eq!(night("2026-01-02"), Queued { forms: 1, statements: 0 });
        assert_eq!(night("2026-01-03"), Queued::default());
        make_reports();
        assert_eq!(night("2026-01-04"), Queued::default());
        let row: String = one(
            "select concat_ws(' ', user_id, type, format, status, parameters, requested_by, automatic) from treasury.reports",
        );
        assert_eq!(row, format!(r#"{rich} 1099 csv done {{"year": 2025, "currency": "USD"}} t"#));
        // One that failed is tried again the next night.
        run(
            "update treasury.reports set status = 'failed', error_code = 'XX000', generated_at = null",
        );
        assert_eq!(night("2026-01-05"), Queued { forms: 1, statements: 0 });
        // Of a 1099-K the platform's fee counts.
        set("tax_form", "\"1099-K\"");
        run("update treasury.reports set status = 'failed', error_code = 'XX000';
             select treasury.set_tax_threshold('1099-K', 2025, 60000)");
        assert_eq!(night("2026-01-05"), Queued::default());
        shares(charge(poor, None, 2, "USD", "2025-12-31 12:00Z"), &[(None, 1), (Some(poor), 1)]);
        become_database();
        assert_eq!(night("2026-01-05"), Queued { forms: 1, statements: 0 });
        set("automatic_1099", "false");
        run("update treasury.reports set status = 'failed', error_code = 'XX000'");
        assert_eq!(night("2026-01-06"), Queued::default());
    }
}
