//! Reversal: a customer is cancelled, and what promoters earned for them is taken
//! back.
//!
//! The paid rows stay; negative ones are put beside them, and in the ledger a
//! journal that names the first. What a promoter has no longer, because it was
//! paid out or is on its way, is lent to the wallet first and is a [`debt`].

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings;
use crate::ledger::{self, AccountId, Journal, Leg};
use crate::network::platform::{self, Platform};
use crate::network::profile::{self, Role};
use crate::network::store::numbers::{self, Counter};
use crate::network::store::profiles::{self, Changes};
use crate::network::store::promoters::{self, Accounts};
use crate::network::store::reversals::{self as store, Cancellation, Standing};
use crate::network::{SYSTEM, debt, number, pin};
use pgrx::Uuid;
use serde_json::json;
use std::collections::BTreeMap;

const LONGEST_REASON: usize = 500;

/// Why a customer is cancelled: needed, for whoever loses money by it will ask.
pub fn reason(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_REASON {
        let rule = format!("must have 1 to {LONGEST_REASON} characters");
        return Err(Error::invalid("p_reason", rule));
    }
    Ok(text)
}

/// Cancels a customer for good: inactive, and the commission reversed. Again it
/// changes nothing.
pub fn cancel(caller: &Caller, customer: Uuid, reason: &str) -> Result<()> {
    profile::require(customer, Role::Customer, "p_customer_id")?;
    let promoter = store::lock_customer(customer)?;
    if store::is_cancelled(customer)? {
        return Ok(());
    }
    let platform = platform::load()?;
    let rows = store::standing(customer, platform.currency)?;
    // Whoever moves or brings somebody locks in this order: promoters, profiles, wallets.
    let recipients = lock_recipients(&rows)?;
    let pins_back: bool = settings::get(SYSTEM, "cancel_returns_pin")?;
    let pin_transaction = match promoter {
        Some(promoter) if pins_back => pin::give_back(promoter, customer, caller.person())?,
        _ => None,
    };
    let reversal = reverse_commission(customer, &platform, &rows, &recipients)?;
    profiles::update(customer, &Changes { status: Some("Inactive"), ..Changes::default() })?;
    store::insert_cancellation(&Cancellation {
        customer,
        reason,
        reversal,
        pin_transaction,
        by: caller.person(),
    })
}

/// PT409 for a customer who was cancelled.
pub fn refuse_cancelled(customer: Uuid) -> Result<()> {
    if store::is_cancelled(customer)? {
        return Err(Error::conflict("the customer was cancelled")
            .hint("Their commission was reversed. Create them as a new customer."));
    }
    Ok(())
}

/// Takes back what was earned for a customer; the ledger's journal, or nothing
/// where nobody earned anything.
fn reverse_commission(
    customer: Uuid,
    platform: &Platform,
    rows: &[Standing],
    recipients: &[Recipient],
) -> Result<Option<Uuid>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let advances = advances(customer, platform, rows, recipients)?;
    if !advances.is_empty() {
        let metadata = json!({"customer_id": customer.to_string()});
        ledger::post(&Journal {
            id: None,
            system: SYSTEM,
            kind: "commission_debt",
            description: None,
            legs: &advances,
            effective_at: None,
            metadata: Some(metadata),
        })?;
    }
    let journal = ledger::reverse_journal(customer, Some(new_id()), "customer cancelled")?;
    let numbers = numbers::take(Counter::Transaction, rows.len())?;
    let numbers = numbers.into_iter().map(|taken| number::TRANSACTION.format(taken));
    let ids = rows.iter().map(|row| row.id);
    store::insert(ids.zip(numbers).collect())?;
    Ok(Some(journal))
}

/// Somebody who earned a share: their accounts, and how much is taken from them.
struct Recipient {
    accounts: Accounts,
    amount: i64,
}

/// The promoters who earned something, locked in the order of their ids.
fn lock_recipients(rows: &[Standing]) -> Result<Vec<Recipient>> {
    let lock = |(id, amount): ([u8; 16], i64)| {
        Ok(Recipient { accounts: promoters::lock_accounts(Uuid::from_bytes(id))?, amount })
    };
    by_promoter(rows).into_iter().map(lock).collect()
}

/// How much each promoter earned, in the order of their ids.
fn by_promoter(rows: &[Standing]) -> BTreeMap<[u8; 16], i64> {
    let mut sums = BTreeMap::new();
    for (promoter, amount) in rows.iter().filter_map(|row| Some((row.promoter?, row.amount))) {
        *sums.entry(*promoter.as_bytes()).or_default() += amount;
    }
    sums
}

/// What each wallet must be lent so that the reversal finds its amount there.
fn advances(
    customer: Uuid,
    platform: &Platform,
    rows: &[Standing],
    recipients: &[Recipient],
) -> Result<Vec<Leg>> {
    let mut wallets: Vec<AccountId> = recipients.iter().map(|one| one.accounts.wallet).collect();
    // Locked in one go with the wallets, so that corrections by hand wait in the same order.
    wallets.extend([platform.wallet, platform.adjustment_account]);
    let balances = ledger::lock_balances(&wallets)?;
    let mut legs = Vec::new();
    for (Recipient { accounts, amount }, balance) in recipients.iter().zip(&balances) {
        let on_hold = debt::on_hold(accounts.promoter, Some(customer), platform.currency)?;
        let missing = debt::shortfall(*amount, balance.available, on_hold);
        if missing > 0 {
            let lender = debt::account(accounts, platform)?;
            legs.push(leg(lender, accounts.wallet, missing, platform.currency));
        }
    }
    let unclaimed = rows.iter().filter(|row| row.promoter.is_none()).map(|row| row.amount).sum();
    let missing = debt::shortfall(unclaimed, balances[recipients.len()].available, 0);
    // The platform took it out of its wallet by a correction, and so puts it back.
    if missing > 0 {
        legs.push(leg(platform.adjustment_account, platform.wallet, missing, platform.currency));
    }
    Ok(legs)
}

fn leg(debit: AccountId, credit: AccountId, amount: i64, currency: Currency) -> Leg {
    Leg { id: None, debit, credit, amount: Money::new(amount, currency) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_needed_and_not_endless() {
        assert_eq!(reason(" moved away ").unwrap(), "moved away");
        assert!(reason("  ").is_err());
        assert!(reason(&"x".repeat(501)).is_err());
        assert!(reason(&"ü".repeat(500)).is_ok());
    }

    #[test]
    fn several_levels_of_one_promoter_are_taken_together() {
        let one = new_id();
        let row = |promoter, amount| Standing { id: 0, promoter, amount };
        let sums = by_promoter(&[row(Some(one), 500), row(None, 100), row(Some(one), 50)]);
        assert_eq!(sums.into_iter().collect::<Vec<_>>(), [(*one.as_bytes(), 550)]);
    }
}
