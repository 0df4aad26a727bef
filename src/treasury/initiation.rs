//! Asking for a payout, letting one go that is under review, and taking one back.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result, required};
use crate::kernel::idempotency;
use crate::kernel::input::{Object, free_text};
use crate::kernel::money::{Currency, Money};
use crate::kernel::settings::{self, Settings};
use crate::treasury::error::TreasuryError;
use crate::treasury::payable::{self, Rules};
use crate::treasury::payout::{self, Method, Payout, Status, of_currency};
use crate::treasury::request::Subject;
use crate::treasury::store::payouts::{self as store, Asked};
use crate::treasury::store::{clock, requests, risks, stripe_accounts};
use crate::treasury::{SYSTEM, amount, books, risk, second, sending, user};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;
use std::collections::BTreeMap;

const KEYS: [&str; 5] = ["user_id", "amount_cents", "currency", "method", "scheduled_for"];
const AMOUNT: &str = "p_payout.amount_cents";

/// What somebody asks for.
struct Wanted {
    user: Uuid,
    /// All that is payable where there is none.
    amount: Option<i64>,
    currency: Currency,
    method: Method,
    scheduled_for: Option<TimestampWithTimeZone>,
}

/// Asks for a payout; its number.
pub fn initiate(caller: &Caller, data: &Value) -> Result<i64> {
    let wanted = read(caller, data)?;
    caller.require_self_or_admin(SYSTEM, wanted.user, "p_payout.user_id")?;
    user::require(wanted.user, "p_payout.user_id")?;
    idempotency::once_numbered("treasury.initiate_payout", data, || pay(caller, &wanted))
}

fn read(caller: &Caller, data: &Value) -> Result<Wanted> {
    let object = Object::new("p_payout", data, &KEYS)?;
    let currency = Currency::parse(object.required_text("currency")?, "p_payout.currency")?;
    let method = object.choice("method", &["standard", "instant", "scheduled"])?;
    let scheduled_for = object.text("scheduled_for")?.map(clock::read).transpose()?;
    match (method, scheduled_for.is_some()) {
        (Some("instant"), true) => {
            return Err(object.wrong("scheduled_for", "an instant payout goes at once"));
        }
        (Some("scheduled"), false) => return Err(Error::missing("p_payout.scheduled_for")),
        _ => (),
    }
    Ok(Wanted {
        user: match object.uuid("user_id")? {
            None if caller.is_service() => return Err(Error::missing("p_payout.user_id")),
            named => named.map_or_else(|| caller.require_person(), Ok)?,
        },
        amount: object.positive("amount_cents", i64::MAX)?,
        currency,
        method: Method::parse(method.unwrap_or_default()),
        scheduled_for,
    })
}

/// Not part of reading it: the same request again is answered also when its time has come.
fn check_time(at: TimestampWithTimeZone) -> Result<()> {
    let days: i64 = settings::get(SYSTEM, "payout_schedule_days")?;
    let last = crate::kernel::clock::days_after_start(days);
    if at <= crate::kernel::clock::transaction_start() || at > last {
        let rule = format!("must be in the future, at most {days} days from now");
        return Err(Error::invalid("p_payout.scheduled_for", &rule));
    }
    Ok(())
}

fn pay(caller: &Caller, wanted: &Wanted) -> Result<i64> {
    wanted.scheduled_for.map_or(Ok(()), check_time)?;
    let account = account_of(wanted.user)?;
    let rules = Rules::load()?;
    // From here on nobody else moves these earnings, so nobody pays them out twice.
    let balance = books::lock_earnings(wanted.user, wanted.currency)?.available;
    if !store::not_brought_back(vec![wanted.user])?.is_empty() {
        return Err(TreasuryError::NotBroughtBack.into());
    }
    let payable = payable::read(wanted.user, wanted.currency, balance, &rules)?.payable;
    let amount = amount_of(wanted, payable, rules.minimum(wanted.currency))?;
    if wanted.method == Method::Instant {
        check_instant(wanted, amount)?;
    }
    let weights = risk::Rules::load()?;
    let facts = risks::facts(&[(wanted.user, wanted.currency)], weights.dispute_days)?;
    let facts = facts.first().copied().unwrap_or_default();
    let risk = risk::assess(&facts, amount.minor, &weights);
    let status = if risk.review { Status::Review } else { Status::Pending };
    let id = store::insert(&Asked {
        user: wanted.user,
        status,
        score: risk.score,
        amount,
        method: wanted.method,
        account: &account,
        scheduled_for: wanted.scheduled_for,
        by: caller.person(),
    })?;
    if !risk.reasons.is_empty() {
        risks::insert(vec![id], vec![risk.reasons])?;
    }
    let payout = payout::lock(id)?;
    if let Some((transfer, side)) = payout::post(&payout, None, status)? {
        store::set_entry(id, transfer, side)?;
    }
    if status == Status::Pending {
        sending::send(&payout)?;
    }
    Ok(id)
}

/// Where somebody is paid to; PT409 naming what keeps it from that.
fn account_of(user: Uuid) -> Result<String> {
    let found = stripe_accounts::find(user)?;
    let missing = match &found {
        Some((_, account)) => account.missing(),
        None => vec!["stripe_account".to_owned()],
    };
    match found {
        Some((id, _)) if missing.is_empty() => Ok(id),
        _ => Err(TreasuryError::NotReady { missing }.into()),
    }
}

fn amount_of(wanted: &Wanted, payable: i64, minimum: Money) -> Result<Money> {
    let currency = wanted.currency;
    let amount = Money::new(wanted.amount.unwrap_or(payable), currency);
    if amount.minor > payable {
        return Err(TreasuryError::NotPayable { payable: Money::new(payable, currency) }.into());
    }
    if amount.minor < minimum.minor {
        return Err(TreasuryError::BelowMinimum { minimum }.into());
    }
    amount::check_payout(amount, AMOUNT)?;
    Ok(amount)
}

fn check_instant(wanted: &Wanted, amount: Money) -> Result<()> {
    let settings = Settings::of(SYSTEM)?;
    let most: BTreeMap<String, i64> = settings.get("payout_instant_maximum")?;
    let most = Money::new(of_currency(&most, amount.currency).unwrap_or(0), amount.currency);
    if amount.minor > most.minor {
        let rule = format!("at most {most} are paid out instantly");
        return Err(Error::conflict(rule).hint("Ask for less, or for a standard payout."));
    }
    // Somebody's earnings are locked in one currency; the others count as well.
    stripe_accounts::hold(wanted.user)?;
    let daily: i64 = settings.get("payout_instant_per_day")?;
    if store::instant_today(wanted.user)? >= daily {
        return Err(Error::conflict(format!("at most {daily} instant payouts in 24 hours")));
    }
    Ok(())
}

/// Lets a payout under review go, or gives the money back, for an admin who says why. Where
/// one is not enough to let it go, it is for an override.
pub fn decide(caller: &Caller, id: i64, approve: bool, note: &str) -> Result<()> {
    decide_with(caller, id, approve, note, |payout| {
        second::may_act_alone(caller, payout.user, payout.amount, "payout_approve")
    })
}

/// The same once the rule of two persons has been looked to.
pub fn decide_agreed(caller: &Caller, id: i64, approve: bool, note: &str) -> Result<()> {
    decide_with(caller, id, approve, note, |_| Ok(()))
}

fn decide_with(
    caller: &Caller,
    id: i64,
    approve: bool,
    note: &str,
    may_approve: impl FnOnce(&Payout) -> Result<()>,
) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let note = required(free_text(Some(note), "p_note")?, "p_note")?;
    let payout = payout::lock(id)?;
    if caller.person().is_some() && caller.person() == payout.user {
        return Err(Error::forbidden("nobody decides about a payout to themselves"));
    }
    if payout.status != Status::Review {
        // The same again.
        return match risks::decision(id)? {
            Some(was) if was == approve => Ok(()),
            _ => Err(payout::wrong_state(&payout)),
        };
    }
    if approve {
        may_approve(&payout)?;
    }
    // It may have been for a while.
    if let Some(user) = payout.user.filter(|_| approve) {
        account_of(user)?;
        let currency = payout.amount.currency;
        let balance = books::lock_earnings(user, currency)?.posted;
        if balance < 0 {
            let owes = Money::new(balance.saturating_neg(), currency);
            return Err(Error::conflict(format!("its person owes {owes} by now"))
                .hint("Refuse it: what is left then can be paid out."));
        }
    }
    risks::decide(id, caller.person(), approve, note)?;
    if !approve {
        return payout::advance(&payout, Status::Canceled, None, None).map(drop);
    }
    payout::advance(&payout, Status::Pending, None, None)?;
    sending::send(&payout)
}

/// Takes a payout back that no worker has had in hands. Again it changes nothing.
pub fn cancel(caller: &Caller, id: i64) -> Result<()> {
    require_owner(caller, id)?;
    // Workers lock a request before its payout.
    let unclaimed = requests::lock_unclaimed(Subject::Payout(id))?;
    let payout = payout::lock(id)?;
    if payout.status == Status::Canceled {
        return Ok(());
    }
    let is_ours = payout.user.is_some() && payout.stripe_id.is_none();
    // One that was handed over while this waited has a request that is not locked.
    let free = if payout.sent { unclaimed == Some(true) } else { unclaimed.is_none() };
    if !matches!(payout.status, Status::Review | Status::Pending) || !is_ours || !free {
        return Err(payout::wrong_state(&payout));
    }
    requests::cancel(Subject::Payout(id))?;
    payout::advance(&payout, Status::Canceled, None, None).map(drop)
}

/// The number of a payout that the caller may see: one they name, or their latest.
pub fn find(caller: &Caller, id: Option<i64>) -> Result<i64> {
    if let Some(id) = id {
        require_owner(caller, id)?;
        return Ok(id);
    }
    if caller.is_service() {
        return Err(Error::missing("p_payout_id"));
    }
    let person = caller.require_person()?;
    store::latest(person)?.ok_or_else(|| Error::not_found("payout", format!("of {person}")))
}

/// 42501 unless the payout is the caller's, who is no admin; PT404 to those.
fn require_owner(caller: &Caller, id: i64) -> Result<()> {
    let owner = store::owner(id)?;
    if owner.flatten().is_some_and(|owner| caller.person() == Some(owner)) {
        return Ok(());
    }
    match (caller.is_admin(SYSTEM)?, owner) {
        (true, Some(_)) => Ok(()),
        (true, None) => Err(TreasuryError::UnknownPayout { id }.into()),
        (false, _) => Err(TreasuryError::NotYourPayout.into()),
    }
}
