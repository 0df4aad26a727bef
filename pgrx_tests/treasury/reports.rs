//! Reports: who may ask for which, that the same is made once, downloads, failures, exports
//! of the ledger, and how long files are kept.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::money::Currency;
    use crate::pgrx_tests::treasury::sales::*;
    use crate::pgrx_tests::treasury::*;
    use crate::treasury::books::{self, Account, Move};
    use pgrx::prelude::*;
    use serde_json::Value;

    const YEAR: &str = r#"{"year": 2025}"#;

    /// Somebody earns, or loses, on a day.
    fn earn(who: Uuid, cents: i64, currency: &str, kind: &str, reference: &str) {
        become_database();
        let currency = Currency::parse(currency, "currency").unwrap();
        let moves = [Move { debit: Account::Stripe, credit: Account::Earnings(who), minor: cents }];
        books::post(kind, Some(reference), None, currency, &moves).unwrap();
    }

    fn this_year() -> String {
        become_database();
        let year: String = one("select extract(year from now() at time zone 'UTC')::text");
        format!(r#"{{"year": {year}}}"#)
    }

    fn of(user: Uuid) -> String {
        format!("select id from treasury.generate_report('1099', 'csv', '{YEAR}', '{user}')")
    }

    fn download(report: i64) -> String {
        format!("select treasury.download_report({report})")
    }

    #[pg_test]
    fn ones_own_and_for_admins_everybodys() {
        alone_with_reports();
        let (host, artist, admin) = (person("host"), person("artist"), person("admin"));
        let everybody = r#"{"year": 2025, "everybody": true}"#;
        become_person(host);
        let own: i64 = one(&of(host));
        expect_error("42501", &of(artist));
        expect_error("42501", &ask("ledger_export", "csv", everybody));
        become_person(admin);
        let by_admin: i64 = one(&of(host));
        assert_ne!(own, by_admin);
        expect_error("PT404", &of(new_id()));
        run(&ask("ledger_export", "csv", everybody));
        expect_error(
            "22023",
            &format!(
                "select treasury.generate_report('ledger_export', 'csv', '{everybody}', '{host}')"
            ),
        );
        become_service();
        expect_error("22004", &ask("1099", "csv", YEAR));
        run(&of(artist));
        let counts = [(host, 2), (artist, 1), (admin, 4), (person("buyer"), 0)];
        for (who, sees) in counts {
            become_person(who);
            assert_eq!(one::<i64>("select count(*) from treasury.reports"), sees);
            expect_error("42501", "select count(*) from treasury.report_files");
        }
    }

    #[pg_test]
    fn a_report_of_nothing_is_refused() {
        alone_with_reports();
        become_person(person("host"));
        for (code, sql) in [
            ("22004", "select treasury.generate_report(null)".to_owned()),
            ("22004", "select treasury.generate_report('1099', null)".to_owned()),
            ("22004", "select treasury.generate_report('1099', 'csv', null)".to_owned()),
            ("22004", ask("1099", "csv", "{}")),
            ("22023", ask("w2", "csv", YEAR)),
            ("22023", ask("1099", "pdf", YEAR)),
            ("22023", ask("1099", "csv", "[]")),
            ("22023", ask("1099", "csv", r#"{"year": 1e400}"#)),
            ("22023", ask("1099", "csv", r#"{"year": 2025, "month": 1}"#)),
            ("22023", ask("ledger_export", "csv", r#"{"from": "2026-01-01", "to": "2025-01-01"}"#)),
            ("PT404", ask("vat_invoice", "csv", r#"{"charge_id": "ch_nobody"}"#)),
            ("22004", "select treasury.download_report(null)".to_owned()),
            ("PT404", download(999_999)),
            ("42501", "select treasury.run_reports()".to_owned()),
        ] {
            expect_error(code, &sql);
        }
        become_database();
        run(r#"select backoffice.set_setting('treasury', 'report_time_zone', '"Mars/Olympus"')"#);
        become_person(person("host"));
        expect_error("PT409", &ask("1099", "csv", YEAR));
    }

    #[pg_test]
    fn the_same_is_one_report_as_long_as_it_says_the_same() {
        alone_with_reports();
        let host = person("host");
        let year = this_year();
        let ask = || {
            become_person(host);
            one::<i64>(&ask("ledger_export", "csv", &year))
        };
        let first = ask();
        assert_eq!(ask(), first);
        make_reports();
        assert_eq!(ask(), first);
        earn(host, 5, "USD", "stripe_charge", "ch_1");
        let second = ask();
        assert_ne!(second, first);
        assert_eq!(ask(), second);
        make_reports();
        assert_eq!(ask(), second);
        become_person(host);
        let other: i64 = one(&format!(
            "select id from treasury.generate_report('ledger_export', 'json', '{year}')"
        ));
        assert_ne!(other, second);
        // Without its file there is nothing to give.
        become_database();
        run("delete from treasury.report_files");
        assert_ne!(ask(), second);
    }

    #[pg_test]
    fn a_person_has_so_many_waiting_at_most() {
        alone_with_reports();
        become_person(person("host"));
        for year in 2000..2050 {
            run(&ask("1099", "csv", &format!(r#"{{"year": {year}}}"#)));
        }
        run(&ask("1099", "csv", r#"{"year": 2049}"#));
        expect_error("PT409", &ask("1099", "csv", r#"{"year": 2050}"#));
        make_reports();
        become_person(person("host"));
        run(&ask("1099", "csv", r#"{"year": 2050}"#));
    }

    #[pg_test]
    fn a_file_is_its_persons_and_admins() {
        alone_with_reports();
        let (host, stranger, admin) = (person("host"), person("host"), person("admin"));
        become_person(host);
        let id: i64 = one(&of(host));
        expect_error("PT409", &download(id));
        become_person(stranger);
        expect_error("PT404", &download(id));
        make_reports();
        become_person(stranger);
        expect_error("PT404", &download(id));
        for who in [host, admin] {
            become_person(who);
            let same: bool = one(&format!(
                "select encode(sha256(treasury.download_report(id)::bytea), 'hex') = checksum and status = 'done'
                    and size = length(treasury.download_report(id)::bytea) and location = '/api/reports/download/' || id
                   from treasury.reports where id = {id}"
            ));
            assert!(same);
        }
        let headers: String = one("select current_setting('response.headers')");
        let headers: Value = serde_json::from_str(&headers).unwrap();
        assert_eq!(headers[0]["Content-Type"], "text/csv; charset=utf-8");
        assert_eq!(
            headers[1]["Content-Disposition"],
            format!("attachment; filename=\"1099-{id}.csv\"")
        );
        let digest: String = one(&format!(
            "select 'sha-256=:' || encode(decode(checksum, 'hex'), 'base64') || ':' from treasury.reports where id = {id}"
        ));
        assert_eq!(headers[3]["Repr-Digest"], digest);
        become_service();
        run(&download(id));
        become_database();
        run("delete from treasury.report_files");
        become_person(host);
        expect_error("PT404", &download(id));
    }

    #[pg_test]
    fn one_that_fails_says_so_and_stops_no_other() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        let sale = charge(host, None, 100, "EUR", "2026-02-01 12:00Z");
        become_person(host);
        let bad: i64 = one(&ask("vat_invoice", "csv", &format!(r#"{{"charge_id": "{sale}"}}"#)));
        become_person(artist);
        let good: i64 = one(&of(artist));
        let broken: i64 = one(&ask("1099", "json", YEAR));
        become_database();
        run(&format!(
            r#"update treasury.reports set parameters = '{{"yaer": 1}}' where id = {broken}"#
        ));
        let outcome: String =
            one("select concat_ws(' ', done, failed, postponed) from treasury.run_reports()");
        assert_eq!(outcome, "1 2 0");
        let state = |id: i64| {
            one::<String>(&format!(
                "select concat_ws(' ', status, error_code) from treasury.reports where id = {id}"
            ))
        };
        assert_eq!([bad, good, broken].map(state), ["failed PT409", "done", "failed 22023"]);
        become_person(host);
        expect_error("PT409", &download(bad));
        // Asked for again it is another one, which may do better.
        become_database();
        run(&format!(
            r#"select treasury.set_tax_profile('{host}', '{{"name": "A", "address": "B", "country": "AT", "vat_id": "ATU12345678"}}')"#
        ));
        become_person(host);
        let again: i64 = one(&ask("vat_invoice", "csv", &format!(r#"{{"charge_id": "{sale}"}}"#)));
        assert_ne!(again, bad);
        make_reports();
        assert_eq!(state(again), "done");
    }

    #[pg_test]
    fn an_export_has_what_there_was_what_came_and_what_there_is() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        let year = this_year();
        earn(host, 1_000, "USD", "stripe_charge", "ch_1");
        earn(host, -300, "USD", "refund", "=re_1");
        earn(host, 7, "EUR", "stripe_charge", "ch_2");
        earn(artist, 99, "USD", "stripe_charge", "ch_3");
        become_person(host);
        let text = report("ledger_export", "json", &year);
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let accounts = file["accounts"].as_array().unwrap();
        assert_eq!(accounts.len(), 2);
        assert_eq!(
            (&accounts[0]["currency"], &accounts[0]["closing_cents"]),
            (&"EUR".into(), &7.into())
        );
        let dollars = &accounts[1];
        assert_eq!(
            (&dollars["opening_cents"], &dollars["closing_cents"]),
            (&0.into(), &700.into())
        );
        assert_eq!(dollars["user_id"], host.to_string());
        // What it comes from is named as in treasury.ledger_entries.
        assert_eq!(dollars["entries"][0]["event_source"], "split");
        let entry = &dollars["entries"][1];
        assert_eq!(
            [
                &entry["type"],
                &entry["amount_cents"],
                &entry["balance_cents"],
                &entry["event_source"],
                &entry["reference_id"]
            ],
            [&Value::from("debit"), &300.into(), &700.into(), &"refund".into(), &"=re_1".into()]
        );
        // Only one currency, and later everything is there from the beginning.
        become_person(host);
        let next: i32 = {
            become_database();
            one("select extract(year from now() at time zone 'UTC')::integer + 1")
        };
        become_person(host);
        let csv =
            report("ledger_export", "csv", &format!(r#"{{"year": {next}, "currency": "USD"}}"#));
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 3, "{csv}");
        assert_eq!(lines[1], format!("opening,earnings:{host}:USD,{host},USD,,,,700,,,,"));
        become_person(host);
        let csv = report("ledger_export", "csv", &year);
        assert!(csv.contains(",debit,300,700,refund,'=re_1,,"), "{csv}");
    }

    #[pg_test]
    fn everybodys_export_balances_and_long_ones_are_refused() {
        alone_with_reports();
        let (host, artist) = (person("host"), person("artist"));
        earn(host, 1_000, "USD", "stripe_charge", "ch_1");
        earn(artist, 500, "USD", "stripe_charge", "ch_2");
        let year = this_year().replace('}', r#", "everybody": true}"#);
        become_person(person("admin"));
        let text = report("ledger_export", "json", &year);
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let sum = |code: &str| -> i64 {
            let accounts = file["accounts"].as_array().unwrap().iter();
            let theirs = accounts.filter(|one| one["account"].as_str().unwrap().starts_with(code));
            theirs.map(|one| one["closing_cents"].as_i64().unwrap()).sum()
        };
        assert_eq!((sum("stripe"), sum("earnings")), (1_500, 1_500));
        run("select backoffice.set_setting('treasury', 'report_max_rows', '3')");
        become_person(person("admin"));
        assert_eq!(report("ledger_export", "csv", &year), "failed PT409");
        run("select backoffice.set_setting('treasury', 'report_max_rows', '4')");
        become_person(person("admin"));
        assert_ne!(report("ledger_export", "csv", &year), "failed PT409");
    }

    #[pg_test]
    fn an_export_of_many_pages_has_each_entry_once() {
        alone_with_reports();
        let host = person("host");
        for n in 0..1_001 {
            earn(host, 1, "USD", "stripe_charge", &format!("ch_{n}"));
        }
        let year = this_year();
        become_person(host);
        let csv = report("ledger_export", "csv", &year);
        assert_eq!(csv.lines().count(), 1_004);
        assert!(csv.contains(",credit,1,1001,split,ch_1000,"), "the last");
        assert!(
            csv.ends_with("closing,earnings:") || csv.lines().last().unwrap().contains(",1001,")
        );
    }

    #[pg_test]
    fn old_files_go_and_their_rows_stay() {
        alone_with_jobs();
        alone_with_reports();
        let host = person("host");
        run(&format!(
            r#"select treasury.set_tax_profile('{host}', '{{"name": "A", "address": "B", "country": "AT", "vat_id": "ATU12345678"}}')"#
        ));
        let sale = charge(host, None, 100, "EUR", "2026-02-01 12:00Z");
        let year = this_year();
        become_person(host);
        run(&of(host));
        run(&ask("vat_invoice", "csv", &format!(r#"{{"charge_id": "{sale}"}}"#)));
        run(&ask("ledger_export", "csv", &year));
        make_reports();
        let purge = || -> String {
            run(
                "select pg_advisory_xact_lock(hashtextextended('backoffice job purge_reports', 0))",
            );
            one(
                "select concat_ws(' ', status, result->>'files', result->>'invoices', error) from ops.run_job('purge_reports')",
            )
        };
        assert_eq!(purge(), "succeeded 0 0");
        run("update treasury.report_files set created_at = now() - interval '91 days'");
        assert_eq!(purge(), "succeeded 1 0");
        let left: String = one(
            "select string_agg(r.type, ' ' order by r.type) from treasury.report_files f join treasury.reports r on r.id = f.report_id",
        );
        assert_eq!(left, "1099 vat_invoice");
        run("update treasury.report_files set created_at = now() - interval '12 years'");
        assert_eq!(purge(), "succeeded 2 0");
        assert_eq!(one::<i64>("select count(*) from treasury.reports where status = 'done'"), 3);
        // An invoice goes once the law does not want it any more.
        assert_eq!(one::<i64>("select count(*) from treasury.invoices"), 1);
        run("insert into treasury.invoices
             select (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(), 'number', 2, 'kind', 'debit_note',
                     'invoice_id', i.id, 'keep_until', current_date - 1))).* from treasury.invoices i");
        // A note alone would be issued again.
        assert_eq!(purge(), "succeeded 0 0");
        let expire = |kind: &str, day: &str| {
            run(&format!(
                "set local session_replication_role = replica;
                 update treasury.invoices set keep_until = current_date {day} where kind = '{kind}';
                 set local session_replication_role = origin"
            ))
        };
        expire("invoice", "- 1");
        expire("debit_note", "");
        assert_eq!(purge(), "succeeded 0 0");
        expire("debit_note", "- 1");
        assert_eq!(purge(), "succeeded 0 2");
    }

    #[pg_test]
    fn a_run_that_is_cancelled_says_nothing_of_the_report() {
        alone_with_reports();
        let host = person("host");
        become_person(host);
        let id: i64 = one(&of(host));
        become_database();
        run("create function public.interrupt() returns trigger language plpgsql as
                $$ begin raise exception 'cancelled' using errcode = current_setting('test.code'); end $$;
             create trigger interrupt before insert on treasury.report_files
                for each row execute function public.interrupt()");
        for code in ["57014", "57P01"] {
            run(&format!("set local test.code = '{code}'"));
            run("do $$ begin
                    perform treasury.run_reports();
                    raise exception 'it went on';
                 exception when query_canceled or admin_shutdown then null;
                 end $$");
            let status: String =
                one(&format!("select status from treasury.reports where id = {id}"));
            assert_eq!(status, "queued", "{code}");
        }
    }

    #[pg_test]
    fn jobs_make_what_waits() {
        alone_with_jobs();
        alone_with_reports();
        let host = person("host");
        become_person(host);
        let id: i64 = one(&of(host));
        become_database();
        run("select pg_advisory_xact_lock(hashtextextended('backoffice job generate_reports', 0));
             select pg_advisory_xact_lock(hashtextextended('backoffice job nightly_reports', 0))");
        let result: String = one(
            "select concat_ws(' ', status, result->>'done') from ops.run_job('generate_reports')",
        );
        assert_eq!(result, "succeeded 1");
        assert!(file_of(id).starts_with("form,year"));
        // A few in each run.
        run("insert into treasury.reports (user_id, type, format, parameters)
             select user_id, type, format, jsonb_build_object('year', 2000 + n)
               from treasury.reports, generate_series(1, 12) n");
        run("select ops.run_job('generate_reports')");
        let left = "select count(*) from treasury.reports where status = 'queued'";
        assert_eq!(one::<i64>(left), 2);
        let night: String = one("select status from ops.run_job('nightly_reports')");
        assert_eq!(night, "succeeded");
    }
}
