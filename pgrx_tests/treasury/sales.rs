//! Charges without Stripe, as rows alone, and the reports on them: fixtures.

use crate::kernel::ids::new_id;
use crate::pgrx_tests::support::*;
use pgrx::Uuid;

/// For tests of reports, which one session makes at a time: first of all in a test, before
/// it locks anything else.
pub fn alone_with_reports() {
    become_database();
    run("select pg_advisory_xact_lock(hashtextextended('treasury.reports', 0))");
}

/// A charge of an owner, made by the database, which is at work then; without shares.
pub fn charge(owner: Uuid, buyer: Option<Uuid>, cents: i64, currency: &str, at: &str) -> Uuid {
    become_database();
    let (id, buyer) = (new_id(), buyer.map_or("null".to_owned(), |id| format!("'{id}'")));
    run(&format!(
        "insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
         values ('{id}', 'ch_{id}', 'captured', {cents}, '{currency}', '{owner}', {buyer}, '{at}')"
    ));
    id
}

/// How a charge was split.
pub fn shares(charge: Uuid, parts: &[(Option<Uuid>, i64)]) {
    for (position, (user, cents)) in parts.iter().enumerate() {
        let (party, user) = match user {
            Some(user) => ("recipient", format!("'{user}'")),
            None => ("platform", "null".to_owned()),
        };
        run(&format!(
            "insert into treasury.charge_shares values ('{charge}', {position}, '{party}', {user}, {cents})"
        ));
    }
}

/// So much of a charge was given back by one refund at a time, by the database.
pub fn refund(charge: Uuid, cents: i64, at: &str) {
    become_database();
    run(&format!(
        "insert into treasury.refunds (stripe_refund_id, original_charge_id, status, amount_cents, currency, created_at)
         select 're_{}', stripe_charge_id, 'succeeded', {cents}, currency, '{at}' from treasury.charges where id = '{charge}'",
        new_id()
    ));
    run(&format!(
        "update treasury.charges set refunded_cents = refunded_cents + {cents} where id = '{charge}'"
    ));
}

/// A report that whoever is at work asked for, made; its file.
pub fn report(kind: &str, format: &str, parameters: &str) -> String {
    let id: i64 = one(&ask(kind, format, parameters));
    make_reports();
    file_of(id)
}

/// The SQL that asks for a report.
pub fn ask(kind: &str, format: &str, parameters: &str) -> String {
    format!("select id from treasury.generate_report('{kind}', '{format}', '{parameters}')")
}

/// Makes what waits, by the database, which is at work then.
pub fn make_reports() {
    become_database();
    run("select treasury.run_reports()");
}

/// What is in a report's file, or how it failed.
pub fn file_of(report: i64) -> String {
    become_database();
    one(&format!(
        "select coalesce(convert_from(f.content, 'UTF8'), r.status || ' ' || r.error_code, r.status)
           from treasury.reports r left join treasury.report_files f on f.report_id = r.id where r.id = {report}"
    ))
}
