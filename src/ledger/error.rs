//! What can go wrong in the ledger, and the SQLSTATE it is raised with.

use crate::kernel::error::{Error, sqlstate};
use crate::kernel::money::Currency;
use crate::ledger::account::AccountId;
use pgrx::Uuid;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// A journal without transfers, or with too many.
    LegCount {
        most: usize,
    },
    /// An amount that is not above zero.
    Amount {
        field: String,
    },
    /// Debit and credit are the same account.
    SameAccount {
        field: String,
    },
    /// The transfer's currency is not the account's.
    Currency {
        field: String,
        account: AccountId,
        has: Currency,
        given: Currency,
    },
    UnknownAccount(AccountId),
    Closed(AccountId),
    Frozen(AccountId),
    /// A counter would leave the range of 63 bits.
    OutOfRange {
        account: AccountId,
    },
    /// The balance may not go that low. Minor units.
    LimitExceeded {
        account: AccountId,
        currency: Currency,
        available: i128,
        requested: i128,
    },
    /// The balance may not grow that far. Minor units.
    BalanceExceeded {
        account: AccountId,
        currency: Currency,
        room: i128,
        requested: i128,
    },
    /// The balance does not keep to the limit that it shall get. Minor units.
    LimitBroken {
        account: AccountId,
        currency: Currency,
        field: &'static str,
        balance: i128,
    },
    /// There is nothing that a balancing transfer could move.
    NothingAvailable(AccountId),
    /// The id is taken by something that differs from the request.
    Differs {
        what: &'static str,
        id: String,
        field: String,
    },
    /// The key is taken by a request that differs.
    KeyDiffers {
        key: String,
        field: String,
    },
    /// The hold is settled, released or expired.
    HoldNotOpen {
        id: Uuid,
        status: String,
    },
    /// More than what is left of the hold. Minor units.
    HoldExceeded {
        id: Uuid,
        currency: Currency,
        left: i64,
        requested: i64,
    },
    /// All of the transfer has been undone before.
    AlreadyReversed {
        id: Uuid,
        by: Uuid,
    },
    /// More than what is left of the transfer to undo. Minor units.
    ReversalExceeded {
        id: Uuid,
        currency: Currency,
        left: i64,
        requested: i64,
    },
    /// A reversal is not reversed again.
    IsReversal(Uuid),
    /// The account still has a balance or open holds.
    NotEmpty(AccountId),
    /// The books are closed for the time that a posting is for.
    PeriodClosed {
        system: String,
        until: String,
        asked: String,
    },
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        use LedgerError as E;
        match error {
            E::LegCount { most } => {
                Error::invalid("legs", format!("a journal has 1 to {most} transfers"))
            }
            E::Amount { field } => Error::invalid(&field, "must be above zero"),
            E::SameAccount { field } => {
                Error::invalid(&field, "debit and credit must be different accounts")
            }
            E::Currency { field, account, has, given } => {
                Error::invalid(&field, format!("the currency must be that of both accounts, {has}"))
                    .detail(format!("account {account}, given {given}"))
            }
            E::UnknownAccount(id) => Error::not_found("account", id),
            E::Closed(id) => {
                Error::conflict("the account is closed").detail(format!("account {id}"))
            }
            E::Frozen(id) => Error::conflict("the account is frozen")
                .detail(format!("account {id}"))
                .hint("An admin of the ledger can unfreeze it."),
            E::OutOfRange { account } => {
                Error::new(sqlstate::OUT_OF_RANGE, "the account's counters would leave their range")
                    .detail(format!("account {account}"))
            }
            E::LimitExceeded { account, currency, available, requested } => {
                Error::conflict("not enough available").detail(format!(
                    "account {account}: available {}, requested {}",
                    minor(available, currency),
                    minor(requested, currency)
                ))
            }
            E::BalanceExceeded { account, currency, room, requested } => {
                Error::conflict("the balance may not grow that far").detail(format!(
                    "account {account}: room for {}, requested {}",
                    minor(room, currency),
                    minor(requested, currency)
                ))
            }
            E::LimitBroken { account, currency, field, balance } => {
                Error::conflict(format!("{field}: the balance does not keep to it"))
                    .detail(format!("account {account}: {}", minor(balance, currency)))
                    .hint("Move the balance first.")
            }
            E::NothingAvailable(id) => {
                Error::conflict("nothing is available to be moved").detail(format!("account {id}"))
            }
            E::NotEmpty(id) => Error::conflict("the account is not empty")
                .detail(format!("account {id} has a balance or open holds")),
            other => refusal(other),
        }
    }
}

/// Why what is stored stands in the way of a request.
fn refusal(error: LedgerError) -> Error {
    use LedgerError as E;
    match error {
        E::Differs { what, id, field } => {
            Error::conflict(format!("{field}: differs from the {what} stored under this id"))
                .detail(format!("{what} {id}"))
                .hint("Repeat a request with the same content, or use another id.")
        }
        E::KeyDiffers { key, field } => {
            Error::conflict(format!("{field}: differs from the journal stored under this key"))
                .detail(format!("key {key}"))
                .hint("Repeat a request with the same content, or use another key.")
        }
        E::HoldNotOpen { id, status } => {
            Error::conflict(format!("the hold is {status}")).detail(format!("hold {id}"))
        }
        E::HoldExceeded { id, currency, left, requested } => {
            Error::conflict("more than what is left of the hold").detail(format!(
                "hold {id}: available {}, requested {}",
                minor(left.into(), currency),
                minor(requested.into(), currency)
            ))
        }
        E::AlreadyReversed { id, by } => {
            Error::conflict("it is reversed already").detail(format!("{id} is reversed by {by}"))
        }
        E::ReversalExceeded { id, currency, left, requested } => {
            Error::conflict("more than what is left of the transfer").detail(format!(
                "transfer {id}: available {}, requested {}",
                minor(left.into(), currency),
                minor(requested.into(), currency)
            ))
        }
        E::IsReversal(id) => Error::conflict("a reversal is not reversed again")
            .detail(format!("transfer {id}"))
            .hint("Post the transfer anew."),
        E::PeriodClosed { system, until, asked } => Error::conflict("the period is closed")
            .detail(format!("the books of {system} are closed until {until}; asked for {asked}"))
            .hint(
                "Post it without an effective time, or with ledger.post_late for the first open \
                 moment; an admin can reopen the period.",
            ),
        other => Error::internal(format!("{other:?}")),
    }
}

/// Minor units as people read them, such as `12.50 INR`.
fn minor(amount: i128, currency: Currency) -> String {
    let scale = 10_i128.pow(currency.exponent());
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, part) = (amount.abs() / scale, amount.abs() % scale);
    match currency.exponent() as usize {
        0 => format!("{sign}{whole} {currency}"),
        digits => format!("{sign}{whole}.{part:0digits$} {currency}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_with_the_decimals_of_their_currency() {
        let inr = Currency::parse("INR", "c").unwrap();
        let jpy = Currency::parse("JPY", "c").unwrap();
        assert_eq!(minor(-5, inr), "-0.05 INR");
        assert_eq!(minor(123_456, inr), "1234.56 INR");
        assert_eq!(minor(i128::from(i64::MAX) * 2, jpy), "18446744073709551614 JPY");
    }
}
