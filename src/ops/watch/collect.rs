//! What PostgreSQL and the tables of ops say about themselves.
//!
//! Each statement gives JSON, which the health shows as it is and from which the
//! metrics take their numbers. They read as backoffice_owner, which is a member
//! of pg_read_all_stats where it could be made one; otherwise what other roles'
//! sessions do is NULL and not an error.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::kernel::spi::Query;
use crate::ops::watch::metric::{Kind, Metric, Sample};
use pgrx::{JsonB, Spi};
use serde_json::{Value, json};

static VERSIONS: Query = Query::read(
    "select jsonb_build_object(
        'postgresql', split_part(current_setting('server_version'), ' ', 1),
        'installed', e.extversion,
        'available', (select a.default_version from pg_catalog.pg_available_extensions() a
                       where a.name = 'backoffice'))
       from pg_catalog.pg_extension e where e.extname = 'backoffice'",
);
static SERVER: Query = Query::read(
    "select jsonb_build_object(
        'version', split_part(current_setting('server_version'), ' ', 1),
        'extension', (select extversion from pg_catalog.pg_extension where extname = 'backoffice'),
        'started_at', pg_catalog.pg_postmaster_start_time(),
        'start_time', extract(epoch from pg_catalog.pg_postmaster_start_time()),
        'uptime_seconds', floor(extract(epoch from
            statement_timestamp() - pg_catalog.pg_postmaster_start_time())))",
);
static CONNECTIONS: Query = Query::read(
    "select jsonb_build_object(
        'max', current_setting('max_connections')::integer,
        'used', coalesce(sum(n), 0),
        'by_state', coalesce(jsonb_object_agg(state, n), '{}'))
       from (select coalesce(state, 'unknown') as state, count(*) as n
               from pg_catalog.pg_stat_activity
              where backend_type = 'client backend' group by 1) s",
);
// No text of theirs: it may hold what people typed.
static SLOW: Query = Query::read(
    "select coalesce(jsonb_agg(to_jsonb(q) order by q.seconds desc), '[]')
       from (select pid, usename as role, state, wait_event_type, wait_event, query_id::text,
                    round(extract(epoch from clock_timestamp() - query_start)::numeric, 1) as seconds
               from pg_catalog.pg_stat_activity
              where backend_type = 'client backend' and state <> 'idle'
                and pid <> pg_catalog.pg_backend_pid() and datname = current_database()
                and query_start < clock_timestamp() - make_interval(secs => $1)
              order by query_start limit 20) q",
);
static TABLES: Query = Query::read(
    "select coalesce(jsonb_agg(to_jsonb(t) order by t.bytes desc, t.table), '[]')
       from (select n.nspname || '.' || c.relname as table,
                    coalesce(pg_catalog.pg_total_relation_size(c.oid), 0) as bytes,
                    coalesce(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) as rows,
                    coalesce(pg_catalog.pg_stat_get_dead_tuples(c.oid), 0) as dead_rows,
                    greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid),
                             pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)) as last_vacuum
               from pg_catalog.pg_extension e
               join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_extension'::regclass
                and d.refobjid = e.oid and d.deptype = 'e'
                and d.classid = 'pg_catalog.pg_class'::regclass
               join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'r'
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where e.extname = 'backoffice') t",
);
static DATABASE: Query = Query::read(
    "select jsonb_build_object(
        'bytes', pg_catalog.pg_database_size(d.datid),
        'since', d.stats_reset,
        'commits', d.xact_commit,
        'rollbacks', d.xact_rollback,
        'rollback_share', round(d.xact_rollback::numeric
            / nullif(d.xact_commit + d.xact_rollback, 0), 6),
        'deadlocks', d.deadlocks,
        'conflicts', d.conflicts,
        'temporary_bytes', d.temp_bytes,
        'blocks_hit', d.blks_hit,
        'blocks_read', d.blks_read,
        'cache_hit_share', round(d.blks_hit::numeric / nullif(d.blks_hit + d.blks_read, 0), 6),
        'sessions', d.sessions,
        'sessions_lost', d.sessions_abandoned + d.sessions_fatal + d.sessions_killed,
        'active_seconds', round((d.active_time / 1000)::numeric, 3),
        'mean_transaction_ms', round((d.active_time / nullif(d.xact_commit + d.xact_rollback, 0))::numeric, 3))
       from pg_catalog.pg_stat_database d where d.datname = current_database()",
);
static REPLICATION: Query = Query::read(
    "select jsonb_build_object(
        'role', case when pg_catalog.pg_is_in_recovery() then 'standby' else 'primary' end,
        'replay_lag_seconds', case when pg_catalog.pg_is_in_recovery() then
            case when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
                 else round(extract(epoch from clock_timestamp()
                      - pg_catalog.pg_last_xact_replay_timestamp())::numeric, 3) end end,
        'standbys', coalesce((select jsonb_agg(jsonb_build_object(
                'name', r.application_name, 'state', r.state, 'sync_state', r.sync_state,
                'lag_bytes', here.lsn - r.replay_lsn,
                'lag_seconds', round(extract(epoch from r.replay_lag)::numeric, 3))
                order by r.application_name, r.pid)
            from pg_catalog.pg_stat_replication r), '[]'),
        'slots', coalesce((select jsonb_agg(jsonb_build_object(
                'name', s.slot_name, 'type', s.slot_type, 'active', s.active,
                'retained_bytes', here.lsn - s.restart_lsn) order by s.slot_name)
            from pg_catalog.pg_replication_slots s), '[]'))
       from (select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
                         else pg_catalog.pg_current_wal_lsn() end as lsn) here",
);
static OUTBOX: Query = Query::read(
    "select jsonb_build_object(
        'pending', (select count(*) from ops.outbox where status = 'pending'),
        'late', (select count(*) from ops.outbox where status = 'pending'
                   and available_at < now() - make_interval(secs => $1)),
        'oldest_due_seconds', (select greatest(0, floor(extract(epoch from now() - min(available_at))))
                                 from ops.outbox where status = 'pending'),
        'dead', (select count(*) from ops.outbox where status = 'dead'))",
);
static ALERTS: Query = Query::read(
    "select jsonb_build_object(
        'info', count(*) filter (where severity = 'info'),
        'warning', count(*) filter (where severity = 'warning'),
        'critical', count(*) filter (where severity = 'critical'))
       from ops.alerts where resolved_at is null",
);
static CHECKS: Query = Query::read(
    "select coalesce(jsonb_agg(jsonb_build_object(
        'name', name, 'checked_at', checked_at, 'problems', problems,
        'seconds', round(seconds::numeric, 3), 'error', error,
        'time', round(extract(epoch from checked_at)),
        'age_seconds', round(extract(epoch from clock_timestamp() - checked_at)))
        order by name), '[]') from ops.check_results",
);
static EVENTS: Query = Query::read(
    "select jsonb_build_object(
        'wanted', coalesce(current_setting('backoffice.events_database', true) = current_database(), false),
        'running', exists (select from pg_catalog.pg_stat_activity
                            where backend_type = 'backoffice events' and datname = current_database()))",
);
// The library is loaded if it made its settings, and the view then answers.
static STATEMENTS: Query = Query::read(
    "select format('%I.pg_stat_statements', n.nspname), format('%I.pg_stat_statements_info', n.nspname)
       from pg_catalog.pg_extension e
       join pg_catalog.pg_namespace n on n.oid = e.extnamespace
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'pg_stat_statements'
      where e.extname = 'pg_stat_statements'
        and exists (select from pg_catalog.pg_settings where name = 'pg_stat_statements.max')
        and pg_catalog.has_schema_privilege(n.oid, 'usage')
        and pg_catalog.has_table_privilege(c.oid, 'select')",
);

fn read(query: &Query) -> Result<Value> {
    query.one(&[], |row| row.get::<JsonB>(1)).map(|json| json.0)
}

fn read_with(query: &Query, seconds: i64) -> Result<Value> {
    query.one(&[(seconds as f64).into()], |row| row.get::<JsonB>(1)).map(|json| json.0)
}

pub fn versions() -> Result<Value> {
    let mut versions = read(&VERSIONS)?;
    versions["library"] = json!(env!("CARGO_PKG_VERSION"));
    Ok(versions)
}

pub fn server() -> Result<Value> {
    read(&SERVER)
}

pub fn connections() -> Result<Value> {
    read(&CONNECTIONS)
}

pub fn slow_queries() -> Result<Value> {
    read_with(&SLOW, settings::get("ops", "slow_query_seconds")?)
}

pub fn tables() -> Result<Value> {
    read(&TABLES)
}

pub fn database() -> Result<Value> {
    read(&DATABASE)
}

pub fn replication() -> Result<Value> {
    read(&REPLICATION)
}

pub fn outbox() -> Result<Value> {
    read_with(&OUTBOX, settings::get("ops", "outbox_late_seconds")?)
}

pub fn alerts() -> Result<Value> {
    read(&ALERTS)
}

pub fn checks() -> Result<Value> {
    read(&CHECKS)
}

pub fn events() -> Result<Value> {
    read(&EVENTS)
}

/// What pg_stat_statements counted in this database; null where it is not there.
/// Only statements that it shows without the values they were called with.
pub fn statements() -> Result<Value> {
    let Some((view, info)) =
        STATEMENTS.first(&[], |row| Ok((row.get::<String>(1)?, row.get::<String>(2)?)))?
    else {
        return Ok(Value::Null);
    };
    // The schema of the view differs from one database to another.
    let sql = format!(
        "select jsonb_build_object(
            'since', (select stats_reset from {info}),
            'calls', coalesce(sum(calls), 0),
            'mean_ms', round((sum(total_exec_time) / nullif(sum(calls), 0))::numeric, 3),
            'max_ms', round(max(max_exec_time)::numeric, 3),
            'costliest', coalesce((select jsonb_agg(to_jsonb(top)) from (
                select left(query, 200) as query, calls, round(mean_exec_time::numeric, 3) as mean_ms,
                       round(max_exec_time::numeric, 3) as max_ms,
                       round(total_exec_time::numeric) as total_ms
                  from {view}
                 where dbid = (select oid from pg_catalog.pg_database where datname = current_database())
                   and query ~* '^\\s*(select|insert|update|delete|with)\\M'
                 order by total_exec_time desc limit 10) top), '[]'))
           from {view}
          where dbid = (select oid from pg_catalog.pg_database where datname = current_database())"
    );
    Spi::connect(|client| {
        let value = client.select(&sql, Some(1), &[])?.first().get_one::<JsonB>()?;
        Ok(value.map_or(Value::Null, |json| json.0))
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A number of each item of a list, labelled with its name.
fn each(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    items: &Value,
    field: (&str, &str),
) -> Metric {
    let values = list(items)
        .iter()
        .filter(|item| item[field.1].is_number())
        .map(|item| (text(&item[field.0]), number(&item[field.1])));
    Metric::by(name, help, Kind::Gauge, label, values)
}

fn by_key(value: &Value) -> Vec<(String, f64)> {
    let map = value.as_object().into_iter().flatten();
    map.map(|(key, value)| (key.clone(), number(value))).collect()
}

/// The numbers of the server and of ops.
pub fn metrics() -> Result<Vec<Metric>> {
    let mut metrics = about_server()?;
    metrics.extend(about_database()?);
    metrics.extend(about_work()?);
    Ok(metrics)
}

fn about_server() -> Result<Vec<Metric>> {
    let (server, connections, replication) = (server()?, connections()?, replication()?);
    let versions: Sample = (
        vec![("postgresql", text(&server["version"])), ("version", text(&server["extension"]))],
        1.0,
    );
    let gauge = |name, help, value| Metric::one(name, help, Kind::Gauge, value);
    let standby = replication["role"] == "standby";
    Ok(vec![
        Metric {
            name: "backoffice_info",
            help: "Versions of PostgreSQL and of the extension.",
            kind: Kind::Gauge,
            samples: vec![versions],
        },
        gauge(
            "backoffice_start_time_seconds",
            "When PostgreSQL was started, in seconds since 1970.",
            number(&server["start_time"]),
        ),
        Metric::by(
            "backoffice_connections",
            "Connections of clients.",
            Kind::Gauge,
            "state",
            by_key(&connections["by_state"]),
        ),
        gauge(
            "backoffice_connections_max",
            "Connections there can be.",
            number(&connections["max"]),
        ),
        gauge(
            "backoffice_slow_queries",
            "Queries that have been running for longer than the setting slow_query_seconds.",
            list(&slow_queries()?).len() as f64,
        ),
        gauge("backoffice_standby", "1 on a standby.", f64::from(u8::from(standby))),
        each(
            "backoffice_replication_lag_bytes",
            "WAL that a standby has not replayed yet.",
            "standby",
            &replication["standbys"],
            ("name", "lag_bytes"),
        ),
        each(
            "backoffice_replication_slot_retained_bytes",
            "WAL that is kept for a replication slot.",
            "slot",
            &replication["slots"],
            ("name", "retained_bytes"),
        ),
    ])
}

fn about_database() -> Result<Vec<Metric>> {
    let (database, tables) = (database()?, tables()?);
    let counter =
        |name, help, field: &str| Metric::one(name, help, Kind::Counter, number(&database[field]));
    let table = |name, help, field| each(name, help, "table", &tables, ("table", field));
    Ok(vec![
        counter("backoffice_commits_total", "Transactions that were committed.", "commits"),
        counter("backoffice_rollbacks_total", "Transactions that were rolled back.", "rollbacks"),
        counter("backoffice_deadlocks_total", "Deadlocks.", "deadlocks"),
        counter("backoffice_blocks_hit_total", "Blocks found in shared buffers.", "blocks_hit"),
        counter("backoffice_blocks_read_total", "Blocks read from outside.", "blocks_read"),
        counter(
            "backoffice_temporary_bytes_total",
            "Written to temporary files.",
            "temporary_bytes",
        ),
        counter("backoffice_active_seconds_total", "Time spent on statements.", "active_seconds"),
        Metric::one(
            "backoffice_database_size_bytes",
            "Size of the database.",
            Kind::Gauge,
            number(&database["bytes"]),
        ),
        table("backoffice_table_size_bytes", "Size with indexes and TOAST.", "bytes"),
        table("backoffice_table_rows", "Rows, as the statistics estimate.", "rows"),
        table("backoffice_table_dead_rows", "Rows for vacuum to clean up, estimated.", "dead_rows"),
    ])
}

fn about_work() -> Result<Vec<Metric>> {
    let (outbox, checks) = (outbox()?, checks()?);
    let statuses = ["pending", "dead"].map(|status| (status.to_owned(), number(&outbox[status])));
    Ok(vec![
        Metric::by(
            "backoffice_outbox_messages",
            "Messages of the outbox that wait or were given up.",
            Kind::Gauge,
            "status",
            statuses,
        ),
        Metric::one(
            "backoffice_outbox_oldest_due_seconds",
            "For how long the oldest message has been due; 0 where none is.",
            Kind::Gauge,
            outbox["oldest_due_seconds"].as_f64().unwrap_or(0.0),
        ),
        Metric::by(
            "backoffice_alerts_open",
            "Alerts that nobody has resolved.",
            Kind::Gauge,
            "severity",
            by_key(&alerts()?),
        ),
        each(
            "backoffice_check_problems",
            "What a check found when it ran last.",
            "check",
            &checks,
            ("name", "problems"),
        ),
        each(
            "backoffice_check_time_seconds",
            "When a check ran last, in seconds since 1970.",
            "check",
            &checks,
            ("name", "time"),
        ),
    ])
}
