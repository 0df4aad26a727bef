//! What Stripe tells by webhook: which part of the treasury takes it. Events come late,
//! twice and in any order; each part sees to it that this makes no difference.

use crate::kernel::clock::{from_unix, transaction_start};
use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::inbox::{Event, Outcome};
use crate::treasury::{SYSTEM, charge, dispute, payout_event, refund, sending, stripe_account};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::Value;

/// An event as the parts of the treasury get it.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// Such as `charge.refunded`.
    pub kind: &'a str,
    /// The charge, refund, dispute, payout or account as it was then.
    pub object: &'a Value,
    /// When it happened, to the second.
    pub at: TimestampWithTimeZone,
    /// The connected account that it happened on, if it was not the platform's own.
    pub account: Option<&'a str>,
    pub live: bool,
    /// Whether what a partial capture releases is refunded to Stripe.
    pub refunds_releases: bool,
}

/// Takes an event of the inbox.
pub fn handle(event: &Event) -> Result<Outcome> {
    // Money of the other mode is no money.
    if event.live != settings::get::<bool>(SYSTEM, "live")? {
        return Ok(Outcome::Ignored);
    }
    take(&Told {
        kind: &event.kind,
        object: event.object(),
        at: event.created.map_or_else(transaction_start, from_unix),
        account: event.account.as_deref(),
        live: event.live,
        refunds_releases: event.body["api_version"]
            .as_str()
            .is_some_and(|version| version < RELEASES_WITHOUT_REFUND),
    })
}

/// From this version of Stripe's API on a partial capture makes no refund of the rest that it
/// releases, and does not count it in the charge's `amount_refunded`
/// (docs.stripe.com/changelog/basil/2025-03-31).
const RELEASES_WITHOUT_REFUND: &str = "2025-03-31";

/// How events begin that are about a payment of a buyer.
const OF_CHARGES: [&str; 3] = ["charge.", "payment_intent.", "refund."];

fn take(told: &Told<'_>) -> Result<Outcome> {
    match told.kind {
        // What a connected account charges by itself is its own money, and what it says of
        // whose it is nothing to go by.
        kind if told.account.is_some() && OF_CHARGES.iter().any(|one| kind.starts_with(one)) => {
            Ok(Outcome::Ignored)
        }
        "charge.succeeded" | "charge.captured" | "charge.updated" | "charge.refunded" => {
            charge::told(told)
        }
        "payment_intent.succeeded" => charge::intent_succeeded(told),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            refund::told(told)
        }
        kind if kind.starts_with("charge.dispute.") => dispute::told(told),
        "account.updated" => stripe_account::told(told),
        kind if kind.starts_with("account.external_account.") => stripe_account::details_told(told),
        kind if kind.starts_with("payout.") => payout_event::told(told),
        // The books have one account for all balances at Stripe, the platform's and the
        // connected ones together, so money that goes from one to the other moves nothing.
        // But the platform's say that a transfer was made of which nobody may have heard.
        "transfer.created" if told.account.is_none() => sending::told(told.object),
        _ => Ok(Outcome::Ignored),
    }
}

/// Parks an event until what it is about is there.
pub fn wait_for(what: &str, id: &str) -> Outcome {
    Outcome::Parked { waits_for: key(what, id) }
}

/// What an event waits for, such as `charge:ch_123`.
pub fn key(what: &str, id: &str) -> String {
    format!("{what}:{id}")
}
