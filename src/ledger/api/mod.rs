//! The functions of the schema `ledger`.

mod accounts;
mod archive;
mod batch;
mod export;
mod history;
mod holds;
mod operations;
mod reconcile;
pub mod reports;
mod seals;
mod transfers;

mod currencies;
mod periods;
mod statements;

use crate::kernel::error::{Error, Result, required};
use crate::kernel::money::{Currency, Money};
use crate::ledger::account::AccountId;
use crate::ledger::error::LedgerError;
use crate::ledger::store;

/// An account that a caller names by its id, or by its code in a system.
#[derive(Clone, Copy)]
struct Reference<'a> {
    code: Option<&'a str>,
    id: Option<i64>,
    /// How the caller calls it: `p_debit` stands for p_debit and p_debit_account_id.
    field: &'a str,
}

impl Reference<'_> {
    fn find(&self, system: &str) -> Result<AccountId> {
        match (self.code, self.id) {
            (None, Some(id)) => Ok(AccountId(id)),
            (Some(code), None) => store::accounts::find(system, code)?
                .ok_or_else(|| Error::not_found("account", format!("{system} {code}"))),
            (None, None) => Err(Error::missing(self.field)
                .hint(format!("Give a code as {0}, or an id as {0}_account_id.", self.field))),
            (Some(_), Some(_)) => {
                let rule = format!("give either a code or {}_account_id", self.field);
                Err(Error::invalid(self.field, rule))
            }
        }
    }
}

/// The amount in the currency given, or in that of the account.
fn money(minor: Option<i64>, currency: Option<&str>, account: AccountId) -> Result<Money> {
    let minor = required(minor, "p_amount")?;
    let currency = match currency {
        Some(code) => Currency::parse(code, "p_currency")?,
        None => {
            store::accounts::describe(account)?
                .ok_or(LedgerError::UnknownAccount(account))?
                .currency
        }
    };
    Ok(Money::new(minor, currency))
}
