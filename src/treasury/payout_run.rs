//! Paying everybody who is payable, once a day.
//!
//! A run goes through the accounts of the ledger in the order of their ids, so many in a
//! call, and notes down how far it is; the next call of the same day goes on from there,
//! also where one broke. A call locks all its accounts before it posts anything, as every
//! posting does, so it and they never wait for each other. One call runs at a time, and
//! nobody is paid by runs twice on one day: an index of the payouts says so, too.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings;
use crate::ledger::{self, AccountId, Journal, Leg};
use crate::treasury::books::{self, Account};
use crate::treasury::error::TreasuryError;
use crate::treasury::payable::{self, Payable};
use crate::treasury::payout::{KIND, Status};
use crate::treasury::risk::{self, Risk};
use crate::treasury::store::payout_runs::{self as store, Candidate};
use crate::treasury::store::{payables, payouts, risks};
use crate::treasury::{SYSTEM, sending};
use pgrx::Uuid;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How far a run is, and what it did.
#[derive(Clone, Debug)]
pub struct Progress {
    pub run: Uuid,
    pub finished: bool,
    pub last_account: i64,
    pub accounts: i32,
    pub payouts: i32,
    pub reviews: i32,
    pub totals: Map<String, Value>,
    pub skipped: Map<String, Value>,
}

/// Why somebody with earnings is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    NoAccount,
    NotReady,
    PaidToday,
    /// The ledger lets nothing happen to their earnings.
    Frozen,
    /// What an earlier payout that failed took to their account at Stripe is still there.
    NotBroughtBack,
    Held,
    BelowMinimum,
}

impl Skip {
    fn as_str(self) -> &'static str {
        match self {
            Skip::NoAccount => "no_account",
            Skip::NotReady => "not_ready",
            Skip::PaidToday => "paid_today",
            Skip::Frozen => "frozen",
            Skip::NotBroughtBack => "not_brought_back",
            Skip::Held => "held",
            Skip::BelowMinimum => "below_minimum",
        }
    }
}

/// Somebody who is paid.
pub struct Pay {
    pub user: Uuid,
    ledger_account: i64,
    pub account: String,
    pub amount: Money,
    pub risk: Risk,
}

impl Pay {
    pub fn status(&self) -> Status {
        if self.risk.review { Status::Review } else { Status::Pending }
    }
}

/// Pays everybody of a currency, or of all, for an admin; the run, which is not finished
/// where there are more accounts than one call looks at.
pub fn run(caller: &Caller, code: Option<&str>) -> Result<Uuid> {
    caller.require_admin(SYSTEM)?;
    let currency = code.map(|code| Currency::parse(code, "p_currency")).transpose()?;
    if !store::try_lock()? {
        return Err(TreasuryError::RunUnderWay.into());
    }
    let mut progress = store::open(new_id(), currency, caller.person())?;
    if !progress.finished {
        advance(&mut progress, currency)?;
    }
    Ok(progress.run)
}

/// Job: the same of all currencies; what it has not come to is left to the next one, so
/// that this one's locks end.
pub fn run_next() -> Result<Value> {
    if !store::try_lock()? {
        return Ok(json!({"payouts": 0, "accounts": 0}));
    }
    let mut progress = store::open(new_id(), None, None)?;
    let before = (progress.accounts, progress.payouts);
    if !progress.finished {
        advance(&mut progress, None)?;
    }
    Ok(json!({
        "accounts": progress.accounts - before.0,
        "payouts": progress.payouts - before.1,
    }))
}

/// Does what one call does, and notes it down.
fn advance(progress: &mut Progress, currency: Option<Currency>) -> Result<()> {
    let most: i64 = settings::get(SYSTEM, "payout_run_accounts")?;
    let candidates = store::candidates(progress.last_account, currency, most)?;
    progress.finished = (candidates.len() as i64) < most;
    if let Some(last) = candidates.last() {
        progress.last_account = last.ledger_account;
    }
    progress.accounts += candidates.len() as i32;
    let (ready, skipped) = sort_out(candidates);
    skipped.into_iter().for_each(|skip| progress.skip(skip));
    let pays = choose(ready, progress)?;
    if !pays.is_empty() {
        pay(progress, &pays)?;
    }
    store::update(progress)
}

impl Progress {
    fn skip(&mut self, skip: Skip) {
        add(&mut self.skipped, skip.as_str(), 1);
    }
}

fn add(sums: &mut Map<String, Value>, key: &str, more: i64) {
    let before = sums.get(key).and_then(Value::as_i64).unwrap_or(0);
    sums.insert(key.to_owned(), json!(before.saturating_add(more)));
}

/// Somebody whose account at Stripe can be paid to.
struct Ready {
    ledger_account: i64,
    user: Uuid,
    currency: Currency,
    account: String,
}

fn sort_out(candidates: Vec<Candidate>) -> (Vec<Ready>, Vec<Skip>) {
    let (mut ready, mut skipped) = (Vec::new(), Vec::new());
    for one in candidates {
        match one.account {
            _ if one.paid_today => skipped.push(Skip::PaidToday),
            _ if one.frozen => skipped.push(Skip::Frozen),
            None => skipped.push(Skip::NoAccount),
            Some((_, account)) if !account.missing().is_empty() => skipped.push(Skip::NotReady),
            Some((account, _)) => ready.push(Ready {
                ledger_account: one.ledger_account,
                user: one.user,
                currency: one.currency,
                account,
            }),
        }
    }
    (ready, skipped)
}

/// Who is paid how much, their earnings locked.
fn choose(ready: Vec<Ready>, progress: &mut Progress) -> Result<Vec<Pay>> {
    let ids: Vec<AccountId> = ready.iter().map(|one| AccountId(one.ledger_account)).collect();
    let balances = ledger::lock_balances(&ids)?;
    let (rules, weights) = (payable::Rules::load()?, risk::Rules::load()?);
    let of: Vec<(Uuid, Currency)> = ready.iter().map(|one| (one.user, one.currency)).collect();
    let young = payables::young(&of, rules.days)?;
    let away = payouts::not_brought_back(ready.iter().map(|one| one.user).collect())?;
    let mut chosen = Vec::new();
    for ((one, balance), young) in ready.into_iter().zip(balances).zip(young) {
        let found = Payable::of(balance.available, young, &rules, one.currency);
        if balance.frozen {
            // Since it was looked at.
            progress.skip(Skip::Frozen);
        } else if away.contains(&one.user) {
            progress.skip(Skip::NotBroughtBack);
        } else if found.payable == 0 {
            progress.skip(Skip::Held);
        } else if found.payable < rules.minimum(one.currency).minor {
            progress.skip(Skip::BelowMinimum);
        } else {
            chosen.push((one, found.payable));
        }
    }
    let of: Vec<(Uuid, Currency)> =
        chosen.iter().map(|(one, _)| (one.user, one.currency)).collect();
    let facts = risks::facts(&of, weights.dispute_days)?;
    let pay = |((one, minor), facts): ((Ready, i64), risk::Facts)| Pay {
        user: one.user,
        ledger_account: one.ledger_account,
        account: one.account,
        amount: Money::new(minor, one.currency),
        risk: risk::assess(&facts, minor, &weights),
    };
    Ok(chosen.into_iter().zip(facts).map(pay).collect())
}

/// Posts, stores and hands over what was chosen.
fn pay(progress: &mut Progress, pays: &[Pay]) -> Result<()> {
    let transfers = post(progress.run, pays)?;
    let numbers = store::insert(progress.run, pays, transfers)?;
    let risky = || numbers.iter().zip(pays).filter(|(_, pay)| !pay.risk.reasons.is_empty());
    risks::insert(
        risky().map(|(id, _)| *id).collect(),
        risky().map(|(_, pay)| pay.risk.reasons.clone()).collect(),
    )?;
    let to_send = store::to_send(pays, &numbers);
    if !to_send.is_empty() {
        sending::send_all(&to_send)?;
    }
    for one in pays {
        progress.payouts += 1;
        progress.reviews += i32::from(one.risk.review);
        add(&mut progress.totals, one.amount.currency.code(), one.amount.minor);
    }
    Ok(())
}

/// One journal for each currency; the transfers in the order of the payouts.
fn post(run: Uuid, pays: &[Pay]) -> Result<Vec<Uuid>> {
    let mut by_currency: BTreeMap<Currency, Vec<usize>> = BTreeMap::new();
    for (at, one) in pays.iter().enumerate() {
        by_currency.entry(one.amount.currency).or_default().push(at);
    }
    let mut transfers = vec![None; pays.len()];
    for (currency, places) in by_currency {
        let transit = books::accounts(currency, &[Account::InTransit])?;
        let gone = || Error::internal("the account of payouts in transit is not there");
        let credit = *transit.first().ok_or_else(gone)?;
        let leg = |at: &usize| Leg {
            id: None,
            debit: AccountId(pays[*at].ledger_account),
            credit,
            amount: pays[*at].amount,
        };
        let legs: Vec<Leg> = places.iter().map(leg).collect();
        let posted = ledger::post(&Journal {
            id: None,
            system: SYSTEM,
            kind: KIND,
            description: None,
            legs: &legs,
            effective_at: None,
            metadata: Some(json!({"reference": format!("payout_run:{run}")})),
        })?;
        for (at, transfer) in places.into_iter().zip(posted.transfer_ids) {
            transfers[at] = Some(transfer);
        }
    }
    let missing = || Error::internal("a payout was not posted");
    transfers.into_iter().map(|transfer| transfer.ok_or_else(missing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut sums = Map::new();
        add(&mut sums, "held", 1);
        add(&mut sums, "held", 2);
        add(&mut sums, "USD", i64::MAX);
        add(&mut sums, "USD", 1);
        assert_eq!(Value::from(sums), json!({"held": 3, "USD": i64::MAX}));
    }

    #[test]
    fn who_cannot_be_paid_is_told_why() {
        let candidate = |enabled: bool, paid_today: bool, linked: bool, frozen: bool| Candidate {
            ledger_account: 1,
            user: Uuid::from_bytes([1; 16]),
            currency: Currency::parse("USD", "currency").unwrap(),
            account: linked.then(|| {
                let object = json!({"charges_enabled": enabled, "payouts_enabled": enabled,
                                    "details_submitted": enabled});
                let account = crate::treasury::stripe_account::Account::parse("a", &object);
                ("acct_1".to_owned(), account.unwrap())
            }),
            paid_today,
            frozen,
        };
        let (ready, skipped) = sort_out(vec![
            candidate(true, false, true, false),
            candidate(true, true, true, false),
            candidate(false, false, true, false),
            candidate(true, false, false, false),
            candidate(true, false, true, true),
        ]);
        assert_eq!(ready.len(), 1);
        assert_eq!(skipped, [Skip::PaidToday, Skip::NotReady, Skip::NoAccount, Skip::Frozen]);
    }
}
