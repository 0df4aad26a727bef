//! Making, changing and ending split rules. Whatever changes how money is split is
//! written as a version that holds from then on; what was split before stays.
//!
//! An owner's rules are changed by one transaction at a time, so their versions follow
//! each other in time, and one default replaces another at one moment.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result, required};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::input::Object;
use crate::kernel::money::Currency;
use crate::kernel::rows::Record;
use crate::treasury::error::TreasuryError;
use crate::treasury::ownership::{self, Owner};
use crate::treasury::rule::{Recipient, Rules};
use crate::treasury::store::{rules as store, users};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

/// The most rules of one owner.
const MOST: i64 = 200;
const KEYS: [&str; 4] = ["name", "rules", "is_default", "currency"];
const KEYS_OF_NEW: [&str; 5] = ["name", "rules", "is_default", "currency", "owner_id"];

/// A rule as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRule {
    pub name: String,
    pub rules: Rules,
    pub is_default: bool,
    pub currency: Option<Currency>,
}

/// Makes a rule; the id of its first version.
pub fn create(caller: &Caller, data: &Value) -> Result<Uuid> {
    let object = Object::new("p_rule", data, &KEYS_OF_NEW)?;
    let owner = ownership::of_new(caller, &object)?;
    let currency = currency(&object)?;
    let rules = required(object.value("rules"), "p_rule.rules")?;
    let new = SplitRule {
        name: object.required_text("name")?.to_owned(),
        rules: not_for_oneself(caller, owner, checked(owner, rules, currency)?)?,
        is_default: object.boolean("is_default")?.unwrap_or(false),
        currency,
    };
    idempotency::once("treasury.create_split_rule", data, || {
        let at = begin(owner)?;
        if store::count(owner)? >= MOST {
            return Err(TreasuryError::TooManyRules { most: MOST }.into());
        }
        let change = Change { owner, at, by: caller.person() };
        change.clear_default(&new, None)?;
        change.add_version(store::insert(owner, &new)?)
    })
}

/// Changes what is given of a rule; the id of the version that holds then.
pub fn update(caller: &Caller, id: i64, data: &Value) -> Result<Uuid> {
    let owner = ownership::of_existing(caller, id)?;
    let object = Object::new("p_rule", data, &KEYS)?;
    idempotency::once("treasury.update_split_rule", &json!([id, data]), || {
        let at = begin(owner)?;
        let (old, stored) = store::find(id)?.ok_or(TreasuryError::UnknownRule { id })?;
        let currency = if object.has("currency") { currency(&object)? } else { old.currency };
        let new = SplitRule {
            name: object.text("name")?.map_or_else(|| old.name.clone(), str::to_owned),
            // Who stands in it may have been erased since; that is no reason to keep its name.
            rules: match object.value("rules") {
                Some(rules) => match checked(owner, rules, currency)? {
                    same if same == old.rules => same,
                    other => not_for_oneself(caller, owner, other)?,
                },
                None => Rules::parse("p_rule.rules", &stored, currency)?,
            },
            is_default: object.boolean("is_default")?.unwrap_or(old.is_default),
            currency,
        };
        let change = Change { owner, at, by: caller.person() };
        if new != old {
            change.clear_default(&new, Some(id))?;
            store::update(id, &new)?;
        }
        // A name splits nothing.
        if new == (SplitRule { name: new.name.clone(), ..old }) {
            return store::last_version(id);
        }
        change.add_version(id)
    })
}

/// Ends a rule; the id of the version that says so.
pub fn delete(caller: &Caller, id: i64) -> Result<Uuid> {
    let owner = ownership::of_existing(caller, id)?;
    idempotency::once("treasury.delete_split_rule", &json!([id]), || {
        let at = begin(owner)?;
        let end = new_id();
        match store::end(end, id, at, caller.person())? {
            true => Ok(end),
            false => Err(TreasuryError::UnknownRule { id }.into()),
        }
    })
}

/// The rule of a version, or PT404 where it was deleted since.
pub fn row(version: Uuid) -> Result<Record> {
    let gone = || Error::not_found("split rule", format!("of version {version}"));
    store::of_version(version)?.ok_or_else(gone)
}

/// The version that splits an owner's revenue of a time, if there is one.
pub fn in_force(owner: Uuid, currency: &str, at: TimestampWithTimeZone) -> Result<Option<Record>> {
    store::in_force(owner, Currency::parse(currency, "p_currency")?, at)
}

/// From here on no other transaction changes the owner's rules; the moment of the change,
/// which is never before the one before it, whatever the clock does.
fn begin(owner: Owner) -> Result<TimestampWithTimeZone> {
    store::lock_owner(owner)?;
    store::next_moment(owner)
}

/// What all versions that one change makes have in common.
struct Change {
    owner: Owner,
    at: TimestampWithTimeZone,
    by: Option<Uuid>,
}

impl Change {
    /// Makes room for a new default: the old one, if it is another, is none any more.
    fn clear_default(&self, new: &SplitRule, keep: Option<i64>) -> Result<()> {
        if !new.is_default {
            return Ok(());
        }
        let cleared = store::clear_default(self.owner, new.currency, keep)?;
        cleared.into_iter().try_for_each(|id| self.add_version(id).map(|_| ()))
    }

    fn add_version(&self, rule: i64) -> Result<Uuid> {
        let id = new_id();
        store::add_version(id, rule, self.at, self.by)?;
        Ok(id)
    }
}

fn currency(object: &Object<'_>) -> Result<Option<Currency>> {
    object.text("currency")?.map(|code| Currency::parse(code, "p_rule.currency")).transpose()
}

/// Rules that name people who are there; `owner` only where there may be several owners.
/// 42501 for an admin who would get a share of what is somebody else's or the platform's.
fn not_for_oneself(caller: &Caller, owner: Owner, rules: Rules) -> Result<Rules> {
    let Some(me) = caller.person().filter(|me| owner != Some(*me)) else { return Ok(rules) };
    if rules.recipients().any(|one| one.person() == Some(me)) {
        let rule = "p_rule.rules: nobody gives themselves a share of what is others': another admin has to";
        return Err(Error::forbidden(rule));
    }
    Ok(rules)
}

fn checked(owner: Owner, rules: &Value, currency: Option<Currency>) -> Result<Rules> {
    let rules = Rules::parse("p_rule.rules", rules, currency)?;
    if owner.is_some() && rules.recipients().any(|one| one == Recipient::Owner) {
        let rule = "recipient_id must be a user's id; \"owner\" is for rules of the platform";
        return Err(Error::invalid("p_rule.rules", rule));
    }
    let people: Vec<Uuid> = rules.recipients().filter_map(Recipient::person).collect();
    match users::first_unknown(people)? {
        None => Ok(rules),
        Some(id) => Err(TreasuryError::UnknownUser { field: "p_rule.rules".to_owned(), id }.into()),
    }
}
