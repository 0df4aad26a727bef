//! The functions of the inbox.

use crate::kernel::error::{entry, required};
use crate::kernel::json::JsonText;
use crate::ops::inbox::{receive, replay, secret};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, composite_type};

/// A request at `/api/<source>/webhook`, with the body's bytes as they came; only the
/// gateway calls it. `sql/ops/inbox_access.sql` declares it, because PostgREST passes raw
/// bodies only to one unnamed argument.
#[pg_extern(sql = false)]
fn ops_receive_webhook(body: Option<&[u8]>) -> Result<JsonText, ErrorReport> {
    entry(|| Ok(JsonText(receive::receive(body.unwrap_or_default())?.to_string())))
}

/// Adds a secret that webhooks of `p_source` (stripe, razorpay) are signed with, for live
/// events or those of the test mode, good until `p_not_after` or without end. One that is
/// there already gets this end. For admins of ops. 22023 unknown source, a secret of fewer
/// than 12 characters, or an end that is past, PT409 there for the other mode, 42501 not an
/// admin.
#[pg_extern(
    schema = "ops",
    name = "set_webhook_secret",
    security_definer,
    requires = ["ops_inbox"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_set_webhook_secret(
    p_source: Option<&str>,
    p_secret: Option<&str>,
    p_live: Option<bool>,
    p_not_after: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<composite_type!('static, "ops.webhook_secrets"), ErrorReport> {
    entry(|| {
        let (source, secret) = (required(p_source, "p_source")?, required(p_secret, "p_secret")?);
        secret::add(source, secret, required(p_live, "p_live")?, p_not_after)
    })
}

/// Destroys a secret, or has it end at `p_at`; the row as it was or is. For admins of ops.
/// 22023 a time that is past, PT404 no such secret, 42501 not an admin.
#[pg_extern(
    schema = "ops",
    name = "remove_webhook_secret",
    security_definer,
    requires = ["ops_inbox"]
)]
#[search_path(pg_catalog, pg_temp)]
fn ops_remove_webhook_secret(
    p_id: Option<Uuid>,
    p_at: default!(Option<TimestampWithTimeZone>, "null"),
) -> Result<composite_type!('static, "ops.webhook_secrets"), ErrorReport> {
    entry(|| secret::remove(required(p_id, "p_id")?, p_at))
}

/// Processes a webhook that failed, is parked, or that nobody took; the row afterwards,
/// whatever came of it. For admins of ops. PT404 no such webhook, PT409 it was processed,
/// no system takes it or its content is gone, 42501 not an admin.
#[pg_extern(schema = "ops", name = "replay_webhook", security_definer, requires = ["ops_inbox"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_replay_webhook(
    p_id: Option<Uuid>,
) -> Result<composite_type!('static, "ops.webhook_events"), ErrorReport> {
    entry(|| replay::one(required(p_id, "p_id")?))
}

/// Processes the webhooks of `p_source` received since `p_since` that failed or that nobody
/// took, at most 1000, in the order in which they happened; the rows afterwards. For admins
/// of ops. 22023 unknown source, 42501 not an admin.
#[pg_extern(schema = "ops", name = "replay_webhooks", security_definer, requires = ["ops_inbox"])]
#[search_path(pg_catalog, pg_temp)]
fn ops_replay_webhooks(
    p_source: Option<&str>,
    p_since: Option<TimestampWithTimeZone>,
) -> Result<SetOfIterator<'static, composite_type!('static, "ops.webhook_events")>, ErrorReport> {
    entry(|| {
        let (source, since) = (required(p_source, "p_source")?, required(p_since, "p_since")?);
        Ok(SetOfIterator::new(replay::since(source, since)?))
    })
}
