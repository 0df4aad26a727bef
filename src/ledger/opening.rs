//! Opening balances: what an account had when its books began here.
//!
//! A transfer between the account and an account of equity, the first thing that counts
//! for the account, once. Its id follows from the account's, so that a second one is
//! either the same or refused; after a reversal the next may be posted.

use crate::kernel::error::{Error, Result, sqlstate};
use crate::kernel::money::Money;
use crate::ledger::account::{AccountId, Class, Side};
use crate::ledger::error::LedgerError;
use crate::ledger::journal::{Journal, Leg, Posted, check_finite};
use crate::ledger::posting::post;
use crate::ledger::store;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use sha2::{Digest, Sha256};

const KIND: &str = "opening_balance";

pub struct Opening<'a> {
    pub system: &'a str,
    pub account: AccountId,
    pub equity: AccountId,
    /// Minor units in the account's normal direction, less than nothing the other way.
    pub amount: i64,
    pub effective_at: TimestampWithTimeZone,
    pub description: Option<&'a str>,
}

/// Posts the opening balance of an account. The same again gives what is stored.
///
/// 22023 for an amount of 0, the same account twice, one that is not of equity or has
/// another currency, a time that is not finite; PT404 unknown account; PT409 where the
/// account has another opening balance, something that counts for an earlier time, or is
/// closed.
pub fn open_balance(opening: &Opening<'_>) -> Result<Posted> {
    check_finite("p_effective_at", Some(&opening.effective_at))?;
    let unknown = |id| move || LedgerError::UnknownAccount(id);
    let account =
        store::accounts::describe(opening.account)?.ok_or_else(unknown(opening.account))?;
    let equity = store::accounts::describe(opening.equity)?.ok_or_else(unknown(opening.equity))?;
    if equity.class != Class::Equity {
        return Err(Error::invalid("p_equity", "must be an account of the class equity"));
    }
    let (debit, credit, minor) =
        leg(account.class.normal_side(), opening.account, opening.equity, opening.amount)?;
    let (id, taken_back) = next_id(opening.account)?;
    if store::transfers::find_by_transfer(id)?.is_none()
        && store::opening::has_earlier(opening.account, opening.effective_at, &taken_back)?
    {
        return Err(Error::conflict("something counts for the account before its opening")
            .detail(format!("account {}", opening.account))
            .hint("Open it at the time of the first transfer, or earlier."));
    }
    let amount = Money::new(minor, account.currency);
    let posted = post(&Journal {
        id: None,
        system: opening.system,
        kind: KIND,
        description: opening.description,
        legs: &[Leg { id: Some(id), debit, credit, amount }],
        effective_at: Some(opening.effective_at),
        metadata: None,
    });
    let other = |error: &Error| error.sqlstate == sqlstate::CONFLICT && error.hint.is_some();
    posted.map_err(|error| if other(&error) { opened_before(opening.account, id) } else { error })
}

fn opened_before(account: AccountId, id: Uuid) -> Error {
    Error::conflict("the account has another opening balance")
        .detail(format!("account {account}, transfer {id}"))
        .hint("Reverse that transfer first.")
}

/// Debit, credit and amount of the transfer that gives an account this balance.
fn leg(
    side: Side,
    account: AccountId,
    equity: AccountId,
    amount: i64,
) -> Result<(AccountId, AccountId, i64)> {
    if amount == 0 {
        return Err(Error::invalid("p_amount", "must not be 0"));
    }
    let minor = amount
        .checked_abs()
        .ok_or_else(|| Error::out_of_range("p_amount", "does not fit 63 bits"))?;
    let is_debit = (side == Side::Debit) == (amount > 0);
    Ok(if is_debit { (account, equity, minor) } else { (equity, account, minor) })
}

/// The id of the opening balance that counts or may be posted now, and those that were
/// taken back.
fn next_id(account: AccountId) -> Result<(Uuid, Vec<Uuid>)> {
    let mut taken_back = Vec::new();
    loop {
        let id = opening_id(account, taken_back.len());
        if !is_taken_back(id)? {
            return Ok((id, taken_back));
        }
        taken_back.push(id);
    }
}

/// Whether all of an opening balance was undone; one of which a part was still counts.
fn is_taken_back(id: Uuid) -> Result<bool> {
    let Some(undone) = store::reversals::undone(&[id])?.into_iter().next() else {
        return Ok(false);
    };
    let stored = store::transfers::find_by_transfer(id)?;
    let line = stored.and_then(|stored| stored.lines.into_iter().find(|line| line.id == id));
    Ok(line.is_some_and(|line| undone.amount >= line.amount.minor))
}

/// The id of an account's opening balance after so many that were taken back: a UUID of
/// version 8, whose content is ours to choose.
fn opening_id(account: AccountId, taken_back: usize) -> Uuid {
    let name = format!("backoffice ledger opening_balance {account} {taken_back}");
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId(1);
    const EQUITY: AccountId = AccountId(2);

    #[test]
    fn a_balance_stands_on_the_side_that_it_grows_on() {
        let of = |side, amount| leg(side, ACCOUNT, EQUITY, amount).unwrap();
        assert_eq!(of(Side::Debit, 5), (ACCOUNT, EQUITY, 5));
        assert_eq!(of(Side::Debit, -5), (EQUITY, ACCOUNT, 5));
        assert_eq!(of(Side::Credit, 5), (EQUITY, ACCOUNT, 5));
        assert_eq!(of(Side::Credit, -5), (ACCOUNT, EQUITY, 5));
    }

    #[test]
    fn nothing_and_more_than_63_bits_are_refused() {
        let code = |amount| leg(Side::Debit, ACCOUNT, EQUITY, amount).unwrap_err().sqlstate;
        assert_eq!(code(0), sqlstate::INVALID);
        assert_eq!(code(i64::MIN), sqlstate::OUT_OF_RANGE);
    }

    #[test]
    fn ids_are_of_version_8_and_differ() {
        let id = uuid::Uuid::from_bytes(*opening_id(ACCOUNT, 0).as_bytes());
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(opening_id(ACCOUNT, 0), opening_id(ACCOUNT, 0));
        assert_ne!(opening_id(ACCOUNT, 0), opening_id(ACCOUNT, 1));
        assert_ne!(opening_id(ACCOUNT, 0), opening_id(EQUITY, 0));
    }
}
