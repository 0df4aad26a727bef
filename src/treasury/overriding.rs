//! Overrides: what an admin does by hand where no other way leads on, with a reason, under
//! the [rule of two persons](crate::treasury::second) where money moves, and kept with what
//! was there before and after.
//!
//! The list of [`Action`]s is closed. Each says what it finds ([`look`]) and does its work
//! ([`act`]); a new one is a name and an arm in both.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result, required};
use crate::kernel::idempotency;
use crate::kernel::ids::{new_id, parse_id};
use crate::kernel::input::Object;
use crate::kernel::money::{Currency, Money};
use crate::ops::inbox::{self, Source};
use crate::treasury::books::{self, Account, Move};
use crate::treasury::error::TreasuryError;
use crate::treasury::second::{self, Requester, Waiting};
use crate::treasury::store::{charges, overrides as store};
use crate::treasury::{SYSTEM, charge, initiation, refund, request, sending, user};
use pgrx::Uuid;
use serde_json::{Value, json};

const KEYS: [&str; 5] = ["action", "target", "reason", "currency", "owner_id"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A charge of which nobody knows whose it is gets its owner.
    AssignCharge,
    /// A refund that waits goes out.
    RefundApprove,
    /// A refund that waits is refused.
    RefundReject,
    /// A payout under review goes out.
    PayoutApprove,
    /// A payout under review is refused; its money is the user's again.
    PayoutReject,
    /// A payout that nobody has asked Stripe for yet is taken back.
    PayoutCancel,
    /// The platform bears what a user owes.
    WriteOffReceivable,
    /// A last word on a dispute that is over.
    DisputeCloseNote,
    /// An event of Stripe is processed again.
    ReplayWebhook,
    /// A request to Stripe that was given up is made again.
    RetryStripeRequest,
    /// A request to Stripe that was given up was not done; its money is there again.
    CloseStripeRequest,
}

impl Action {
    pub const ALL: [Action; 11] = [
        Action::AssignCharge,
        Action::RefundApprove,
        Action::RefundReject,
        Action::PayoutApprove,
        Action::PayoutReject,
        Action::PayoutCancel,
        Action::WriteOffReceivable,
        Action::DisputeCloseNote,
        Action::ReplayWebhook,
        Action::RetryStripeRequest,
        Action::CloseStripeRequest,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::AssignCharge => "assign_charge",
            Action::RefundApprove => "refund_approve",
            Action::RefundReject => "refund_reject",
            Action::PayoutApprove => "payout_approve",
            Action::PayoutReject => "payout_reject",
            Action::PayoutCancel => "payout_cancel",
            Action::WriteOffReceivable => "write_off_receivable",
            Action::DisputeCloseNote => "dispute_close_note",
            Action::ReplayWebhook => "replay_webhook",
            Action::RetryStripeRequest => "retry_stripe_request",
            Action::CloseStripeRequest => "close_stripe_request",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Action::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// What has to be said besides the target.
    fn wants(self) -> Option<&'static str> {
        match self {
            Action::AssignCharge => Some("owner_id"),
            Action::WriteOffReceivable => Some("currency"),
            _ => None,
        }
    }
}

/// What is to be done to what, and why.
#[derive(Clone, Debug)]
pub struct Override {
    pub action: Action,
    pub target: String,
    pub currency: Option<Currency>,
    pub owner: Option<Uuid>,
    pub reason: String,
}

impl Override {
    fn parse(sent: &Value) -> Result<Self> {
        let object = Object::new("p_override", sent, &KEYS)?;
        let names = Action::ALL.map(Action::as_str);
        let name = required(object.choice("action", &names)?, "p_override.action")?;
        let action = Action::find(name).ok_or_else(|| Error::internal("an unknown action"))?;
        for key in ["currency", "owner_id"] {
            match (action.wants() == Some(key), object.value(key)) {
                (true, None) => return Err(Error::missing(&format!("p_override.{key}"))),
                (false, Some(_)) => return Err(object.wrong(key, &format!("{name} has none"))),
                _ => {}
            }
        }
        let parse = |code: &str| Currency::parse(code, "p_override.currency");
        Ok(Override {
            action,
            target: match object.value("target") {
                Some(Value::Number(number)) => number.to_string(),
                _ => object.required_text("target")?.to_owned(),
            },
            currency: object.text("currency")?.map(parse).transpose()?,
            owner: object.uuid("owner_id")?,
            reason: second::reason(&object)?.to_owned(),
        })
    }

    /// What the action was told besides its target.
    pub fn arguments(&self) -> Value {
        match (&self.currency, self.owner) {
            (Some(currency), _) => json!({"currency": currency.code()}),
            (_, Some(owner)) => json!({"owner_id": owner.to_string()}),
            _ => json!({}),
        }
    }

    /// Who gets money by it, where somebody does: the caller, if they are one of them.
    fn concerns(&self, caller: &Caller) -> Result<Option<Uuid>> {
        match self.action {
            Action::AssignCharge => {
                let (Some(owner), Some(me)) = (self.owner, caller.person()) else {
                    return Ok(self.owner);
                };
                let Some(charge) = charges::lock(&self.target)? else { return Ok(self.owner) };
                let is_mine = charge::recipients(&charge, owner)?.contains(&me);
                Ok(Some(if is_mine { me } else { owner }))
            }
            Action::CloseStripeRequest => match store::lock_request(self.target_id()?)? {
                Some(request) => payout_of(&request).map_or(Ok(None), store::user_of_payout),
                None => Ok(None),
            },
            Action::RefundApprove => store::buyer_of_refund(self.target_number()?),
            Action::PayoutApprove => store::user_of_payout(self.target_number()?),
            Action::WriteOffReceivable => self.target_id().map(Some),
            _ => Ok(None),
        }
    }

    fn target_number(&self) -> Result<i64> {
        let number = self.target.parse::<i64>().ok().filter(|number| *number > 0);
        number.ok_or_else(|| Error::invalid(TARGET, "must be a number"))
    }

    fn target_id(&self) -> Result<Uuid> {
        parse_id(&self.target, TARGET)
    }

    fn unknown(&self, what: &str) -> Error {
        Error::not_found(what, &self.target)
    }
}

const TARGET: &str = "p_override.target";

/// What an action finds: locked, so that it is still so when it is done.
pub struct Found {
    pub before: Value,
    /// What it would move.
    pub money: Option<Money>,
}

impl Found {
    fn without_money(before: Value) -> Self {
        Found { before, money: None }
    }
}

/// The target as it is. PT404 where there is none, PT409 where there is nothing to be done.
fn look(of: &Override) -> Result<Found> {
    match of.action {
        Action::AssignCharge => {
            user::require(required(of.owner, "p_override.owner_id")?, "p_override.owner_id")?;
            let charge = charge::lock(&of.target, TARGET)?;
            if charge.owner.is_some() {
                return Err(TreasuryError::HasOwner { charge: charge.stripe_id }.into());
            }
            if charge.captured == 0 {
                return Err(Error::conflict("nothing of the charge is captured yet")
                    .hint("How much it is about is known when it is."));
            }
            let money = Money::new(charge.captured, charge.currency);
            Ok(Found { before: json!({"owner_id": null}), money: Some(money) })
        }
        Action::RefundApprove | Action::RefundReject => {
            let id = of.target_number()?;
            let (before, money) =
                store::lock_refund(id)?.ok_or(TreasuryError::UnknownRefund { id })?;
            if before["status"] != "requested" {
                let status = before["status"].as_str().unwrap_or_default().to_owned();
                return Err(TreasuryError::RefundDecided { status }.into());
            }
            let moves = of.action == Action::RefundApprove;
            Ok(Found { before, money: moves.then_some(money) })
        }
        Action::PayoutApprove | Action::PayoutReject | Action::PayoutCancel => {
            let id = of.target_number()?;
            // Not locked: to cancel one its request has to be locked first.
            let (before, money) = store::payout(id)?.ok_or(TreasuryError::UnknownPayout { id })?;
            if of.action != Action::PayoutCancel && before["status"] != "review" {
                return Err(Error::conflict(format!("the payout is {}", before["status"])));
            }
            let moves = of.action == Action::PayoutApprove;
            Ok(Found { before, money: moves.then_some(money) })
        }
        Action::WriteOffReceivable => {
            let user = of.target_id()?;
            user::require_ever(user, TARGET)?;
            let currency = required(of.currency, "p_override.currency")?;
            let balance = books::lock_earnings(user, currency)?.posted;
            if balance >= 0 {
                return Err(Error::conflict("the user owes nothing in this currency"));
            }
            Ok(Found {
                before: json!({"balance_cents": balance}),
                money: Some(Money::new(balance.saturating_neg(), currency)),
            })
        }
        Action::DisputeCloseNote => {
            let status = store::lock_dispute(&of.target)?.ok_or_else(|| of.unknown("dispute"))?;
            if !["won", "lost", "warning_closed", "prevented"].contains(&status.as_str()) {
                return Err(Error::conflict(format!("the dispute is not over: {status}")));
            }
            let comments = store::count_comments(&of.target)?;
            Ok(Found::without_money(json!({"status": status, "comments": comments})))
        }
        Action::ReplayWebhook => {
            let event = store::lock_webhook(of.target_id()?)?;
            Ok(Found::without_money(event.ok_or_else(|| of.unknown("webhook"))?))
        }
        Action::RetryStripeRequest | Action::CloseStripeRequest => look_at_request(of),
    }
}

/// A request to Stripe: one that is made again must be dead, and one that is closed gives its
/// payout's money back.
fn look_at_request(of: &Override) -> Result<Found> {
    let request = store::lock_request(of.target_id()?)?;
    let request = request.ok_or_else(|| of.unknown("request to Stripe"))?;
    let (closes, status) = (of.action == Action::CloseStripeRequest, &request["status"]);
    // Of a reversal that was refused somebody may say that the money is back otherwise.
    let is_settled =
        closes && status == "refused" && request["path"].as_str().is_some_and(sending::is_reversal);
    if status != "dead" && !is_settled {
        let status = status.as_str().unwrap_or_default();
        return Err(Error::conflict(format!("the request is not dead: {status}")));
    }
    let payout = payout_of(&request).filter(|_| closes).map(store::payout).transpose()?;
    let money = payout.flatten().map(|(_, money)| money);
    Ok(Found { before: request, money })
}

/// The payout that a request to Stripe is about, if it is about one.
fn payout_of(request: &Value) -> Option<i64> {
    request["subject_id"].as_i64().filter(|_| request["subject"] == "payout")
}

/// Does it; what the target is afterwards.
fn act(of: &Override, found: &Found, caller: &Caller) -> Result<Value> {
    match of.action {
        Action::AssignCharge => {
            let owner = required(of.owner, "p_override.owner_id")?;
            charge::assign(&of.target, owner)?;
            Ok(json!({"owner_id": owner.to_string()}))
        }
        Action::RefundApprove | Action::RefundReject => {
            let (id, approve) = (of.target_number()?, of.action == Action::RefundApprove);
            refund::decide_agreed(caller, id, approve, &of.reason)?;
            let (after, _) = store::lock_refund(id)?.ok_or(TreasuryError::UnknownRefund { id })?;
            Ok(after)
        }
        Action::PayoutApprove | Action::PayoutReject | Action::PayoutCancel => {
            let id = of.target_number()?;
            match of.action {
                Action::PayoutCancel => initiation::cancel(caller, id)?,
                action => {
                    let approve = action == Action::PayoutApprove;
                    initiation::decide_agreed(caller, id, approve, &of.reason)?;
                }
            }
            let (after, _) = store::payout(id)?.ok_or(TreasuryError::UnknownPayout { id })?;
            Ok(after)
        }
        Action::WriteOffReceivable => {
            let (user, money) = (of.target_id()?, required(found.money, "money")?);
            let (debit, credit) = (Account::Adjustments, Account::Earnings(user));
            let moves = [Move { debit, credit, minor: money.minor }];
            let posted = books::post("write_off", None, None, money.currency, &moves)?;
            let journal = posted.map(|posted| posted.journal.to_string());
            Ok(json!({"balance_cents": 0, "journal_id": journal}))
        }
        Action::DisputeCloseNote => {
            store::comment(&of.target, &of.reason, caller.person())?;
            let comments = store::count_comments(&of.target)?;
            Ok(json!({"status": found.before["status"], "comments": comments}))
        }
        Action::ReplayWebhook => {
            let id = of.target_id()?;
            inbox::replay(Source::Stripe, id)?;
            store::lock_webhook(id)?.ok_or_else(|| of.unknown("webhook"))
        }
        Action::RetryStripeRequest => {
            let id = of.target_id()?;
            request::retry(caller, id)?;
            store::lock_request(id)?.ok_or_else(|| of.unknown("request to Stripe"))
        }
        Action::CloseStripeRequest => {
            let id = of.target_id()?;
            request::close_agreed(caller, id, &of.reason)?;
            store::lock_request(id)?.ok_or_else(|| of.unknown("request to Stripe"))
        }
    }
}

/// Does what was sent, or has it wait for a second admin; the override's id.
pub fn apply(caller: &Caller, sent: &Value) -> Result<Uuid> {
    caller.require_admin(SYSTEM)?;
    let new = Override::parse(sent)?;
    idempotency::once("treasury.apply_override", sent, || {
        let asks = Requester::of(caller);
        let found = look(&new)?;
        let id = new_id();
        match second::wait(&asks, new.concerns(caller)?, found.money)? {
            Some(expires_at) => store::insert_waiting(id, &new, &asks, &found, expires_at)?,
            None => {
                let after = act(&new, &found, caller)?;
                store::insert_applied(id, &new, &asks, &found, after)?;
            }
        }
        Ok(id)
    })
}

/// An admin decides. The same decision again changes nothing.
pub fn decide(caller: &Caller, id: Uuid, approve: bool, note: Option<&str>) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let unknown = || Error::not_found("override", id);
    let (of, waiting): (Override, Waiting) = store::lock(id)?.ok_or_else(unknown)?;
    let waiting = Waiting { concerns: of.concerns(caller)?, ..waiting };
    if !second::decides(caller, &waiting, approve, "applied")? {
        return Ok(());
    }
    if !approve {
        return store::reject(id, caller.person(), note);
    }
    second::must_have_been_admin(caller, &waiting)?;
    // As it is now, which may be more than was asked for: that is for a new one.
    let (found, asked) = (look(&of)?, store::amount(id)?);
    if found.money.is_some_and(|money| asked.is_some_and(|asked| money.minor > asked)) {
        return Err(Error::conflict("meanwhile it is more than what was asked for")
            .hint("Reject it and ask again."));
    }
    let after = act(&of, &found, caller)?;
    store::approve(id, &found, after, caller.person(), note)
}

/// Job: what nobody decided in time has expired.
pub fn expire(most: i64) -> Result<usize> {
    store::expire(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(sent: Value) -> Option<String> {
        Override::parse(&sent).err().map(|error| error.sqlstate.code())
    }

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::find(action.as_str()), Some(action));
        }
        assert_eq!(Action::find("drop_tables"), None);
    }

    #[test]
    fn what_is_missing_or_not_allowed_is_refused() {
        let reason = "a reason that says why";
        let good = json!({"action": "replay_webhook", "target": "x", "reason": reason});
        assert_eq!(code(good.clone()), None);
        for (key, value, expected) in [
            ("action", json!(null), "22004"),
            ("action", json!("drop_tables"), "22023"),
            ("action", json!(1), "22023"),
            ("target", json!(""), "22004"),
            ("target", json!({}), "22023"),
            ("reason", json!(null), "22004"),
            ("reason", json!("short"), "22023"),
            ("currency", json!("USD"), "22023"),
            ("amount", json!(1), "22023"),
        ] {
            let mut sent = good.clone();
            sent[key] = value;
            assert_eq!(code(sent.clone()).as_deref(), Some(expected), "{sent}");
        }
        let mut sent = good;
        sent["action"] = json!("write_off_receivable");
        assert_eq!(code(sent.clone()).as_deref(), Some("22004"));
        sent["currency"] = json!("usd");
        assert_eq!(code(sent.clone()).as_deref(), Some("22023"));
        sent["currency"] = json!("USD");
        assert_eq!(code(sent.clone()), None);
        sent["owner_id"] = json!("00000000-0000-0000-0000-000000000001");
        assert_eq!(code(sent.clone()).as_deref(), Some("22023"));
        sent["action"] = json!("assign_charge");
        sent["currency"] = json!(null);
        assert_eq!(code(sent.clone()), None);
        sent["owner_id"] = json!("nobody");
        assert_eq!(code(sent.clone()).as_deref(), Some("22023"));
        sent["owner_id"] = json!(null);
        assert_eq!(code(sent).as_deref(), Some("22004"));
    }

    #[test]
    fn what_is_stored_is_what_was_asked_for() {
        for sent in [
            json!({"action": "write_off_receivable", "currency": "USD"}),
            json!({"action": "assign_charge", "owner_id": "00000000-0000-0000-0000-000000000001"}),
            json!({"action": "refund_reject"}),
        ] {
            let mut sent = sent;
            let mut kept = sent.clone();
            kept.as_object_mut().unwrap().remove("action");
            sent["target"] = json!("7");
            sent["reason"] = json!("a reason that says why");
            assert_eq!(Override::parse(&sent).unwrap().arguments(), kept);
        }
    }
}
