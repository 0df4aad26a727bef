//! Levels of promoters.

use crate::kernel::caller;
use crate::kernel::error::{entry, required};
use crate::kernel::input::free_text;
use crate::kernel::json::JsonText;
use crate::network::SYSTEM;
use crate::network::level::{self, Level};
use crate::network::store::profiles;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid, composite_type};

/// The level of promoter `p_promoter_id`, what counts for it, the level that the
/// rules would give, and what is missing to the next: `{promoter_id, level,
/// set_by_hand, earned_level, facts, next}`. For the promoter or an admin. PT404 or
/// 22023 where the id is not a promoter's, 42501 not allowed.
#[pg_extern(
    schema = "network",
    name = "get_promoter_level",
    stable,
    security_definer,
    requires = ["network_levels"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_get_promoter_level(p_promoter_id: Option<Uuid>) -> Result<JsonText, ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        caller::current().require_self_or_admin(SYSTEM, promoter, "p_promoter_id")?;
        level::describe(promoter).map(JsonText)
    })
}

/// Sets the level of a promoter by hand: Affiliate, Manager or Director. It stays,
/// whatever the rules say, until it is set to NULL, which gives it back to them. For
/// admins. Returns the profile. 22023 another level or not a promoter, PT404 unknown
/// profile, 42501 not an admin.
#[pg_extern(
    schema = "network",
    name = "set_promoter_level",
    security_definer,
    requires = ["network_levels"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_set_promoter_level(
    p_promoter_id: Option<Uuid>,
    p_level: default!(Option<&str>, "null"),
    p_note: default!(Option<&str>, "null"),
) -> Result<composite_type!('static, "network.profiles"), ErrorReport> {
    entry(|| {
        let promoter = required(p_promoter_id, "p_promoter_id")?;
        let level = p_level.map(|text| Level::parse(text, "p_level")).transpose()?;
        let note = free_text(p_note, "p_note")?;
        level::set_by_hand(&caller::current(), promoter, level, note)?;
        profiles::row(promoter)
    })
}

/// Gives every promoter the level that the settings network.level_… say, at most
/// 1,000 at once: `{changed, more}`. Levels set by hand stay. Safe to repeat, and to
/// run twice at once. For admins; 42501 otherwise.
#[pg_extern(
    schema = "network",
    name = "promote_promoters",
    security_definer,
    requires = ["network_levels"]
)]
#[search_path(pg_catalog, pg_temp)]
fn network_promote_promoters() -> Result<JsonB, ErrorReport> {
    entry(|| {
        caller::current().require_admin(SYSTEM)?;
        level::promote().map(JsonB)
    })
}
