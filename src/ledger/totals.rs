//! What accounts add up to at a time, for reports that go on computing with it.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Currency;
use crate::ledger::account::{AccountId, Class};
use crate::ledger::report::{self, Basis};
use pgrx::AnyNumeric;
use pgrx::datum::TimestampWithTimeZone;

/// An account to which something was posted.
pub struct Total {
    pub account: AccountId,
    pub code: String,
    pub class: Class,
    pub currency: Currency,
    /// Debits less credits.
    pub balance: i128,
}

/// The accounts of a system, or of all, up to and with a time.
pub fn as_of(system: Option<&str>, at: TimestampWithTimeZone, basis: Basis) -> Result<Vec<Total>> {
    let mut totals = Vec::new();
    for row in report::trial_balance(system, Some(at), basis)? {
        // The others are totals of a currency.
        let (Some(account), Some(code), Some(class)) = (row.account, row.code, row.class) else {
            continue;
        };
        totals.push(Total {
            account: AccountId(account),
            code,
            class: Class::parse(&class, "class")?,
            currency: Currency::parse(&row.currency, "currency")?,
            balance: whole(&row.debits)? - whole(&row.credits)?,
        });
    }
    Ok(totals)
}

/// A numeric without decimals: a sum of amounts in minor units.
pub fn whole(number: &AnyNumeric) -> Result<i128> {
    number.to_string().parse().map_err(|e| Error::internal(format!("{number} is no sum: {e}")))
}
