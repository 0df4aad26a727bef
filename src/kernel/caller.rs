//! Who is calling. The only place that reads the JWT's claims.
//!
//! The kind of caller follows from PostgreSQL's *outer* role: the one that SET
//! ROLE chose, which SECURITY DEFINER does not change. PostgREST switches to
//! the role of the verified token, so the role is as trustworthy as the token.
//! Claims are believed only in sessions that may set them: the authenticator's,
//! a superuser's, or one of a member of backoffice_owner.

use crate::kernel::error::{Error, Result};
use crate::kernel::spi::Query;
use crate::kernel::{request, settings};
use pgrx::{Uuid, pg_sys};
use serde::Deserialize;
use std::ffi::CStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// psql as a superuser or a member of backoffice_owner.
    Trusted,
    /// A server of the business, with the service key.
    Service,
    /// A signed-in person.
    Person(Uuid),
    /// Anybody else.
    Anonymous,
}

#[derive(Clone, Debug)]
pub struct Caller {
    pub kind: Kind,
    /// The sign-in session that the token belongs to.
    pub session: Option<Uuid>,
    /// Whether the session was confirmed with a second factor.
    pub second_factor: bool,
}

#[derive(Deserialize, Default)]
struct Claims {
    sub: Option<String>,
    session_id: Option<String>,
    aal: Option<String>,
}

/// The caller of the function that is running.
pub fn current() -> Caller {
    let outer = unsafe { pg_sys::GetOuterUserId() };
    if is_trusted(outer) {
        return Caller { kind: Kind::Trusted, session: None, second_factor: false };
    }
    let claims = if may_carry_claims() { claims() } else { Claims::default() };
    let id = |text: &Option<String>| {
        let id = uuid::Uuid::try_parse(text.as_deref()?).ok()?;
        Some(Uuid::from_bytes(id.into_bytes()))
    };
    let kind = if outer == role(c"service_role") && may_carry_claims() {
        Kind::Service
    } else if outer == role(c"authenticated") {
        id(&claims.sub).map_or(Kind::Anonymous, Kind::Person)
    } else {
        Kind::Anonymous
    };
    Caller {
        kind,
        session: id(&claims.session_id),
        second_factor: claims.aal.as_deref() == Some("aal2"),
    }
}

fn claims() -> Claims {
    request::setting(c"request.jwt.claims")
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

fn role(name: &CStr) -> pg_sys::Oid {
    unsafe { pg_sys::get_role_oid(name.as_ptr(), true) }
}

fn is_trusted(user: pg_sys::Oid) -> bool {
    unsafe {
        let owner = role(c"backoffice_owner");
        pg_sys::superuser_arg(user)
            || (owner != pg_sys::InvalidOid && pg_sys::is_member_of_role_nosuper(user, owner))
    }
}

fn may_carry_claims() -> bool {
    let session = unsafe { pg_sys::GetSessionUserId() };
    session == role(c"authenticator") || is_trusted(session)
}

static HAS_ROLE: Query = Query::read(
    "select exists (select from backoffice.role_grants
      where person_id = $1 and system in ($2, '*') and role = $3)",
);

impl Caller {
    /// The signed-in person, if the caller is one.
    pub fn person(&self) -> Option<Uuid> {
        match self.kind {
            Kind::Person(id) => Some(id),
            _ => None,
        }
    }

    /// The signed-in person, or 42501.
    pub fn require_person(&self) -> Result<Uuid> {
        self.person().ok_or_else(|| Error::forbidden("sign in first"))
    }

    /// Whether the caller is psql or a server of the business.
    pub fn is_service(&self) -> bool {
        matches!(self.kind, Kind::Trusted | Kind::Service)
    }

    /// Whether the caller is a person who holds `role` in `system`.
    ///
    /// With the setting `backoffice.admin_second_factor` an admin whose session
    /// was not confirmed with a second factor does not count as one.
    pub fn has_role(&self, system: &str, role: &str) -> Result<bool> {
        let Some(person) = self.person() else { return Ok(false) };
        if !HAS_ROLE.one(&[person.into(), system.into(), role.into()], |row| row.get(1))? {
            return Ok(false);
        }
        Ok(role != "admin"
            || self.second_factor
            || !settings::get::<bool>("backoffice", "admin_second_factor")?)
    }

    /// Whether the caller may do what an admin of `system` may.
    pub fn is_admin(&self, system: &str) -> Result<bool> {
        Ok(self.is_service() || self.has_role(system, "admin")?)
    }

    /// 42501 unless the caller is an admin of `system`, a server or psql.
    pub fn require_admin(&self, system: &str) -> Result<()> {
        if self.is_admin(system)? {
            return Ok(());
        }
        Err(Error::forbidden(format!("only an admin of {system} may do this")))
    }

    /// 42501 unless the caller is a server of the business or psql.
    pub fn require_service(&self) -> Result<()> {
        if self.is_service() {
            return Ok(());
        }
        Err(Error::forbidden("only the service role may do this"))
    }

    /// 42501 unless the caller is `person`, an admin of `system`, a server or psql.
    pub fn require_self_or_admin(&self, system: &str, person: Uuid, field: &str) -> Result<()> {
        if self.person() == Some(person) || self.is_admin(system)? {
            return Ok(());
        }
        Err(Error::forbidden(format!("{field}: must be yourself, unless you are an admin")))
    }
}
