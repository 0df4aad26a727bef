//! Answers, and refusals in the form that clients of GoTrue expect.
//!
//! A refusal is an answer with a status, not an error: the transaction commits,
//! and so what must be remembered of a failure (a wrong password, a stolen
//! token) stays. What the endpoint wrote before it refused is undone.

use crate::identity::auth_api::request::Request;
use crate::identity::password::Weakness;
use crate::kernel::error::{Error, Result, entry};
use crate::kernel::json::JsonText;
use crate::kernel::request::{set_local, set_response_status};
use crate::kernel::spi::subtransaction;
use pgrx::pg_sys::panic::ErrorReport;
use serde_json::{Value, json};

/// What is done about a refusal after everything else was undone.
type Deed = Box<dyn FnOnce() -> Result<()>>;

/// Why a request is refused.
pub struct Refusal {
    pub status: u16,
    /// As GoTrue calls it.
    pub code: &'static str,
    pub message: String,
    /// What is wrong with a password.
    reasons: Vec<&'static str>,
    retry_after: Option<i64>,
    deed: Option<Deed>,
    /// Where a browser that followed a link is sent to be told.
    redirect: Option<String>,
}

/// Why an endpoint did not answer.
pub enum Failure {
    Refused(Box<Refusal>),
    /// A fault that is not the caller's.
    Broken(Error),
}

/// What an endpoint answers.
pub enum Answer {
    Json(Value),
    /// JSON that goes out as it is.
    Text(String),
    /// 204.
    Nothing,
    /// 303.
    Redirect(String),
}

pub type Outcome = Result<Answer, Failure>;

impl Refusal {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            status,
            code,
            message: message.into(),
            reasons: Vec::new(),
            retry_after: None,
            deed: None,
            redirect: None,
        }
    }

    /// 429, with the seconds to wait.
    pub fn too_often(code: &'static str, seconds: i64) -> Self {
        let mut refusal = Refusal::new(429, code, "too many attempts, try again later");
        refusal.retry_after = Some(seconds.max(1));
        refusal
    }

    /// What must be kept of this failure.
    pub fn remembering(mut self, deed: impl FnOnce() -> Result<()> + 'static) -> Self {
        self.deed = Some(Box::new(deed));
        self
    }

    pub fn redirecting_to(mut self, place: String) -> Self {
        self.redirect = Some(place);
        self
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "code": self.code,
            "error_code": self.code,
            "msg": self.message,
            "message": self.message,
        });
        if !self.reasons.is_empty() {
            body["weak_password"] = json!({"reasons": self.reasons});
        }
        body
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(Box::new(refusal))
    }
}

impl From<Weakness> for Failure {
    fn from(weakness: Weakness) -> Self {
        let message = format!("password: {}", weakness.message);
        let mut refusal = Refusal::new(422, "weak_password", message);
        refusal.reasons = weakness.reasons;
        refusal.into()
    }
}

/// Errors that say that the caller is at fault become refusals.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let sqlstate = error.sqlstate.code();
        let (status, code) = match sqlstate.as_str() {
            "PT401" => (401, "no_authorization"),
            "42501" => (403, "not_allowed"),
            "PT404" => (404, "not_found"),
            "PT409" | "23505" => (409, "conflict"),
            "PT422" => (422, "unprocessable"),
            "PT429" => (429, "over_request_rate_limit"),
            "23502" | "23514" => (400, "validation_failed"),
            state if state.starts_with("22") => (400, "validation_failed"),
            _ => return Failure::Broken(error),
        };
        Refusal::new(status, code, error.message).into()
    }
}

/// The body of an endpoint that only reads.
pub fn serve(
    body: Option<&[u8]>,
    endpoint: fn(&Request) -> Outcome,
) -> Result<Option<JsonText>, ErrorReport> {
    entry(|| send(Request::read(body.unwrap_or_default()).and_then(|request| endpoint(&request))))
}

/// The body of an endpoint that writes: all of it, or nothing when it refuses.
pub fn serve_write(
    body: Option<&[u8]>,
    endpoint: fn(&Request) -> Outcome,
) -> Result<Option<JsonText>, ErrorReport> {
    entry(|| {
        send(Request::read(body.unwrap_or_default()).and_then(|request| {
            let mut refused = None;
            let outcome = subtransaction(|| {
                endpoint(&request).map_err(|failure| match failure {
                    Failure::Broken(error) => error,
                    Failure::Refused(refusal) => {
                        refused = Some(refusal);
                        Error::internal("refused")
                    }
                })
            });
            match refused {
                Some(refusal) => Err(Failure::Refused(refusal)),
                None => outcome.map_err(Failure::from),
            }
        }))
    })
}

fn send(outcome: Outcome) -> Result<Option<JsonText>> {
    match outcome {
        Ok(Answer::Json(value)) => Ok(Some(JsonText(value.to_string()))),
        Ok(Answer::Text(json)) => Ok(Some(JsonText(json))),
        Ok(Answer::Nothing) => {
            set_response_status(204);
            Ok(None)
        }
        Ok(Answer::Redirect(place)) => {
            redirect(&place);
            Ok(None)
        }
        Err(Failure::Broken(error)) => Err(error),
        Err(Failure::Refused(refusal)) => refuse(*refusal),
    }
}

fn refuse(mut refusal: Refusal) -> Result<Option<JsonText>> {
    if let Some(deed) = refusal.deed.take() {
        deed()?;
    }
    if let Some(place) = &refusal.redirect {
        redirect(place);
        return Ok(None);
    }
    set_response_status(refusal.status);
    if let Some(seconds) = refusal.retry_after {
        set_response_header("Retry-After", &seconds.to_string());
    }
    Ok(Some(JsonText(refusal.body().to_string())))
}

fn redirect(place: &str) {
    set_response_status(303);
    set_response_header("Location", place);
}

fn set_response_header(name: &str, value: &str) {
    set_local(c"response.headers", &json!([{ name: value }]).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::{SqlState, sqlstate};

    #[test]
    fn a_callers_fault_is_never_a_5xx() {
        for (code, status) in [
            (sqlstate::INVALID, 400),
            (sqlstate::NULL_VALUE, 400),
            (SqlState::new("22P02"), 400),
            (SqlState::new("23514"), 400),
            (sqlstate::FORBIDDEN, 403),
            (sqlstate::NOT_FOUND, 404),
            (sqlstate::CONFLICT, 409),
            (sqlstate::UNIQUE_VIOLATION, 409),
            (sqlstate::UNPROCESSABLE, 422),
            (SqlState::new("PT429"), 429),
        ] {
            let refused = match Failure::from(Error::new(code, "x")) {
                Failure::Refused(refusal) => refusal.status,
                Failure::Broken(_) => 500,
            };
            assert_eq!(refused, status);
        }
        assert!(matches!(Failure::from(Error::internal("x")), Failure::Broken(_)));
    }

    #[test]
    fn a_body_tells_old_and_new_clients_the_same() {
        let weak = Weakness { reasons: vec!["length"], message: "too short".into() };
        let Failure::Refused(refusal) = Failure::from(weak) else { unreachable!() };
        let body = refusal.body();
        assert_eq!((&body["code"], &body["error_code"]), (&json!("weak_password"), &body["code"]));
        assert_eq!(body["msg"], body["message"]);
        assert_eq!(body["weak_password"]["reasons"], json!(["length"]));
    }
}
