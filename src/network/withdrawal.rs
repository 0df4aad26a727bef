//! Withdrawals: a promoter asks, the ledger holds the amount, an admin decides.
//!
//! pending → approved → processed, or rejected from either of the first two.
//! Processing settles the hold ([`payout`]), rejecting releases it; approving asks for
//! a note where a [`review`] found something.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::money::Money;
use crate::kernel::{numeric, secrets, settings};
use crate::ledger::{self, NewHold};
use crate::network::bank::BankDetails;
use crate::network::error::NetworkError;
use crate::network::profile::{self, Role};
use crate::network::store::numbers::{self, Counter};
use crate::network::store::withdrawals::{self as store, NewRequest, Request};
use crate::network::{SYSTEM, debt, number, payout, payout_account, pin, platform, review, wallet};
use crate::ops::audit::{self, Change};
use pgrx::{AnyNumeric, Uuid};
use serde_json::{Value, json};

const SECRET: &str = "network.bank_details";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Approved,
    Rejected,
    Processed,
}

impl Status {
    pub fn parse(text: &str) -> Option<Self> {
        [Status::Pending, Status::Approved, Status::Rejected, Status::Processed]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Rejected => "rejected",
            Status::Processed => "processed",
        }
    }

    /// Whether an admin may decide `next` on a request in this state.
    pub fn may_become(self, next: Status) -> bool {
        matches!(
            (self, next),
            (Status::Pending, Status::Approved | Status::Rejected)
                | (Status::Approved, Status::Processed | Status::Rejected)
        )
    }
}

/// The state an admin wants, or 22023.
pub fn decision(text: &str) -> Result<Status> {
    Status::parse(text)
        .filter(|status| *status != Status::Pending)
        .ok_or_else(|| Error::invalid("p_status", "must be approved, rejected or processed"))
}

/// Asks for money: checks amount and bank, and holds the amount; the request's id.
pub fn create(promoter: Uuid, amount: &AnyNumeric, bank: &Value) -> Result<Uuid> {
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    let platform = platform::load()?;
    let amount = numeric::positive_money(amount, platform.currency, "p_amount")?;
    let minimum = Money::new(settings::get(SYSTEM, "minimum_withdrawal")?, platform.currency);
    if amount.minor < minimum.minor {
        return Err(NetworkError::BelowMinimum { minimum }.into());
    }
    let bank = BankDetails::parse(bank)?;
    let arguments = json!([promoter.to_string(), amount.minor, bank.full()]);
    idempotency::once("network.create_withdrawal_request", &arguments, || {
        let (accounts, payout) = wallet::accounts_for_payout(promoter, &platform)?;
        let position = debt::settle(&accounts, &platform)?;
        if amount.minor > position.withdrawable() {
            return Err(NetworkError::NotAvailable { position, currency: platform.currency }.into());
        }
        let id = new_id();
        let hold = ledger::hold(&NewHold {
            id: None,
            system: SYSTEM,
            kind: "withdrawal",
            description: None,
            debit: accounts.wallet,
            credit: payout,
            amount,
            expires_at: None,
            metadata: None,
        })?;
        let secret = secrets::seal(SECRET, bank.full().to_string().as_bytes())?;
        store::insert(&NewRequest {
            id,
            number: number::WITHDRAWAL.format(numbers::next(Counter::Request)?),
            promoter,
            amount: numeric::major(amount)?,
            bank: bank.masked(),
            hold,
            secret,
            days: settings::get::<i64>(SYSTEM, "withdrawal_processing_days")? as i32,
            zone: settings::get(SYSTEM, "time_zone")?,
        })?;
        review::open(id, payout_account::note(promoter, &bank)?)?;
        Ok(id)
    })
}

/// An admin decides. The same decision again changes nothing; one that the
/// request's state does not allow is PT409.
pub fn decide(
    caller: &Caller,
    key: &str,
    admin: Option<Uuid>,
    next: Status,
    notes: Option<&str>,
) -> Result<Uuid> {
    let admin = pin::actor(caller, admin, "p_admin_id")?;
    let request = lock(key)?;
    if request.status == next {
        return Ok(request.id);
    }
    if !request.status.may_become(next) {
        return Err(NetworkError::WrongState {
            what: "withdrawal",
            is: request.status.as_str().to_owned(),
            to: next.as_str().to_owned(),
        }
        .into());
    }
    // What is said about a review is not for the promoter, who sees the request.
    let mut notes = notes;
    match next {
        Status::Processed => payout::pay(&request)?,
        Status::Rejected => ledger::release(request.hold)?,
        Status::Approved => {
            if review::acknowledge(admin, request.id, notes)? {
                notes = None;
            }
        }
        Status::Pending => {}
    }
    store::decide(request.id, next.as_str(), notes, admin)?;
    Ok(request.id)
}

fn lock(key: &str) -> Result<Request> {
    let unknown =
        || NetworkError::UnknownRequest { what: "withdrawal request", key: key.to_owned() };
    Ok(store::lock(key)?.ok_or_else(unknown)?)
}

/// The bank details in clear. Every look is written to the audit log.
pub fn bank_details(key: &str) -> Result<Value> {
    let request = lock(key)?;
    let plain = secrets::open(request.secret, SECRET)?;
    audit::record(Change {
        action: "bank_details_shown".to_owned(),
        table: "network.withdrawal_requests".to_owned(),
        record_id: Some(request.id.to_string()),
        old: None,
        new: None,
    })?;
    serde_json::from_slice(&plain).map_err(|e| Error::internal(format!("bank details: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 4] =
        [Status::Pending, Status::Approved, Status::Rejected, Status::Processed];

    #[test]
    fn only_four_steps_exist() {
        let steps: Vec<_> = ALL
            .iter()
            .flat_map(|from| ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(
            steps,
            [
                (Status::Pending, Status::Approved),
                (Status::Pending, Status::Rejected),
                (Status::Approved, Status::Rejected),
                (Status::Approved, Status::Processed),
            ]
        );
    }

    #[test]
    fn pending_and_unknown_are_no_decisions() {
        assert!(decision("pending").is_err());
        assert!(decision("paid").is_err());
        assert_eq!(decision("processed").unwrap(), Status::Processed);
    }
}
