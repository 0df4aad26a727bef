//! One-time tokens: sent to an address to prove that it is the person's.
//!
//! Each is a long token for the link and a short code for typing. A person has
//! one of each kind; a newer one replaces it.

use crate::identity::mail;
use crate::identity::store::people::{self, Person};
use crate::identity::store::tokens::{self, Chosen};
use crate::identity::token;
use crate::kernel::error::{Error, Result};
use crate::kernel::keys::root_keys;
use crate::kernel::settings::Settings;
use pgrx::Uuid;

/// What a one-time token proves or allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Confirmation,
    Recovery,
    Invite,
    EmailChange,
    PhoneChange,
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
            Kind::PhoneChange => "phone_change",
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
    /// What a sign-up chose; `None` for a message that is sent again.
    pub chosen: Option<&'a Chosen>,
}

/// What a token that was used proves.
pub struct Proof {
    /// The address that it was sent to.
    pub recipient: String,
    /// What was chosen at the sign-up that sent it.
    pub chosen: Option<Chosen>,
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
        chosen: request.chosen,
    })?;
    mail::send(person, request, &mail::Secrets { code: &code, token: &long }, &settings)
}

/// Uses up the token of a link: the person, and what it proves.
/// `None` for a token that is unknown, used, expired or of another kind.
pub fn take_token(kind: Kind, long: &str) -> Result<Option<(Person, Proof)>> {
    let token_hash = token::hash(long);
    let owner = tokens::owner(&token_hash)?.filter(|(_, owned)| owned == kind.as_str());
    let Some((person, _)) = owner else { return Ok(None) };
    let Some(person) = people::lock(person)? else { return Ok(None) };
    let good = tokens::lock_good(person.id, kind.as_str())?;
    match good.filter(|token| token.token_hash == token_hash) {
        Some(token) => {
            tokens::mark_used(person.id, kind.as_str())?;
            Ok(Some((person, Proof { recipient: token.recipient, chosen: token.chosen })))
        }
        None => Ok(None),
    }
}

/// Uses up the code that a person typed: what it proves. `None` for a wrong
/// one; the caller then counts the attempt with [`count_attempt`].
pub fn take_code(person: &Person, kind: Kind, code: &str) -> Result<Option<Proof>> {
    people::lock(person.id)?;
    let Some(token) = tokens::lock_good(person.id, kind.as_str())? else { return Ok(None) };
    if !token.code_good
        || !token::code_matches(&root_keys()?, &token.token_hash, code, &token.code_hash)?
    {
        return Ok(None);
    }
    tokens::mark_used(person.id, kind.as_str())?;
    Ok(Some(Proof { recipient: token.recipient, chosen: token.chosen }))
}

/// Counts a wrong code.
pub fn count_attempt(person: Uuid, kind: Kind) -> Result<()> {
    tokens::count_attempt(person, kind.as_str())
}
