//! One-time tokens: sent to an address to prove that it is the person's.
//!
//! Each is a long token for the link and a short code for typing. A person has
//! one of each kind; a newer one replaces it.

use crate::identity::mail;
use crate::identity::store::{people::Person, tokens};
use crate::identity::token;
use crate::kernel::error::{Error, Result};
use crate::kernel::keys::root_keys;
use crate::kernel::settings::Settings;

/// What a one-time token proves or allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Confirmation,
    Recovery,
    Invite,
    EmailChange,
    Reauthentication,
}

impl Kind {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Confirmation => "confirmation",
            Kind::Recovery => "recovery",
            Kind::Invite => "invite",
            Kind::EmailChange => "email_change",
            Kind::Reauthentication => "reauthentication",
        }
    }

    fn seconds(self, settings: &Settings) -> Result<i64> {
        match self {
            Kind::Invite => Ok(settings.get::<i64>("invite_days")? * 24 * 3600),
            _ => settings.get("one_time_token_seconds"),
        }
    }
}

/// A request to send a token to an address of the person.
pub struct Request<'a> {
    pub kind: Kind,
    pub system: &'a str,
    /// An e-mail address or a phone in its canonical form.
    pub recipient: &'a str,
    /// Where the link shall lead in the end, if the caller wishes and may.
    pub redirect_to: Option<&'a str>,
}

/// Makes a token in place of an earlier one and puts the message into the outbox.
pub fn send(person: &Person, request: &Request<'_>) -> Result<()> {
    let settings = Settings::of("identity")?;
    let (long, code) = (token::new_token()?, token::new_code()?);
    let token_hash = token::hash(&long);
    let keys = root_keys()?;
    let key = keys.first().ok_or_else(|| Error::internal("no root key"))?;
    tokens::put(&tokens::NewToken {
        person: person.id,
        kind: request.kind.as_str(),
        code_hash: token::hash_code(key, &token_hash, &code)?,
        token_hash,
        system: request.system,
        recipient: request.recipient,
        seconds: request.kind.seconds(&settings)?,
    })?;
    mail::send(person, request, &mail::Secrets { code: &code, token: &long }, &settings)
}
