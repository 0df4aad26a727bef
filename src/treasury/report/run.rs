//! Making the reports that wait, each by itself: one that fails is marked and does not stop
//! the others.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::subtransaction;
use crate::treasury::report::Wanted;
use crate::treasury::store::reports as store;
use sha2::{Digest, Sha256};

/// What fails for a moment's reason is tried so often.
const MOST_ATTEMPTS: i32 = 5;

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub done: i64,
    pub failed: i64,
    /// Left for the next run.
    pub postponed: i64,
}

impl Outcome {
    pub fn all(self) -> i64 {
        self.done + self.failed + self.postponed
    }
}

/// A report that waits.
pub struct Queued {
    pub id: i64,
    pub attempts: i32,
    pub wanted: Result<Wanted>,
}

/// A file as it is kept.
pub struct Made {
    pub version: String,
    pub content: Vec<u8>,
    pub checksum: String,
    pub media_type: &'static str,
}

/// Makes up to `most` of those that wait, in the order they were asked for.
pub fn run(most: i64) -> Result<Outcome> {
    // Two at once would meet at the sellers' numbers, in whatever order.
    store::lock_runs()?;
    let mut outcome = Outcome::default();
    let mut last = 0;
    while outcome.all() < most {
        let Some(queued) = store::begin(last)? else { break };
        last = queued.id;
        let attempts = queued.attempts;
        match subtransaction(|| store::finish(last, &make(queued)?)) {
            Ok(()) => outcome.done += 1,
            Err(error) if is_interruption(&error) => return Err(error),
            Err(error) if attempts < MOST_ATTEMPTS && is_of_the_moment(&error) => {
                store::postpone(last)?;
                outcome.postponed += 1;
            }
            Err(error) => {
                store::fail(last, &error.sqlstate.code(), &error.message)?;
                outcome.failed += 1;
            }
        }
    }
    Ok(outcome)
}

fn make(queued: Queued) -> Result<Made> {
    let wanted = queued.wanted?;
    let version = wanted.version()?;
    let content = wanted.make()?.into_bytes();
    let checksum = hex(&Sha256::digest(&content));
    Ok(Made { version, content, checksum, media_type: wanted.format.media_type() })
}

/// Deadlocks and the like, locks that were not to be had, and resources that were not there.
fn is_of_the_moment(error: &Error) -> bool {
    let code = error.sqlstate.code();
    code.starts_with("40") || code.starts_with("53") || code == "55P03"
}

/// Somebody cancelled the statement, or the server stops: of the report it says nothing.
fn is_interruption(error: &Error) -> bool {
    let code = error.sqlstate.code();
    code == "57014" || code.starts_with("57P0")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::SqlState;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let of_the_moment =
            |code| is_of_the_moment(&Error::new(SqlState::new(code), "x".to_owned()));
        assert!(of_the_moment("40P01") && of_the_moment("40001") && of_the_moment("55P03"));
        assert!(!of_the_moment("PT409") && !of_the_moment("22023") && !of_the_moment("XX000"));
    }

    #[test]
    fn checksums_are_written_in_lower_case() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
