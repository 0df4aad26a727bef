//! The treasury's accounts in the ledger, and how money moves between them.
//!
//! What somebody earned is a liability of the platform. It may fall below zero: what a
//! refund takes back and is not there any more is then owed by them, and the next
//! earnings pay it off by themselves.

use crate::kernel::error::Result;
use crate::kernel::money::{Currency, Money};
use crate::ledger::{self, AccountId, Balance, Class, Journal, Leg, Limit, NewAccount};
use crate::treasury::SYSTEM;
use pgrx::Uuid;
use serde_json::json;

/// Many postings touch these at once, so their counters are spread.
const STRIPES: i32 = 16;

/// An account; there is one for each currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// What the platform has at Stripe, its connected accounts included.
    Stripe,
    /// What Stripe keeps of payments.
    ProcessingFees,
    /// What Stripe charges for disputes.
    DisputeFees,
    /// What the platform keeps of charges.
    Revenue,
    /// Charges of which nobody knows yet whose they are.
    Unallocated,
    /// Given back beyond what was charged, as by a refund and a dispute of one charge.
    Losses,
    /// Payouts that are on their way to people.
    InTransit,
    /// The platform's own bank account.
    Bank,
    /// Corrections by hand.
    Adjustments,
    /// What somebody earned and has not been paid; below zero what they owe.
    Earnings(Uuid),
}

const OF_THE_PLATFORM: [Account; 9] = [
    Account::Stripe,
    Account::ProcessingFees,
    Account::DisputeFees,
    Account::Revenue,
    Account::Unallocated,
    Account::Losses,
    Account::InTransit,
    Account::Bank,
    Account::Adjustments,
];

impl Account {
    /// The account's code in the ledger.
    pub fn code(self, currency: Currency) -> String {
        match self {
            Account::Earnings(user) => format!("earnings:{user}:{currency}"),
            other => format!("{}:{currency}", other.describe().0),
        }
    }

    /// Word of the code, name, class, and over how many rows its counters are spread.
    fn describe(self) -> (&'static str, &'static str, Class, i32) {
        match self {
            Account::Stripe => ("stripe", "Balance at Stripe", Class::Asset, STRIPES),
            Account::ProcessingFees => {
                ("processing_fees", "Processing fees", Class::Expense, STRIPES)
            }
            Account::DisputeFees => ("dispute_fees", "Dispute fees", Class::Expense, STRIPES),
            Account::Revenue => ("revenue", "Platform fees", Class::Income, STRIPES),
            Account::Unallocated => {
                ("unallocated", "Charges to be allocated", Class::Liability, STRIPES)
            }
            Account::Losses => ("losses", "Given back beyond charges", Class::Expense, 0),
            Account::InTransit => ("in_transit", "Payouts in transit", Class::Liability, STRIPES),
            Account::Bank => ("bank", "Bank account", Class::Asset, 0),
            Account::Adjustments => ("adjustments", "Adjustments", Class::Expense, 0),
            Account::Earnings(_) => ("earnings", "Earnings", Class::Liability, 0),
        }
    }

    fn open(self, currency: Currency) -> Result<AccountId> {
        let (_, name, class, stripes) = self.describe();
        ledger::open_account(&NewAccount {
            system: SYSTEM,
            code: &self.code(currency),
            name,
            currency,
            class,
            owner: match self {
                Account::Earnings(user) => Some(user),
                _ => None,
            },
            limit: Limit::None,
            stripes,
        })
    }
}

/// The ids of accounts, in the order given; those that are missing are opened.
pub fn accounts(currency: Currency, wanted: &[Account]) -> Result<Vec<AccountId>> {
    ids(&wanted.iter().map(|account| (currency, *account)).collect::<Vec<_>>())
}

fn ids(wanted: &[(Currency, Account)]) -> Result<Vec<AccountId>> {
    let code = |(currency, account): &(Currency, Account)| account.code(*currency);
    let codes: Vec<String> = wanted.iter().map(code).collect();
    let found = ledger::find_accounts(SYSTEM, codes.clone())?;
    if found.iter().all(Option::is_some) {
        return Ok(found.into_iter().flatten().collect());
    }
    // Two transactions that open the same accounts must come to them in the same order, so
    // those of the platform are opened together.
    let mut missing: Vec<(Currency, Account)> = wanted.to_vec();
    let all = |(currency, _): &(Currency, Account)| OF_THE_PLATFORM.map(|one| (*currency, one));
    missing.extend(wanted.iter().flat_map(all));
    missing.sort_by_cached_key(code);
    missing.dedup();
    missing.into_iter().try_for_each(|(currency, account)| account.open(currency).map(drop))?;
    let found = ledger::find_accounts(SYSTEM, codes)?;
    let gone = || crate::kernel::error::Error::internal("an account was opened and is not there");
    found.into_iter().map(|id| id.ok_or_else(gone)).collect()
}

/// Locks accounts for postings that follow. Each posting locks its own in an order that
/// everybody keeps to; a transaction that posts more than once would come to those of the
/// second out of that order, and two of them could wait for each other.
pub fn hold(wanted: &[(Currency, Account)]) -> Result<()> {
    ledger::lock_to_post(&ids(wanted)?)
}

/// An amount from one account to another; below zero it goes the other way.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub debit: Account,
    pub credit: Account,
    pub minor: i64,
}

/// A side of a transfer, which is one entry of the document's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Debit,
    Credit,
}

impl Side {
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Debit => "debit",
            Side::Credit => "credit",
        }
    }
}

/// What was posted.
pub struct Posted {
    pub journal: Uuid,
    /// In the order of the moves, without those of nothing.
    pub transfers: Vec<Uuid>,
}

/// Posts moves as one journal: `kind` is the event_source of the entries, `reference` what
/// they are about outside, such as a charge at Stripe. Moves of nothing are left out;
/// `None` where nothing is left.
pub fn post(
    kind: &str,
    reference: Option<&str>,
    description: Option<&str>,
    currency: Currency,
    moves: &[Move],
) -> Result<Option<Posted>> {
    let moves: Vec<Move> = moves.iter().copied().filter(|one| one.minor != 0).collect();
    if moves.is_empty() {
        return Ok(None);
    }
    // One account is in many moves, and is looked up once.
    let mut sides: Vec<Account> = Vec::with_capacity(moves.len() + 1);
    let mut place = |account: Account| match sides.iter().position(|side| *side == account) {
        Some(at) => at,
        None => {
            sides.push(account);
            sides.len() - 1
        }
    };
    let places: Vec<(usize, usize)> =
        moves.iter().map(|one| (place(one.debit), place(one.credit))).collect();
    let ids = accounts(currency, &sides)?;
    let legs: Vec<Leg> = moves
        .iter()
        .zip(places)
        .map(|(one, (debit, credit))| {
            let (debit, credit) = if one.minor > 0 { (debit, credit) } else { (credit, debit) };
            let (debit, credit) = (ids[debit], ids[credit]);
            Leg { id: None, debit, credit, amount: Money::new(one.minor.abs(), currency) }
        })
        .collect();
    let posted = ledger::post(&Journal {
        id: None,
        system: SYSTEM,
        kind,
        description,
        legs: &legs,
        effective_at: None,
        metadata: reference.map(|reference| json!({ "reference": reference })),
    })?;
    Ok(Some(Posted { journal: posted.journal_id, transfers: posted.transfer_ids }))
}

/// What somebody has, which no other transaction changes until this one ends.
pub fn lock_earnings(user: Uuid, currency: Currency) -> Result<Balance> {
    let id = accounts(currency, &[Account::Earnings(user)])?;
    let balances = ledger::lock_balances(&id)?;
    balances
        .into_iter()
        .next()
        .ok_or_else(|| crate::kernel::error::Error::internal("a locked account has no balance"))
}

/// What is on an account now, in minor units; nothing where nobody has opened it.
pub fn balance(account: Account, currency: Currency) -> Result<i64> {
    let id = ledger::find_account(SYSTEM, &account.code(currency))?;
    id.map_or(Ok(0), |id| ledger::balance(id).map(|balance| balance.posted))
}
