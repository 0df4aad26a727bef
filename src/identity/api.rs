//! The functions of identity that are not endpoints: the check before every
//! request, the first admin, and what admins do about people.

use crate::identity::{people, session};
use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Error, entry, required};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Refuses with PT401 a request with a token whose session has ended, whose
/// person is banned, or that claims a second factor which the session lost; with
/// 42501 one without the second factor that its person has.
/// PostgREST calls it before every request (`db-pre-request`).
#[pg_extern(
    schema = "identity",
    name = "before_request",
    stable,
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_before_request() -> Result<(), ErrorReport> {
    entry(session::require_good)
}

/// Makes the person with this e-mail address the admin of every system, creating
/// them if need be, and sets their password if one is given. From psql only; may
/// be repeated. 22023 malformed address, PT422 weak password.
#[pg_extern(
    schema = "backoffice",
    name = "bootstrap_admin",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_bootstrap_admin(
    p_email: Option<&str>,
    p_password: default!(Option<&str>, "null"),
) -> Result<Uuid, ErrorReport> {
    entry(|| {
        if caller::current().kind != Kind::Trusted {
            return Err(Error::forbidden("only psql as the database's owner may do this"));
        }
        people::bootstrap_admin(required(p_email, "p_email")?, p_password)
    })
}

/// Bans a person until `p_until` and ends their sessions. For admins of identity;
/// an admin of every system is banned only by another. PT404, 42501.
#[pg_extern(
    schema = "ops",
    name = "ban_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_ban_person(
    p_person_id: Option<Uuid>,
    p_until: default!(Option<TimestampWithTimeZone>, "'infinity'"),
) -> Result<(), ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        people::require_power_over(person)?;
        people::set_banned(person, Some(required(p_until, "p_until")?))
    })
}

/// Lifts the ban of a person. For admins of identity. PT404, 42501.
#[pg_extern(
    schema = "ops",
    name = "unban_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_unban_person(p_person_id: Option<Uuid>) -> Result<(), ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        people::require_power_over(person)?;
        people::set_banned(person, None)
    })
}

/// Ends all sessions of a person: their tokens are refused from now on. For admins
/// of identity. 42501.
#[pg_extern(
    schema = "ops",
    name = "end_sessions",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_end_sessions(p_person_id: Option<Uuid>) -> Result<(), ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        people::require_power_over(person)?;
        people::end_sessions(person)
    })
}
