//! What Stripe says of payouts: by webhook, and in its answer when it is asked for one.
//!
//! A payout is known by its id at Stripe, or by our number in its metadata. One that
//! nobody asked for here happened all the same, so it is booked: from the earnings of
//! whoever has the connected account, or from the platform's own balance.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::ops::inbox::Outcome;
use crate::treasury::amount;
use crate::treasury::events::{self, Told};
use crate::treasury::payout::{self, Method, Payout, Status};
use crate::treasury::store::payouts::{self as store, New};
use crate::treasury::store::stripe_accounts;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;

/// The longest id of a payout at Stripe, in bytes.
const LONGEST_ID: usize = 255;

/// What is read of Stripe's object.
#[derive(Debug)]
struct Described<'a> {
    id: &'a str,
    amount: Money,
    status: Status,
    method: Method,
    failure: Option<&'a str>,
    /// Our number of it.
    number: Option<i64>,
}

impl<'a> Described<'a> {
    fn read(object: &'a Value) -> Result<Self> {
        let id = object["id"].as_str().ok_or_else(|| Error::missing("payout.id"))?;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(Error::invalid("payout.id", "must have 1 to 255 characters"));
        }
        let currency = amount::currency(object)?;
        let status = object["status"].as_str().and_then(Status::parse);
        let unknown = || Error::invalid("payout.status", "is none of a payout");
        let number = &object["metadata"]["backoffice_payout_id"];
        let number = number.as_str().and_then(|text| text.parse().ok()).or(number.as_i64());
        let described = Described {
            id,
            amount: Money::new(amount::amount(object, "amount", currency)?, currency),
            // Only ours have one under review.
            status: status.filter(|status| *status != Status::Review).ok_or_else(unknown)?,
            method: Method::parse(object["method"].as_str().unwrap_or_default()),
            failure: object["failure_code"].as_str(),
            number,
        };
        if described.amount.minor == 0 {
            return Err(Error::invalid("payout.amount", "must not be zero"));
        }
        Ok(described)
    }

    /// Whether it can be the payout that we asked for. One that was given back here, because
    /// somebody was sure that Stripe had not made it, is booked anew: the money has gone.
    fn is(&self, payout: &Payout, account: Option<&str>) -> bool {
        payout.stripe_id.is_none()
            && payout.account.as_deref() == account
            && payout.amount == self.amount
            && payout.user.is_some()
            && !payout.status.is_undone()
    }
}

/// `payout.*`, of whatever kind: what counts is how the payout stands.
pub fn told(told: &Told<'_>) -> Result<Outcome> {
    let described = Described::read(told.object)?;
    if let Some(payout) = find(&described, told.account)? {
        apply(payout, &described, Some(told.at))?;
        return Ok(Outcome::Processed);
    }
    let user = match told.account {
        None => None,
        Some(account) => match stripe_accounts::owner(account)? {
            Some(user) => Some(user),
            None => return Ok(events::wait_for("account", account)),
        },
    };
    book(&described, user, told)?;
    Ok(Outcome::Processed)
}

/// Stripe has made the payout that it was asked for.
pub fn answered(payout: &Payout, object: &Value) -> Result<()> {
    // Somebody was sure that it had not: then the event of it books it anew.
    if payout.status.is_undone() && payout.stripe_id.is_none() {
        return Ok(());
    }
    let described = Described::read(object)?;
    let same = payout.stripe_id.as_deref().is_none_or(|id| id == described.id);
    if !same {
        return Err(Error::conflict("Stripe made another payout before")
            .detail(format!("payout {} is {:?} there", payout.id, payout.stripe_id)));
    }
    apply(payout.clone(), &described, None)
}

/// The payout that is told of, its row locked.
fn find(described: &Described<'_>, account: Option<&str>) -> Result<Option<Payout>> {
    if let Some(payout) = store::lock_by_stripe_id(described.id)? {
        return Ok(Some(payout));
    }
    let ours = described.number.map(store::lock).transpose()?.flatten();
    Ok(ours.filter(|payout| described.is(payout, account)))
}

fn apply(
    mut payout: Payout,
    described: &Described<'_>,
    at: Option<TimestampWithTimeZone>,
) -> Result<()> {
    if payout.amount != described.amount {
        return Err(Error::conflict("the payout is of another amount")
            .detail(format!("{} here, {} at Stripe", payout.amount, described.amount)));
    }
    payout.stripe_id = Some(described.id.to_owned());
    let failure = described.failure.filter(|_| described.status == Status::Failed);
    payout::advance(&payout, described.status, at, failure)?;
    store::heard(payout.id, described.id, described.status, at)
}

/// A payout that only Stripe knew of.
fn book(described: &Described<'_>, user: Option<Uuid>, told: &Told<'_>) -> Result<()> {
    let inserted = store::insert_told(&New {
        user,
        status: described.status,
        amount: described.amount,
        method: described.method,
        account: told.account,
        stripe_id: described.id,
        at: told.at,
        failure: described.failure.filter(|_| described.status == Status::Failed),
    })?;
    let gone = || Error::internal("a payout was neither stored nor found");
    let payout = store::lock_by_stripe_id(described.id)?.ok_or_else(gone)?;
    if !inserted {
        // Another event of it came at the same time.
        return apply(payout, described, Some(told.at));
    }
    match payout::post(&payout, None, payout.status)? {
        Some((transfer, side)) => store::set_entry(payout.id, transfer, side),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({"id": "po_1", "object": "payout", "amount": 1234, "currency": "usd",
               "status": "in_transit", "method": "standard",
               "metadata": {"backoffice_payout_id": "17"}})
    }

    #[test]
    fn a_payout_is_read() {
        let object = object();
        let described = Described::read(&object).unwrap();
        assert_eq!(described.amount.minor, 1234);
        assert_eq!(described.status, Status::InTransit);
        assert_eq!(described.number, Some(17));
    }

    #[test]
    fn what_is_no_payout_is_refused() {
        for (key, value, code) in [
            ("id", json!(null), "22004"),
            ("id", json!(""), "22023"),
            ("amount", json!(0), "22023"),
            ("amount", json!("12"), "22023"),
            ("amount", json!(null), "22004"),
            ("currency", json!("xxx"), "22023"),
            ("status", json!("review"), "22023"),
            ("status", json!(null), "22023"),
        ] {
            let mut object = object();
            object[key] = value;
            assert_eq!(Described::read(&object).unwrap_err().sqlstate.code(), code, "{key}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_not_ours() {
        for number in [json!("x"), json!([]), json!("99999999999999999999"), json!(null)] {
            let mut object = object();
            object["metadata"] = json!({ "backoffice_payout_id": number });
            assert_eq!(Described::read(&object).unwrap().number, None);
        }
    }
}
