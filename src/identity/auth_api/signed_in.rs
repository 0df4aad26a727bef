//! The person whose access token came with a request.

use crate::identity::auth_api::answer::{Failure, Refusal};
use crate::identity::store::people::{self, Person};
use crate::identity::store::{factors, sessions};
use crate::kernel::caller;
use pgrx::Uuid;

/// A person with a session that is good.
pub struct SignedIn {
    pub person: Person,
    pub session: Uuid,
    /// Whether the session was confirmed with a second factor.
    pub second_factor: bool,
    pub older_than_a_day: bool,
}

/// Who is signed in; refuses a token of nobody, or of a session that ended.
pub fn signed_in() -> Result<SignedIn, Failure> {
    read(people::by_id)
}

/// The same, and nobody else changes the person until the transaction ends.
pub fn signed_in_alone() -> Result<SignedIn, Failure> {
    read(people::lock)
}

fn read(
    find: fn(Uuid) -> crate::kernel::error::Result<Option<Person>>,
) -> Result<SignedIn, Failure> {
    let caller = caller::current();
    let nobody = || Refusal::new(401, "no_authorization", "an access token of a person is needed");
    let id = caller.person().ok_or_else(nobody)?;
    let ended = || Refusal::new(403, "session_not_found", "the session of this token has ended");
    let session = caller.session.ok_or_else(ended)?;
    let person = find(id)?.ok_or_else(ended)?;
    if person.banned {
        return Err(Refusal::new(403, "user_banned", "this person is banned").into());
    }
    let state = sessions::state(session, id)?.filter(|state| state.open).ok_or_else(ended)?;
    Ok(SignedIn {
        person,
        session,
        // The session counts, not what a token said of it earlier.
        second_factor: state.second_factor,
        older_than_a_day: state.older_than_a_day,
    })
}

impl SignedIn {
    /// Refuses with `status` a session that lacks the second factor which the
    /// person has: who stole a password must not get further with it.
    pub fn require_second_factor(&self, status: u16) -> Result<(), Failure> {
        let (_, verified) = factors::count(self.person.id)?;
        if self.second_factor || verified == 0 {
            return Ok(());
        }
        let message = "the session must be confirmed with the second factor first";
        Err(Refusal::new(status, "insufficient_aal", message).into())
    }
}
