//! Wallets: accounts of the ledger, one for each promoter and the admin's.

use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::kernel::numeric;
use crate::ledger::{self, AccountId, Class, Journal, Leg, Limit, NewAccount};
use crate::network::SYSTEM;
use crate::network::platform::{self, Platform};
use crate::network::profile::{self, Role};
use crate::network::store::promoters::{self as store, Accounts};
use crate::ops::audit::{self, Change};
use pgrx::{AnyNumeric, Uuid};
use serde_json::json;

/// A correction of a wallet by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Credit,
    Debit,
}

impl Operation {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "credit" => Ok(Operation::Credit),
            "debit" => Ok(Operation::Debit),
            _ => Err(Error::invalid("p_operation", "must be credit or debit")),
        }
    }
}

/// Opens the wallet of a new promoter.
pub fn open(promoter: Uuid, platform: &Platform) -> Result<AccountId> {
    ledger::open_account(&NewAccount {
        system: SYSTEM,
        code: &format!("wallet:{promoter}"),
        name: "Promoter wallet",
        currency: platform.currency,
        class: Class::Liability,
        owner: Some(promoter),
        limit: Limit::NoOverdraft,
        stripes: 0,
    })
}

/// The promoter's accounts, locked, and the one that shows what was paid out to
/// them, which is made here when it is needed for the first time.
pub fn accounts_for_payout(promoter: Uuid, platform: &Platform) -> Result<(Accounts, AccountId)> {
    let accounts = store::lock_accounts(promoter)?;
    if let Some(payout) = accounts.payout {
        return Ok((accounts, payout));
    }
    let payout = ledger::open_account(&NewAccount {
        system: SYSTEM,
        code: &format!("paid_out:{promoter}"),
        name: "Paid out to promoter",
        currency: platform.currency,
        class: Class::Asset,
        owner: Some(promoter),
        limit: Limit::None,
        stripes: 0,
    })?;
    store::set_payout_account(promoter, payout)?;
    Ok((accounts, payout))
}

/// Corrects a promoter's wallet.
pub fn adjust_promoter(promoter: Uuid, amount: &AnyNumeric, operation: Operation) -> Result<()> {
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    let wallet = store::accounts(promoter)?.wallet;
    adjust("network.update_promoter_wallet", wallet, amount, operation)
}

/// Corrects the admin wallet.
pub fn adjust_admin(amount: &AnyNumeric, operation: Operation) -> Result<()> {
    let wallet = platform::load()?.wallet;
    adjust("network.update_admin_wallet", wallet, amount, operation)
}

fn adjust(
    function: &str,
    wallet: AccountId,
    amount: &AnyNumeric,
    operation: Operation,
) -> Result<()> {
    let platform = platform::load()?;
    let amount = numeric::positive_money(amount, platform.currency, "p_amount")?;
    let arguments = json!([wallet.0, amount.minor, operation == Operation::Credit]);
    idempotency::once(function, &arguments, || {
        post_adjustment(&platform, wallet, amount, operation)
    })?;
    Ok(())
}

fn post_adjustment(
    platform: &Platform,
    wallet: AccountId,
    amount: Money,
    operation: Operation,
) -> Result<Uuid> {
    let (debit, credit) = match operation {
        Operation::Credit => (platform.adjustment_account, wallet),
        Operation::Debit => (wallet, platform.adjustment_account),
    };
    let id = new_id();
    ledger::post(&Journal {
        id: Some(id),
        system: SYSTEM,
        kind: "adjustment",
        description: None,
        legs: &[Leg { id: None, debit, credit, amount }],
        effective_at: None,
        metadata: None,
    })?;
    // The ledger does not know who posts; a correction by hand must say.
    let details = json!({
        "account_id": wallet.0,
        "amount": amount.to_string(),
        "journal_id": id.to_string(),
    });
    audit::record(Change {
        action: if operation == Operation::Credit { "wallet_credit" } else { "wallet_debit" }
            .to_owned(),
        table: "ledger.accounts".to_owned(),
        record_id: Some(wallet.0.to_string()),
        old: None,
        new: details.as_object().cloned().map(Into::into),
    })?;
    Ok(id)
}
