//! PINs and PIN requests.

use crate::kernel::caller;
use crate::kernel::error::{Error, entry, required};
use crate::kernel::input::free_text;
use crate::network::profile::{self, Role};
use crate::network::store::pins as store;
use crate::network::store::profiles;
use crate::network::{SYSTEM, pin, pin_request};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Changes the PINs of promoter `p_user_id` by `p_pin_change_value` and records it.
///
/// `p_action_type`: `admin_allocation` (a positive change, for admins),
/// `admin_deduction` (negative, for admins), `customer_creation` (negative, for the
/// promoter or an admin). `p_created_by` must be the caller, or NULL; a server may
/// name anybody. With an `Idempotency-Key` header a repeat changes nothing.
/// Returns the transaction. 22023 bad action or value, PT404 unknown profile,
/// PT409 not enough PINs, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "execute_pin_transaction",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_execute_pin_transaction(
    p_user_id: Option<Uuid>,
    p_action_type: Option<&str>,
    p_pin_change_value: Option<i32>,
    p_created_by: default!(Option<Uuid>, "null"),
) -> Result<composite_type!('static, "network.pin_transactions"), ErrorReport> {
    entry(|| {
        let user = required(p_user_id, "p_user_id")?;
        let action = pin::Action::parse(required(p_action_type, "p_action_type")?)?;
        let change = required(p_pin_change_value, "p_pin_change_value")?;
        store::row(pin::execute_for(&caller::current(), user, action, change, p_created_by)?)
    })
}

/// Takes the PINs that customer `p_customer_id` costs from `p_promoter_id`, who
/// brought them; once for each customer, a repeat returns the same transaction.
/// create_customer_with_commission does it by itself. For the promoter or an admin.
/// PT404 unknown customer, PT409 not enough PINs, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "deduct_pin_for_customer_creation",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_deduct_pin_for_customer_creation(
    p_promoter_id: Option<Uuid>,
    p_customer_id: Option<Uuid>,
) -> Result<composite_type!('static, "network.pin_transactions"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        let customer = required(p_customer_id, "p_customer_id")?;
        let caller = caller::current();
        caller.require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        let existing = profiles::existing_customer(customer)?
            .ok_or_else(|| Error::not_found("customer", customer))?;
        if existing.promoter != Some(promoter) {
            return Err(Error::forbidden("p_customer_id: must be a customer of the promoter"));
        }
        store::row(pin::deduct_for_customer(promoter, customer, caller.person())?)
    })
}

/// Gives promoter `p_user_id` `p_pins` (1 to 1,000,000) PINs. For admins.
/// Returns the transaction; errors as execute_pin_transaction.
#[pg_extern(
    schema = "network",
    name = "admin_allocate_pins",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_admin_allocate_pins(
    p_user_id: Option<Uuid>,
    p_pins: Option<i32>,
    p_created_by: default!(Option<Uuid>, "null"),
) -> Result<composite_type!('static, "network.pin_transactions"), ErrorReport> {
    entry(|| {
        let (user, pins) = (required(p_user_id, "p_user_id")?, positive(p_pins)?);
        let action = pin::Action::AdminAllocation;
        store::row(pin::execute_for(&caller::current(), user, action, pins, p_created_by)?)
    })
}

/// Takes `p_pins` (1 to 1,000,000) PINs from promoter `p_user_id`. For admins.
/// Returns the transaction; errors as execute_pin_transaction.
#[pg_extern(
    schema = "network",
    name = "admin_deduct_pins",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_admin_deduct_pins(
    p_user_id: Option<Uuid>,
    p_pins: Option<i32>,
    p_created_by: default!(Option<Uuid>, "null"),
) -> Result<composite_type!('static, "network.pin_transactions"), ErrorReport> {
    entry(|| {
        let (user, pins) = (required(p_user_id, "p_user_id")?, positive(p_pins)?);
        let action = pin::Action::AdminDeduction;
        store::row(pin::execute_for(&caller::current(), user, action, -pins, p_created_by)?)
    })
}

fn positive(pins: Option<i32>) -> Result<i32, Error> {
    match required(pins, "p_pins")? {
        pins if (1..=1_000_000).contains(&pins) => Ok(pins),
        _ => Err(Error::invalid("p_pins", "must be from 1 to 1000000")),
    }
}

/// How many PINs promoter `p_user_id` has. For the promoter or an admin.
/// PT404 unknown profile, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_pin_balance",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_pin_balance(p_user_id: Option<Uuid>) -> Result<i32, ErrorReport> {
    entry(|| {
        let user = required(p_user_id, "p_user_id")?;
        caller::current().require_self_or_admin(SYSTEM, user, "p_user_id")?;
        Ok(profile::require(user, Role::Promoter, "p_user_id")?.pins)
    })
}

/// Asks an admin for `p_pins` (1 to 10,000) PINs. For the promoter or an admin.
/// Returns the request. 22023 bad number, PT409 inactive promoter, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "create_pin_request",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_pin_request(
    p_promoter_id: Option<Uuid>,
    p_pins: Option<i32>,
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.pin_requests"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        pin_request::check_asker(&caller::current(), promoter)?;
        let (pins, note) = (required(p_pins, "p_pins")?, free_text(p_note, "p_note")?);
        store::request_row(pin_request::create(promoter, pins, note)?)
    })
}

/// Decides on a PIN request: `p_status` approved, which allocates the PINs, or
/// rejected. `p_request_id` is its id or its number (BPVR…). For admins. The same
/// decision again changes nothing. Returns the request. PT404 unknown, PT409
/// decided otherwise, 22023 another status, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "process_pin_request",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_process_pin_request(
    p_request_id: Option<&str>,
    p_admin_id: default!(Option<Uuid>, "null"),
    p_status: default!(Option<&str>, "null"),
    p_notes: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.pin_requests"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let request = required(p_request_id, "p_request_id")?;
        let (status, notes) = (required(p_status, "p_status")?, free_text(p_notes, "p_notes")?);
        store::request_row(pin_request::decide(&caller, request, p_admin_id, status, notes)?)
    })
}
