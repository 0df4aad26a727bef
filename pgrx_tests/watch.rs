//! Alerts, checks, health, metrics and the publication inside PostgreSQL.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::kernel::error::{Error, Result};
    use crate::kernel::ids::new_id;
    use crate::ops::outbox::{self, Channel, Message};
    use crate::ops::watch::alert::{self, Alert, Severity};
    use crate::ops::watch::check::{self, Check};
    use crate::pgrx_tests::network;
    use crate::pgrx_tests::support::*;
    use pgrx::prelude::*;
    use pgrx::{JsonB, Uuid};
    use serde_json::{Value, json};

    fn disk(severity: Severity) -> Alert {
        Alert {
            severity,
            kind: "disk",
            of: Some("data".into()),
            message: "The disk is full.".into(),
            detail: json!({"free": 0}),
        }
    }

    fn raise(severity: Severity) -> Uuid {
        alert::raise(&disk(severity)).expect("an alert")
    }

    fn about(id: Uuid, columns: &str) -> String {
        one(&format!("select concat_ws(' ', {columns}) from ops.alerts where id = '{id}'"))
    }

    fn resolve(id: Uuid) -> String {
        format!("select ops.resolve_alert('{id}', 'seen to')")
    }

    fn open(kind: &str) -> i64 {
        one(&format!(
            "select count(*) from ops.alerts where kind = '{kind}' and resolved_at is null"
        ))
    }

    fn admin_of(system: &str) -> Uuid {
        let admin = new_id();
        run(&format!("select backoffice.grant_role('{admin}', '{system}', 'admin')"));
        admin
    }

    fn json(sql: &str) -> Value {
        one::<JsonB>(&format!("select ({sql})::jsonb")).0
    }

    #[pg_test]
    fn the_same_again_counts_up_while_it_is_open() {
        let first = raise(Severity::Warning);
        assert_eq!(raise(Severity::Warning), first);
        assert_eq!(about(first, "key, occurrences"), "disk:data 2");
        run(&resolve(first));
        let second = raise(Severity::Warning);
        assert_ne!(second, first);
        assert_eq!(about(second, "occurrences"), "1");
    }

    #[pg_test]
    fn the_severity_of_an_open_alert_rises_and_does_not_fall() {
        let id = raise(Severity::Info);
        for (again, wanted) in [
            (Severity::Warning, "warning"),
            (Severity::Info, "warning"),
            (Severity::Critical, "critical"),
            (Severity::Warning, "critical"),
        ] {
            raise(again);
            assert_eq!(about(id, "severity"), wanted);
        }
    }

    fn sent() -> i64 {
        one("select count(*) from ops.outbox where template = 'alert' and recipient = '#ops'")
    }

    #[pg_test]
    fn an_alert_is_sent_where_a_setting_says_so_and_again_when_it_gets_worse() {
        raise(Severity::Critical);
        run(&resolve(raise(Severity::Critical)));
        assert_eq!(sent(), 0);
        run("select ops.set_setting('ops', 'alert_channel', '\"slack\"')");
        run("select ops.set_setting('ops', 'alert_recipient', '\"#ops\"')");
        raise(Severity::Info);
        assert_eq!(sent(), 0);
        raise(Severity::Warning);
        raise(Severity::Warning);
        assert_eq!(sent(), 1);
        raise(Severity::Critical);
        assert_eq!(sent(), 2);
        let payload = json(
            "select payload from ops.outbox where template = 'alert' order by created_at, id limit 1",
        );
        assert_eq!(payload["message"], "The disk is full.");
        assert_eq!(payload["severity"], "warning");
    }

    #[pg_test]
    fn an_admin_resolves_with_a_note_once() {
        let id = raise(Severity::Warning);
        let admin = admin_of("ops");
        become_person(admin_of("ledger"));
        expect_error("42501", &resolve(id));
        become_person(admin);
        expect_error("22023", &format!("select ops.resolve_alert('{id}', '  ')"));
        expect_error("22004", &format!("select ops.resolve_alert('{id}', null)"));
        expect_error("22004", "select ops.resolve_alert(null, 'x')");
        expect_error("PT404", &resolve(new_id()));
        run(&resolve(id));
        expect_error("PT409", &resolve(id));
        assert_eq!(about(id, "resolved_by, resolution"), format!("{admin} seen to"));
        assert_eq!(
            one::<i64>(&format!(
                "select count(*) from ops.audit_logs where table_name = 'ops.alerts'
                    and record_id = '{id}' and actor_id = '{admin}'"
            )),
            1
        );
    }

    #[pg_test]
    fn alerts_and_results_are_for_admins() {
        raise(Severity::Warning);
        run("select ops.run_checks()");
        let rows = |table: &str| one::<i64>(&format!("select count(*) from ops.{table}"));
        let (admin, other) = (admin_of("ops"), admin_of("identity"));
        become_person(admin);
        assert!(rows("alerts") == 1 && rows("check_results") >= 3);
        become_person(other);
        assert_eq!((rows("alerts"), rows("check_results")), (0, 0));
        become_anonymous();
        expect_error("42501", "select * from ops.alerts");
        expect_error("42501", "select * from ops.check_results");
    }

    fn dead_message(address: &str) {
        outbox::enqueue(&Message {
            system: "test",
            channel: Channel::Sms,
            template: "hello",
            recipient: address,
            payload: json!({}),
            idempotency_key: None,
        })
        .expect("a message");
        run("select backoffice.set_setting('ops', 'outbox_max_attempts', '1')");
        let id: Uuid = one("select id from ops.claim_outbox('sms', 1)");
        run(&format!("select ops.fail_outbox('{id}', 'no route')"));
    }

    #[pg_test]
    fn dead_messages_are_told_once_until_there_are_new_ones() {
        dead_message("a");
        let outcome = json("select ops.run_checks()");
        assert_eq!(outcome, json!({"checks": 12, "problems": 1, "failed": 0}));
        run("select ops.run_checks()");
        assert_eq!(open("outbox_dead"), 1);
        run("select ops.resolve_alert(id, 'known') from ops.alerts");
        run("select ops.run_checks()");
        assert_eq!(open("outbox_dead"), 0);
        dead_message("b");
        run(
            "update ops.outbox set given_up_at = now() + interval '1 second' where recipient = 'b'",
        );
        run("select ops.run_checks()");
        assert_eq!(open("outbox_dead"), 1);
        assert_eq!(
            one::<i32>(
                "select (detail->>'messages')::integer from ops.alerts where resolved_at is null"
            ),
            1
        );
    }

    #[pg_test]
    fn an_alert_is_over_when_its_check_no_longer_finds_it() {
        outbox::enqueue(&Message {
            system: "test",
            channel: Channel::Sms,
            template: "hello",
            recipient: "a",
            payload: json!({}),
            idempotency_key: None,
        })
        .expect("a message");
        run("update ops.outbox set available_at = now() - interval '1 hour'");
        run("select ops.run_checks()");
        assert_eq!(open("outbox_late"), 1);
        run("update ops.outbox set available_at = now()");
        run("select ops.run_checks()");
        assert_eq!(open("outbox_late"), 0);
        assert_eq!(one::<i64>("select count(*) from ops.alerts where resolution is not null"), 1);
    }

    fn broken() -> Result<Vec<Alert>> {
        run("insert into ops.outbox (id) values (null)");
        Ok(Vec::new())
    }

    fn refusing() -> Result<Vec<Alert>> {
        Err(Error::conflict("not today"))
    }

    #[pg_test]
    fn a_check_that_fails_is_an_alert_itself_and_keeps_no_other_from_running() {
        check::register(Check { name: "broken", thorough: false, run: broken });
        check::register(Check { name: "refusing", thorough: false, run: refusing });
        dead_message("a");
        let outcome = json("select ops.run_checks()");
        assert_eq!(outcome, json!({"checks": 14, "problems": 1, "failed": 2}));
        assert_eq!((open("outbox_dead"), open("check_failed")), (1, 2));
        assert_eq!(
            one::<String>("select error from ops.check_results where name = 'refusing'"),
            "not today"
        );
        assert_eq!(json("select ops.health()")["status"], "critical");
    }

    #[pg_test]
    fn a_withdrawal_that_waits_too_long_is_an_alert() {
        network::admin();
        let promoter = network::promoter(None);
        network::customer(promoter);
        let bank = r#"{"account_holder_name": "A", "account_number": "123456789012", "ifsc_code": "HDFC0001234"}"#;
        run(&format!("select network.create_withdrawal_request('{promoter}', 100, '{bank}')"));
        run("select ops.run_checks()");
        assert_eq!(open("network_withdrawals_overdue"), 0);
        run("update network.withdrawal_requests set created_at = now() - interval '8 days'");
        run("select ops.run_checks()");
        assert_eq!(open("network_withdrawals_overdue"), 1);
        let text: String = one("select ops.metrics()::text");
        assert!(text.contains("\nbackoffice_network_withdrawals_overdue 1\n"));
        assert!(
            text.contains("\nbackoffice_network_withdrawals_open_amount{status=\"pending\"} 100\n")
        );
    }

    #[pg_test]
    fn books_that_do_not_agree_are_critical() {
        network::admin();
        network::customer(network::promoter(None));
        run("select ops.run_checks(true)");
        let health = json("select ops.health()");
        assert_eq!(health["ledger"]["balanced"], true);
        assert_eq!((open("ledger_books"), open("network_facts")), (0, 0));
        run("set local session_replication_role = replica");
        run(
            "update ledger.accounts set credits_posted = credits_posted + 1 where code = 'admin_wallet'",
        );
        run("update network.profiles set pins = pins + 1 where role = 'promoter'");
        run("set local session_replication_role = origin");
        run("select ops.run_checks(true)");
        assert!(open("ledger_books") > 0);
        assert_eq!(open("network_facts"), 1);
        let health = json("select ops.health()");
        assert_eq!(
            (&health["status"], &health["ledger"]["balanced"]),
            (&json!("critical"), &json!(false))
        );
    }

    #[pg_test]
    fn the_books_must_be_checked_from_time_to_time() {
        let complains = || {
            let health = json("select ops.health()");
            health["reasons"].to_string().contains("the books")
        };
        assert!(complains());
        run("select ops.run_checks(true)");
        assert!(!complains());
        run("update ops.check_results set checked_at = now() - interval '49 hours'");
        assert!(complains());
    }

    const QUESTIONS: [&str; 5] = [
        "select ops.health()",
        "select ops.metrics()",
        "select ops.technical_metrics()",
        "select ops.run_checks()",
        "select network.business_metrics()",
    ];

    #[pg_test]
    fn what_is_asked_about_the_system_is_for_its_admins() {
        let (admin, nobody) = (admin_of("*"), new_id());
        let ledger = admin_of("ledger");
        become_person(admin);
        QUESTIONS.iter().for_each(|question| run(question));
        become_service();
        QUESTIONS.iter().for_each(|question| run(question));
        for person in [nobody, ledger] {
            become_person(person);
            QUESTIONS.iter().for_each(|question| expect_error("42501", question));
        }
        become_anonymous();
        QUESTIONS.iter().for_each(|question| expect_error("42501", question));
    }

    #[pg_test]
    fn the_health_does_without_the_right_to_read_statistics() {
        run("revoke pg_read_all_stats from backoffice_owner");
        become_person(admin_of("ops"));
        QUESTIONS[..3].iter().for_each(|question| run(question));
    }

    #[pg_test]
    fn a_period_has_an_end_after_its_beginning() {
        for call in ["ops.technical_metrics", "network.business_metrics"] {
            for period in
                ["now(), now()", "now(), 'yesterday'", "'-infinity', now()", "now(), 'infinity'"]
            {
                expect_error("22023", &format!("select {call}({period})"));
            }
            for period in ["null, now()", "now(), null"] {
                expect_error("22004", &format!("select {call}({period})"));
            }
        }
    }

    #[pg_test]
    fn sign_ins_are_counted_in_their_period() {
        let log = |action: &str, at: &str| {
            run(&format!(
                "insert into ops.audit_logs (id, at, actor_role, action, table_name)
                 values (gen_random_uuid(), {at}, 'person', '{action}', 'identity')"
            ));
        };
        for _ in 0..3 {
            log("sign_in", "'2020-01-01 12:00Z'");
        }
        log("sign_in_failed", "'2020-01-01 00:00Z'");
        log("sign_in", "'2020-01-02 00:00Z'");
        log("sign_out", "'2020-01-01 12:00Z'");
        let metrics = json("select ops.technical_metrics('2020-01-01Z', '2020-01-02Z')");
        let wanted = json!({"succeeded": 3, "failed": 1, "success_rate": 0.75});
        assert_eq!(metrics["sign_ins"], wanted);
    }

    #[pg_test]
    fn business_is_counted_in_its_period() {
        network::admin();
        let top = network::promoter(None);
        let below = network::promoter(Some(top));
        network::customer(below);
        let bank = r#"{"account_holder_name": "A", "account_number": "123456789012", "ifsc_code": "HDFC0001234"}"#;
        let request: Uuid = one(&format!(
            "select id from network.create_withdrawal_request('{below}', 200, '{bank}')"
        ));
        run(&format!("select network.process_withdrawal_request('{request}', null, 'approved')"));
        run(&format!("select network.process_withdrawal_request('{request}', null, 'processed')"));
        let period = "now() - interval '1 minute', now() + interval '1 minute'";
        let now = json(&format!("select network.business_metrics({period})"));
        let wanted = json!({"count": 4, "amount": 800.0, "to_promoters": 600.0, "unclaimed": 200.0, "promoters_paid": 2});
        assert_eq!(now["commissions"], wanted);
        let wanted = json!({"allocated": 1, "deducted": 0, "used": 1, "promoters_using": 1});
        assert_eq!(now["pins"], wanted);
        assert_eq!(now["customers"], json!({"new": 1, "total": 1}));
        assert_eq!(now["promoters"], json!({"new": 2, "total": 2, "active": 2}));
        assert_eq!(now["withdrawals"]["processed_amount"], 200.0);
        let approval = &now["withdrawal_approval"];
        assert_eq!((&approval["approved"], &approval["rejected"]), (&json!(1), &json!(0)));
        assert_eq!(now["engagement"]["promoters_with_new_customers_share"], 0.5);
        let before = json("select network.business_metrics('2020-01-01Z', '2020-01-02Z')");
        assert_eq!(before["commissions"]["count"], 0);
        assert_eq!(before["customers"], json!({"new": 0, "total": 0}));
    }

    fn published() -> String {
        one("select coalesce(string_agg(schemaname || '.' || tablename, ' ' order by tablename), '')
               from pg_publication_tables where pubname = 'supabase_realtime' and schemaname in ('network', 'treasury')")
    }

    const OURS: &str = "network.affiliate_commissions treasury.charges treasury.disputes treasury.payouts \
         network.pin_transactions treasury.refunds network.withdrawal_requests";

    #[pg_test]
    fn the_publication_is_made_or_completed_and_twice_is_once() {
        run("set local client_min_messages = error");
        run("create table public.other (id integer primary key)");
        run("create publication supabase_realtime for table public.other");
        for _ in 0..2 {
            let tables: Vec<String> = one("select ops.enable_realtime()");
            assert_eq!(tables.len(), 7);
            assert_eq!(published(), OURS);
        }
        run("drop publication supabase_realtime");
        run("select ops.enable_realtime()");
        assert_eq!(published(), OURS);
    }

    #[pg_test]
    fn a_publication_of_all_tables_is_left_alone() {
        run("set local client_min_messages = error");
        run("create publication supabase_realtime for all tables");
        run("select ops.enable_realtime()");
        assert!(one::<bool>("select puballtables from pg_publication"));
    }

    #[pg_test]
    fn the_publication_is_for_psql() {
        run("grant execute on function ops.enable_realtime() to service_role");
        become_service();
        expect_error("42501", "select ops.enable_realtime()");
    }
}
