//! Adjustments: an admin corrects by hand what a user has, against the account of
//! adjustments, with a reason and under the [rule of two persons](crate::treasury::second).

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result, required};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::input::Object;
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings;
use crate::treasury::books::{self, Account, Move};
use crate::treasury::error::TreasuryError;
use crate::treasury::second::{self, Requester, Waiting};
use crate::treasury::store::adjustments as store;
use crate::treasury::{SYSTEM, user};
use pgrx::Uuid;
use serde_json::Value;

const KEYS: [&str; 6] = ["user_id", "type", "amount_cents", "currency", "reason", "reference_id"];
/// The largest amount that is moved by hand, in minor units.
pub const MOST: i64 = 1_000_000_000_000_000;

/// What is to be corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    pub user: Uuid,
    /// Whether the user gets it; else it is taken from them.
    pub is_credit: bool,
    pub money: Money,
    pub reference: Option<String>,
}

impl Adjustment {
    pub fn kind(&self) -> &'static str {
        if self.is_credit { "credit" } else { "debit" }
    }
}

/// From what was sent, with the reason.
fn parse(sent: &Value) -> Result<(Adjustment, &str)> {
    let object = Object::new("p_adjustment", sent, &KEYS)?;
    let field = |key: &str| format!("p_adjustment.{key}");
    let kind = required(object.choice("type", &["credit", "debit"])?, &field("type"))?;
    let amount = object.positive("amount_cents", MOST)?;
    let currency = Currency::parse(object.required_text("currency")?, &field("currency"))?;
    let adjustment = Adjustment {
        user: required(object.uuid("user_id")?, &field("user_id"))?,
        is_credit: kind == "credit",
        money: Money::new(required(amount, &field("amount_cents"))?, currency),
        reference: object.text("reference_id")?.map(str::to_owned),
    };
    if adjustment.reference.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(object.wrong("reference_id", "must have no control characters"));
    }
    Ok((adjustment, second::reason(&object)?))
}

/// Corrects what a user has, or has it wait for a second admin; the adjustment's id.
pub fn create(caller: &Caller, sent: &Value) -> Result<Uuid> {
    caller.require_admin(SYSTEM)?;
    let (adjustment, reason) = parse(sent)?;
    user::require_ever(adjustment.user, "p_adjustment.user_id")?;
    idempotency::once("treasury.create_adjustment", sent, || {
        let asks = Requester::of(caller);
        let expires_at = second::wait(&asks, Some(adjustment.user), Some(adjustment.money))?;
        let journal = match expires_at {
            None => Some(post(&adjustment)?),
            Some(_) => None,
        };
        let id = new_id();
        store::insert(id, &adjustment, reason, &asks, journal, expires_at)?;
        Ok(id)
    })
}

/// An admin decides. The same decision again changes nothing.
pub fn decide(caller: &Caller, id: Uuid, approve: bool, note: Option<&str>) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let unknown = || Error::not_found("adjustment", id);
    let (adjustment, waiting): (Adjustment, Waiting) = store::lock(id)?.ok_or_else(unknown)?;
    if second::decides(caller, &waiting, approve, "posted")? {
        if approve {
            second::must_have_been_admin(caller, &waiting)?;
        }
        let journal = if approve { Some(post(&adjustment)?) } else { None };
        store::decide(id, journal, caller.person(), note)?;
    }
    Ok(())
}

/// The journal that an adjustment is posted as.
fn post(adjustment: &Adjustment) -> Result<Uuid> {
    let Adjustment { user, is_credit, money, ref reference } = *adjustment;
    let balance = books::lock_earnings(user, money.currency)?.posted;
    if !is_credit
        && balance < money.minor
        && !settings::get::<bool>(SYSTEM, "adjustment_overdraft")?
    {
        return Err(TreasuryError::Overdraft { user, balance, currency: money.currency }.into());
    }
    let (earnings, other) = (Account::Earnings(user), Account::Adjustments);
    let (debit, credit) = if is_credit { (other, earnings) } else { (earnings, other) };
    let one = Move { debit, credit, minor: money.minor };
    let posted = books::post("adjustment", reference.as_deref(), None, money.currency, &[one])?;
    let nothing = || Error::internal("an adjustment of nothing");
    Ok(posted.ok_or_else(nothing)?.journal)
}

/// Job: what nobody decided in time has expired.
pub fn expire(most: i64) -> Result<usize> {
    store::expire(most)
}

/// What an adjustment would be told apart by in a repeat.
#[cfg(test)]
fn parsed(sent: &Value) -> Result<Adjustment> {
    parse(sent).map(|(adjustment, _)| adjustment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(change: Value) -> Value {
        let mut sent = json!({
            "user_id": "00000000-0000-0000-0000-000000000001", "type": "credit",
            "amount_cents": 5, "currency": "USD", "reason": "a reason that says why",
        });
        for (key, value) in change.as_object().unwrap() {
            sent[key] = value.clone();
        }
        sent
    }

    #[test]
    fn what_is_sent_is_read() {
        let one = parsed(&sent(json!({"type": "debit", "reference_id": " ch_1 "}))).unwrap();
        assert_eq!((one.kind(), one.money.minor), ("debit", 5));
        assert_eq!(one.reference.as_deref(), Some("ch_1"));
        assert_eq!(parsed(&sent(json!({}))).unwrap().kind(), "credit");
    }

    #[test]
    fn what_is_missing_or_not_allowed_is_refused() {
        for (change, code) in [
            (json!({"user_id": null}), "22004"),
            (json!({"user_id": "x"}), "22023"),
            (json!({"type": null}), "22004"),
            (json!({"type": "gift"}), "22023"),
            (json!({"amount_cents": null}), "22004"),
            (json!({"amount_cents": 0}), "22023"),
            (json!({"amount_cents": -5}), "22023"),
            (json!({"amount_cents": 1.5}), "22023"),
            (json!({"amount_cents": "5"}), "22023"),
            (json!({"amount_cents": MOST + 1}), "22023"),
            (json!({"currency": null}), "22004"),
            (json!({"currency": "usd"}), "22023"),
            (json!({"reason": null}), "22004"),
            (json!({"reason": "short"}), "22023"),
            (json!({"reference_id": "a\nb"}), "22023"),
            (json!({"amount": 5}), "22023"),
        ] {
            let error = parsed(&sent(change.clone())).unwrap_err();
            assert_eq!(error.sqlstate.code(), code, "{change}");
        }
        assert!(parsed(&json!([])).is_err());
    }
}
