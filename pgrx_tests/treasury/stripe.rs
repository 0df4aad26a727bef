//! What Stripe tells, as it tells it: signed, through the inbox.

use crate::kernel::ids::new_id;
use crate::kernel::jwt::unix_now;
use crate::pgrx_tests::ops::inbox::{SECRET, post, signed};
use crate::pgrx_tests::support::*;
use pgrx::Uuid;
use serde_json::{Value, json};

/// Lets Stripe in.
pub fn listen() {
    become_database();
    run(&format!("select ops.set_webhook_secret('stripe', '{SECRET}', true)"));
}

/// An event of now; what became of it.
pub fn tell(kind: &str, object: &Value) -> String {
    tell_at(kind, object, unix_now())
}

/// An event of a connected account.
pub fn tell_of(kind: &str, object: &Value, account: Option<&str>) -> String {
    deliver(kind, object, json!({ "account": account }))
}

/// An event of a time; what became of it: processed, parked or failed.
pub fn tell_at(kind: &str, object: &Value, created: i64) -> String {
    deliver(kind, object, json!({ "created": created }))
}

/// An event as this version of Stripe's API writes it.
pub fn tell_as_of(version: &str, kind: &str, object: &Value) -> String {
    deliver(kind, object, json!({ "api_version": version }))
}

fn deliver(kind: &str, object: &Value, more: Value) -> String {
    let mut body = json!({"id": format!("evt_{}", new_id()), "type": kind, "created": unix_now(),
        "livemode": true, "account": null, "data": {"object": object}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let body = body.to_string();
    let (status, answer) = post("stripe", &signed(SECRET, &body, 0), &body);
    assert_eq!(status, 200, "{answer}");
    answer["status"].as_str().unwrap_or_default().to_owned()
}

/// A charge in dollars that is paid.
pub fn charge(id: &str, cents: i64, owner: Uuid) -> Value {
    json!({"id": id, "object": "charge", "amount": cents, "amount_captured": cents,
        "amount_refunded": 0, "captured": true, "paid": true, "status": "succeeded",
        "currency": "usd", "created": unix_now(), "balance_transaction": null,
        "metadata": {"owner_id": owner.to_string()}})
}

pub fn refund(id: &str, charge: &str, cents: i64, status: &str) -> Value {
    json!({"id": id, "object": "refund", "charge": charge, "amount": cents, "currency": "usd",
        "status": status, "metadata": {}})
}

/// A balance transaction of dollars.
pub fn transaction(id: &str, amount: i64, fee: i64) -> Value {
    json!({"id": id, "object": "balance_transaction", "type": "charge", "amount": amount, "fee": fee,
        "net": amount - fee, "currency": "usd", "created": unix_now(), "available_on": unix_now()})
}

pub fn dispute(id: &str, charge: &str, cents: i64, status: &str, moved: &[Value]) -> Value {
    json!({"id": id, "object": "dispute", "charge": charge, "amount": cents, "currency": "usd",
        "status": status, "reason": "fraudulent", "evidence_details": {"due_by": unix_now() + 86_400},
        "balance_transactions": moved})
}

/// The balance of an account of the treasury in dollars, 0 where there is none.
pub fn balance(code: &str) -> i64 {
    maybe(&format!(
        "select posted from ledger.balances where system = 'treasury' and code = '{code}:USD'"
    ))
    .unwrap_or(0)
}

pub fn earned(person: Uuid) -> i64 {
    balance(&format!("earnings:{person}"))
}
