//! Second factors: enrolled, then verified by a code, then asked for at sign-in.
//! Only TOTP. The seed is sealed; the API shows it once, at enrolment.

use crate::identity::store::factors as store;
use crate::identity::totp::{self, Enrolment};
use crate::kernel::error::Result;
use crate::kernel::jwt;
use crate::kernel::secrets;
use pgrx::Uuid;

/// What a seed is sealed for.
pub const PURPOSE: &str = "totp";

/// An enrolment that nobody finished within this time makes room for another.
const ENROLMENT_SECONDS: i64 = 300;

/// A factor that waits for its first code. `None` where the person has one of
/// that name.
pub fn enrol(
    person: Uuid,
    name: &str,
    issuer: &str,
    account: &str,
) -> Result<Option<(Uuid, Enrolment)>> {
    let seed = totp::new_seed()?;
    let shown = totp::enrolment(seed.as_slice(), issuer, account)?;
    let secret = secrets::seal(PURPOSE, seed.as_slice())?;
    match store::insert(person, name, secret)? {
        Some(factor) => Ok(Some((factor, shown))),
        None => Ok(None),
    }
}

/// Deletes what was enrolled and never verified.
pub fn forget_abandoned(person: Uuid) -> Result<()> {
    forget_unverified(person, ENROLMENT_SECONDS)
}

/// Deletes whatever is not verified.
pub fn forget_unverified(person: Uuid, seconds: i64) -> Result<()> {
    store::delete_unverified(person, seconds)?.into_iter().try_for_each(secrets::destroy)
}

/// Accepts a right code, once.
pub fn accept_code(id: Uuid, factor: &store::Factor, code: &str) -> Result<bool> {
    let seed = secrets::open(factor.secret, PURPOSE)?;
    let (now, last) = (jwt::unix_now().max(0) as u64, factor.last_step.max(0) as u64);
    match totp::check(&seed, code, now, last)? {
        Some(step) => store::verify(id, step as i64).map(|()| true),
        None => Ok(false),
    }
}

/// Deletes a factor and its seed.
pub fn remove(id: Uuid, factor: &store::Factor) -> Result<()> {
    store::delete(id)?;
    secrets::destroy(factor.secret)
}
