//! SQL of alerts and checks. What is read about the server is in `collect`.

use crate::kernel::error::Result;
use crate::kernel::ids::new_id;
use crate::kernel::spi::Query;
use crate::ops::events::{Order, Source};
use crate::ops::watch::alert::Alert;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::{AllocatedByRust, JsonB, Uuid};

/// A row of a table.
pub type Record = PgHeapTuple<'static, AllocatedByRust>;

/// New alerts are told to listeners, as nobody's own.
pub static ALERTS: Source = Source {
    system: "ops",
    table: "alerts",
    event: "INSERT",
    order: Order::Id,
    rows: Query::read(
        "select id::text, null::uuid, xmin::text::bigint
           from ops.alerts
          where id >= $1 and ((xmin::text::bigint - $2) & 4294967295) < 2147483648
          order by id limit $3",
    ),
    published: None,
};

static RAISE: Query = Query::write(
    "insert into ops.alerts as a (id, severity, kind, key, message, detail)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (key) where resolved_at is null do update
        set occurrences = a.occurrences + 1, last_raised_at = now(),
            message = excluded.message, detail = excluded.detail,
            severity = case when a.severity = 'critical' or excluded.severity = 'info'
                            then a.severity else excluded.severity end
     returning id, severity",
);
static RESOLVE: Query = Query::write(
    "update ops.alerts set resolved_at = now(), resolved_by = $2, resolution = $3
      where id = $1 and resolved_at is null",
);
static RESOLVE_OTHERS: Query = Query::write(
    "update ops.alerts set resolved_at = now(), resolution = 'the check no longer finds it'
      where kind = $1 and key <> all ($2) and resolved_at is null",
);
static RESOLVE_KEY: Query = Query::write(
    "update ops.alerts set resolved_at = now(), resolution = 'the check runs again'
      where key = $1 and resolved_at is null",
);
static SETTLE: Query = Query::write(
    "update ops.alerts set resolved_at = now(), resolved_by = $2, resolution = $3
      where key = $1 and resolved_at is null",
);
static ALERT: Query = Query::read("select a from ops.alerts a where id = $1");
static ALERT_EXISTS: Query = Query::read("select exists (select from ops.alerts where id = $1)");
static NOTE_CHECK: Query = Query::write(
    "insert into ops.check_results (name, checked_at, problems, seconds, error)
     values ($1, clock_timestamp(), $2, $3, left($4, 1000))
     on conflict (name) do update
        set checked_at = excluded.checked_at, problems = excluded.problems,
            seconds = excluded.seconds, error = excluded.error",
);
static DEAD: Query = Query::read(
    "select o.channel, count(*) from ops.outbox o
      where o.status = 'dead'
        and o.given_up_at > coalesce((select max(a.resolved_at) from ops.alerts a
                                       where a.key = $1 || ':' || o.channel), '-infinity')
      group by o.channel",
);
static LATE: Query = Query::read(
    "select channel, count(*) from ops.outbox
      where status = 'pending' and available_at < now() - make_interval(secs => $1)
      group by channel",
);

/// The alert with this key that is open now, and its severity.
pub fn raise(alert: &Alert) -> Result<(Uuid, String)> {
    let args = [
        new_id().into(),
        alert.severity.as_str().into(),
        alert.kind.into(),
        alert.key().into(),
        alert.message.as_str().into(),
        JsonB(alert.detail.clone()).into(),
    ];
    RAISE.one(&args, |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Whether it was open.
pub fn resolve(id: Uuid, by: Option<Uuid>, note: &str) -> Result<bool> {
    Ok(RESOLVE.run(&[id.into(), by.into(), note.into()])? > 0)
}

/// Resolves the open alerts of a kind except those with these keys.
pub fn resolve_others(kind: &str, keys: Vec<String>) -> Result<()> {
    RESOLVE_OTHERS.run(&[kind.into(), keys.into()])?;
    Ok(())
}

pub fn resolve_key(key: &str) -> Result<()> {
    RESOLVE_KEY.run(&[key.into()])?;
    Ok(())
}

pub fn settle(key: &str, by: Option<Uuid>, note: &str) -> Result<()> {
    SETTLE.run(&[key.into(), by.into(), note.into()])?;
    Ok(())
}

pub fn alert(id: Uuid) -> Result<Record> {
    ALERT.one(&[id.into()], |row| row.get(1))
}

pub fn alert_exists(id: Uuid) -> Result<bool> {
    ALERT_EXISTS.one(&[id.into()], |row| row.get(1))
}

pub fn note_check(
    name: &str,
    problems: Option<i64>,
    seconds: f64,
    error: Option<&str>,
) -> Result<()> {
    NOTE_CHECK.run(&[name.into(), problems.into(), seconds.into(), error.into()])?;
    Ok(())
}

/// Messages of each channel that were given up since the alert was last resolved.
pub fn dead_messages(kind: &str) -> Result<Vec<(String, i64)>> {
    DEAD.all(&[kind.into()], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Messages of each channel that have been due for longer than this.
pub fn late_messages(seconds: i64) -> Result<Vec<(String, i64)>> {
    LATE.all(&[(seconds as f64).into()], |row| Ok((row.get(1)?, row.get(2)?)))
}
