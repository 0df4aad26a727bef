//! The exchange of a refresh token for a new pair.
//!
//! A token is exchanged once. A second use is a retry if it comes soon (the
//! answer was lost, or two tabs asked at once), otherwise somebody has a copy
//! and nobody can say who: the session ends for both.

use crate::identity::session::{self, EndReason};
use crate::identity::store::sessions::{self as store, TokenState};
use crate::identity::token;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use pgrx::Uuid;
use serde_json::{Value, json};

/// What becomes of a refresh token that a client presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exchange it.
    Fresh,
    /// It was exchanged a moment ago: give another pair.
    Retry,
    /// It was exchanged before: end the session.
    Stolen,
    /// The session ended.
    Ended,
    /// The session is too old.
    Expired,
    Banned,
}

/// Judges a token whose session is locked.
pub fn judge(state: &TokenState, reuse_seconds: i64) -> Verdict {
    if state.banned {
        return Verdict::Banned;
    }
    if state.ended {
        return Verdict::Ended;
    }
    match state.used_seconds_ago {
        Some(ago) if ago > reuse_seconds as f64 => Verdict::Stolen,
        _ if state.expired => Verdict::Expired,
        Some(_) => Verdict::Retry,
        None => Verdict::Fresh,
    }
}

/// What came of an exchange.
pub enum Exchange {
    /// The new session for the client.
    Done(Value),
    Unknown,
    Refused {
        verdict: Verdict,
        session: Uuid,
        person: Uuid,
    },
}

/// Exchanges a refresh token. Requests with tokens of one session queue.
pub fn exchange(refresh_token: &str) -> Result<Exchange> {
    let hash = token::hash(refresh_token);
    let Some(session) = store::session_of(&hash)? else { return Ok(Exchange::Unknown) };
    store::lock(session)?;
    let Some(state) = store::token_state(&hash)? else { return Ok(Exchange::Unknown) };
    let settings = Settings::of("identity")?;
    match judge(&state, settings.get("refresh_reuse_seconds")?) {
        Verdict::Fresh => {
            store::mark_used(&hash)?;
            store::mark_refreshed(session)?;
            session::pair(session, Some(&hash), &settings).map(Exchange::Done)
        }
        Verdict::Retry => session::pair(session, Some(&hash), &settings).map(Exchange::Done),
        verdict => Ok(Exchange::Refused { verdict, session, person: state.person }),
    }
}

/// Ends the session of a token that was used twice.
pub fn end_stolen(session: Uuid, person: Uuid) -> Result<()> {
    store::end(session, EndReason::TokenReused.as_str())?;
    let details = json!({"session_id": session.to_string()});
    session::record("refresh_token_reused", Some(person), details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(used_seconds_ago: Option<f64>) -> TokenState {
        TokenState {
            person: crate::kernel::ids::new_id(),
            used_seconds_ago,
            ended: false,
            expired: false,
            banned: false,
        }
    }

    #[test]
    fn a_token_is_good_once_and_for_a_retry() {
        assert_eq!(judge(&state(None), 10), Verdict::Fresh);
        // A clock that was read before the other request's is no theft.
        for ago in [-0.5, 0.0, 10.0] {
            assert_eq!(judge(&state(Some(ago)), 10), Verdict::Retry);
        }
        assert_eq!(judge(&state(Some(10.1)), 10), Verdict::Stolen);
        assert_eq!(judge(&state(Some(0.1)), 0), Verdict::Stolen);
    }

    #[test]
    fn no_token_revives_a_session() {
        for used in [None, Some(1.0), Some(100.0)] {
            let ended = TokenState { ended: true, ..state(used) };
            assert_eq!(judge(&ended, 10), Verdict::Ended);
            let banned = TokenState { banned: true, ..state(used) };
            assert_eq!(judge(&banned, 10), Verdict::Banned);
        }
        let expired = TokenState { expired: true, ..state(None) };
        assert_eq!(judge(&expired, 10), Verdict::Expired);
    }
}
