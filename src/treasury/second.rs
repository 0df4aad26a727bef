//! The rule of two persons: who moves money by hand gives a reason, and above an amount, or
//! in their own favour, a second admin has to agree.
//!
//! Only a signed-in admin counts as a second person. A server and psql may ask and may
//! reject, but nobody knows who is behind them, so they agree to nothing.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::input::Object;
use crate::kernel::money::{Currency, Money};
use crate::kernel::roles;
use crate::kernel::settings::Settings;
use crate::ops::audit;
use crate::treasury::SYSTEM;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeMap;

/// The shortest reason that says something, in characters; the longest is that of any text.
const SHORTEST_REASON: usize = 10;

/// Who asked.
pub struct Requester {
    pub person: Option<Uuid>,
    /// person, service or database.
    pub kind: &'static str,
}

impl Requester {
    pub fn of(caller: &Caller) -> Self {
        Requester { person: caller.person(), kind: audit::role_name(caller.kind) }
    }
}

/// The key `reason` of what was sent: 22004 for none, 22023 for one that says nothing.
pub fn reason<'a>(sent: &Object<'a>) -> Result<&'a str> {
    let reason = sent.required_text("reason")?;
    if reason.chars().count() < SHORTEST_REASON {
        let rule = format!("must have at least {SHORTEST_REASON} characters");
        return Err(sent.wrong("reason", &rule));
    }
    Ok(reason)
}

/// Up to which amount of a currency one admin is enough; `None` for any.
fn limit(currency: Currency) -> Result<Option<i64>> {
    let settings = Settings::of(SYSTEM)?;
    let named: BTreeMap<String, i64> = settings.get("two_person_amount")?;
    match named.get(currency.code()) {
        Some(limit) => Ok(Some(*limit)),
        None => settings.get("two_person_amount_otherwise"),
    }
}

/// Whether a second admin has to agree: to what is more than the limit, and to what
/// somebody does for or to themselves.
fn must_agree(limit: Option<i64>, amount: i64, asks: Option<Uuid>, concerns: Option<Uuid>) -> bool {
    limit.is_some_and(|limit| amount > limit) || (asks.is_some() && asks == concerns)
}

/// Until when a second admin can agree; `None` where none has to.
pub fn wait(
    asks: &Requester,
    concerns: Option<Uuid>,
    money: Option<Money>,
) -> Result<Option<TimestampWithTimeZone>> {
    let Some(money) = money else { return Ok(None) };
    if !must_agree(limit(money.currency)?, money.minor, asks.person, concerns) {
        return Ok(None);
    }
    let days: i64 = Settings::of(SYSTEM)?.get("two_person_days")?;
    Ok(Some(crate::kernel::clock::days_after_start(days)))
}

/// Whether `caller`, an admin, may let `money` go to whom it `concerns` without another:
/// 42501 for their own, PT409 above the limit, for which there is the override `action`. Of
/// a server nobody knows who it is: it is one, and never the other.
pub fn may_act_alone(
    caller: &Caller,
    concerns: Option<Uuid>,
    money: Money,
    action: &str,
) -> Result<()> {
    if caller.person().is_some() && concerns == caller.person() {
        return Err(Error::forbidden("nobody lets money go to themselves: another admin has to"));
    }
    if is_above_limit(money)? {
        return Err(Error::conflict(format!("a second admin has to agree to {money}"))
            .hint(format!("Ask for it with treasury.apply_override, action {action}.")));
    }
    Ok(())
}

/// Whether it is more than one admin may move.
pub fn is_above_limit(money: Money) -> Result<bool> {
    Ok(limit(money.currency)?.is_some_and(|limit| money.minor > limit))
}

/// What waits for a second admin, or did.
pub struct Waiting {
    /// waiting, what `done` says, rejected or expired.
    pub status: String,
    pub requested_by: Option<Uuid>,
    /// Whose money it is.
    pub concerns: Option<Uuid>,
    pub is_late: bool,
    pub asked_at: TimestampWithTimeZone,
}

/// 42501 for an admin who was none yet when it was asked for: nobody makes the second
/// person that they need.
pub fn must_have_been_admin(caller: &Caller, of: &Waiting) -> Result<()> {
    let Some(person) = caller.person() else { return Ok(()) };
    if roles::held_since(person, SYSTEM, "admin", of.asked_at)? {
        return Ok(());
    }
    Err(Error::forbidden("who became an admin later than it was asked for cannot agree to it"))
}

/// 42501 for an admin of the treasury alone, who must not choose how far one is enough, nor
/// whether what Stripe tells is of real money.
pub fn check_setting(caller: &Caller) -> Result<()> {
    if caller.is_service() || caller.has_role("*", "admin")? {
        return Ok(());
    }
    Err(Error::forbidden("only an admin of all systems changes the rule of two persons, and live"))
}

/// Whether `caller`, an admin, decides it now; false where it was decided like that
/// before. 42501 for who may not agree, PT409 where it was decided otherwise or is late.
pub fn decides(caller: &Caller, of: &Waiting, approve: bool, done: &str) -> Result<bool> {
    if approve {
        may_agree(caller.person(), of)?;
    }
    match of.status.as_str() {
        "waiting" if of.is_late => {
            Err(Error::conflict("nobody decided in time; it has to be asked for again"))
        }
        "waiting" => Ok(true),
        status if status == if approve { done } else { "rejected" } => Ok(false),
        status => Err(Error::conflict(format!("it is {status} already"))),
    }
}

fn may_agree(person: Option<Uuid>, of: &Waiting) -> Result<()> {
    let Some(person) = person else {
        return Err(Error::forbidden("a server or psql is nobody who could agree")
            .hint("An admin who is signed in has to."));
    };
    if of.requested_by == Some(person) {
        return Err(Error::forbidden("who asked for it cannot agree to it: another admin has to"));
    }
    if of.concerns == Some(person) {
        return Err(Error::forbidden("whose money it is cannot agree to it: another admin has to"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::caller::Kind;
    use serde_json::json;

    fn id(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn caller(kind: Kind) -> Caller {
        Caller { kind, session: None, second_factor: false }
    }

    fn waiting(status: &str, is_late: bool) -> Waiting {
        let status = status.to_owned();
        let asked_at = crate::kernel::clock::from_unix(0);
        Waiting { status, requested_by: Some(id(1)), concerns: Some(id(2)), is_late, asked_at }
    }

    #[test]
    fn one_is_enough_up_to_the_limit_and_never_for_themselves() {
        for (limit, amount, asks, needed) in [
            (Some(100), 100, Some(id(1)), false),
            (Some(100), 101, Some(id(1)), true),
            (Some(0), 1, Some(id(1)), true),
            (None, i64::MAX, Some(id(1)), false),
            (None, 1, Some(id(2)), true),
            (Some(100), 100, None, false),
            (Some(100), 101, None, true),
        ] {
            assert_eq!(must_agree(limit, amount, asks, Some(id(2))), needed, "{limit:?} {amount}");
        }
        assert!(!must_agree(Some(100), 1, None, None));
    }

    #[test]
    fn who_asked_and_whose_money_it_is_do_not_agree() {
        let of = waiting("waiting", false);
        for (kind, agrees) in [
            (Kind::Person(id(1)), false),
            (Kind::Person(id(2)), false),
            (Kind::Person(id(3)), true),
            (Kind::Service, false),
            (Kind::Trusted, false),
        ] {
            let decided = decides(&caller(kind), &of, true, "posted");
            assert_eq!(decided.is_ok(), agrees, "{kind:?}");
            if let Err(error) = decided {
                assert_eq!(error.sqlstate.code(), "42501");
            }
            assert!(decides(&caller(kind), &of, false, "posted").unwrap(), "{kind:?}");
        }
    }

    #[test]
    fn a_decision_is_made_once_and_a_repeat_changes_nothing() {
        let third = caller(Kind::Person(id(3)));
        let decide =
            |status: &str, approve| decides(&third, &waiting(status, false), approve, "posted");
        assert!(decide("waiting", true).unwrap() && decide("waiting", false).unwrap());
        assert!(!decide("posted", true).unwrap() && !decide("rejected", false).unwrap());
        let late = decides(&third, &waiting("waiting", true), true, "posted");
        for refused in [
            decide("posted", false),
            decide("rejected", true),
            decide("expired", true),
            decide("expired", false),
            late,
        ] {
            assert_eq!(refused.unwrap_err().sqlstate.code(), "PT409");
        }
    }

    #[test]
    fn a_reason_must_say_something() {
        for (sent, code) in [
            (json!({}), "22004"),
            (json!({"reason": "   "}), "22004"),
            (json!({"reason": "too short"}), "22023"),
            (json!({"reason": "x".repeat(501)}), "22023"),
            (json!({"reason": 1}), "22023"),
        ] {
            let object = Object::new("p", &sent, &["reason"]).unwrap();
            assert_eq!(reason(&object).unwrap_err().sqlstate.code(), code, "{sent}");
        }
        let sent = json!({"reason": " a good one indeed "});
        let object = Object::new("p", &sent, &["reason"]).unwrap();
        assert_eq!(reason(&object).unwrap(), "a good one indeed");
    }
}
