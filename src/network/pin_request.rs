//! PIN requests: a promoter asks, an admin approves or rejects.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::idempotency;
use crate::kernel::ids::new_id;
use crate::network::error::NetworkError;
use crate::network::pin::{self, Action, Change};
use crate::network::profile::{self, Role};
use crate::network::store::numbers::{self, Counter};
use crate::network::store::pins as store;
use crate::network::{SYSTEM, number};
use pgrx::Uuid;
use serde_json::json;

/// The most PINs that one request may ask for.
const MOST: i32 = 10_000;

/// Asks for PINs; the id of the request.
pub fn create(promoter: Uuid, pins: i32, note: Option<&str>) -> Result<Uuid> {
    if !(1..=MOST).contains(&pins) {
        return Err(Error::invalid("p_pins", format!("must be from 1 to {MOST}")));
    }
    if !profile::require(promoter, Role::Promoter, "p_promoter_id")?.active {
        return Err(NetworkError::Inactive { field: "p_promoter_id" }.into());
    }
    let arguments = json!([promoter.to_string(), pins, note]);
    idempotency::once("network.create_pin_request", &arguments, || {
        let id = new_id();
        let number = number::PIN_REQUEST.format(numbers::next(Counter::Request)?);
        store::insert_request(id, &number, promoter, pins, note)?;
        Ok(id)
    })
}

/// Approves, which allocates the PINs, or rejects. The same decision again
/// changes nothing; another one is PT409.
pub fn decide(
    caller: &Caller,
    key: &str,
    admin: Option<Uuid>,
    status: &str,
    notes: Option<&str>,
) -> Result<Uuid> {
    if !["approved", "rejected"].contains(&status) {
        return Err(Error::invalid("p_status", "must be approved or rejected"));
    }
    let admin = pin::actor(caller, admin, "p_admin_id")?;
    let request = store::lock_request(key)?
        .ok_or_else(|| NetworkError::UnknownRequest { what: "PIN request", key: key.to_owned() })?;
    if request.status == status {
        return Ok(request.id);
    }
    if request.status != "pending" {
        let (is, to) = (request.status, status.to_owned());
        return Err(NetworkError::WrongState { what: "PIN request", is, to }.into());
    }
    if status == "approved" {
        pin::execute(&Change {
            promoter: request.promoter,
            action: Action::AdminAllocation,
            by: request.pins,
            created_by: admin,
            related: Some(request.id),
        })?;
    }
    store::decide_request(request.id, status, notes, admin)?;
    Ok(request.id)
}

/// 42501 unless the caller is the promoter or an admin.
pub fn check_asker(caller: &Caller, promoter: Uuid) -> Result<()> {
    caller.require_self_or_admin(SYSTEM, promoter, "p_promoter_id")
}
