//! Charges: what a buyer paid, split as it was to be split when it was charged.
//!
//! The first event that describes a charge makes its row, whichever comes first; money is
//! posted once it is captured. Refunds and disputes then say how much of it is gone
//! ([`give_back`]), and [`standing`](crate::treasury::standing) what that means for whom.

use crate::kernel::clock::from_unix;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::{new_id, parse_id};
use crate::kernel::money::Currency;
use crate::ops::inbox::{self, Outcome};
use crate::treasury::balance_transaction::{self, Transaction};
use crate::treasury::books::{self, Account};
use crate::treasury::error::TreasuryError;
use crate::treasury::events::{Told, key, wait_for};
use crate::treasury::rule::{Recipient, Rules};
use crate::treasury::split::split;
use crate::treasury::standing::{Party, Share, Standing};
use crate::treasury::store::charges as store;
use crate::treasury::store::rules::{self, Version};
use crate::treasury::{amount, platform_fee, refund, user};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;
use std::cmp::Reverse;

/// A charge as Stripe describes it.
#[derive(Debug, PartialEq, Eq)]
struct Described<'a> {
    id: &'a str,
    intent: Option<&'a str>,
    /// What was captured; nothing while it is only authorized.
    captured: i64,
    currency: Currency,
    /// In seconds since 1970.
    created: i64,
    owner: Option<Uuid>,
    buyer: Option<Uuid>,
    rule: Option<i64>,
    /// The connected account that it was made for.
    account: Option<&'a str>,
    refunded: i64,
    /// What the capture released and Stripe has a refund of, which was never anybody's.
    released: i64,
}

impl<'a> Described<'a> {
    /// From Stripe's object; `None` where the buyer has neither paid nor set money aside.
    fn read(object: &'a Value, refunds_releases: bool) -> Result<Option<Self>> {
        let id = text(object, "id").ok_or_else(|| Error::missing("charge.id"))?;
        // Without a status, as in old versions of Stripe's API, what is told of succeeded.
        if object["status"].as_str().is_some_and(|status| status != "succeeded") {
            return Ok(None);
        }
        let currency = amount::currency(object)?;
        let total = amount::amount(object, "amount", currency)?;
        let captured = match object["captured"].as_bool() {
            Some(false) => 0,
            _ if object["amount_captured"].is_null() => total,
            _ => amount::amount(object, "amount_captured", currency)?,
        };
        let refunded = match &object["amount_refunded"] {
            Value::Null => 0,
            _ => amount::amount(object, "amount_refunded", currency)?,
        };
        if total < 0 || captured < 0 || refunded < 0 {
            return Err(Error::invalid("charge.amount", "must not be below zero"));
        }
        let released = match captured {
            1.. if refunds_releases => refunded.min((total - captured).max(0)),
            _ => 0,
        };
        // Stripe has handed their money to the connected account already: a payout would hand
        // it over again.
        if !object["transfer_data"]["destination"].is_null() {
            let rule = "destination charges are not booked: transfer with payouts instead";
            return Err(Error::invalid("charge.transfer_data", rule));
        }
        let created = object["created"].as_i64().ok_or_else(|| Error::missing("charge.created"))?;
        // What others write into metadata must not keep money out of the books.
        let named = |key: &str| parse_id(text(&object["metadata"], key)?, key).ok();
        Ok(Some(Described {
            id,
            intent: reference(&object["payment_intent"]),
            captured,
            currency,
            created,
            owner: named("owner_id"),
            buyer: named("buyer_id"),
            rule: text(&object["metadata"], "split_rule_id").and_then(|id| id.parse().ok()),
            account: reference(&object["on_behalf_of"]),
            // What was set aside is nobody's before it is captured.
            refunded: if captured == 0 { 0 } else { refunded - released },
            released,
        }))
    }
}

impl Described<'_> {
    /// When it was captured, as far as this event says. One that succeeds captured was never
    /// only set aside, however late it is told.
    fn captured_at(&self, told: &Told<'_>) -> Option<TimestampWithTimeZone> {
        let at_once = told.kind == "charge.succeeded";
        (self.captured > 0).then(|| if at_once { from_unix(self.created) } else { told.at })
    }
}

/// Until when rules and fees count that hold for a charge. Stripe tells the second only: a
/// rule that was made in it holds.
fn end_of_second(charged_at: TimestampWithTimeZone) -> TimestampWithTimeZone {
    let end = i64::from(charged_at).saturating_add(999_999);
    TimestampWithTimeZone::try_from(end).unwrap_or(charged_at)
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object[key].as_str().filter(|text| !text.is_empty())
}

/// What an object names: an id, or the thing itself where Stripe expanded it.
pub fn reference(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["id"].as_str()).filter(|id| !id.is_empty())
}

/// A charge as we have it, locked.
#[derive(Clone, Debug)]
pub struct Charge {
    pub id: Uuid,
    pub stripe_id: String,
    pub captured: i64,
    pub currency: Currency,
    pub owner: Option<Uuid>,
    pub buyer: Option<Uuid>,
    pub rule: Option<(i64, i32)>,
    pub refunded: i64,
    pub reported: i64,
    pub released: i64,
    pub disputed: i64,
    pub charged_at: TimestampWithTimeZone,
    /// For when Stripe said whose it is.
    pub planned_at: TimestampWithTimeZone,
    /// For when Stripe said who paid.
    pub buyer_at: Option<TimestampWithTimeZone>,
    /// The earliest for which Stripe said that it is captured.
    pub captured_at: Option<TimestampWithTimeZone>,
}

impl Charge {
    fn gone(&self) -> i64 {
        self.refunded + self.disputed
    }

    /// Since when it is paid: what refunds and payouts wait for is counted from here, and not
    /// from when money was only set aside.
    pub fn paid_at(&self) -> TimestampWithTimeZone {
        self.captured_at.map_or(self.charged_at, |at| at.max(self.charged_at))
    }

    /// Of two answers to who paid, the lesser holds.
    fn payer(&self) -> impl Ord + use<> {
        let buyer = self.buyer.map(|id| *id.as_bytes());
        (buyer.is_none(), self.buyer_at.map(i64::from), buyer)
    }

    /// Of two answers to whose a charge is and how it is split, the lesser holds. Times are
    /// whole seconds, so that there must be an order within one.
    fn precedence(&self) -> impl Ord {
        let owner = self.owner.map(|id| *id.as_bytes());
        (owner.is_none(), i64::from(self.planned_at), owner, Reverse(self.rule))
    }
}

/// Whose a charge is and how it is split, decided when we first hear of it.
pub struct Plan {
    pub owner: Option<Uuid>,
    pub buyer: Option<Uuid>,
    pub version: Option<Version>,
}

/// charge.succeeded, captured, updated, refunded: each has the whole charge.
pub fn told(told: &Told<'_>) -> Result<Outcome> {
    let Some(described) = Described::read(told.object, told.refunds_releases)? else {
        return Ok(Outcome::Ignored);
    };
    let object = &told.object["balance_transaction"];
    let transaction = object.is_object().then(|| Transaction::read(object)).transpose()?;
    let key = key("charge", described.id);
    inbox::lock_parent(&key)?;
    let change = change(&described, told)?;
    let is_awaited = change.is_new && inbox::is_awaited(&key)?;
    let charge = &change.charge;
    let is_refunded = described.refunded > charge.reported || described.released > charge.released;
    let posts = [change.splits(), is_refunded, transaction.is_some(), is_awaited];
    // Whoever takes a list of balance transactions has its accounts before its rows, too.
    if transaction.is_some() || posts.into_iter().filter(|posts| *posts).count() > 1 {
        hold(&change, transaction.as_slice())?;
    }
    if change.splits() {
        pay(&change)?;
    }
    if is_refunded {
        refund::reported(charge, described.refunded, described.released)?;
    }
    if let Some(transaction) = transaction {
        balance_transaction::keep(&transaction)?;
    }
    if is_awaited {
        inbox::arrived(&key)?;
    }
    Ok(Outcome::Processed)
}

/// payment_intent.succeeded: the same money as its charge, whose events say more of it.
pub fn intent_succeeded(told: &Told<'_>) -> Result<Outcome> {
    let Some(id) = reference(&told.object["latest_charge"]) else { return Ok(Outcome::Ignored) };
    match store::lock(id)? {
        Some(_) => Ok(Outcome::Processed),
        None => Ok(wait_for("charge", id)),
    }
}

/// What an event makes of a charge, whose row has it already.
struct Change {
    charge: Charge,
    is_new: bool,
    /// How it was split and is now; nothing where that has not changed.
    before: Vec<Share>,
    after: Vec<Share>,
}

impl Change {
    fn splits(&self) -> bool {
        self.before != self.after
    }
}

fn change(described: &Described<'_>, told: &Told<'_>) -> Result<Change> {
    if let Some(charge) = store::lock(described.id)? {
        return changed(charge, described, told);
    }
    let Plan { owner, buyer, version } = plan(described)?;
    let charge = Charge {
        id: new_id(),
        stripe_id: described.id.to_owned(),
        captured: described.captured,
        currency: described.currency,
        owner,
        buyer,
        rule: version.as_ref().map(Version::key),
        refunded: 0,
        reported: 0,
        released: 0,
        disputed: 0,
        charged_at: from_unix(described.created),
        planned_at: told.at,
        buyer_at: buyer.map(|_| told.at),
        captured_at: described.captured_at(told),
    };
    let after = split_up(&charge, version.as_ref())?;
    store::insert(&charge, described.intent, &after)?;
    Ok(Change { charge, is_new: true, before: Vec::new(), after })
}

/// What is captured may grow, and whose a charge is may be told later.
fn changed(charge: Charge, described: &Described<'_>, told: &Told<'_>) -> Result<Change> {
    if described.currency != charge.currency {
        return Err(Error::invalid("charge.currency", "must be what it was"));
    }
    let same = |charge| Change { charge, is_new: false, before: Vec::new(), after: Vec::new() };
    let (next, plan) = replan(&charge, described, told)?;
    let captured_at = match (next.captured_at, described.captured_at(told)) {
        (Some(known), Some(told)) => Some(if told < known { told } else { known }),
        (known, told) => known.or(told),
    };
    let next = Charge { captured: next.captured.max(described.captured), captured_at, ..next };
    if plan.is_none() && next.captured == charge.captured {
        if next.payer() != charge.payer() || next.captured_at != charge.captured_at {
            store::set_heard(&next)?;
        }
        return Ok(same(next));
    }
    let version = match (plan, next.rule) {
        (Some(plan), _) => plan.version,
        (None, Some((rule, version))) => rules::version_of(rule, version)?,
        (None, None) => None,
    };
    split_anew(next, version.as_ref())
}

/// What is said of a charge may change, and whose it is must not depend on what we heard
/// first: the earliest that Stripe said counts, if it names anybody at all.
fn replan(
    charge: &Charge,
    described: &Described<'_>,
    told: &Told<'_>,
) -> Result<(Charge, Option<Plan>)> {
    let is_late = |known: TimestampWithTimeZone| told.at > known;
    if charge.owner.is_some() && is_late(charge.planned_at) && charge.buyer_at.is_some_and(is_late)
    {
        return Ok((charge.clone(), None));
    }
    let plan = plan(described)?;
    let told_now =
        Charge { buyer: plan.buyer, buyer_at: plan.buyer.map(|_| told.at), ..charge.clone() };
    // Who paid is whom the earliest names, too.
    let charge = if told_now.payer() < charge.payer() { told_now } else { charge.clone() };
    let next = Charge {
        owner: plan.owner,
        rule: plan.version.as_ref().map(Version::key),
        planned_at: told.at,
        ..charge.clone()
    };
    let is_better = next.precedence() < charge.precedence();
    Ok(if is_better { (next, Some(plan)) } else { (charge, None) })
}

/// Stores a charge with another owner, rule or amount than it had, and the shares that
/// follow from these.
fn split_anew(charge: Charge, version: Option<&Version>) -> Result<Change> {
    let before = store::shares(charge.id)?;
    let after = split_up(&charge, version)?;
    store::update(&charge, &after)?;
    Ok(Change { charge, is_new: false, before, after })
}

fn plan(described: &Described<'_>) -> Result<Plan> {
    let people = store::people(described.owner, described.buyer, described.account)?;
    let at = end_of_second(from_unix(described.created));
    let named = match described.rule {
        Some(rule) => rules::version_at(rule, described.currency, at)?,
        None => None,
    };
    let owner = people.owner.or(named.as_ref().and_then(|rule| rule.owner)).or(people.linked);
    let version = match (named, owner) {
        // What others write into metadata gives nobody's revenue to somebody else's rule.
        (Some(named), Some(owner)) if named.owner.is_none_or(|of| of == owner) => Some(named),
        (_, Some(owner)) => rules::version_in_force(owner, described.currency, at)?,
        (_, None) => None,
    };
    Ok(Plan { owner, buyer: people.buyer, version })
}

/// The platform's fee, and the rest by the rule; all of it the owner's where there is none.
fn split_up(charge: &Charge, version: Option<&Version>) -> Result<Vec<Share>> {
    let captured = charge.captured;
    if captured == 0 {
        return Ok(Vec::new());
    }
    let fee = platform_fee::at(charge.currency, end_of_second(charge.charged_at))?.of(captured);
    let mut shares = vec![Share { party: Party::Platform, amount: fee }];
    let rest = captured - fee;
    match (charge.owner, version) {
        (None, _) => shares.push(Share { party: Party::Unallocated, amount: rest }),
        (Some(owner), None) => shares.push(Share { party: Party::Recipient(owner), amount: rest }),
        (Some(owner), Some(version)) => {
            let rules = Rules::parse("rules", &version.rules, Some(charge.currency))?;
            let parts = split(rest, &rules.terms());
            shares.extend(rules.recipients().zip(parts).map(|(recipient, amount)| {
                let person = match recipient {
                    Recipient::Person(id) => id,
                    Recipient::Owner => owner,
                };
                Share { party: Party::Recipient(person), amount }
            }));
        }
    }
    Ok(shares)
}

/// Locks every account that a charge and these balance transactions may move money on, in
/// the order in which everybody does: before a transaction that posts more than once.
fn hold(change: &Change, transactions: &[Transaction<'_>]) -> Result<()> {
    let Change { charge, before, after, .. } = change;
    if change.splits() {
        return hold_parties(charge, before.iter().chain(after), transactions);
    }
    hold_parties(charge, &store::shares(charge.id)?, transactions)
}

/// The same where the shares are not about to change.
pub fn hold_all(charge: &Charge, transactions: &[Transaction<'_>]) -> Result<()> {
    hold_parties(charge, &store::shares(charge.id)?, transactions)
}

fn hold_parties<'a>(
    charge: &Charge,
    shares: impl IntoIterator<Item = &'a Share>,
    transactions: &[Transaction<'_>],
) -> Result<()> {
    let always = [Account::Stripe, Account::Losses, Account::DisputeFees];
    let parties = shares.into_iter().map(|share| share.party.account());
    let of_charge = parties.chain(always).map(|account| (charge.currency, account));
    let of_transactions = transactions.iter().flat_map(|one| {
        [Account::Stripe, one.fee_account().0].map(|account| (one.currency, account))
    });
    books::hold(&of_charge.chain(of_transactions).collect::<Vec<_>>())
}

/// Posts what other shares mean.
fn pay(change: &Change) -> Result<()> {
    let Change { charge, before, after, .. } = change;
    let (old, new) = (Standing::of(before, charge.gone()), Standing::of(after, charge.gone()));
    post(charge, "stripe_charge", &charge.stripe_id, &old, &new)
}

fn post(charge: &Charge, kind: &str, about: &str, old: &Standing, new: &Standing) -> Result<()> {
    books::post(kind, Some(about), None, charge.currency, &old.to(new))?;
    Ok(())
}

/// How much of a charge refunds and disputes have taken: posts what has changed, as
/// `kind`, for `about` at Stripe.
pub fn give_back(
    charge: &mut Charge,
    (refunded, disputed): (i64, i64),
    kind: &str,
    about: &str,
) -> Result<()> {
    if (refunded, disputed) == (charge.refunded, charge.disputed) {
        return Ok(());
    }
    store::give_back(charge.id, refunded, disputed)?;
    let shares = store::shares(charge.id)?;
    let old = Standing::of(&shares, charge.gone());
    (charge.refunded, charge.disputed) = (refunded, disputed);
    post(charge, kind, about, &old, &Standing::of(&shares, charge.gone()))
}

/// The charge of this id at Stripe, locked, or PT404 naming `field`.
pub fn lock(stripe_id: &str, field: &str) -> Result<Charge> {
    let unknown =
        || TreasuryError::UnknownCharge { field: field.to_owned(), id: stripe_id.to_owned() };
    Ok(store::lock(stripe_id)?.ok_or_else(unknown)?)
}

/// Who would get a share of a charge if it were somebody's, themselves included.
pub fn recipients(charge: &Charge, owner: Uuid) -> Result<Vec<Uuid>> {
    let at = end_of_second(charge.charged_at);
    let Some(version) = rules::version_in_force(owner, charge.currency, at)? else {
        return Ok(vec![owner]);
    };
    let rules = Rules::parse("rules", &version.rules, Some(charge.currency))?;
    let mut people: Vec<Uuid> = rules.recipients().filter_map(Recipient::person).collect();
    people.push(owner);
    Ok(people)
}

/// Says whose a charge is of which nobody knew: it is split by the rule that was in force
/// for that owner when it was charged. PT404 unknown charge or user, PT409 where it is
/// somebody's already.
pub fn assign(stripe_id: &str, owner: Uuid) -> Result<Uuid> {
    user::require(owner, "owner_id")?;
    let charge = lock(stripe_id, "charge_id")?;
    if charge.owner == Some(owner) {
        return Ok(charge.id);
    }
    if charge.owner.is_some() {
        return Err(TreasuryError::HasOwner { charge: stripe_id.to_owned() }.into());
    }
    let at = end_of_second(charge.charged_at);
    let version = rules::version_in_force(owner, charge.currency, at)?;
    let rule = version.as_ref().map(Version::key);
    // Whatever Stripe has said or will say of it.
    let planned_at = TimestampWithTimeZone::negative_infinity();
    let change =
        split_anew(Charge { owner: Some(owner), rule, planned_at, ..charge }, version.as_ref())?;
    pay(&change)?;
    Ok(change.charge.id)
}

#[cfg(test)]
#[path = "charge_tests.rs"]
mod tests;
