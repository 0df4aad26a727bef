//! Customers: how they are made, with PIN and commission, and changed.

use crate::identity::{self, NewPerson};
use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::kernel::input::Object;
use crate::network::error::NetworkError;
use crate::network::profile::{self, NewProfile, Role};
use crate::network::promoter;
use crate::network::store::numbers::{self, Counter};
use crate::network::store::profiles as store;
use crate::network::{SYSTEM, commission, number, pin, reversal};
use pgrx::Uuid;
use serde_json::{Value, json};

const KEYS: [&str; 8] =
    ["id", "name", "email", "phone", "password", "address", "source", "metadata"];
/// Lists show the metadata of many customers at once, and the audit log repeats it.
const METADATA_MOST: usize = 16 * 1024;
const KEYS_OF_SELF: [&str; 3] = ["name", "phone", "address"];
const KEYS_OF_PROMOTER: [&str; 2] = ["name", "address"];
const KEYS_OF_ADMIN: [&str; 5] = ["name", "phone", "address", "email", "status"];

/// Somebody signed up alone: they are a customer whom nobody brought.
pub fn signed_up(person: Uuid, _metadata: &Value) -> Result<()> {
    insert(person, None, None, "sign_up", json!({}))
}

/// A customer as the caller described them.
struct NewCustomer<'a> {
    id: Option<Uuid>,
    name: &'a str,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    password: Option<&'a str>,
    address: Option<&'a str>,
    source: &'a str,
    metadata: Value,
}

impl<'a> NewCustomer<'a> {
    fn parse(data: &'a Value) -> Result<Self> {
        let object = Object::new("p_customer_data", data, &KEYS)?;
        let new = NewCustomer {
            id: object.uuid("id")?,
            name: object.required_text("name")?,
            email: object.text("email")?,
            phone: object.text("phone")?,
            password: object.text("password")?,
            address: object.text("address")?,
            source: object.text("source")?.unwrap_or("promoter"),
            metadata: object.object("metadata")?.cloned().unwrap_or_else(|| json!({})),
        };
        if new.email.is_none() && new.phone.is_none() {
            return Err(Error::missing("p_customer_data.email or p_customer_data.phone"));
        }
        if new.metadata.to_string().len() > METADATA_MOST {
            let rule = format!("must have at most {METADATA_MOST} bytes");
            return Err(Error::invalid("p_customer_data.metadata", rule));
        }
        Ok(new)
    }
}

/// Makes a customer: takes the PIN, makes the person and the profile, and pays
/// the commission, all or nothing. With an id in the data a repeat gives the
/// same customer again. The customer's id.
pub fn create(caller: &Caller, promoter: Uuid, data: &Value) -> Result<Uuid> {
    caller.require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
    let new = NewCustomer::parse(data)?;
    // The password is no part of what a repeat is recognised by.
    let arguments = json!([promoter.to_string(), without_password(data)]);
    idempotency::once("network.create_customer_with_commission", &arguments, || {
        if let Some(id) = new.id {
            // Two requests with the same id queue here, and the second finds the first.
            store::lock(promoter)?;
            if let Some(existing) = store::existing_customer(id)? {
                compare(promoter, &new, &existing)?;
                return Ok(id);
            }
        }
        make(caller, promoter, &new)
    })
}

fn without_password(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(object) = data.as_object_mut() {
        object.remove("password");
    }
    data
}

fn make(caller: &Caller, promoter: Uuid, new: &NewCustomer<'_>) -> Result<Uuid> {
    let id = new.id.unwrap_or_else(new_id);
    // First of all the promoter's row is locked: the same promoter's customers
    // queue here, before anything is written.
    pin::pay_for_customer(promoter, id, caller.person())?;
    let person = NewPerson {
        id: Some(id),
        email: new.email,
        phone: new.phone,
        name: Some(new.name),
        password: new.password,
        // A promoter cannot vouch for an address that they typed in.
        confirmed: new.password.is_some() && caller.is_admin(SYSTEM)?,
        system: SYSTEM,
    };
    if new.password.is_some() {
        identity::create_person(&person)?;
    } else {
        identity::create_invited(&person)?;
    }
    insert(id, Some(promoter), new.address, new.source, new.metadata.clone())?;
    Ok(id)
}

/// The profile, what a customer has beyond it, and the commission.
fn insert(
    id: Uuid,
    promoter: Option<Uuid>,
    address: Option<&str>,
    source: &str,
    metadata: Value,
) -> Result<()> {
    let number = number::CUSTOMER.format(numbers::next(Counter::Customer)?);
    store::insert(&NewProfile {
        id,
        role: Role::Customer,
        number: Some(&number),
        parent: promoter,
        address,
    })?;
    identity::register_handle(id, "customer_id", &number)?;
    store::insert_customer(id, promoter, source, metadata)?;
    match promoter {
        Some(promoter) => commission::distribute(id, promoter),
        None => Ok(()),
    }
}

fn compare(
    promoter: Uuid,
    new: &NewCustomer<'_>,
    existing: &store::ExistingCustomer,
) -> Result<()> {
    let email = new.email.map(|text| identity::normalize_email(text, "email")).transpose()?;
    let phone = new.phone.map(|text| identity::normalize_phone(text, "phone")).transpose()?;
    let field = if existing.promoter != Some(promoter) {
        "p_promoter_id"
    } else if existing.email != email {
        "email"
    } else if existing.phone != phone {
        "phone"
    } else if existing.name.as_deref() != Some(new.name) {
        "name"
    } else {
        return Ok(());
    };
    Err(NetworkError::CustomerExists { field }.into())
}

/// Changes a customer: contact data by themselves, name and address also by the
/// promoter who brought them, everything by an admin.
pub fn update(caller: &Caller, customer: Uuid, updates: &Value) -> Result<()> {
    let is_admin = caller.is_admin(SYSTEM)?;
    let own: &[&str] = match caller.person() {
        Some(person) if person == customer => &KEYS_OF_SELF,
        Some(person) if !is_admin => {
            let found = store::existing_customer(customer)?;
            if found.and_then(|found| found.promoter) != Some(person) {
                return Err(Error::forbidden("p_customer_id: must be yourself or your customer"));
            }
            &KEYS_OF_PROMOTER
        }
        _ if is_admin => &KEYS_OF_ADMIN,
        _ => return Err(Error::forbidden("sign in first")),
    };
    let updates = promoter::checked_keys(updates, is_admin, own, &KEYS_OF_ADMIN)?;
    profile::require(customer, Role::Customer, "p_customer_id")?;
    if updates.text("status")? == Some("Active") {
        reversal::refuse_cancelled(customer)?;
    }
    promoter::apply(customer, &updates)
}
