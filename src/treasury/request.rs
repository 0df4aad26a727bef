//! What is to be asked of Stripe: calls that a worker makes, once each, because the id of
//! a request is its idempotency key at Stripe.
//!
//! A worker claims requests with a lease and says what Stripe answered. What Stripe did is
//! applied, what it refused ends here, and what nobody knows the end of is tried again:
//! with the same key nothing happens twice. After all attempts such a request is dead.
//! That must never be taken for a no, for the money may have gone: an admin looks.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::ids::new_id;
use crate::kernel::input::free_text;
use crate::kernel::settings::{self, Settings};
use crate::ops::audit::{self, Change};
use crate::ops::watch::alert::{self, Alert, Severity};
use crate::treasury::error::TreasuryError;
use crate::treasury::payout::Payout;
use crate::treasury::store::payouts;
use crate::treasury::store::requests::{self as store, Claimed, Request};
use crate::treasury::{SYSTEM, balance_transaction, refund, second, sending};
use pgrx::Uuid;
use serde_json::{Map, Value, json};

/// Stripe forgets idempotency keys after 24 hours; later a call may do its work anew.
pub const KEY_HOURS: i32 = 23;
/// The longest that a failed call waits for its next attempt.
const LONGEST_WAIT: f64 = 6.0 * 3600.0;
/// The most bytes that are kept of an error.
const LONGEST_ERROR: usize = 2000;
/// The kind of the alert about a request of which nobody knows what became.
pub const DEAD: &str = "stripe_requests_dead";

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Refund(i64),
    Payout(i64),
    BalanceTransactions,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Subject::Refund(_) => "refund",
            Subject::Payout(_) => "payout",
            Subject::BalanceTransactions => "balance_transactions",
        }
    }

    pub fn id(self) -> Option<i64> {
        match self {
            Subject::Refund(id) | Subject::Payout(id) => Some(id),
            Subject::BalanceTransactions => None,
        }
    }

    /// As it is stored.
    pub fn of(name: &str, id: Option<i64>) -> Option<Self> {
        match (name, id) {
            ("refund", Some(id)) => Some(Subject::Refund(id)),
            ("payout", Some(id)) => Some(Subject::Payout(id)),
            ("balance_transactions", None) => Some(Subject::BalanceTransactions),
            _ => None,
        }
    }
}

/// A call of Stripe's API.
pub struct NewRequest<'a> {
    pub subject: Subject,
    /// GET or POST.
    pub method: &'a str,
    pub path: &'a str,
    /// The connected account it is made for; the platform's own where there is none.
    pub account: Option<&'a str>,
    pub params: Value,
}

/// Has a worker make a call once this transaction is over; the request's id.
pub fn enqueue(new: &NewRequest<'_>) -> Result<Uuid> {
    let id = new_id();
    store::insert(id, new)?;
    Ok(id)
}

/// What Stripe says to a call that came to an end; whose it is knows what it means.
#[derive(Clone, Copy)]
pub enum Answer<'a> {
    /// It did it; what it answered.
    Done(&'a Value),
    /// It did not and will not; its code for why.
    Refused(&'a str),
}

/// Gives an answer to whom it concerns. `path` says which of a subject's calls it was.
fn tell(subject: Subject, path: &str, answer: Answer<'_>) -> Result<()> {
    match subject {
        Subject::Payout(id) => sending::answered(id, path, answer),
        Subject::Refund(id) => match answer {
            Answer::Done(refund) => refund::answered(id, refund),
            Answer::Refused(code) => refund::refused(id, code),
        },
        Subject::BalanceTransactions => match answer {
            Answer::Done(page) => balance_transaction::listed(page),
            // The job asks again.
            Answer::Refused(_) => Ok(()),
        },
    }
}

/// What an HTTP status means for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    Refused,
    /// Nobody can tell: it is to be tried again with the same key.
    Unknown,
}

impl Verdict {
    fn of(status: Option<i32>) -> Self {
        match status {
            Some(200..300) => Verdict::Done,
            // Nobody waited, another call holds the key or the object, there were too many, or the worker's
            // key of the API is no good, which says nothing of what was asked.
            Some(401 | 403 | 408 | 409 | 429) => Verdict::Unknown,
            Some(400..500) => Verdict::Refused,
            _ => Verdict::Unknown,
        }
    }
}

/// Seconds to wait after so many attempts: doubling, but not without end.
fn wait_after(attempts: i32, first: i64) -> f64 {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(30);
    (first as f64 * f64::from(1_u32 << doublings)).min(LONGEST_WAIT)
}

/// Leases up to `most` due requests to `worker`.
pub fn claim(worker: &str, most: i32, seconds: i32) -> Result<Vec<Claimed>> {
    within("p_limit", most, 1, 1000)?;
    within("p_lease_seconds", seconds, 1, 3600)?;
    check_worker(worker)?;
    give_up_lost()?;
    store::claim(i64::from(most), f64::from(seconds), worker)
}

/// Those that would be claimed for ever, or after Stripe may have forgotten their keys.
fn give_up_lost() -> Result<()> {
    let most: i64 = settings::get(SYSTEM, "request_max_attempts")?;
    for id in store::lost(i32::try_from(most).unwrap_or(i32::MAX), KEY_HOURS)? {
        let request = store::lock(id, KEY_HOURS)?.ok_or_else(|| unknown(id))?;
        die(&request, None, None)?;
    }
    Ok(())
}

/// What a worker says of a call.
pub struct Report<'a> {
    pub worker: &'a str,
    /// The HTTP status; nothing where nobody answered.
    pub status: Option<i32>,
    pub response: Option<&'a Value>,
    pub error: Option<&'a str>,
}

/// Takes what Stripe answered to a request that this worker claimed; the request's status
/// afterwards. The same again changes nothing.
pub fn acknowledge(id: Uuid, report: &Report<'_>) -> Result<String> {
    check_worker(report.worker)?;
    if report.status.is_some_and(|status| !(100..600).contains(&status)) {
        return Err(Error::invalid("p_status", "must be an HTTP status, or null for no answer"));
    }
    let request = store::lock(id, KEY_HOURS)?.ok_or_else(|| unknown(id))?;
    if request.worker.as_deref() != Some(report.worker) {
        return Err(Error::conflict("this worker does not hold the request")
            .hint("The lease ran out and another worker took it."));
    }
    let verdict = Verdict::of(report.status);
    // A call that was given up is ended all the same by whoever had it last and knows more.
    // Also after an admin was sure that it was not done; what Stripe refused stays so.
    let is_news = request.leased
        || (request.status == "dead" && verdict != Verdict::Unknown)
        || (request.status == "refused" && request.response.is_none() && verdict == Verdict::Done);
    if !is_news {
        return Ok(request.status);
    }
    let error = report.error.map(|text| cut(text, LONGEST_ERROR));
    match verdict {
        Verdict::Done => {
            let object = report.response.filter(|response| response.is_object());
            let object = object.ok_or_else(|| Error::missing("p_response"))?;
            store::finish(id, "done", report.status, None)?;
            tell(request.subject, &request.path, Answer::Done(object))?;
            Ok("done".to_owned())
        }
        Verdict::Refused => {
            let code = code_of(report.response);
            store::finish(id, "refused", report.status, error.or(Some(&code)))?;
            tell(request.subject, &request.path, Answer::Refused(&code))?;
            Ok("refused".to_owned())
        }
        Verdict::Unknown => try_again(&request, report.status, error),
    }
}

fn try_again(request: &Request, status: Option<i32>, error: Option<&str>) -> Result<String> {
    let settings = Settings::of(SYSTEM)?;
    if i64::from(request.attempts) >= settings.get::<i64>("request_max_attempts")? {
        die(request, status, error)?;
        return Ok("dead".to_owned());
    }
    let wait = wait_after(request.attempts, settings.get("request_retry_seconds")?);
    store::wait(request.id, status, error, wait)?;
    Ok("pending".to_owned())
}

fn die(request: &Request, status: Option<i32>, error: Option<&str>) -> Result<()> {
    store::die(request.id, status, error)?;
    alert::raise(&dead_alert(request.id.to_string(), request.subject.name(), request.subject.id()))
        .map(drop)
}

/// What is said of a request of which nobody knows what became.
pub fn dead_alert(id: String, subject: &str, subject_id: Option<i64>) -> Alert {
    Alert {
        severity: Severity::Critical,
        kind: DEAD,
        message: format!("Nobody knows whether Stripe did what a request about a {subject} asks."),
        detail: json!({"request_id": id, "subject": subject, "subject_id": subject_id}),
        of: Some(id),
    }
}

/// Has a dead request tried again, for an admin, as long as Stripe knows its key.
pub fn retry(caller: &Caller, id: Uuid) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let request = dead(id)?;
    if request.stale {
        return Err(Error::conflict("Stripe no longer knows the key of this request")
            .hint("Look there whether it was done; if not, treasury.close_stripe_request."));
    }
    store::revive(id)?;
    record(id, "stripe_request_retried", None)
}

/// An admin has seen at Stripe that a dead request was not done, and says so. Whose payout it
/// is has its money again then, so above the limit that takes two.
pub fn close(caller: &Caller, id: Uuid, note: &str) -> Result<()> {
    close_with(caller, id, note, |payout| {
        second::may_act_alone(caller, payout.user, payout.amount, "close_stripe_request")
    })
}

/// The same once the rule of two persons has been looked to.
pub fn close_agreed(caller: &Caller, id: Uuid, note: &str) -> Result<()> {
    close_with(caller, id, note, |_| Ok(()))
}

fn close_with(
    caller: &Caller,
    id: Uuid,
    note: &str,
    may_close: impl FnOnce(&Payout) -> Result<()>,
) -> Result<()> {
    caller.require_admin(SYSTEM)?;
    let note = free_text(Some(note), "p_note")?.ok_or_else(|| Error::missing("p_note"))?;
    let request = store::lock(id, KEY_HOURS)?.ok_or_else(|| unknown(id))?;
    if let Subject::Payout(number) = request.subject
        && let Some(payout) = payouts::lock(number)?
    {
        may_close(&payout)?;
    }
    // Money that Stripe did not bring back was brought back otherwise: nobody waits for it.
    if sending::is_reversal(&request.path) && ["dead", "refused"].contains(&&*request.status) {
        store::finish(id, "canceled", None, Some("settled by an admin"))?;
        return record(id, "stripe_request_closed", Some(note));
    }
    let request = dead(id)?;
    store::finish(id, "refused", None, Some("closed by an admin"))?;
    tell(request.subject, &request.path, Answer::Refused("not_done"))?;
    record(id, "stripe_request_closed", Some(note))
}

fn dead(id: Uuid) -> Result<Request> {
    let request = store::lock(id, KEY_HOURS)?.ok_or_else(|| unknown(id))?;
    if request.status == "dead" {
        return Ok(request);
    }
    Err(Error::conflict("the request is not dead").detail(format!("it is {}", request.status)))
}

fn record(id: Uuid, action: &str, note: Option<&str>) -> Result<()> {
    let details = note.map(|note| Map::from_iter([("note".to_owned(), json!(note))]));
    audit::record(Change {
        action: action.to_owned(),
        table: "treasury.stripe_requests".to_owned(),
        record_id: Some(id.to_string()),
        old: None,
        new: details.map(Into::into),
    })
}

fn unknown(id: Uuid) -> Error {
    TreasuryError::UnknownRequest { id }.into()
}

/// Stripe's code for why it refuses.
fn code_of(response: Option<&Value>) -> String {
    let error = response.map_or(&Value::Null, |response| &response["error"]);
    let code = [&error["code"], &error["type"]].into_iter().find_map(Value::as_str);
    cut(code.unwrap_or("refused"), 100).to_owned()
}

/// At most so many bytes of a text.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn within(field: &str, value: i32, least: i32, most: i32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be from {least} to {most}")))
}

fn check_worker(worker: &str) -> Result<()> {
    if worker.is_empty() || worker.len() > 200 {
        return Err(Error::invalid("p_worker", "must have 1 to 200 characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definite_answer_ends_a_request() {
        for status in [200, 201, 299] {
            assert_eq!(Verdict::of(Some(status)), Verdict::Done, "{status}");
        }
        for status in [400, 402, 404, 422, 499] {
            assert_eq!(Verdict::of(Some(status)), Verdict::Refused, "{status}");
        }
        for status in [100, 302, 401, 403, 408, 409, 429, 500, 502, 503, 599] {
            assert_eq!(Verdict::of(Some(status)), Verdict::Unknown, "{status}");
        }
        assert_eq!(Verdict::of(None), Verdict::Unknown);
    }

    #[test]
    fn waiting_doubles_up_to_an_end() {
        let waits: Vec<f64> = (1..=4).map(|attempts| wait_after(attempts, 30)).collect();
        assert_eq!(waits, [30.0, 60.0, 120.0, 240.0]);
        assert_eq!(wait_after(100, 86_400), LONGEST_WAIT);
        assert_eq!(wait_after(0, 30), 30.0);
    }

    #[test]
    fn a_subject_is_read_as_it_was_written() {
        for subject in [Subject::Refund(7), Subject::Payout(9), Subject::BalanceTransactions] {
            assert_eq!(Subject::of(subject.name(), subject.id()), Some(subject));
        }
        assert_eq!(Subject::of("payout", None), None);
        assert_eq!(Subject::of("x", Some(1)), None);
    }

    #[test]
    fn why_stripe_refuses_is_its_code_or_type() {
        let of = |error: Value| code_of(Some(&json!({ "error": error })));
        assert_eq!(
            of(json!({"code": "balance_insufficient", "type": "x"})),
            "balance_insufficient"
        );
        assert_eq!(of(json!({"type": "invalid_request_error"})), "invalid_request_error");
        assert_eq!(of(json!({"code": 7})), "refused");
        assert_eq!(code_of(None), "refused");
        assert_eq!(cut("aää", 2), "a");
        assert_eq!(cut("ab", 2), "ab");
    }
}
