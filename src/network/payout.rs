//! Payouts: what becomes of the amount of a withdrawal when it is processed.
//!
//! First a debt takes its part, then the tax on what is left, and the rest is
//! paid. The three parts sum to the amount exactly.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::kernel::{numeric, settings};
use crate::ledger::{self, AccountId, Class, Journal, Leg, Limit, NewAccount};
use crate::network::platform::{self, Platform};
use crate::network::store::promoters::Accounts;
use crate::network::store::tax as tax_store;
use crate::network::store::withdrawals::{self as store, Paid, Request};
use crate::network::{SYSTEM, debt, tax, wallet};
use pgrx::Uuid;
use serde_json::json;

/// The parts of a withdrawal in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    pub paid: i64,
    pub tax: i64,
    pub debt: i64,
}

/// Pays a withdrawal that was approved: settles its hold.
pub fn pay(request: &Request) -> Result<()> {
    let platform = platform::load()?;
    let (accounts, _) = wallet::accounts_for_payout(request.promoter, &platform)?;
    let amount = numeric::money(&request.amount, platform.currency, "amount")?;
    // What is free in the wallet pays a debt before what is held does.
    let position = debt::settle(&accounts, &platform)?;
    let debt = position.debt.min(amount.minor);
    let gross = Money::new(amount.minor - debt, platform.currency);
    let assessment = tax::assess(request.promoter, gross)?;
    let tax = assessment.as_ref().map_or(0, |assessment| assessment.deduction.tax);
    let split = Split { paid: gross.minor - tax, tax, debt };
    let (transfer, deductions) = post(request, &accounts, &platform, split)?;
    store::set_paid(
        request.id,
        &Paid { split, transfer, deductions, currency: platform.currency },
    )?;
    if let Some(assessment) = &assessment {
        let zone: String = settings::get(SYSTEM, "time_zone")?;
        let currency = platform.currency;
        tax_store::insert(request.id, request.promoter, assessment, &zone, currency)?;
    }
    Ok(())
}

/// The transfer that paid, and the journal of what was deducted.
fn post(
    request: &Request,
    accounts: &Accounts,
    platform: &Platform,
    split: Split,
) -> Result<(Option<Uuid>, Option<Uuid>)> {
    let currency = platform.currency;
    let transfer = match split.paid {
        0 => None,
        paid => Some(ledger::settle(request.hold, Some(Money::new(paid, currency)))?),
    };
    let legs = deductions(accounts, platform, split)?;
    if legs.is_empty() {
        return Ok((transfer, None));
    }
    // The wallet is locked: nobody gets at what is released before it is deducted.
    ledger::release(request.hold)?;
    let posted = ledger::post(&Journal {
        id: None,
        system: SYSTEM,
        kind: "withdrawal_deduction",
        description: None,
        legs: &legs,
        effective_at: None,
        metadata: Some(json!({"request_id": request.id.to_string()})),
    })?;
    Ok((transfer, Some(posted.journal_id)))
}

fn deductions(accounts: &Accounts, platform: &Platform, split: Split) -> Result<Vec<Leg>> {
    let mut legs = Vec::new();
    let mut take = |credit: AccountId, minor: i64| {
        let amount = Money::new(minor, platform.currency);
        legs.push(Leg { id: None, debit: accounts.wallet, credit, amount });
    };
    if split.debt > 0 {
        take(debt::account(accounts, platform)?, split.debt);
    }
    if split.tax > 0 {
        take(tax_account(platform.currency)?, split.tax);
    }
    Ok(legs)
}

/// What is owed to the tax office, made when it is needed for the first time.
fn tax_account(currency: Currency) -> Result<AccountId> {
    ledger::open_account(&NewAccount {
        system: SYSTEM,
        code: "tax_payable",
        name: "Tax deducted at source, payable",
        currency,
        class: Class::Liability,
        owner: None,
        limit: Limit::NoOverdraft,
        stripes: 0,
    })
}
