//! Split rules.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonArg;
use crate::treasury::SYSTEM;
use crate::treasury::split_rule;
use crate::treasury::store::rules as store;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Uuid, composite_type};

/// The split rules of user `p_owner_id` (the caller), in the order of their making; page
/// with limit and offset. For the owner and admins; a server that names nobody gets
/// everybody's. 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "list_split_rules",
    stable,
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_list_split_rules(
    p_owner_id: default!(Option<Uuid>, "null"),
) -> Result<SetOfIterator<'static, composite_type!('static, "treasury.split_rules")>, ErrorReport> {
    entry(|| {
        let caller = caller::current();
        if p_owner_id.is_none() && caller.is_service() {
            return Ok(SetOfIterator::new(store::all()?));
        }
        let owner = p_owner_id.map_or_else(|| caller.require_person(), Ok)?;
        caller.require_self_or_admin(SYSTEM, owner, "p_owner_id")?;
        Ok(SetOfIterator::new(store::list(owner)?))
    })
}

/// Makes a split rule from `p_rule`: `name`, `rules` (1 to 50 of {recipient_id, percent,
/// fixed, minimum}: percent exact, at most 6 decimals, all together exactly 100; fixed
/// and minimum in minor units, for a rule with a currency), `is_default` (false; another
/// default of the owner and currency is none then), `currency` (ISO 4217; every
/// currency), `owner_id` (the caller; others, or null for the platform, for admins). For
/// hosts, artists and admins. With an `Idempotency-Key` header a repeat changes nothing.
/// Returns the rule. 22023/22004 bad input, PT404 unknown user, PT409 200 rules, 42501
/// not allowed, or an admin's own share of what is somebody else's.
#[pg_extern(
    schema = "treasury",
    name = "create_split_rule",
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_create_split_rule(
    p_rule: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.split_rules"), ErrorReport> {
    entry(|| {
        let rule = JsonArg::required(p_rule, "p_rule")?;
        split_rule::row(split_rule::create(&caller::current(), &rule)?)
    })
}

/// Changes rule `p_rule_id` to what `p_rule` has of `name`, `rules`, `is_default` and
/// `currency` (see create_split_rule; what is absent stays). It holds from now on: what
/// was split before is not touched, and the old version is kept. For the owner, if still
/// a host or artist, and admins; again it changes nothing. Returns the rule. 22023/22004
/// bad input, PT404 unknown rule (to its owner and admins) or user, 42501 not allowed, or
/// an admin's own share of what is somebody else's.
#[pg_extern(
    schema = "treasury",
    name = "update_split_rule",
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_update_split_rule(
    p_rule_id: Option<i64>,
    p_rule: Option<JsonArg>,
) -> Result<composite_type!('static, "treasury.split_rules"), ErrorReport> {
    entry(|| {
        let id = required(p_rule_id, "p_rule_id")?;
        let rule = JsonArg::required(p_rule, "p_rule")?;
        split_rule::row(split_rule::update(&caller::current(), id, &rule)?)
    })
}

/// Ends rule `p_rule_id` from now on; its versions stay. For the owner, if still a host or
/// artist, and admins. With an `Idempotency-Key` header a repeat gives the same answer.
/// Returns the version that says so, without rules. 22004 no id, PT404 unknown or ended
/// already (to its owner and admins), 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "delete_split_rule",
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_delete_split_rule(
    p_rule_id: Option<i64>,
) -> Result<composite_type!('static, "treasury.split_rule_versions"), ErrorReport> {
    entry(|| {
        let id = required(p_rule_id, "p_rule_id")?;
        store::version(split_rule::delete(&caller::current(), id)?)
    })
}

/// The version that splits what user `p_owner_id` earned in `p_currency` (ISO 4217) at
/// `p_at` (now) where nothing else is said: their default then, for the currency or else
/// for all; without one the platform's. No row: all of it is the owner's. For the owner
/// and admins. 22023/22004 bad input, 42501 not allowed.
#[pg_extern(
    schema = "treasury",
    name = "rule_in_force",
    stable,
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn treasury_rule_in_force(
    p_owner_id: Option<Uuid>,
    p_currency: Option<&str>,
    p_at: default!(Option<TimestampWithTimeZone>, "now()"),
) -> Result<
    SetOfIterator<'static, composite_type!('static, "treasury.split_rule_versions")>,
    ErrorReport,
> {
    entry(|| {
        let owner = required(p_owner_id, "p_owner_id")?;
        caller::current().require_self_or_admin(SYSTEM, owner, "p_owner_id")?;
        let at = required(p_at, "p_at")?;
        let version = split_rule::in_force(owner, required(p_currency, "p_currency")?, at)?;
        Ok(SetOfIterator::new(version))
    })
}

/// The caller's own part of every split rule that names them: what the view
/// treasury.my_shares shows. To servers everybody's.
#[allow(clippy::type_complexity)]
#[pg_extern(
    schema = "treasury",
    name = "read_my_shares",
    stable,
    security_definer,
    requires = ["treasury_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
pub fn treasury_read_my_shares() -> Result<
    TableIterator<
        'static,
        (
            name!(rule_id, i64),
            name!(name, String),
            name!(owner_id, Option<Uuid>),
            name!(recipient_id, Option<Uuid>),
            name!(currency, Option<String>),
            name!(is_default, bool),
            name!(percent, Option<AnyNumeric>),
            name!(fixed, Option<i64>),
            name!(minimum, Option<i64>),
            name!(updated_at, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    entry(|| {
        let caller = caller::current();
        let recipient = if caller.is_service() { None } else { Some(caller.require_person()?) };
        Ok(TableIterator::new(store::shares_of(recipient)?))
    })
}
