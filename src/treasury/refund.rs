//! Refunds: made at Stripe, or asked for here and then made there.
//!
//! A refund takes money from when Stripe has it, also while it is pending there; one that
//! fails gives it back. A request of ours takes nothing before Stripe has answered, but
//! keeps others from asking for the same money.

use crate::kernel::caller::Caller;
use crate::kernel::clock::{seconds_after_start, transaction_start};
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::input::{Object, free_text};
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings;
use crate::ops::audit;
use crate::ops::inbox::Outcome;
use crate::treasury::charge::{self, Charge, give_back, reference};
use crate::treasury::error::TreasuryError;
use crate::treasury::events::{Told, wait_for};
use crate::treasury::request::{self, NewRequest, Subject};
use crate::treasury::store::{charges, refunds as store};
use crate::treasury::{SYSTEM, amount, second};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

const SECONDS_OF_A_DAY: i64 = 86_400;

/// Where a refund is. It only moves forward, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Waits for an admin.
    Requested,
    Pending,
    Succeeded,
    Canceled,
    Failed,
}

impl Status {
    const ALL: [Status; 5] =
        [Status::Requested, Status::Pending, Status::Succeeded, Status::Canceled, Status::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Requested => "requested",
            Status::Pending => "pending",
            Status::Succeeded => "succeeded",
            Status::Canceled => "canceled",
            Status::Failed => "failed",
        }
    }

    pub fn stored(text: &str) -> Result<Self> {
        let found = Status::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Error::internal(format!("a refund is {text}")))
    }

    /// As Stripe says it. What the buyer must still do something for is on its way.
    fn of_stripe(text: &str) -> Result<Self> {
        match text {
            "pending" | "requires_action" => Ok(Status::Pending),
            "succeeded" => Ok(Status::Succeeded),
            "failed" => Ok(Status::Failed),
            "canceled" => Ok(Status::Canceled),
            _ => Err(Error::invalid(
                "refund.status",
                "must be pending, requires_action, succeeded, failed or canceled",
            )),
        }
    }
}

/// A refund as Stripe describes it.
pub struct Described<'a> {
    pub id: &'a str,
    charge: Option<&'a str>,
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    pub failure: Option<&'a str>,
    /// Our request, where it is one.
    pub ours: Option<i64>,
}

impl<'a> Described<'a> {
    pub fn read(object: &'a Value) -> Result<Self> {
        let text = |key: &str| object[key].as_str().filter(|text| !text.is_empty());
        let currency = amount::currency(object)?;
        let amount = amount::amount(object, "amount", currency)?;
        if amount < 1 {
            return Err(Error::invalid("refund.amount", "must be above zero"));
        }
        Ok(Described {
            id: text("id").ok_or_else(|| Error::missing("refund.id"))?,
            charge: reference(&object["charge"]),
            amount,
            currency,
            // It may be null for some payment methods, for which it is final.
            status: text("status").map_or(Ok(Status::Succeeded), Status::of_stripe)?,
            failure: text("failure_reason"),
            ours: object["metadata"]["backoffice_refund"].as_str().and_then(|id| id.parse().ok()),
        })
    }
}

/// refund.created, updated and failed.
pub fn told(told: &Told<'_>) -> Result<Outcome> {
    let described = Described::read(told.object)?;
    let id = described.charge.ok_or_else(|| Error::missing("refund.charge"))?;
    let Some(charge) = charges::lock(id)? else { return Ok(wait_for("charge", id)) };
    take(charge, &described, told.at)?;
    Ok(Outcome::Processed)
}

/// What Stripe says of a refund of this charge.
fn take(charge: Charge, described: &Described<'_>, at: TimestampWithTimeZone) -> Result<()> {
    if described.currency != charge.currency {
        return Err(Error::invalid("refund.currency", "must be that of the charge"));
    }
    match store::find(described.id, &charge.stripe_id, described.ours)? {
        None => store::insert_told(&charge.stripe_id, described, at)?,
        Some((row, status)) => {
            let newer = described.status > status;
            store::tell(row, described, if newer { described.status } else { status }, at)?;
        }
    }
    settle(charge, described.id)
}

/// charge.refunded: Stripe says how much is refunded of a charge, also of refunds that it
/// never told us, and for how much of what it released it has refunds as well.
pub fn reported(charge: &Charge, refunded: i64, released: i64) -> Result<()> {
    charges::report(charge.id, refunded, released)?;
    let charge = Charge {
        reported: charge.reported.max(refunded),
        released: charge.released.max(released),
        ..charge.clone()
    };
    let about = charge.stripe_id.clone();
    settle(charge, &about)
}

/// How much of a charge is refunded by what is known: all refunds, or as many as Stripe
/// ever said, less those that failed. It depends on what is known alone and not on what
/// was known first.
fn refunded(all: i64, failed: i64, reported: i64) -> i64 {
    (all.max(reported) - failed).max(0)
}

fn settle(mut charge: Charge, about: &str) -> Result<()> {
    let (all, failed) = store::sums(&charge.stripe_id)?;
    let all = (all - charge.released).max(0);
    let (refunded, disputed) = (refunded(all, failed, charge.reported), charge.disputed);
    give_back(&mut charge, (refunded, disputed), "refund", about)
}

/// Asks for a refund; its id. Whoever bought asks for their own, and waits for an admin
/// once the days of the setting are over, an admin like anybody. What an admin or a server
/// asks for in favour of others waits where a second admin has to agree.
pub fn request(caller: &Caller, data: &Value) -> Result<i64> {
    let object = Object::new("p_refund", data, &["charge_id", "amount_cents", "reason"])?;
    let id = object.required_text("charge_id")?;
    let amount = object.positive("amount_cents", i64::MAX)?;
    let reason = object.text("reason")?;
    let admin = caller.is_admin(SYSTEM)?;
    idempotency::once_numbered("treasury.request_refund", data, || {
        let charge = match charges::lock(id)? {
            Some(charge) if admin || caller.person().is_some_and(|me| charge.buyer == Some(me)) => {
                charge
            }
            _ if admin => charge::lock(id, "p_refund.charge_id")?,
            _ => return Err(not_yours()),
        };
        let left = charge.captured
            - charge.refunded
            - charge.disputed.max(0)
            - store::asked_for(&charge.stripe_id)?;
        let amount = amount.unwrap_or(left);
        if amount < 1 || amount > left {
            let left = Money::new(left.max(0), charge.currency);
            return Err(TreasuryError::NotRefundable { left }.into());
        }
        // What Stripe cannot write is not asked for, nor waits for an admin.
        amount::to_stripe(Money::new(amount, charge.currency), "p_refund.amount_cents")?;
        let goes_out = match caller.person() {
            Some(me) if charge.buyer == Some(me) => is_early(&charge)?,
            _ => !second::is_above_limit(Money::new(amount, charge.currency))?,
        };
        let status = if goes_out { Status::Pending } else { Status::Requested };
        let row = store::insert_ours(&charge, amount, reason, status, caller.person())?;
        if goes_out {
            send(row, &charge, amount)?;
        }
        Ok(row)
    })
}

fn not_yours() -> Error {
    Error::forbidden("p_refund.charge_id: must be a charge that you paid, unless you are an admin")
}

/// Whether a refund that the buyer asks for needs nobody's consent.
fn is_early(charge: &Charge) -> Result<bool> {
    let days: i64 = settings::get(SYSTEM, "refund_days")?;
    Ok(days > 0 && charge.paid_at() > seconds_after_start(-days.saturating_mul(SECONDS_OF_A_DAY)))
}

fn send(row: i64, charge: &Charge, minor: i64) -> Result<()> {
    let money = Money::new(minor, charge.currency);
    request::enqueue(&NewRequest {
        subject: Subject::Refund(row),
        method: "POST",
        path: "/v1/refunds",
        account: None,
        params: json!({
            "charge": charge.stripe_id,
            "amount": amount::to_stripe(money, "p_refund.amount_cents")?,
            "reason": "requested_by_customer",
            "metadata": { "backoffice_refund": row.to_string() },
        }),
    })?;
    Ok(())
}

/// An admin lets a refund that waits go out, or refuses it and says why. Where one is not
/// enough to let it go, it is for an override.
pub fn decide(caller: &Caller, row: i64, approve: bool, note: Option<&str>) -> Result<()> {
    decide_with(caller, row, approve, note, |charge, money| {
        second::may_act_alone(caller, charge.buyer, money, "refund_approve")
    })
}

/// The same once the rule of two persons has been looked to.
pub fn decide_agreed(caller: &Caller, row: i64, approve: bool, note: &str) -> Result<()> {
    decide_with(caller, row, approve, Some(note), |_, _| Ok(()))
}

fn decide_with(
    caller: &Caller,
    row: i64,
    approve: bool,
    note: Option<&str>,
    may_approve: impl FnOnce(&Charge, Money) -> Result<()>,
) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let note = free_text(note, "p_note")?;
    if !approve && note.is_none() {
        return Err(Error::missing("p_note").hint("Say why the refund is refused."));
    }
    let charge = charge_of(row)?;
    let (status, minor) = store::lock(row)?.ok_or(TreasuryError::UnknownRefund { id: row })?;
    let decided = if approve { Status::Pending } else { Status::Canceled };
    if status != Status::Requested {
        // The same decision again changes nothing.
        if store::decision(row)? == Some(approve) {
            return Ok(());
        }
        return Err(TreasuryError::RefundDecided { status: status.as_str().to_owned() }.into());
    }
    if !approve {
        return store::decide(row, decided, caller.person(), note);
    }
    // Whatever was given back since it was asked for; what others asked for may come to nothing.
    let left = charge.captured - charge.refunded - charge.disputed.max(0);
    if minor > left {
        let left = Money::new(left.max(0), charge.currency);
        return Err(TreasuryError::NotRefundable { left }.into());
    }
    may_approve(&charge, Money::new(minor, charge.currency))?;
    store::decide(row, decided, caller.person(), None)?;
    if let Some(note) = note {
        keep_note(row, note)?;
    }
    send(row, &charge, minor)
}

/// Why an admin let a refund go is for admins, and not for the buyer who sees the row.
fn keep_note(row: i64, note: &str) -> Result<()> {
    let Value::Object(details) = json!({ "decision_note": note }) else { return Ok(()) };
    audit::record(audit::Change {
        action: "APPROVE".to_owned(),
        table: "treasury.refunds".to_owned(),
        record_id: Some(row.to_string()),
        old: None,
        new: Some(details.into()),
    })
}

/// The charge of a refund, locked: before the refund itself, as everybody does.
fn charge_of(row: i64) -> Result<Charge> {
    let id = store::charge_of(row)?.ok_or(TreasuryError::UnknownRefund { id: row })?;
    charge::lock(&id, "refund")
}

/// Stripe did what a request of ours asks for: `object` is the refund.
pub fn answered(row: i64, object: &Value) -> Result<()> {
    let described = Described { ours: Some(row), ..Described::read(object)? };
    take(charge_of(row)?, &described, transaction_start())
}

/// Stripe said no to a request of ours.
pub fn refused(row: i64, reason: &str) -> Result<()> {
    charge_of(row)?;
    store::refuse(row, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_refund_is_read_as_stripe_writes_it() {
        let object = json!({"id": "re_1", "charge": "ch_1", "amount": 500, "currency": "usd",
            "status": "requires_action", "metadata": {"backoffice_refund": "7"}});
        let read = Described::read(&object).unwrap();
        assert_eq!((read.charge, read.amount, read.ours), (Some("ch_1"), 500, Some(7)));
        assert_eq!(read.status, Status::Pending);
    }

    #[test]
    fn what_is_no_refund_is_refused() {
        let good = json!({"id": "re_1", "charge": "ch_1", "amount": 500, "currency": "usd", "status": "succeeded"});
        for (key, value, code) in [
            ("id", json!(null), "22004"),
            ("amount", json!(0), "22023"),
            ("amount", json!(1.5), "22023"),
            ("amount", json!(null), "22004"),
            ("currency", json!("xxy"), "22023"),
            ("status", json!("done"), "22023"),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            let error = Described::read(&bad).err().unwrap();
            assert_eq!(error.sqlstate.code(), code, "{key}");
        }
    }

    #[test]
    fn what_stripe_says_and_what_is_known_is_the_same_money() {
        assert_eq!(refunded(0, 0, 500), 500);
        assert_eq!(refunded(500, 0, 500), 500);
        assert_eq!(refunded(800, 0, 500), 800);
        assert_eq!(refunded(1000, 500, 500), 500);
        assert_eq!(refunded(500, 500, 0), 0);
    }

    proptest! {
        /// Refunds come one after the other at Stripe, some fail, and what it says of the
        /// charge in between comes in any order, or not at all.
        #[test]
        fn all_orders_end_alike(
            refunds in prop::collection::vec((1_i64..1000, any::<bool>()), 1..6), told in 0_usize..6,
        ) {
            let (mut running, mut reports) = (0, vec![0]);
            for (amount, fails) in &refunds {
                running += amount;
                reports.push(running);
                if *fails {
                    running -= amount;
                }
            }
            let all = refunds.iter().map(|(amount, _)| amount).sum();
            let failed = refunds.iter().filter(|(_, fails)| *fails).map(|(amount, _)| amount).sum();
            let most = reports.iter().take(told + 1).max().copied().unwrap_or(0);
            prop_assert_eq!(refunded(all, failed, most), running);
        }
    }
}
