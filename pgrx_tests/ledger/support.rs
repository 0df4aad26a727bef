//! What the tests of the ledger share.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::ledger::*;
use pgrx::Uuid;

pub fn currency(code: &str) -> Currency {
    Currency::parse(code, "currency").unwrap()
}

/// An amount in paise.
pub fn inr(minor: i64) -> Money {
    Money::new(minor, currency("INR"))
}

/// What most tests open: a liability in rupees without a limit.
pub fn plain(code: &str) -> NewAccount<'_> {
    NewAccount {
        system: "test",
        code,
        name: code,
        currency: currency("INR"),
        class: Class::Liability,
        owner: None,
        limit: Limit::None,
        stripes: 0,
    }
}

pub fn open(code: &str) -> AccountId {
    open_account(&plain(code)).unwrap()
}

/// A liability that may not go below zero.
pub fn open_limited(code: &str) -> AccountId {
    open_account(&NewAccount { limit: Limit::NoOverdraft, ..plain(code) }).unwrap()
}

pub fn leg(debit: AccountId, credit: AccountId, minor: i64) -> Leg {
    Leg { id: None, debit, credit, amount: inr(minor) }
}

pub fn journal<'a>(id: Option<Uuid>, legs: &'a [Leg]) -> Journal<'a> {
    Journal {
        id,
        system: "test",
        kind: "payment",
        description: None,
        legs,
        effective_at: None,
        metadata: None,
    }
}

/// Posts a single transfer.
pub fn transfer(debit: AccountId, credit: AccountId, minor: i64) -> Result<Posted> {
    post(&journal(None, &[leg(debit, credit, minor)]))
}

pub fn new_hold<'a>(debit: AccountId, credit: AccountId, minor: i64) -> NewHold<'a> {
    NewHold {
        id: None,
        system: "test",
        kind: "payout",
        debit,
        credit,
        amount: inr(minor),
        expires_at: None,
        description: None,
        metadata: None,
    }
}

/// Posted, held and available.
pub fn figures(account: AccountId) -> (i64, i64, i64) {
    let balance = balance(account).unwrap();
    (balance.posted, balance.pending, balance.available)
}

/// The SQLSTATE of an error that Rust gave.
#[track_caller]
pub fn code<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    outcome.expect_err("must be refused").sqlstate.code()
}

/// Two accounts without limits and a limited one that holds so much.
pub fn funded(minor: i64) -> (AccountId, AccountId, AccountId) {
    let (bank, shop, wallet) = (open("bank"), open("shop"), open_limited("wallet"));
    if minor > 0 {
        transfer(bank, wallet, minor).unwrap();
    }
    (bank, shop, wallet)
}

/// A call of `ledger.transfer` by ids.
pub fn call_transfer(debit: AccountId, credit: AccountId, rest: &str) -> String {
    format!(
        "select * from ledger.transfer('test', p_debit_account_id => {debit},
            p_credit_account_id => {credit}, {rest})"
    )
}

/// Fails the test unless the books are in order.
#[track_caller]
pub fn expect_books_in_order() {
    let problems: i64 = crate::pgrx_tests::support::one("select count(*) from ledger.check()");
    assert_eq!(problems, 0);
}

/// The number of rows of a table of the ledger.
pub fn count(table: &str) -> i64 {
    crate::pgrx_tests::support::one(&format!("select count(*) from ledger.{table}"))
}

/// Waits until no other test uses the ledger, and keeps others out. For tests
/// that lock whole tables, which would deadlock with others; call it first.
pub fn alone() {
    crate::pgrx_tests::support::run("lock table ledger.accounts in access exclusive mode");
}

/// Gives holds another time to expire at, which nobody can: their trigger steps aside for that
/// moment. In tests that are [`alone`].
pub fn set_expiry(to: &str) {
    crate::pgrx_tests::support::run(&format!(
        "alter table ledger.holds disable trigger holds_fixed;
         update ledger.holds set expires_at = {to};
         alter table ledger.holds enable always trigger holds_fixed"
    ));
}
