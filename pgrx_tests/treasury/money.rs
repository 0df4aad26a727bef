//! Earnings to be paid out, and what Stripe says of them.

use crate::kernel::ids::new_id;
use crate::kernel::money::Currency;
use crate::pgrx_tests::ops::inbox::{SECRET, post, signed};
use crate::pgrx_tests::support::*;
use crate::pgrx_tests::treasury::person;
use crate::treasury::books::{self, Account, Move};
use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

/// When Stripe made the first event of a test.
pub const BEGIN: i64 = 1_700_000_000;

/// Moves earnings: a liability to somebody, against what is at Stripe. The accounts are opened
/// as everybody opens them, so that tests that do it at once do not wait for each other.
pub fn credit(user: Uuid, currency: &str, minor: i64) {
    let currency = Currency::parse(currency, "currency").unwrap();
    let one = Move { debit: Account::Stripe, credit: Account::Earnings(user), minor };
    books::post("stripe_charge", None, None, currency, &[one]).unwrap();
}

/// A charge of so many days ago with one share for each of these, and the platform's fee;
/// `gone` of it was given back. Its id at Stripe.
pub fn charge(days: i32, fee: i64, shares: &[(Uuid, i64)], gone: i64) -> String {
    become_database();
    let id = new_id();
    let total: i64 = fee + shares.iter().map(|(_, minor)| minor).sum::<i64>();
    run(&format!(
        "insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id,
            refunded_cents, charged_at)
         values ('{id}', 'ch_{id}', 'captured', {total}, 'USD', '{}', {gone},
                 now() - make_interval(days => {days}))",
        shares[0].0
    ));
    run(&format!(
        "insert into treasury.charge_shares (charge_id, position, party, amount_cents)
         values ('{id}', 0, 'platform', {fee})"
    ));
    for (at, (user, minor)) in shares.iter().enumerate() {
        run(&format!(
            "insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents)
             values ('{id}', {}, 'recipient', '{user}', {minor})",
            at + 1
        ));
    }
    format!("ch_{id}")
}

/// A host with earnings in dollars that are old enough, and an account `acct_…` at Stripe
/// that can be paid to and has been for a year.
pub fn host_with(minor: i64) -> (Uuid, String) {
    let host = person("host");
    let account = connect(host);
    if minor != 0 {
        credit(host, "USD", minor);
    }
    (host, account)
}

/// An account at Stripe that can be paid to.
pub fn connect(user: Uuid) -> String {
    let account = format!("acct_{}", user.to_string().replace('-', ""));
    become_database();
    run(&format!(
        r#"select treasury.link_stripe_account('{user}', '{account}');
           select treasury.apply_stripe_account('{{"id": "{account}", "charges_enabled": true, "payouts_enabled": true,
               "details_submitted": true}}', '2020-01-01', true);
           update treasury.stripe_accounts set created_at = now() - interval '1 year' where id = '{user}'"#
    ));
    account
}

pub fn set(key: &str, value: &str) {
    become_database();
    run(&format!("select backoffice.set_setting('treasury', '{key}', '{value}')"));
}

/// The SQL that asks for a payout.
pub fn ask(user: Uuid, more: &str) -> String {
    format!(
        r#"select id from treasury.initiate_payout('{{"user_id": "{user}", "currency": "USD"{more}}}')"#
    )
}

/// A payout of all that somebody has, asked for by themselves.
pub fn payout(user: Uuid) -> i64 {
    become_person(user);
    let id = one(&ask(user, ""));
    become_database();
    id
}

pub fn balance(account: &str) -> i64 {
    let found: Option<i64> = maybe(&format!(
        "select posted::bigint from ledger.balances where system = 'treasury' and code = '{account}:USD'"
    ));
    found.unwrap_or(0)
}

pub fn earnings(user: Uuid) -> i64 {
    balance(&format!("earnings:{user}"))
}

/// What is on the accounts that payouts touch: earnings, in transit, at Stripe, at the bank.
pub fn books(user: Uuid) -> [i64; 4] {
    [earnings(user), balance("in_transit"), balance("stripe"), balance("bank")]
}

pub fn status(payout: i64) -> String {
    one(&format!("select status from treasury.payouts where id = {payout}"))
}

/// Lets webhooks of Stripe in.
pub fn listen() {
    become_database();
    run(&format!("select ops.set_webhook_secret('stripe', '{SECRET}', true)"));
    set("live", "true");
}

/// An event of Stripe; what became of it.
pub fn tell(kind: &str, account: Option<&str>, object: Value, second: i64) -> String {
    become_database();
    let id = format!("evt_{}", new_id());
    let mut event = json!({"id": id, "type": kind, "created": BEGIN + second, "livemode": true,
                           "data": {"object": object}});
    if let Some(account) = account {
        event["account"] = json!(account);
    }
    let body = event.to_string();
    let (code, answer) = post("stripe", &signed(SECRET, &body, 0), &body);
    assert_eq!(code, 200, "{answer}");
    answer["status"].as_str().unwrap_or_default().to_owned()
}

/// A payout as Stripe describes it; `number` is ours of it.
pub fn stripes(id: &str, minor: i64, status: &str, number: Option<i64>) -> Value {
    let mut object = json!({"id": id, "object": "payout", "amount": minor, "currency": "usd",
                            "status": status, "method": "standard", "metadata": {}});
    if let Some(number) = number {
        object["metadata"] = json!({"backoffice_payout_id": number.to_string()});
    }
    if status == "failed" {
        object["failure_code"] = json!("account_closed");
    }
    object
}

/// What a worker gets to do: ids and paths, and parameters.
pub fn claim(worker: &str) -> Vec<(Uuid, String, Value)> {
    become_service();
    let found: Option<JsonB> = maybe(&format!(
        "select jsonb_agg(jsonb_build_array(id, path, params, stripe_account_id))
           from treasury.claim_stripe_requests('{worker}')"
    ));
    become_database();
    let list = found.map_or(json!([]), |found| found.0);
    let each = list.as_array().unwrap().iter().map(|one| {
        let id: Uuid =
            Uuid::from_bytes(uuid::Uuid::parse_str(one[0].as_str().unwrap()).unwrap().into_bytes());
        let mut params = one[2].clone();
        params["account"] = one[3].clone();
        (id, one[1].as_str().unwrap().to_owned(), params)
    });
    each.collect()
}

/// The SQL that says what Stripe answered.
pub fn acknowledge(id: Uuid, worker: &str, code: Option<i32>, answer: Value) -> String {
    let code = code.map_or("null".to_owned(), |code| code.to_string());
    let answer = literal(&answer.to_string());
    format!("select treasury.acknowledge_stripe_request('{id}', '{worker}', {code}, {answer})")
}

/// Claims the one call that is due and says what Stripe answers; the call's path and status.
pub fn answer(code: i32, answer: Value) -> (String, String) {
    let calls = claim("worker");
    assert_eq!(calls.len(), 1, "{calls:?}");
    become_service();
    let status = one(&acknowledge(calls[0].0, "worker", Some(code), answer));
    become_database();
    (calls[0].1.clone(), status)
}
