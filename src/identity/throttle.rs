//! Throttling: failures are counted for whom they concern and where they come
//! from, and too many within a while lock for as long.
//!
//! Counts are committed with the answer that says no. Requests that run at the
//! same moment do not see each other's failure, so a lock may come later by as
//! many attempts as there are connections.

use crate::identity::one_time::Kind;
use crate::identity::store::throttle as store;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use sha2::{Digest, Sha256};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    key: Vec<u8>,
    /// So many lock.
    limit: i64,
    /// How long a count lasts, and a lock.
    seconds: i64,
}

impl Counter {
    fn new(what: &str, whose: &str, limit: i64, seconds: i64) -> Self {
        let digest = Sha256::digest(format!("{what}\0{whose}").as_bytes());
        Counter { key: digest.to_vec(), limit, seconds }
    }

    /// Failed sign-ins of an account that came from one address: somebody else's
    /// failures must not keep the person out. The account is the person's id, or
    /// what was typed where nobody is known by it, so that both look the same.
    pub fn account_there(whose: &str, address: &str, settings: &Settings) -> Result<Self> {
        let limit = settings.get("sign_in_failures")?;
        let whose = format!("{address}\0{whose}");
        Ok(Counter::new("account there", &whose, limit, settings.get("lockout_seconds")?))
    }

    /// Failed sign-ins of an account from wherever, against many who guess together.
    pub fn account(whose: &str, settings: &Settings) -> Result<Self> {
        let limit = settings.get("sign_in_failures_per_account")?;
        Ok(Counter::new("account", whose, limit, settings.get("lockout_seconds")?))
    }

    /// Failures that came from an address.
    pub fn address(address: &str, settings: &Settings) -> Result<Self> {
        let limit = settings.get("sign_in_failures_per_address")?;
        Ok(Counter::new("address", address, limit, settings.get("lockout_seconds")?))
    }

    /// Wrong codes of a person's second factors.
    pub fn second_factor(person: &str, settings: &Settings) -> Result<Self> {
        let limit = settings.get("sign_in_failures")?;
        Ok(Counter::new("second factor", person, limit, settings.get("lockout_seconds")?))
    }

    /// Messages of a kind that were sent to one recipient. Each kind counts for
    /// itself: whoever asks for one must not use up another.
    pub fn messages(kind: Kind, recipient: &str, settings: &Settings) -> Result<Self> {
        let whose = format!("{}\0{recipient}", kind.as_str());
        Ok(Counter::new("messages", &whose, settings.get("mails_per_hour")?, HOUR))
    }

    /// Invitations that a person causes, in the short and in the long run.
    pub fn invitations(inviter: &str, settings: &Settings) -> Result<[Self; 2]> {
        let (minute, day) = (settings.get("invites_per_minute")?, settings.get("invites_per_day")?);
        Ok([
            Counter::new("invitations a minute", inviter, minute, MINUTE),
            Counter::new("invitations a day", inviter, day, DAY),
        ])
    }

    /// Messages that were asked for from an address.
    pub fn message_requests(address: &str, settings: &Settings) -> Result<Self> {
        let limit = settings.get("mail_requests_per_hour")?;
        Ok(Counter::new("message requests", address, limit, HOUR))
    }
}

/// The seconds to wait if one of the counters is locked.
pub fn locked_seconds(counters: &[Counter]) -> Result<Option<i64>> {
    let keys = counters.iter().map(|counter| counter.key.clone()).collect();
    store::locked_seconds(keys)
}

/// Adds one to each counter.
pub fn count(counters: &[Counter]) -> Result<()> {
    let mut ordered: Vec<_> = counters.iter().collect();
    // Two requests that count the same things must not wait for each other.
    ordered.sort_by(|a, b| a.key.cmp(&b.key));
    for counter in ordered {
        store::count(&counter.key, counter.limit, counter.seconds)?;
    }
    purge(20)?;
    Ok(())
}

/// Deletes up to `most` counts that mean nothing any more; how many.
pub fn purge(most: i64) -> Result<usize> {
    store::purge(most)
}

/// Forgets what was counted.
pub fn clear(counter: &Counter) -> Result<()> {
    store::clear(&counter.key)
}
