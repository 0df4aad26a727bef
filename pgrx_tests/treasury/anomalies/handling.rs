//! Listing, flagging from outside, and resolving.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::treasury::anomalies::*;
    use crate::pgrx_tests::treasury::*;
    use pgrx::prelude::*;

    fn listed(arguments: &str) -> String {
        one(&format!(
            "select coalesce(string_agg(key, ' '), '') from treasury.list_anomalies({arguments})"
        ))
    }

    fn resolve(id: i64) -> String {
        format!("select id from treasury.resolve_anomaly({id}, 'A group of friends.')")
    }

    #[pg_test]
    fn a_model_outside_flags_and_a_repeat_changes_nothing() {
        let host = person("host");
        let id = charge(host, host, 1234, "now()");
        become_service();
        let more = format!(
            r#", "charge": "{id}", "user_id": "{host}", "score": 0.97, "related_entry_id": 42, "explanation": {{"ring": 7}}"#
        );
        let first: i64 = one(&flag("a", "high", &more));
        assert_eq!(one::<i64>(&flag("a", "low", "")), first);
        let row: String = one(&format!(
            "select concat_ws(' ', detector, kind, severity, score, related_entry_id, charge_id, user_id, currency,
                              amount_cents, explanation) from treasury.anomalies where id = {first}"
        ));
        assert_eq!(row, format!(r#"model fraud high 0.97 42 {id} {host} USD 1234 {{"ring": 7}}"#));
        let by_stripe = format!(r#", "charge": "ch_{}""#, id.to_string().replace('-', ""));
        run(&flag("b", "low", &by_stripe));
        become_person(person("admin"));
        run(&flag("c", "low", ""));
        for (code, more) in [
            ("PT404", r#", "charge": "ch_nope""#.to_owned()),
            ("PT404", format!(r#", "user_id": "{}""#, new_id())),
            ("22023", r#", "score": "high""#.to_owned()),
            ("22023", r#", "nope": 1"#.to_owned()),
        ] {
            expect_error(code, &flag("d", "low", &more));
        }
        expect_error("22023", &flag("d", "huge", ""));
        expect_error("22004", "select treasury.flag_anomaly(null)");
        expect_error("22023", "select treasury.flag_anomaly('[]')");
        become_person(host);
        expect_error("42501", &flag("d", "low", ""));
    }

    #[pg_test]
    fn lists_are_by_severity_and_status_and_page() {
        become_service();
        for (key, severity) in [("a", "low"), ("b", "medium"), ("c", "high"), ("d", "high")] {
            run(&flag(key, severity, ""));
        }
        let id: i64 = one("select id from treasury.anomalies where key = 'd'");
        run(&resolve(id));
        assert_eq!(listed(""), "c b a");
        assert_eq!(listed("p_status => 'resolved'"), "d");
        assert_eq!(listed("p_status => 'all'"), "d c b a");
        assert_eq!(listed("'high', 'all'"), "d c");
        assert_eq!(listed("p_severity => 'low'"), "a");
        assert_eq!(listed("'', ''"), "c b a");
        assert_eq!(listed("null, null, null, null"), "c b a");
        assert_eq!(listed("p_limit => 1, p_offset => 1"), "b");
        assert_eq!(listed("p_offset => 9"), "");
        for bad in
            ["'worst'", "null, 'closed'", "p_limit => 0", "p_limit => 1001", "p_offset => -1"]
        {
            expect_error("22023", &format!("select treasury.list_anomalies({bad})"));
        }
        become_person(person("host"));
        expect_error("42501", "select treasury.list_anomalies()");
        assert_eq!(one::<i64>("select count(*) from treasury.anomalies"), 0);
        become_person(person("admin"));
        assert_eq!(one::<i64>("select count(*) from treasury.anomalies"), 4);
    }

    #[pg_test]
    fn an_anomaly_is_resolved_once_with_a_note_and_who_and_when_are_kept() {
        become_service();
        let (first, second): (i64, i64) = (one(&flag("a", "high", "")), one(&flag("b", "low", "")));
        let admin = person("admin");
        become_person(admin);
        for note in ["null", "''", "'  '"] {
            expect_error("22004", &format!("select treasury.resolve_anomaly({first}, {note})"));
        }
        expect_error(
            "22023",
            &format!("select treasury.resolve_anomaly({first}, repeat('x', 501))"),
        );
        expect_error("22004", "select treasury.resolve_anomaly(null, 'x')");
        expect_error("PT404", &resolve(second + 1000));
        run(&resolve(first));
        expect_error("PT409", &resolve(first));
        let row: String = one(&format!(
            "select concat_ws(' ', resolved_by, resolved_at = now(), resolution) from treasury.anomalies where id = {first}"
        ));
        assert_eq!(row, format!("{admin} t A group of friends."));
        become_database();
        let log: String = one(&format!(
            "select concat_ws(' ', action, actor_id) from ops.audit_logs
              where table_name = 'treasury.anomalies' and record_id = '{first}' and action <> 'INSERT'"
        ));
        assert_eq!(log, format!("UPDATE {admin}"));
        let alert: String = one(
            "select concat_ws(' ', resolved_by, resolution) from ops.alerts where kind = 'treasury_anomaly'",
        );
        assert_eq!(alert, format!("{admin} A group of friends."));
        become_person(person("host"));
        expect_error("42501", &resolve(second));
    }

    #[pg_test]
    fn the_path_of_the_documents_sends_an_object() {
        become_service();
        let ids: Vec<i64> = ["a", "b", "c"].iter().map(|key| one(&flag(key, "low", ""))).collect();
        let resolve = |request: String| {
            format!("select id from treasury.resolve_anomaly_request('{request}')")
        };
        for (code, request) in [
            ("22004", "{}".to_owned()),
            ("22004", format!(r#"{{"id": {}}}"#, ids[0])),
            ("22004", r#"{"note": "x"}"#.to_owned()),
            ("22023", format!(r#"{{"id": {}, "anomaly_id": {}, "note": "x"}}"#, ids[0], ids[1])),
            ("22023", format!(r#"{{"id": "{} ", "note": "x"}}"#, ids[0])),
            ("22023", r#"{"id": 1.5, "note": "x"}"#.to_owned()),
            ("22023", format!(r#"{{"id": {}, "note": "x", "by": 1}}"#, ids[0])),
            ("22023", "[]".to_owned()),
            ("PT404", r#"{"id": 9223372036854775807, "note": "x"}"#.to_owned()),
        ] {
            expect_error(code, &resolve(request));
        }
        run(&resolve(format!(r#"{{"id": {}, "note": "x"}}"#, ids[0])));
        run(&resolve(format!(r#"{{"anomaly_id": {}, "note": "x"}}"#, ids[1])));
        run(&resolve(format!(r#"{{"id": {0}, "anomaly_id": {0}, "note": "x"}}"#, ids[2])));
        expect_error("PT409", &resolve(format!(r#"{{"id": {}, "note": "x"}}"#, ids[0])));
        expect_error("22004", "select treasury.resolve_anomaly_request(null)");
    }
}
