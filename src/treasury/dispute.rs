//! Disputes: a buyer's bank takes a payment back, and may give it again.
//!
//! What a dispute says of itself only moves forward. Its money does not follow from that:
//! it moves when Stripe says that funds were withdrawn or reinstated, once for each
//! balance transaction. What is withdrawn is taken of the recipients as a refund is, and
//! the platform bears Stripe's fee.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::input::Object;
use crate::kernel::money::Currency;
use crate::ops::inbox::Outcome;
use crate::treasury::SYSTEM;
use crate::treasury::amount;
use crate::treasury::balance_transaction::{self, Transaction};
use crate::treasury::charge::{Charge, give_back, hold_all, reference};
use crate::treasury::error::TreasuryError;
use crate::treasury::events::{Told, wait_for};
use crate::treasury::store::{charges, disputes as store};
use serde_json::Value;

/// Where a dispute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    WarningNeedsResponse,
    WarningUnderReview,
    NeedsResponse,
    UnderReview,
    WarningClosed,
    Prevented,
    Lost,
    Won,
}

const NAMES: [(Status, &str); 8] = [
    (Status::WarningNeedsResponse, "warning_needs_response"),
    (Status::WarningUnderReview, "warning_under_review"),
    (Status::NeedsResponse, "needs_response"),
    (Status::UnderReview, "under_review"),
    (Status::WarningClosed, "warning_closed"),
    (Status::Prevented, "prevented"),
    (Status::Lost, "lost"),
    (Status::Won, "won"),
];

impl Status {
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| *name)
    }

    pub fn parse(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(status, _)| *status)
    }

    fn is_over(self) -> bool {
        self >= Status::WarningClosed
    }

    /// Whether a dispute that was in this state at a time (in PostgreSQL's microseconds) is
    /// now in another, told for another time. Of two ends the later holds, and of those of one
    /// second the same one whichever is told first.
    fn gives_way(self, at: Option<i64>, next: Status, told: i64) -> bool {
        match (self.is_over(), next.is_over()) {
            (true, true) => at.is_none_or(|at| (told, next) > (at, self)),
            _ => next > self,
        }
    }
}

/// A dispute as Stripe describes it.
pub struct Described<'a> {
    pub id: &'a str,
    charge: &'a str,
    pub amount: i64,
    pub currency: Currency,
    /// `None` for a word that Stripe uses and we do not know: its money moves all the same.
    pub status: Option<Status>,
    pub reason: Option<&'a str>,
    /// In seconds since 1970.
    pub due_by: Option<i64>,
    transactions: Vec<Transaction<'a>>,
}

impl<'a> Described<'a> {
    pub fn read(object: &'a Value) -> Result<Self> {
        let text = |key: &str| {
            let text = object[key].as_str().filter(|text| !text.is_empty());
            text.ok_or_else(|| Error::missing(&format!("dispute.{key}")))
        };
        let currency = amount::currency(object)?;
        let transactions = object["balance_transactions"].as_array().map(Vec::as_slice);
        Ok(Described {
            id: text("id")?,
            charge: reference(&object["charge"]).ok_or_else(|| Error::missing("dispute.charge"))?,
            amount: amount::amount(object, "amount", currency)?,
            currency,
            status: Status::parse(text("status")?),
            reason: object["reason"].as_str(),
            due_by: object["evidence_details"]["due_by"].as_i64(),
            transactions: transactions
                .unwrap_or_default()
                .iter()
                .map(Transaction::read)
                .collect::<Result<Vec<_>>>()?,
        })
    }

    /// What a balance transaction took of the charge, in the charge's currency: below zero
    /// where it gave back. The balance may have another currency than the charge.
    fn taken(&self, transaction: &Transaction<'_>) -> i64 {
        match transaction.currency == self.currency {
            true => -transaction.amount,
            false if transaction.amount == 0 => 0,
            false if transaction.amount < 0 => self.amount,
            false => -self.amount,
        }
    }
}

/// charge.dispute.created, updated, closed, funds_withdrawn and funds_reinstated.
pub fn told(told: &Told<'_>) -> Result<Outcome> {
    let described = Described::read(told.object)?;
    let Some(charge) = charges::lock(described.charge)? else {
        return Ok(wait_for("charge", described.charge));
    };
    if described.currency != charge.currency {
        return Err(Error::invalid("dispute.currency", "must be that of the charge"));
    }
    let row = match store::find(described.id)? {
        None => store::insert(&charge.stripe_id, &described, told.at)?,
        Some(known) => {
            let newer =
                |next: &Status| known.status.gives_way(known.told_at, *next, told.at.into());
            let status = described.status.filter(newer).unwrap_or(known.status);
            store::tell(known.id, &described, status, told.at)?;
            known.id
        }
    };
    if told.kind.starts_with("charge.dispute.funds_") {
        move_funds(row, charge, &described)?;
    }
    Ok(Outcome::Processed)
}

fn move_funds<'a>(row: i64, mut charge: Charge, described: &Described<'a>) -> Result<()> {
    if described.transactions.is_empty() {
        // Without one nothing says which money this is, and it must not be taken twice.
        return Err(Error::missing("dispute.balance_transactions"));
    }
    let of_dispute =
        |one: &Transaction<'a>| Transaction { source: Some(described.id), ..one.clone() };
    let mut transactions: Vec<_> = described.transactions.iter().map(of_dispute).collect();
    // Whoever keeps several keeps them in this order.
    transactions.sort_by_key(|one| one.id);
    hold_all(&charge, &transactions)?;
    for transaction in &transactions {
        balance_transaction::keep(transaction)?;
        if !store::claim(row, transaction.id)? {
            continue;
        }
        let taken = described.taken(transaction);
        store::take(row, taken, transaction.fee)?;
        let kind = if taken < 0 { "dispute_reinstated" } else { "dispute" };
        let disputed = charge.disputed + taken;
        let refunded = charge.refunded;
        give_back(&mut charge, (refunded, disputed), kind, described.id)?;
    }
    Ok(())
}

const KEYS: [&str; 4] = ["dispute_id", "comment", "body", "kind"];

/// An admin notes something down: a comment, or evidence that is to be sent. The dispute
/// is named by its number or its id at Stripe; the id of the note.
pub fn comment(caller: &Caller, data: &Value) -> Result<i64> {
    caller.require_admin(SYSTEM)?;
    let object = Object::new("p_comment", data, &KEYS)?;
    let kind = object.choice("kind", &["comment", "evidence"])?.unwrap_or("comment");
    let key = if object.has("body") { "body" } else { "comment" };
    if key == "body" && object.has("comment") {
        return Err(object.wrong("body", "is the same as comment: only one of them"));
    }
    let body = long_text(&object, key)?;
    let id = match object.value("dispute_id") {
        None => return Err(Error::missing("p_comment.dispute_id")),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => object.required_text("dispute_id")?.to_owned(),
    };
    idempotency::once_numbered("treasury.comment_on_dispute", data, || {
        let row =
            store::of(&id)?.ok_or_else(|| TreasuryError::UnknownDispute { id: id.clone() })?;
        store::comment(row, kind, body, caller.person())
    })
}

/// Evidence is longer than other texts.
const LONGEST: usize = 20_000;

fn long_text<'a>(object: &Object<'a>, key: &str) -> Result<&'a str> {
    let value = object.value(key).ok_or_else(|| Error::missing(&format!("p_comment.{key}")))?;
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    let text = text.filter(|text| text.chars().count() <= LONGEST);
    text.ok_or_else(|| object.wrong(key, &format!("must be a text of 1 to {LONGEST} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({"id": "dp_1", "charge": "ch_1", "amount": 500, "currency": "usd",
            "status": "needs_response", "reason": "fraudulent", "evidence_details": {"due_by": 1_700_000_000},
            "balance_transactions": [{"id": "txn_1", "amount": -500, "fee": 1500, "net": -2000, "currency": "usd"}]})
    }

    #[test]
    fn a_dispute_is_read_as_stripe_writes_it() {
        let object = object();
        let read = Described::read(&object).unwrap();
        assert_eq!((read.charge, read.amount, read.due_by), ("ch_1", 500, Some(1_700_000_000)));
        assert_eq!(read.taken(&read.transactions[0]), 500);
    }

    #[test]
    fn a_balance_of_another_currency_takes_what_is_disputed() {
        let mut object = object();
        object["balance_transactions"][0]["currency"] = json!("eur");
        let read = Described::read(&object).unwrap();
        assert_eq!(read.taken(&read.transactions[0]), 500);
        object["balance_transactions"][0]["amount"] = json!(470);
        object["balance_transactions"][0]["net"] = json!(-1030);
        let read = Described::read(&object).unwrap();
        assert_eq!(read.taken(&read.transactions[0]), -500);
        object["balance_transactions"][0]["amount"] = json!(0);
        object["balance_transactions"][0]["net"] = json!(-1500);
        let read = Described::read(&object).unwrap();
        assert_eq!(read.taken(&read.transactions[0]), 0, "a fee alone");
    }

    #[test]
    fn what_is_no_dispute_is_refused() {
        for (key, value, code) in [
            ("id", json!(null), "22004"),
            ("charge", json!(null), "22004"),
            ("amount", json!("5"), "22023"),
            ("status", json!(null), "22004"),
            (
                "balance_transactions",
                json!([{"id": "txn_1", "amount": 5, "fee": 1, "net": 5, "currency": "usd"}]),
                "22023",
            ),
        ] {
            let mut bad = object();
            bad[key] = value;
            let error = Described::read(&bad).err().unwrap();
            assert_eq!(error.sqlstate.code(), code, "{key}");
        }
    }

    #[test]
    fn a_status_that_nobody_knows_is_no_reason_to_leave_the_money() {
        let mut object = object();
        object["status"] = json!("charge_refunded");
        assert_eq!(Described::read(&object).unwrap().status, None);
    }

    #[test]
    fn a_status_only_moves_forward() {
        let gives_way = |from: Status, to: Status| from.gives_way(Some(0), to, -10);
        assert!(gives_way(Status::NeedsResponse, Status::UnderReview));
        assert!(!gives_way(Status::UnderReview, Status::NeedsResponse));
        assert!(gives_way(Status::WarningUnderReview, Status::NeedsResponse));
        assert!(gives_way(Status::NeedsResponse, Status::Lost));
        assert!(!gives_way(Status::Lost, Status::UnderReview));
    }

    #[test]
    fn of_two_ends_the_later_holds_whichever_is_told_first() {
        let ends =
            [(Status::Lost, 5), (Status::Won, 5), (Status::WarningClosed, 9), (Status::Lost, 2)];
        for (one, first) in ends {
            for (other, second) in ends {
                let forward = one.gives_way(Some(first), other, second);
                let back = other.gives_way(Some(second), one, first);
                assert!(!(forward && back));
                assert_eq!(forward || back, (one, first) != (other, second));
            }
        }
    }

    #[test]
    fn every_status_has_its_name() {
        for (status, name) in NAMES {
            assert_eq!((status.as_str(), Status::parse(name)), (name, Some(status)));
        }
    }
}
