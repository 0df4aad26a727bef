//! Promoters: how they are made and changed.

use crate::identity::{self, NewPerson, PersonUpdate};
use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::input::Object;
use crate::network::hierarchy;
use crate::network::level::{self, Level};
use crate::network::platform;
use crate::network::profile::{self, NewProfile, Role};
use crate::network::store::numbers::{self, Counter};
use crate::network::store::profiles::{self, Changes};
use crate::network::store::promoters as store;
use crate::network::{SYSTEM, number, wallet};
use pgrx::Uuid;
use serde_json::{Value, json};

const KEYS_OF_SELF: [&str; 3] = ["name", "phone", "address"];
const KEYS_OF_ADMIN: [&str; 7] =
    ["name", "phone", "address", "email", "status", "role_level", "parent_promoter_id"];

/// A promoter to be made.
pub struct NewPromoter<'a> {
    pub name: &'a str,
    pub email: &'a str,
    /// Without one the promoter gets an invitation by mail.
    pub password: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub address: Option<&'a str>,
    pub parent: Option<Uuid>,
}

/// Makes a promoter with sign-in, place in the hierarchy and wallet; their id.
pub fn create(caller: &Caller, new: &NewPromoter<'_>) -> Result<Uuid> {
    let parent = parent_for(caller, new.parent)?;
    // The password is no part of what a repeat is recognised by.
    let arguments = json!([
        new.name,
        new.email,
        new.phone,
        new.address,
        parent.map(|parent| parent.to_string())
    ]);
    idempotency::once("network.create_unified_promoter", &arguments, || make(caller, new, parent))
}

fn make(caller: &Caller, new: &NewPromoter<'_>, parent: Option<Uuid>) -> Result<Uuid> {
    let platform = platform::load()?;
    let line = hierarchy::line_below(parent)?;
    let id = identity::create_person(&NewPerson {
        id: None,
        email: Some(new.email),
        phone: new.phone,
        name: Some(new.name),
        password: new.password,
        // A promoter cannot vouch for an address that they typed in.
        confirmed: new.password.is_some() && caller.is_admin(SYSTEM)?,
        system: SYSTEM,
    })?;
    let number = next_number()?;
    profiles::insert(&NewProfile {
        id,
        role: Role::Promoter,
        number: Some(&number),
        parent,
        address: new.address,
    })?;
    store::insert(id, &line, wallet::open(id, &platform)?)?;
    identity::register_handle(id, "promoter_id", &number)?;
    if new.password.is_none() {
        identity::invite(id, SYSTEM)?;
    }
    Ok(id)
}

/// An admin puts a promoter anywhere; a promoter below themselves or below
/// somebody of their own line.
fn parent_for(caller: &Caller, wanted: Option<Uuid>) -> Result<Option<Uuid>> {
    if caller.is_admin(SYSTEM)? {
        return Ok(wanted);
    }
    let person = caller.require_person()?;
    let is_promoter = profiles::find(person)?.is_some_and(|profile| profile.role == Role::Promoter);
    if !is_promoter {
        return Err(Error::forbidden("only promoters and admins may bring promoters"));
    }
    let parent = wanted.unwrap_or(person);
    if parent != person {
        profile::require(parent, Role::Promoter, "p_parent_promoter_id")
            .map_err(|_| not_in_line())?;
        if !store::place(parent)?.ancestors.contains(&person) {
            return Err(not_in_line());
        }
    }
    Ok(Some(parent))
}

fn not_in_line() -> Error {
    Error::forbidden("p_parent_promoter_id: must be yourself or a promoter of your own line")
}

/// Changes a promoter: contact data by themselves, everything by an admin.
pub fn update(caller: &Caller, promoter: Uuid, updates: &Value) -> Result<()> {
    let is_admin = caller.is_admin(SYSTEM)?;
    caller.require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
    let updates = checked_keys(updates, is_admin, &KEYS_OF_SELF, &KEYS_OF_ADMIN)?;
    profile::require(promoter, Role::Promoter, "p_promoter_id")?;
    if let Some(level) = updates.choice("role_level", &Level::NAMES)? {
        level::set_by_hand(
            caller,
            promoter,
            Some(Level::parse(level, "p_updates.role_level")?),
            None,
        )?;
    }
    apply(promoter, &updates)?;
    if updates.has("parent_promoter_id") {
        hierarchy::move_promoter(promoter, updates.uuid("parent_promoter_id")?)?;
    }
    Ok(())
}

/// The updates if the caller may make all of them: 22023 for a key that nobody
/// has, 42501 for one that only an admin may change.
pub fn checked_keys<'a>(
    updates: &'a Value,
    is_admin: bool,
    own: &[&str],
    all: &[&str],
) -> Result<Object<'a>> {
    let object = Object::new("p_updates", updates, all)?;
    if object.is_empty() {
        return Err(Error::invalid("p_updates", format!("must have one of {}", all.join(", "))));
    }
    let reserved = all.iter().find(|key| object.has(key) && !own.contains(key));
    match reserved {
        Some(key) if !is_admin => {
            Err(Error::forbidden(format!("p_updates.{key}: only an admin may change it")))
        }
        _ => Ok(object),
    }
}

/// Writes the changes that promoters and customers have in common.
pub fn apply(id: Uuid, updates: &Object<'_>) -> Result<()> {
    // Only an address can be emptied.
    for key in ["name", "phone", "email", "status", "role_level"] {
        if updates.has(key) {
            updates.required_text(key)?;
        }
    }
    let person = PersonUpdate {
        name: updates.text("name")?,
        phone: updates.text("phone")?,
        email: updates.text("email")?,
    };
    identity::update_person(id, &person)?;
    let status = updates.choice("status", &["Active", "Inactive"])?;
    let role_level = updates.choice("role_level", &["Affiliate", "Manager", "Director"])?;
    let address = updates.has("address").then(|| updates.text("address")).transpose()?;
    profiles::update(id, &Changes { address, status, role_level })
}

/// The next promoter id, which is used up by asking.
pub fn next_number() -> Result<String> {
    Ok(number::PROMOTER.format(numbers::next(Counter::Promoter)?))
}

/// 42501 unless the caller is the promoter, one above them, or an admin.
pub fn require_line_or_admin(caller: &Caller, promoter: Uuid) -> Result<()> {
    if caller.person() == Some(promoter) || caller.is_admin(SYSTEM)? {
        return Ok(());
    }
    let person = caller.require_person()?;
    let found = profiles::find(promoter)?.filter(|profile| profile.role == Role::Promoter);
    if found.is_some() && store::place(promoter)?.ancestors.contains(&person) {
        return Ok(());
    }
    Err(Error::forbidden("p_promoter_id: must be yourself or a promoter of your own line"))
}
