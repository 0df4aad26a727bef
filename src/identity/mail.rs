//! Messages with one-time tokens, as rows of the outbox.

use crate::identity::one_time::{Kind, Request};
use crate::identity::store::people::Person;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::outbox::{self, Channel, Message};
use serde_json::json;

/// What the message carries and nothing else knows.
pub struct Secrets<'a> {
    pub code: &'a str,
    pub token: &'a str,
}

/// Puts the message into the outbox: by e-mail, or by SMS where that is no address.
pub fn send(
    person: &Person,
    request: &Request<'_>,
    secrets: &Secrets<'_>,
    settings: &Settings,
) -> Result<()> {
    let places = Places::from_settings(settings)?;
    let link = places.link(request.kind, request.system, secrets.token, request.redirect_to);
    let channel = if request.recipient.contains('@') { Channel::Email } else { Channel::Sms };
    outbox::enqueue(&Message {
        system: request.system,
        channel,
        template: template(request.kind),
        recipient: request.recipient,
        payload: json!({
            "token": secrets.code,
            "token_hash": secrets.token,
            "link": link,
            "name": person.name,
        }),
        idempotency_key: None,
    })
}

fn template(kind: Kind) -> &'static str {
    match kind {
        Kind::Confirmation => "confirm_signup",
        Kind::Recovery => "recover_password",
        Kind::Invite => "invite",
        Kind::EmailChange => "change_email",
        Kind::PhoneChange => "change_phone",
        Kind::Reauthentication => "reauthenticate",
    }
}

/// How the verify endpoint calls a kind.
fn verify_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Confirmation => "signup",
        Kind::Recovery => "recovery",
        Kind::Invite => "invite",
        Kind::EmailChange => "email_change",
        Kind::PhoneChange => "phone_change",
        Kind::Reauthentication => "reauthentication",
    }
}

/// Where links lead and may lead.
pub struct Places {
    pub site: String,
    pub others: Vec<String>,
    pub api: Option<String>,
}

impl Places {
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let others: String = settings.get("redirect_urls")?;
        let listed = others.split(',').map(str::trim).filter(|place| !place.is_empty());
        Ok(Places {
            site: settings.get("site_url")?,
            others: listed.map(str::to_owned).collect(),
            api: settings.get("api_url")?,
        })
    }

    /// Where a person goes in the end: where the caller wishes if that is one of
    /// our places (a link of ours must not lead elsewhere), otherwise the site.
    pub fn destination<'a>(&'a self, wished: Option<&'a str>) -> &'a str {
        wished.filter(|wished| self.is_ours(wished)).unwrap_or(&self.site)
    }

    fn is_ours(&self, url: &str) -> bool {
        let plain = |c: char| c.is_ascii_graphic() && !"\\\"<>^`{|}".contains(c);
        url.chars().all(plain)
            && std::iter::once(&self.site).chain(&self.others).any(|place| is_below(url, place))
    }

    /// The link for a message. It leads to the API's verify endpoint where its
    /// address is known, otherwise to a page of the site that calls it.
    pub fn link(&self, kind: Kind, system: &str, token: &str, wished: Option<&str>) -> String {
        let (kind, destination) = (verify_type(kind), self.destination(wished));
        match &self.api {
            Some(api) => format!(
                "{}/{system}/auth/v1/verify?token={token}&type={kind}&redirect_to={}",
                api.trim_end_matches('/'),
                encode(destination)
            ),
            None if destination == self.site => {
                let site = self.site.trim_end_matches('/');
                format!("{site}/auth/confirm?token_hash={token}&type={kind}")
            }
            None => {
                let mark = if destination.contains('?') { '&' } else { '?' };
                format!("{destination}{mark}token_hash={token}&type={kind}")
            }
        }
    }
}

/// Whether `url` is `place` or below it; `https://a.b` does not contain `https://a.b.c`.
fn is_below(url: &str, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    !place.is_empty()
        && url
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// Percent-encodes what may not stand in the value of a query parameter.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(api: Option<&str>) -> Places {
        Places {
            site: "https://shop.example/".into(),
            others: vec!["https://admin.example/app".into()],
            api: api.map(str::to_owned),
        }
    }

    #[test]
    fn a_link_never_leads_to_a_foreign_place() {
        let places = places(None);
        for ours in ["https://shop.example/welcome", "https://admin.example/app?x=1"] {
            assert_eq!(places.destination(Some(ours)), ours);
        }
        for foreign in [
            "https://shop.example.evil.example/",
            "https://shop.example@evil.example/",
            "https://admin.example/",
            "https://shop.example/\r\nLocation: x",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(places.destination(Some(foreign)), "https://shop.example/", "{foreign}");
        }
    }

    #[test]
    fn links_lead_to_the_site_or_to_the_api_that_redirects_there() {
        assert_eq!(
            places(None).link(Kind::Recovery, "network", "t", None),
            "https://shop.example/auth/confirm?token_hash=t&type=recovery"
        );
        assert_eq!(
            places(None).link(Kind::Invite, "network", "t", Some("https://admin.example/app?a=b")),
            "https://admin.example/app?a=b&token_hash=t&type=invite"
        );
        assert_eq!(
            places(Some("https://api.example")).link(Kind::Confirmation, "network", "t", None),
            "https://api.example/network/auth/v1/verify?token=t&type=signup\
             &redirect_to=https%3A%2F%2Fshop.example%2F"
        );
    }
}
