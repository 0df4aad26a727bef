//! The network inside PostgreSQL, one file for each concept, and their fixtures.

mod archive;
mod commissions;
mod customers;
mod levels;
mod pins;
mod portfolio;
mod promoters;
mod summaries;
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

/// Fails the test unless the network and the ledger agree with themselves.
#[track_caller]
pub fn expect_consistent() {
    become_database();
    assert_eq!(one::<i64>("select count(*) from network.check()"), 0);
    assert_eq!(one::<i64>("select count(*) from ledger.check()"), 0);
}
