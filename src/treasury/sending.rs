//! Asking Stripe for a payout: first a transfer of the money from the platform to the
//! connected account, then, once Stripe has made it, the payout from there to the bank.
//! What fails is brought back by reversing the transfer.

use crate::kernel::error::{Error, Result};
use crate::kernel::money::Money;
use crate::ops::inbox::Outcome;
use crate::ops::jobs;
use crate::ops::watch::alert::{self, Alert, Severity};
use crate::treasury::charge::reference;
use crate::treasury::payout::{self, Payout, Status};
use crate::treasury::request::{self, Answer, NewRequest, Subject};
use crate::treasury::store::payouts::{self as store, ToSend};
use crate::treasury::store::{requests, risks};
use crate::treasury::{amount, payout_event};
use serde_json::{Value, json};

const TRANSFERS: &str = "/v1/transfers";
const PAYOUTS: &str = "/v1/payouts";
const REVERSALS: &str = "/reversals";

/// Hands a pending payout to the worker, unless its time has not come.
pub fn send(payout: &Payout) -> Result<()> {
    let Some(account) = payout.account.as_deref().filter(|_| payout.due) else { return Ok(()) };
    request::enqueue(&NewRequest {
        subject: Subject::Payout(payout.id),
        method: "POST",
        path: TRANSFERS,
        account: None,
        params: transfer(payout.id, payout.amount, account)?,
    })?;
    store::sent(vec![payout.id])
}

/// The same for many; they are marked as sent already.
pub fn send_all(payouts: &[ToSend]) -> Result<()> {
    let mut params = Vec::with_capacity(payouts.len());
    for one in payouts {
        params.push(transfer(one.id, one.amount, &one.account)?.to_string());
    }
    let ids = payouts.iter().map(|_| crate::kernel::ids::new_id()).collect();
    let subjects = payouts.iter().map(|one| one.id).collect();
    requests::insert_all("payout", TRANSFERS, ids, subjects, params)
}

fn transfer(id: i64, money: Money, account: &str) -> Result<Value> {
    Ok(json!({
        "amount": amount::to_stripe(money, "amount_cents")?,
        "currency": money.currency.code().to_ascii_lowercase(),
        "destination": account,
        "metadata": {"backoffice_payout_id": id.to_string()},
    }))
}

/// Job: hands over scheduled payouts whose time has come.
pub fn send_due() -> Result<Value> {
    // What was there when they were asked for may be otherwise by now.
    let changed = store::review_changed(jobs::BATCH)?;
    risks::review(changed, "details_changed")?;
    let owing = store::review_owing(jobs::BATCH)?;
    risks::review(owing, "owes")?;
    let due = store::take_due(jobs::BATCH)?;
    if !due.is_empty() {
        send_all(&due)?;
    }
    Ok(jobs::batch("sent", due.len(), jobs::BATCH))
}

/// Takes what Stripe says to one of the calls of a payout.
pub fn answered(id: i64, path: &str, answer: Answer<'_>) -> Result<()> {
    let payout = payout::lock(id)?;
    match answer {
        Answer::Done(object) if path == TRANSFERS => transferred(payout, object),
        Answer::Done(object) if path == PAYOUTS => payout_event::answered(&payout, object),
        Answer::Done(_) => Ok(()),
        Answer::Refused(code) if is_reversal(path) => not_brought_back(&payout, code),
        Answer::Refused(code) => refused(&payout, code),
    }
}

/// transfer.created: a transfer that we asked for was made, although the answer may never
/// have come. Nobody may take it for not done then, and pay again.
pub fn told(object: &Value) -> Result<Outcome> {
    let number = object["metadata"]["backoffice_payout_id"].as_str();
    let Some(number) = number.and_then(|text| text.parse().ok()) else {
        return Ok(Outcome::Ignored);
    };
    // Workers lock a request before its payout.
    let request = requests::lock_of(Subject::Payout(number), TRANSFERS)?;
    let (Some(request), Some(payout)) = (request, store::lock(number)?) else {
        return Ok(Outcome::Ignored);
    };
    let currency = amount::currency(object)?;
    let money = Money::new(amount::amount(object, "amount", currency)?, currency);
    let is_ours = payout.transfer.is_none()
        && payout.amount == money
        && payout.account.as_deref() == reference(&object["destination"]);
    if !is_ours {
        return Ok(Outcome::Ignored);
    }
    requests::finish(request, "done", None, None)?;
    transferred(payout, object)?;
    Ok(Outcome::Processed)
}

fn transferred(mut payout: Payout, object: &Value) -> Result<()> {
    let id = object["id"].as_str().ok_or_else(|| Error::missing("p_response.id"))?;
    store::transferred(payout.id, id)?;
    payout.transfer = Some(id.to_owned());
    if payout.status.is_undone() {
        return bring_back(&payout);
    }
    let money = payout.amount;
    request::enqueue(&NewRequest {
        subject: Subject::Payout(payout.id),
        method: "POST",
        path: PAYOUTS,
        account: payout.account.as_deref(),
        params: json!({
            "amount": amount::to_stripe(money, "amount_cents")?,
            "currency": money.currency.code().to_ascii_lowercase(),
            "method": payout.method.as_str(),
            "metadata": {"backoffice_payout_id": payout.id.to_string()},
        }),
    })
    .map(drop)
}

/// A definite no: the money never left, so it is somebody's earnings again.
fn refused(payout: &Payout, code: &str) -> Result<()> {
    // Stripe has told of the payout that it is said not to have made.
    if payout.stripe_id.is_some() && !payout.status.is_undone() {
        return Err(payout::wrong_state(payout));
    }
    payout::advance(payout, Status::Failed, None, Some(code)).map(drop)
}

/// Whether a call brings money back from a connected account.
pub fn is_reversal(path: &str) -> bool {
    path.ends_with(REVERSALS)
}

/// What came to nothing must not stay with the connected account.
pub fn bring_back(payout: &Payout) -> Result<()> {
    let Some(transfer) = payout.transfer.as_deref() else { return Ok(()) };
    request::enqueue(&NewRequest {
        subject: Subject::Payout(payout.id),
        method: "POST",
        path: &format!("{TRANSFERS}/{transfer}{REVERSALS}"),
        account: None,
        params: json!({
            "amount": amount::to_stripe(payout.amount, "amount_cents")?,
            "metadata": {"backoffice_payout_id": payout.id.to_string()},
        }),
    })
    .map(drop)
}

fn not_brought_back(payout: &Payout, code: &str) -> Result<()> {
    alert::raise(&Alert {
        severity: Severity::Critical,
        kind: "payout_not_brought_back",
        of: Some(payout.id.to_string()),
        message: "The money of a payout that failed is still with the connected account.".into(),
        detail: json!({"payout_id": payout.id, "transfer": payout.transfer, "code": code}),
    })
    .map(drop)
}
