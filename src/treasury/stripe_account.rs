//! Connected accounts at Stripe: whose they are, and what Stripe says of them. Events
//! come late, twice and in any order; the newest one holds.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::ops::inbox::{self, Outcome};
use crate::treasury::error::TreasuryError;
use crate::treasury::events::{self, Told};
use crate::treasury::store::stripe_accounts as store;
use crate::treasury::{SYSTEM, user};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// The most requirements in one list, and the longest name of one.
const MOST: usize = 500;
const LONGEST: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Completed,
    Rejected,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Completed => "completed",
            Status::Rejected => "rejected",
        }
    }
}

/// What we keep of Stripe's account object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub details_submitted: bool,
    pub payouts_enabled: bool,
    pub charges_enabled: bool,
    past_due: Vec<String>,
    currently_due: Vec<String>,
    disabled_reason: Option<String>,
}

impl Account {
    /// From Stripe's object, or what we kept of it. Stripe adds keys as it likes, so
    /// those that are unknown do not matter.
    pub fn parse(field: &str, object: &Value) -> Result<Self> {
        let flag = |key: &str| match object.get(key) {
            Some(Value::Bool(flag)) => Ok(*flag),
            None | Some(Value::Null) => Err(Error::missing(&format!("{field}.{key}"))),
            _ => Err(Error::invalid(&format!("{field}.{key}"), "must be true or false")),
        };
        let (field_of, nothing) = (format!("{field}.requirements"), json!({}));
        let requirements = match object.get("requirements") {
            None | Some(Value::Null) => &nothing,
            Some(object) if object.is_object() => object,
            _ => return Err(Error::invalid(&field_of, "must be a JSON object")),
        };
        let field = |key: &str| format!("{field_of}.{key}");
        Ok(Account {
            details_submitted: flag("details_submitted")?,
            payouts_enabled: flag("payouts_enabled")?,
            charges_enabled: flag("charges_enabled")?,
            past_due: names(&field("past_due"), requirements.get("past_due"))?,
            currently_due: names(&field("currently_due"), requirements.get("currently_due"))?,
            disabled_reason: match requirements.get("disabled_reason") {
                None | Some(Value::Null) => None,
                Some(reason) => Some(name(&field("disabled_reason"), reason)?),
            },
        })
    }

    pub fn requirements(&self) -> Value {
        json!({
            "past_due": self.past_due,
            "currently_due": self.currently_due,
            "disabled_reason": self.disabled_reason,
        })
    }

    /// Where the onboarding stands. Stripe may ask for more later; as long as it lets the
    /// account charge and be paid, that is no way back.
    pub fn status(&self) -> Status {
        match self.disabled_reason.as_deref() {
            Some(reason) if reason.starts_with("rejected") => Status::Rejected,
            _ if self.details_submitted && self.charges_enabled && self.payouts_enabled => {
                Status::Completed
            }
            _ => Status::Pending,
        }
    }

    /// What keeps Stripe from paying to it, or soon will.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.status() != Status::Completed {
            missing.push("onboarding_status".to_owned());
        }
        if !self.payouts_enabled {
            missing.push("payouts_enabled".to_owned());
        }
        for (list, names) in [("currently_due", &self.currently_due), ("past_due", &self.past_due)]
        {
            missing.extend(names.iter().map(|name| format!("{list}.{name}")));
        }
        missing
    }

    /// Of two events of one second the one that says more holds, whichever comes first.
    fn rank(&self) -> impl Ord {
        (
            (self.details_submitted, self.payouts_enabled, self.charges_enabled),
            (Reverse(self.past_due.len()), Reverse(self.currently_due.len())),
            self.requirements().to_string(),
        )
    }
}

/// A list of names in the order of the alphabet, each once.
fn names(field: &str, list: Option<&Value>) -> Result<Vec<String>> {
    let list = match list {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list.as_array().filter(|list| list.len() <= MOST),
    };
    let list = list
        .ok_or_else(|| Error::invalid(field, format!("must be a list of at most {MOST} names")))?;
    let mut names = list.iter().map(|one| name(field, one)).collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn name(field: &str, value: &Value) -> Result<String> {
    let name = value.as_str().filter(|name| name.len() <= LONGEST);
    let rule = || Error::invalid(field, format!("must be a text of at most {LONGEST} bytes"));
    name.map(str::to_owned).ok_or_else(rule)
}

/// Says whose an account is. The same again changes nothing.
pub fn link(caller: &Caller, person: Uuid, account: &str) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    check_id("p_stripe_account_id", account)?;
    user::require(person, "p_user_id")?;
    if store::link(person, account)? {
        // What Stripe said of it and of its payouts before anybody knew whose it is.
        return inbox::arrived(&events::key("account", account)).map(drop);
    }
    if store::is_linked(person, account)? {
        return Ok(());
    }
    let account = account.to_owned();
    Err(TreasuryError::LinkedOtherwise { user: person, account }.into())
}

fn check_id(field: &str, id: &str) -> Result<()> {
    let rest = id.strip_prefix("acct_").filter(|rest| !rest.is_empty() && id.len() <= 255);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if rest.is_some_and(|rest| rest.chars().all(good)) {
        return Ok(());
    }
    Err(Error::invalid(field, "must be the id of an account at Stripe, such as acct_1A2b3C"))
}

/// Takes over what Stripe says of an account at a time; the person whose it is.
pub fn apply(object: &Value, at: TimestampWithTimeZone, live: Option<bool>) -> Result<Uuid> {
    if !object.is_object() {
        return Err(Error::invalid("p_account", "must be a JSON object"));
    }
    let id = match object.get("id") {
        Some(Value::String(id)) => id.as_str(),
        None | Some(Value::Null) => return Err(Error::missing("p_account.id")),
        _ => return Err(Error::invalid("p_account.id", "must be a text")),
    };
    check_id("p_account.id", id)?;
    let new = Account::parse("p_account", object)?;
    if at.is_infinity() || at.is_neg_infinity() {
        return Err(Error::invalid("p_event_created", "must be finite"));
    }
    let unknown = || TreasuryError::UnknownAccount { account: id.to_owned() };
    let known = store::lock(id)?.ok_or_else(unknown)?;
    if let (Some(is), Some(live)) = (known.live, live)
        && is != live
    {
        return Err(TreasuryError::OtherMode { live: is }.into());
    }
    let newer = known
        .event_at
        .is_none_or(|last| at > last || (at == last && new.rank() > known.account.rank()));
    if newer {
        store::apply(known.user, &new, at, live)?;
    }
    Ok(known.user)
}

/// `account.updated`: takes it over, as soon as somebody has the account.
pub fn told(told: &Told<'_>) -> Result<Outcome> {
    let id = told.object["id"].as_str().ok_or_else(|| Error::missing("account.id"))?;
    if store::owner(id)?.is_none() {
        return Ok(events::wait_for("account", id));
    }
    apply(told.object, told.at, Some(told.live))?;
    Ok(Outcome::Processed)
}

/// `account.external_account.*`: where payouts go to has changed.
pub fn details_told(told: &Told<'_>) -> Result<Outcome> {
    let named = told.account.or_else(|| told.object["account"].as_str());
    let Some(id) = named else { return Ok(Outcome::Ignored) };
    if !store::details_changed(id, told.at)? {
        return Ok(events::wait_for("account", id));
    }
    Ok(Outcome::Processed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(more: Value) -> Account {
        let mut object =
            json!({"charges_enabled": false, "payouts_enabled": false, "details_submitted": false});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Account::parse("p_account", &object).unwrap()
    }

    fn enabled() -> Value {
        json!({"charges_enabled": true, "payouts_enabled": true, "details_submitted": true})
    }

    #[test]
    fn the_status_follows_from_what_stripe_says() {
        assert_eq!(account(json!({})).status(), Status::Pending);
        assert_eq!(account(json!({"details_submitted": true})).status(), Status::Pending);
        assert_eq!(account(enabled()).status(), Status::Completed);
        let due = json!({"requirements": {"currently_due": ["external_account"]}});
        let mut asked = enabled();
        asked.as_object_mut().unwrap().extend(due.as_object().unwrap().clone());
        assert_eq!(account(asked).status(), Status::Completed);
        for reason in ["rejected.fraud", "rejected.terms_of_service", "rejected.other"] {
            let rejected = json!({"requirements": {"disabled_reason": reason}});
            assert_eq!(account(rejected).status(), Status::Rejected);
        }
        let late = json!({"requirements": {"disabled_reason": "requirements.past_due"}});
        assert_eq!(account(late).status(), Status::Pending);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(account(enabled()).missing().is_empty());
        let mut asked = enabled();
        asked["requirements"] = json!({"currently_due": ["external_account"], "past_due": ["b"]});
        let missing = account(asked).missing();
        assert_eq!(missing, ["currently_due.external_account", "past_due.b"]);
        assert_eq!(account(json!({})).missing(), ["onboarding_status", "payouts_enabled"]);
    }

    #[test]
    fn lists_are_kept_in_one_order() {
        let one = account(json!({"requirements": {"currently_due": ["b", "a", "a"]}}));
        let other =
            account(json!({"requirements": {"currently_due": ["a", "b"], "past_due": null}}));
        assert_eq!(one, other);
        let again = json!({"charges_enabled": false, "payouts_enabled": false,
                           "details_submitted": false, "requirements": one.requirements()});
        assert_eq!(Account::parse("row", &again).unwrap(), one);
    }

    #[test]
    fn who_says_more_outranks_who_says_less() {
        let less = account(json!({"requirements": {"currently_due": ["a", "b"]}}));
        let more = account(json!({"requirements": {"currently_due": ["a"]}}));
        assert!(more.rank() > less.rank());
        assert!(account(enabled()).rank() > more.rank());
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for (key, value, code) in [
            ("charges_enabled", json!(null), "22004"),
            ("charges_enabled", json!("true"), "22023"),
            ("requirements", json!([]), "22023"),
            ("requirements", json!({"past_due": "x"}), "22023"),
            ("requirements", json!({"past_due": [1]}), "22023"),
            ("requirements", json!({"disabled_reason": 1}), "22023"),
        ] {
            let mut object = enabled();
            object[key] = value;
            let error = Account::parse("p_account", &object).unwrap_err();
            assert_eq!(error.sqlstate.code(), code, "{key}");
        }
        for id in ["", "acct_", "acct_ä", "cus_1", "acct_1 "] {
            assert!(check_id("id", id).is_err(), "{id:?}");
        }
    }
}
