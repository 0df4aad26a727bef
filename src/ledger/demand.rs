//! Accounts of the business that appear when they are first needed.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Class, Limit, NewAccount};
use crate::ledger::accounts::open_account;
use crate::ledger::error::LedgerError;
use crate::ledger::store;

/// The account with this code, which is opened where there is none. 22023 naming
/// `field` where it is of another class or currency.
pub fn open(
    system: &str,
    code: &str,
    currency: Currency,
    class: Class,
    field: &str,
) -> Result<AccountId> {
    let Some(id) = store::accounts::find(system, code)? else {
        let limit = Limit::None;
        let new = NewAccount {
            system,
            code,
            name: code,
            currency,
            class,
            owner: None,
            limit,
            stripes: 0,
        };
        return open_account(&new);
    };
    if check(id, class, field)? != currency {
        let rule = format!("account {code} must have the currency {currency}");
        return Err(Error::invalid(field, rule));
    }
    Ok(id)
}

/// The currency of an account, which must be of this class: 22023 naming `field`.
pub fn check(id: AccountId, class: Class, field: &str) -> Result<Currency> {
    let found = store::accounts::describe(id)?.ok_or(LedgerError::UnknownAccount(id))?;
    if found.class != class {
        let rule = format!("must be an account of the class {}", class.as_str());
        return Err(Error::invalid(field, rule).detail(format!("account {id}")));
    }
    Ok(found.currency)
}
