//! The treasury inside PostgreSQL, one file for each concept, and their fixtures.

mod adjustments;
mod anomalies;
mod charges;
mod disputes;
mod forms;
mod health;
mod invoices;
mod ledger_entries;
mod looked_at_again;
mod money;
mod overrides;
mod payables;
mod payout_events;
mod payout_risks;
mod payout_runs;
mod payouts;
mod preview;
mod reconcile;
mod refunds;
mod reports;
mod requests;
mod retention;
mod rules;
pub mod sales;
pub mod stripe;
mod stripe_accounts;
mod two_persons;
mod users;
mod visibility;

use crate::identity::{self, NewPerson};
use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::kernel::roles;
use crate::pgrx_tests::support::*;
use crate::treasury::books::{self, Account, Move};
use pgrx::Uuid;

/// Somebody with one role of the treasury, made by the database, which is at work then;
/// without a password, which is slow to hash.
pub fn person(role: &str) -> Uuid {
    become_database();
    let email = format!("{}@example.com", new_id());
    let person = identity::create_person(&NewPerson {
        id: None,
        email: Some(&email),
        phone: None,
        name: Some("Asha"),
        password: None,
        confirmed: true,
        system: "treasury",
    })
    .expect("the person");
    roles::grant(person, "treasury", role, "", None).expect("the role");
    person
}

/// Rules that give each their percentage.
pub fn percents(parts: &[(Uuid, &str)]) -> String {
    let items = parts
        .iter()
        .map(|(id, percent)| format!(r#"{{"recipient_id": "{id}", "percent": {percent}}}"#));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// The SQL that makes a rule.
pub fn new_rule(name: &str, rules: &str, more: &str) -> String {
    format!(
        r#"select id from treasury.create_split_rule('{{"name": "{name}", "rules": {rules}{more}}}')"#
    )
}

/// A rule of whoever is at work, that gives all to `recipient`.
pub fn rule(recipient: Uuid, more: &str) -> i64 {
    one(&new_rule("All", &percents(&[(recipient, "100")]), more))
}

pub fn change(rule: i64, changes: &str) -> String {
    format!("select id from treasury.update_split_rule({rule}, '{changes}')")
}

pub fn end(rule: i64) -> String {
    format!("select rule_id from treasury.delete_split_rule({rule})")
}

/// The rule and version in force for an owner, such as `7/2`, or nothing.
pub fn in_force(owner: Uuid, currency: &str, at: &str) -> Option<String> {
    maybe(&format!(
        "select rule_id || '/' || version from treasury.rule_in_force('{owner}', '{currency}', {at})"
    ))
}

/// Posts moves in dollars as the database, which is at work then; the ids of the transfers.
pub fn posting(kind: &str, reference: &str, moves: &[(Account, Account, i64)]) -> Vec<Uuid> {
    become_database();
    let moves: Vec<Move> = moves
        .iter()
        .map(|(debit, credit, minor)| Move { debit: *debit, credit: *credit, minor: *minor })
        .collect();
    let posted = books::post(kind, Some(reference), None, usd(), &moves).expect("a posting");
    posted.map(|posted| posted.transfers).unwrap_or_default()
}

pub fn usd() -> Currency {
    Currency::parse("USD", "currency").expect("dollars")
}

/// A charge of which somebody has 90 and the platform 10, and Stripe kept 3.
pub fn sold(user: Uuid, reference: &str) {
    use Account::*;
    posting("stripe_charge", reference, &[(Stripe, Revenue, 10), (Stripe, Earnings(user), 90)]);
    posting("processing_fee", &format!("txn_{reference}"), &[(ProcessingFees, Stripe, 3)]);
}
