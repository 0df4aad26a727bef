//! What is to be asked of Stripe: calls that a worker makes, once each, because the id of
//! a request is its idempotency key at Stripe.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::treasury::store::requests as store;
use pgrx::Uuid;
use serde_json::Value;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Refund(i64),
    Payout(i64),
    BalanceTransactions,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Subject::Refund(_) => "refund",
            Subject::Payout(_) => "payout",
            Subject::BalanceTransactions => "balance_transactions",
        }
    }

    pub fn id(self) -> Option<i64> {
        match self {
            Subject::Refund(id) | Subject::Payout(id) => Some(id),
            Subject::BalanceTransactions => None,
        }
    }
}

/// A call of Stripe's API.
pub struct NewRequest<'a> {
    pub subject: Subject,
    /// GET or POST.
    pub method: &'a str,
    pub path: &'a str,
    /// The connected account it is made for; the platform's own where there is none.
    pub account: Option<&'a str>,
    pub params: Value,
}

/// Has a worker make a call once this transaction is over; the request's id.
pub fn enqueue(new: &NewRequest<'_>) -> Result<Uuid> {
    let id = new_id();
    store::insert(id, new)?;
    Ok(id)
}
