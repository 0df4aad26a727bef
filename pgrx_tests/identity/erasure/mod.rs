//! What a person may have of their data, and that nothing is left when it was erased:
//! the fixtures.

mod export;
mod rules;
mod traces;

use crate::identity::{self, PersonUpdate};
use crate::pgrx_tests::identity::client::*;
use crate::pgrx_tests::network::{admin, allocate};
use crate::pgrx_tests::support::*;
use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

/// Whatever Zora can be found by: now, formerly, and through others.
pub const TRACES: [&str; 12] = [
    "zora",
    "quartzheim",
    "9123456780",
    "9123456789",
    "sapphire",
    "123456781234",
    "xxxx1234",
    "opal bank",
    "onyx",
    "xxxxxx234f",
    "203.0.113.77",
    "netscape",
];

/// A promoter who did everything that leaves a trace, and was paid all she earned.
pub fn zora() -> Uuid {
    admin();
    let zora: Uuid = one(&format!(
        "select id from network.create_unified_promoter('Zora Quartzheim', 'zora@example.com',
            '{PASSWORD}', '9123456780', '1 Sapphire Lane')"
    ));
    run("select set_config('request.headers',
        '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\"}', true)");
    let session = sign_in("zora@example.com");
    Call::to("user_put")
        .body(json!({"data": {"nickname": "Zora Q"}}))
        .session(&session)
        .send()
        .ok();
    Call::to("factor_enroll")
        .body(json!({"factor_type": "totp", "friendly_name": "Zora's phone"}))
        .session(&session)
        .send()
        .ok();
    Call::to("recover").body(json!({"email": "zora@example.com"})).send().ok();
    let moved = PersonUpdate {
        email: Some("zora.quartzheim@example.com"),
        phone: Some("9123456789"),
        ..PersonUpdate::default()
    };
    run("select set_config('request.headers', '', true)");
    identity::update_person(zora, &moved).unwrap();
    earn_and_withdraw(zora);
    sign_in("zora.quartzheim@example.com");
    zora
}

pub fn earn_and_withdraw(zora: Uuid) {
    run("select set_config('request.headers', '', true)");
    allocate(zora, 2);
    run("select set_config('request.headers',
        '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\", \"idempotency-key\": \"zora-1\"}', true)");
    become_person(zora);
    run(&format!(
        "select network.create_customer_with_commission('{zora}', '{{\"name\": \"Ravi\",
            \"email\": \"ravi@example.com\", \"metadata\": {{\"met\": \"by ZORA@example.com\"}}}}')"
    ));
    run("select set_config('request.headers',
        '{\"x-real-ip\": \"203.0.113.77\", \"user-agent\": \"Netscape\"}', true)");
    run(&format!("select network.create_pin_request('{zora}', 1, 'Zora needs one')"));
    let request: Uuid = one(&format!(
        "select id from network.create_withdrawal_request('{zora}', 500, '{{\"account_number\": \"123456781234\",
            \"account_holder_name\": \"Zora Quartzheim\", \"ifsc_code\": \"HDFC0001234\", \"bank_name\": \"Opal Bank\"}}')"
    ));
    become_database();
    run("select set_config('request.headers', '', true)");
    for status in ["approved", "processed"] {
        run(&format!(
            "select network.process_withdrawal_request('{request}', null, '{status}', 'Zora called')"
        ));
    }
}

/// What Zora did is two years old and in the archives.
pub fn archive_everything() {
    // Tests that move rows and then erase would wait for each other.
    crate::kernel::archive::hold_still().unwrap();
    run("select backoffice.set_setting('network', 'archive_months', '12')");
    run("select backoffice.set_setting('ops', 'audit_archive_months', '12')");
    run("set local session_replication_role = replica");
    for change in [
        "network.pin_transactions set created_at = created_at - interval '2 years'",
        "network.affiliate_commissions set created_at = created_at - interval '2 years'",
        "network.withdrawal_requests set processed_at = processed_at - interval '2 years'",
        "ops.audit_logs set at = at - interval '2 years'",
    ] {
        run(&format!("update {change}"));
    }
    run("set local session_replication_role = origin");
    run("select network.archive_old_rows(), ops.archive_audit_logs()");
    for table in [
        "network.pin_transactions_archive",
        "network.affiliate_commissions_archive",
        "network.withdrawal_requests_archive",
        "network.withdrawal_holds_archive",
        "ops.audit_logs_archive",
    ] {
        assert!(one::<i64>(&format!("select count(*) from {table}")) > 0, "{table}");
    }
}

/// Zora, who is in the archives and has since done all that leaves a trace anew.
pub fn zora_everywhere() -> Uuid {
    let zora = zora();
    archive_everything();
    run("select backoffice.set_setting('network', 'review_unverified_bank_account', 'true')");
    run(&format!("select network.set_promoter_pan('{zora}', 'ABCPE1234F')"));
    run(&format!("select network.set_promoter_level('{zora}', 'Manager', 'Zora sells onyx')"));
    allocate(zora, 2);
    let [mina, cal] = ["mina", "cal"].map(|name| {
        one::<Uuid>(&format!(
            "select id from network.create_customer_with_commission('{zora}', '{{\"name\": \"{name}\",
                \"email\": \"{name}@example.com\", \"metadata\": {{\"met\": \"zora@example.com\"}}}}')"
        ))
    });
    run(&format!("select network.cancel_customer('{cal}', 'zora@example.com asked')"));
    let fund: Uuid = one(&format!(
        "select id from network.create_investment('{mina}', 'Gold fund', 1000, null, 'by zora@example.com')"
    ));
    run(&format!("select network.record_valuation('{fund}', 1100, null, 'told 9123456780')"));
    let request: Uuid = one(&format!(
        "select id from network.create_withdrawal_request('{zora}', 500, '{{\"account_number\": \"123456781234\",
            \"account_holder_name\": \"Zora Quartzheim\", \"ifsc_code\": \"HDFC0001234\", \"bank_name\": \"Opal Bank\"}}')"
    ));
    for status in ["approved", "processed"] {
        run(&format!(
            "select network.process_withdrawal_request('{request}', null, '{status}', 'Zora called')"
        ));
    }
    run("update identity.users set user_metadata = '{\"friends\": [\"zora@example.com\"]}'
          where email = 'mina@example.com'");
    run("update network.pin_requests set admin_notes = 'Zora called'");
    run(
        "insert into ops.alerts (id, severity, kind, key, message, detail, resolved_at, resolution)
         values (gen_random_uuid(), 'info', 'x', 'x', 'no mail to zora@example.com',
                 '{\"to\": [\"zora@example.com\"]}', now(), 'called 9123456780')",
    );
    run("insert into ops.webhook_events (id, source, live, event_key, event_type, body, verified, status, error_code, error_message)
         values (gen_random_uuid(), 'stripe', true, 'evt_1', 'charge.succeeded', '{\"email\": \"Zora@example.com\"}', true,
                 'failed', 'PT409', 'bad: zora@example.com')");
    zora_in_the_treasury(zora);
    run("insert into ops.check_results values ('x', now(), null, 0, 'bad: zora@example.com')");
    run("insert into ops.job_runs (id, job, system, started_at, finished_at, status, result, error, actor_role)
         values (gen_random_uuid(), 'x', 'ops', now(), now(), 'failed',
                 '{\"to\": \"zora@example.com\"}', 'bad: zora@example.com', 'database')");
    zora
}

fn zora_in_the_treasury(zora: Uuid) {
    run(&format!("select backoffice.grant_role('{zora}', 'treasury', 'host')"));
    run(&format!(
        r#"select treasury.create_split_rule('{{"owner_id": "{zora}", "name": "Zora and all",
            "rules": [{{"recipient_id": "{zora}", "percent": 100}}]}}')"#
    ));
    run(&format!(
        "with charge as (
            insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, buyer_id, charged_at)
            values (gen_random_uuid(), 'ch_erased', 'captured', 1, 'USD', '{zora}', now() - interval '20 years') returning stripe_charge_id)
         insert into treasury.refunds (original_charge_id, status, amount_cents, currency, requested_by, reason, failure_reason)
         select stripe_charge_id, 'canceled', 1, 'USD', '{zora}', 'Zora was ill', 'call 9123456780' from charge"
    ));
    run(&format!(
        "with payout as (
            insert into treasury.payouts (user_id, status, amount_cents, currency, stripe_account_id)
            values ('{zora}', 'paid', 5, 'USD', 'acct_erased') returning id)
         insert into treasury.payout_risks (payout_id, reasons, decided_at, approved, decision_note)
         select id, '[]', now(), true, 'Zora called' from payout"
    ));
    run(&format!(
        r#"select treasury.set_tax_profile('{zora}', '{{"name": "Zora Quartzheim", "address": "1 Sapphire Lane",
            "country": "DE", "vat_id": "DE123456789"}}')"#
    ));
    run("insert into treasury.anomalies (detector, key, kind, severity, description, resolved_at, resolution)
         values ('a model', 'x', 'ring', 'low', 'zora@example.com again', now(), 'wrote to zora@example.com');
         insert into treasury.stripe_requests (id, subject, method, path, status, last_error, finished_at)
         values (gen_random_uuid(), 'balance_transactions', 'GET', '/v1/x', 'refused', 'bad: zora@example.com', now())");
}

pub fn erase(person: Uuid) -> Value {
    one::<JsonB>(&format!("select identity.erase_person('{person}', 'by letter')::jsonb")).0
}

pub fn export(person: Uuid) -> Value {
    one::<JsonB>(&format!("select identity.export_person('{person}')::jsonb")).0
}

/// Every table of ours, as `schema.table`.
pub fn tables() -> Vec<String> {
    one("select array_agg(c.oid::regclass::text order by 1)
           from pg_catalog.pg_class c
           join pg_catalog.pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
            and d.deptype = 'e'
          where c.relkind in ('r', 'p')")
}

/// Where any of the texts is, in whatever column of whatever table.
pub fn found(texts: &[&str]) -> Vec<String> {
    let texts: Vec<_> = texts.iter().map(|text| literal(&text.to_lowercase())).collect();
    let mut places = Vec::new();
    for table in tables() {
        let sql = format!(
            "select array_agg(distinct '{table}.' || v.key || ': ' || w)
               from {table} t
              cross join lateral jsonb_each_text(to_jsonb(t)) v
              cross join unnest(array[{}]) w
              where position(w in lower(v.value)) > 0",
            texts.join(", ")
        );
        places.extend(maybe::<Vec<String>>(&sql).unwrap_or_default());
    }
    places
}
