//! Promoters and their hierarchy.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::input::free_text;
use crate::kernel::json::{JsonArg, JsonText};
use crate::network::promoter::{self, NewPromoter};
use crate::network::store::profiles;
use crate::network::tree::{self, Limits};
use crate::network::{SYSTEM, hierarchy};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid, composite_type};

/// Makes a promoter with the next promoter id, a place in the hierarchy and a wallet.
///
/// An admin may put them anywhere (no parent: at the top); a promoter below
/// themselves, which is the default, or below somebody of their own line. Without
/// `p_password` they get an invitation by mail. Returns the profile. 22023/22004 bad
/// input, 23505 e-mail or phone taken, PT422 weak password, PT404 unknown parent,
/// PT409 inactive parent or line too long, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "create_unified_promoter",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_create_unified_promoter(
    p_name: Option<&str>,
    p_email: Option<&str>,
    p_password: default!(Option<&str>, "null"),
    p_phone: default!(Option<&str>, "null"),
    p_address: default!(Option<&str>, "null"),
    p_parent_promoter_id: default!(Option<Uuid>, "null"),
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let new = NewPromoter {
            name: required(free_text(p_name, "p_name")?, "p_name")?,
            email: required(p_email, "p_email")?,
            password: p_password,
            phone: free_text(p_phone, "p_phone")?,
            address: free_text(p_address, "p_address")?,
            parent: p_parent_promoter_id,
        };
        profiles::row(promoter::create(&caller::current(), &new)?)
    })
}

/// Changes a promoter. Keys of `p_updates`: name, phone, address; for admins also
/// email, status (Active, Inactive), role_level (Affiliate, Manager, Director) and
/// parent_promoter_id, which moves the promoter with everybody below. Returns the
/// profile. 22023 unknown key or bad value, 23505 taken, PT404 unknown profile,
/// PT409 a cycle or a line too long, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "update_promoter_profile",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_update_promoter_profile(
    p_promoter_id: Option<Uuid>,
    p_updates: Option<JsonArg>,
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let id = required(p_promoter_id, "p_promoter_id")?;
        let updates = JsonArg::required(p_updates, "p_updates")?;
        promoter::update(&caller::current(), id, &updates)?;
        profiles::row(id)
    })
}

/// The next promoter id (BPVP01, …), which is used up by asking. For admins.
#[pg_extern(
    schema = "network",
    name = "generate_next_promoter_id",
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_generate_next_promoter_id() -> Result<String, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        promoter::next_number()
    })
}

/// The promoters from `p_promoter_id` down as a tree, each with the totals of the
/// branch, also of what is not shown: at most `p_max_depth` levels below, of those
/// directly below `p_limit` after the first `p_offset`, and no more than the setting
/// network.hierarchy_nodes; `truncated` says so. Commissions are to an admin what the
/// promoters of a branch earned, to a promoter what they earned from it. For the
/// promoter, those above, and admins. 22023 bad limit, PT404 unknown profile (to
/// admins), 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_promoter_hierarchy",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_promoter_hierarchy(
    p_promoter_id: Option<Uuid>,
    p_max_depth: default!(Option<i32>, "null"),
    p_limit: default!(Option<i32>, "null"),
    p_offset: default!(Option<i32>, "null"),
) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let id = required(p_promoter_id, "p_promoter_id")?;
        let caller = caller::current();
        promoter::require_line_or_admin(&caller, id)?;
        let limits = Limits::new(p_max_depth, p_limit, p_offset)?;
        tree::describe(&caller, id, &limits).map(JsonText)
    })
}

/// Whether promoter `p_promoter_id` may stand below `p_parent_id` (NULL: at the
/// top): `{valid, reason, depth}`. Changes nothing. For admins. PT404 or 22023 where
/// an id is not a promoter's, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "validate_promoter_hierarchy",
    stable,
    security_definer,
    requires = ["network_tables"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_validate_promoter_hierarchy(
    p_promoter_id: Option<Uuid>,
    p_parent_id: default!(Option<Uuid>, "null"),
) -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        hierarchy::validate(required(p_promoter_id, "p_promoter_id")?, p_parent_id).map(JsonB)
    })
}
