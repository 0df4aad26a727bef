//! The functions of identity that are not endpoints: the check before every
//! request, the first admin, and what admins do about people.

use crate::identity::{erasure, people, session};
use crate::kernel::caller::{self, Kind};
use crate::kernel::error::{Error, entry, required};
use crate::kernel::json::JsonText;
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

/// Everything that the database has about a person, as one JSON document: for
/// each table the person's rows. Secrets show as "present". From psql only; admins
/// call ops.export_person. PT404.
#[pg_extern(
    schema = "identity",
    name = "export_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_export_person(p_person_id: Option<Uuid>) -> Result<JsonText, ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        erasure::export(required(p_person_id, "p_person_id")?).map(JsonText)
    })
}

/// Erases what is personal about a person and keeps the books; the tombstone:
/// `{person_id, erased_at, erased_by, reason, already_erased, rows}`. From psql
/// only; admins call ops.erase_person. PT404, PT409 while there is money.
#[pg_extern(
    schema = "identity",
    name = "erase_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_erase_person(
    p_person_id: Option<Uuid>,
    p_reason: default!(Option<&str>, "'requested by the person'"),
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        caller::current().require_service()?;
        let person = required(p_person_id, "p_person_id")?;
        erasure::erase(person, required(p_reason, "p_reason")?).map(JsonText)
    })
}

/// Everything that the database has about a person, as one JSON document. For
/// admins of identity; the log says who looked. PT404, 42501.
#[pg_extern(
    schema = "ops",
    name = "export_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_admin_export_person(p_person_id: Option<Uuid>) -> Result<JsonText, ErrorReport> {
    entry(|| {
        caller::current().require_admin("identity")?;
        erasure::export(required(p_person_id, "p_person_id")?).map(JsonText)
    })
}

/// Erases what is personal about a person, for good, and keeps the books; the
/// tombstone. A repeat changes nothing: `already_erased` is true. For admins of
/// identity, about others; an admin of every system is erased only by another.
/// PT404, 22023 a reason that names the person, PT409 while there is money, 42501.
#[pg_extern(
    schema = "ops",
    name = "erase_person",
    security_definer,
    requires = ["identity_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn identity_admin_erase_person(
    // Without a default PostgREST would say of `{}` that there is no such function.
    p_person_id: default!(Option<Uuid>, "null"),
    p_reason: default!(Option<&str>, "null"),
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let person = required(p_person_id, "p_person_id")?;
        people::require_power_over(person)?;
        if caller::current().person() == Some(person) {
            return Err(Error::conflict("an admin is erased by another"));
        }
        erasure::erase(person, required(p_reason, "p_reason")?).map(JsonText)
    })
}
