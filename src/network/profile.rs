//! Profiles: everybody in the network.

use crate::kernel::error::Result;
use crate::network::error::NetworkError;
use crate::network::store::profiles as store;
use pgrx::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Promoter,
    Customer,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Promoter => "promoter",
            Role::Customer => "customer",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "admin" => Role::Admin,
            "promoter" => Role::Promoter,
            _ => Role::Customer,
        }
    }
}

/// What the rules need to know of a profile.
#[derive(Clone, Debug)]
pub struct Profile {
    pub role: Role,
    pub active: bool,
    pub pins: i32,
}

/// A profile to be written; e-mail, phone and name come from the person.
pub struct NewProfile<'a> {
    pub id: Uuid,
    pub role: Role,
    pub number: Option<&'a str>,
    pub parent: Option<Uuid>,
    pub address: Option<&'a str>,
}

/// The profile, or PT404 naming `field`.
pub fn find(id: Uuid, field: &'static str) -> Result<Profile> {
    Ok(store::find(id)?.ok_or(NetworkError::UnknownProfile { field, id })?)
}

/// The profile if it has this role; PT404 or 22023 naming `field`.
pub fn require(id: Uuid, role: Role, field: &'static str) -> Result<Profile> {
    let profile = find(id, field)?;
    if profile.role == role {
        return Ok(profile);
    }
    Err(match role {
        Role::Customer => NetworkError::NotACustomer { field },
        _ => NetworkError::NotAPromoter { field },
    }
    .into())
}
