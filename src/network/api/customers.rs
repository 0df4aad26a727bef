//! Customers.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::network::store::profiles;
use crate::network::{SYSTEM, customer, reversal};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// Makes a customer of promoter `p_promoter_id`: takes the PIN, makes the person,
/// and pays the commission, all or nothing.
///
/// Keys of `p_customer_data`: name and email or phone (needed), password (without
/// one the customer is invited), address, source, metadata (an object), and id: a
/// UUID of the caller's, with which a repeat returns the same customer instead of
/// making a second. For the promoter or an admin. Returns the profile. 22023/22004
/// bad input or unknown key, 23505 e-mail or phone taken, PT422 weak password,
/// PT409 not enough PINs, inactive promoter, or another customer under the same id,
/// PT404 unknown promoter, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "create_customer_with_commission",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_customer_with_commission(
    p_promoter_id: Option<Uuid>,
    p_customer_data: Option<JsonArg>,
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        let data = JsonArg::required(p_customer_data, "p_customer_data")?;
        profiles::row(customer::create(&caller::current(), promoter, &data)?)
    })
}

/// Changes a customer. Keys of `p_updates`: name, phone, address for the customer;
/// name, address for the promoter who brought them; also email and status (Active,
/// Inactive) for admins. Returns the profile. 22023 unknown key or bad value, 23505
/// taken, PT404 unknown profile (to admins), 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "update_customer_profile",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_update_customer_profile(
    p_customer_id: Option<Uuid>,
    p_updates: Option<JsonArg>,
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let id = required(p_customer_id, "p_customer_id")?;
        let updates = JsonArg::required(p_updates, "p_updates")?;
        customer::update(&caller::current(), id, &updates)?;
        profiles::row(id)
    })
}

/// Cancels customer `p_customer_id` for good: they become inactive, and every share of
/// their commission is reversed. What a promoter has no longer in the wallet becomes
/// a debt that is netted with the next withdrawal. For admins; again it changes
/// nothing. Returns the profile. 22023/22004 bad input or not a customer, PT404
/// unknown profile, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "cancel_customer",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_cancel_customer(
    p_customer_id: Option<Uuid>,
    p_reason: Option<&str>,
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let caller = caller::current();
        caller.require_admin(SYSTEM)?;
        let id = required(p_customer_id, "p_customer_id")?;
        let reason = reversal::reason(required(p_reason, "p_reason")?)?;
        reversal::cancel(&caller, id, reason)?;
        profiles::row(id)
    })
}

/// The profiles of the customers that promoter `p_promoter_id` brought, in the order
/// of their coming; page with limit and offset. For the promoter or an admin; 42501
/// otherwise.
#[pg_extern(
    schema = "network",
    name = "get_customer_by_promoter",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_customer_by_promoter(
    p_promoter_id: Option<Uuid>,
) -> Result<SetOfIterator<'static, composite_type!('static, "network.profiles")>, ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        Ok(SetOfIterator::new(profiles::customers_of(promoter)?))
    })
}
