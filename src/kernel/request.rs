//! The HTTP request that PostgREST is serving, if any.

use pgrx::pg_sys;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// The value of a setting of the session, or `None` where it is unset or empty.
pub fn setting(name: &CStr) -> Option<String> {
    // SAFETY: missing_ok, so it answers NULL instead of raising; the text is
    // copied before anything can change the setting.
    let value = unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) };
    if value.is_null() {
        return None;
    }
    let text = unsafe { CStr::from_ptr(value) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

/// The headers of a request, by lower-case name.
#[derive(Clone)]
pub struct Headers(Rc<Map<String, Value>>);

thread_local! {
    /// The text of the last request's headers, and what it says: they are asked for
    /// several times while it is served.
    static LAST: RefCell<(String, Headers)> = RefCell::new((String::new(), Headers(Rc::default())));
}

impl Headers {
    /// The headers of the current request; none outside of one.
    pub fn current() -> Self {
        let text = setting(c"request.headers").unwrap_or_default();
        LAST.with_borrow_mut(|(last, headers)| {
            if *last != text {
                *headers = Headers(Rc::new(serde_json::from_str(&text).unwrap_or_default()));
                *last = text;
            }
            headers.clone()
        })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|value| !value.is_empty())
    }

    /// The client's address as the gateway saw it, if it is a valid one.
    pub fn client_address(&self) -> Option<String> {
        let text = self.get("x-real-ip")?;
        text.parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
    }

    pub fn user_agent(&self) -> Option<&str> {
        self.get("user-agent").map(|agent| limit(agent, 400))
    }

    pub fn request_id(&self) -> Option<&str> {
        self.get("x-request-id").map(|id| limit(id, 100))
    }
}

/// The first `most` bytes of a text, cut between characters.
fn limit(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Sets the HTTP status of the answer, without an error: the transaction commits.
pub fn set_response_status(status: u16) {
    set_local(c"response.status", &status.to_string());
}

/// Sets a setting until the end of the transaction.
pub fn set_local(name: &CStr, value: &str) {
    let Ok(value) = CString::new(value) else { return };
    // SAFETY: the function behind SET LOCAL, with its own checks.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}
