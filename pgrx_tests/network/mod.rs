//! The network inside PostgreSQL, one file for each concept, and their fixtures.

mod archive;
mod commissions;
mod customers;
mod hold_period;
mod levels;
mod pins;
mod portfolio;
mod promoters;
mod reversals;
mod reviews;
mod summaries;
mod tax;
mod visibility;
mod withdrawals;

use crate::identity::{self, NewPerson};
use crate::kernel::ids::new_id;
use crate::kernel::roles;
use crate::network::platform;
use crate::pgrx_tests::support::*;
use pgrx::Uuid;

/// The first admin, without a password, which is slow to hash.
pub fn admin() -> Uuid {
    let admin = identity::create_person(&NewPerson {
        id: None,
        email: Some("admin@example.com"),
        phone: None,
        name: Some("Admin"),
        password: None,
        confirmed: true,
        system: "network",
    })
    .expect("the admin's person");
    roles::grant(admin, "*", "admin", "", None).expect("the admin's role");
    platform::admin_made(admin).expect("the platform");
    admin
}

/// A promoter below `parent`, made by the database; without a password, which is slow.
pub fn promoter(parent: Option<Uuid>) -> Uuid {
    let parent = parent.map_or("null".to_owned(), |id| format!("'{id}'"));
    one(&format!(
        "select id from network.create_unified_promoter('Asha', '{}@example.com', null, null, null, {parent})",
        new_id()
    ))
}

/// A line of promoters from the top down, each below the one before.
pub fn line(length: usize) -> Vec<Uuid> {
    let mut line: Vec<Uuid> = Vec::new();
    for _ in 0..length {
        line.push(promoter(line.last().copied()));
    }
    line
}

/// Gives a promoter PINs.
pub fn allocate(promoter: Uuid, pins: i32) {
    run(&format!("select network.admin_allocate_pins('{promoter}', {pins})"));
}

/// The SQL that makes a customer of `promoter` with an e-mail of its own.
pub fn new_customer_sql(promoter: Uuid) -> String {
    format!(
        "select id from network.create_customer_with_commission('{promoter}',
            '{{\"name\": \"Ravi\", \"email\": \"{}@example.com\"}}')",
        new_id()
    )
}

/// A customer of `promoter`, who is given the PIN for it.
pub fn customer(promoter: Uuid) -> Uuid {
    allocate(promoter, 1);
    one(&new_customer_sql(promoter))
}

/// What a promoter can withdraw, as text.
pub fn balance(promoter: Uuid) -> String {
    one(&format!(
        "select balance::text from network.promoter_wallet where promoter_id = '{promoter}'"
    ))
}

/// What the admin wallet holds, as text.
pub fn admin_balance() -> String {
    one("select balance::text from network.admin_wallet")
}

/// Changes a setting of the network.
pub fn set(key: &str, value: &str) {
    run(&format!("select backoffice.set_setting('network', '{key}', '{value}')"));
}

/// A bank account of the promoter's own, or with this number.
pub fn bank(promoter: Uuid) -> String {
    let number: String =
        promoter.to_string().bytes().rev().take(12).map(|b| char::from(b'0' + b % 10)).collect();
    bank_with(&format!("1{number}"))
}

pub fn bank_with(number: &str) -> String {
    format!(
        r#"{{"account_holder_name": "Asha", "account_number": "{number}", "ifsc_code": "HDFC0001234"}}"#
    )
}

/// The SQL that asks for money, to the promoter's own account.
pub fn ask(promoter: Uuid, amount: &str) -> String {
    ask_to(promoter, amount, &bank(promoter))
}

pub fn ask_to(promoter: Uuid, amount: &str, bank: &str) -> String {
    format!("select id from network.create_withdrawal_request('{promoter}', {amount}, '{bank}')")
}

pub fn decide(request: Uuid, status: &str) -> String {
    format!("select network.process_withdrawal_request('{request}', null, '{status}', 'noted')")
}

/// Withdraws an amount and pays it.
pub fn withdraw(promoter: Uuid, amount: &str) -> Uuid {
    let request: Uuid = one(&ask(promoter, amount));
    run(&decide(request, "approved"));
    run(&decide(request, "processed"));
    request
}

pub fn cancel(customer: Uuid) -> String {
    format!("select network.cancel_customer('{customer}', 'moved away')")
}

/// Balance, on hold, debt, earned, paid out and tax of a promoter.
pub fn money(promoter: Uuid) -> String {
    one(&format!(
        "select concat_ws(' ', balance, on_hold, debt, total_earned, total_withdrawn, tax_deducted)
           from network.promoter_wallet where promoter_id = '{promoter}'"
    ))
}

/// Paid, tax and debt of a withdrawal.
pub fn parts(request: Uuid) -> String {
    one(&format!(
        "select concat_ws(' ', paid_amount, tax_amount, debt_amount)
           from network.withdrawal_requests where id = '{request}'"
    ))
}

/// Fails the test unless the network and the ledger agree with themselves.
#[track_caller]
pub fn expect_consistent() {
    become_database();
    assert_eq!(one::<i64>("select count(*) from network.check()"), 0);
    assert_eq!(one::<i64>("select count(*) from ledger.check()"), 0);
}
