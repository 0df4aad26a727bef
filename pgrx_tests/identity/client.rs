//! A client of auth_api, as the gateway and PostgREST let one through.

use crate::pgrx_tests::support::*;
use base64::prelude::*;
use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";

/// A request to an endpoint.
pub struct Call<'a> {
    pub function: &'a str,
    pub body: Vec<u8>,
    pub method: &'a str,
    pub path: String,
    pub query: &'a str,
    /// Empty for one that no other test uses: counts of open transactions wait for
    /// each other.
    pub address: &'a str,
    /// Which system's client it is.
    pub system: &'a str,
    /// A session whose access token comes along.
    pub session: Option<&'a Value>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Value,
}

impl Reply {
    /// The body of an answer; fails the test for a refusal.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status < 300, "{self:?}");
        self.body
    }

    /// Fails the test unless it is this refusal, told to old and new clients.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let said = (self.status, self.body["code"].as_str(), self.body["error_code"].as_str());
        assert_eq!(said, (status, Some(code), Some(code)), "{self:?}");
    }
}

impl<'a> Call<'a> {
    pub fn to(function: &'a str) -> Self {
        Call {
            function,
            body: Vec::new(),
            method: "POST",
            path: function.to_owned(),
            query: "",
            address: "",
            system: "network",
            session: None,
        }
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub fn query(mut self, query: &'a str) -> Self {
        self.query = query;
        self
    }

    pub fn get(mut self) -> Self {
        self.method = "GET";
        self
    }

    pub fn from(mut self, address: &'a str) -> Self {
        self.address = address;
        self
    }

    pub fn system(mut self, system: &'a str) -> Self {
        self.system = system;
        self
    }

    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    pub fn session(mut self, session: &'a Value) -> Self {
        self.session = Some(session);
        self
    }

    /// Does what PostgREST does, and is psql again afterwards.
    pub fn send(self) -> Reply {
        let own = format!("2001:db8::{:x}", std::process::id() & 0xffff);
        let address = if self.address.is_empty() { own.as_str() } else { self.address };
        let headers = json!({
            "content-profile": "auth_api", "x-system": self.system, "x-orig-method": self.method,
            "x-orig-path": self.path, "x-orig-query": self.query, "x-real-ip": address,
            "user-agent": "test",
        });
        set("request.method", "POST");
        set("request.headers", &headers.to_string());
        set("response.status", "");
        set("response.headers", "");
        become_bearer(self.session);
        run("select identity.before_request()");
        let body: String = self.body.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer: Option<JsonB> =
            maybe(&format!("select auth_api.{}('\\x{body}')::jsonb", self.function));
        become_database();
        let status = maybe::<String>("select current_setting('response.status')");
        let headers: String = one("select current_setting('response.headers')");
        set("request.headers", "");
        Reply {
            status: status.and_then(|text| text.parse().ok()).unwrap_or(200),
            body: answer.map_or(Value::Null, |json| json.0),
            headers: serde_json::from_str(&headers).unwrap_or_default(),
        }
    }
}

fn set(name: &str, value: &str) {
    run(&format!("select set_config('{name}', {}, true)", literal(value)));
}

/// Becomes whoever the access token of a session says, or a visitor.
pub fn become_bearer(session: Option<&Value>) {
    match session {
        Some(session) => {
            run("reset role");
            set("request.jwt.claims", &claims(session).to_string());
            run("set local role authenticated");
        }
        None => become_anonymous(),
    }
}

/// The SQLSTATE of a request to the rest of the API with the session's token.
pub fn rest_request(session: &Value) -> String {
    set("request.method", "GET");
    become_bearer(Some(session));
    let outcome = attempt("select identity.before_request()");
    become_database();
    outcome.err().unwrap_or_else(|| "00000".to_owned())
}

/// The claims of a session's access token.
pub fn claims(session: &Value) -> Value {
    let token = session["access_token"].as_str().expect("an access token");
    let payload = token.split('.').nth(1).expect("a payload");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A person who is confirmed and has [`PASSWORD`].
pub fn person(email: &str) -> Uuid {
    use crate::identity::{NewPerson, create_person};
    create_person(&NewPerson {
        id: None,
        email: Some(email),
        phone: None,
        name: None,
        password: Some(PASSWORD),
        confirmed: true,
        system: "network",
    })
    .unwrap_or_else(|error| panic!("{error:?}"))
}

pub fn try_sign_in(login: &str, password: &str) -> Reply {
    Call::to("token")
        .query("grant_type=password")
        .body(json!({"email": login, "password": password}))
        .send()
}

/// A session of a person with [`PASSWORD`].
pub fn sign_in(login: &str) -> Value {
    try_sign_in(login, PASSWORD).ok()
}

pub fn refresh(session: &Value) -> Reply {
    Call::to("token")
        .query("grant_type=refresh_token")
        .body(json!({"refresh_token": session["refresh_token"]}))
        .send()
}

/// The payload of the latest message of a template.
pub fn message(template: &str) -> Value {
    one::<JsonB>(&format!(
        "select payload from ops.outbox where template = '{template}' order by id desc limit 1"
    ))
    .0
}

pub fn messages() -> i64 {
    one("select count(*) from ops.outbox")
}

pub fn setting(key: &str, value: &str) {
    run(&format!("select backoffice.set_setting('identity', '{key}', '{value}')"));
}

/// How often an action is in the audit log.
pub fn audited(action: &str) -> i64 {
    one(&format!("select count(*) from ops.audit_logs where action = '{action}'"))
}
