-- ops: alerts, and what the checks found last.

create table ops.alerts (
    id uuid not null,
    severity text not null,
    kind text not null,
    key text not null,
    message text not null,
    detail jsonb not null default '{}',
    occurrences bigint not null default 1,
    raised_at timestamptz not null default now(),
    last_raised_at timestamptz not null default now(),
    resolved_at timestamptz,
    resolved_by uuid,
    resolution text,
    constraint alerts_pkey primary key (id),
    constraint alerts_severity_check check (severity in ('info', 'warning', 'critical')),
    constraint alerts_resolution_check check ((resolved_at is null) = (resolution is null))
);
create unique index alerts_open_key on ops.alerts (key) where resolved_at is null;
create index alerts_key_idx on ops.alerts (key, resolved_at);
comment on table ops.alerts is 'What somebody should look at. While an alert is open, the same again only counts up its occurrences.';
comment on column ops.alerts.severity is 'info, warning or critical; it rises while the alert is open, it does not fall.';
comment on column ops.alerts.kind is 'What it is about: the name of the check that raised it, or of the event.';
comment on column ops.alerts.key is 'What makes two alerts the same: the kind and, where there can be several, what it happened to.';
comment on column ops.alerts.detail is 'Numbers and ids, no personal data.';
comment on column ops.alerts.resolved_by is 'The admin who resolved it; NULL where the check found that it is over, or psql did.';
alter table ops.alerts enable row level security;
select pg_catalog.pg_extension_config_dump('ops.alerts', '');

create table ops.check_results (
    name text not null,
    checked_at timestamptz not null,
    problems bigint,
    seconds double precision not null,
    error text,
    constraint check_results_pkey primary key (name),
    constraint check_results_error_check check ((problems is null) = (error is not null))
);
comment on table ops.check_results is 'What each check found when it ran last.';
comment on column ops.check_results.problems is 'How much it found; NULL where the check itself failed.';
alter table ops.check_results enable row level security;
select pg_catalog.pg_extension_config_dump('ops.check_results', '');

-- Actions, as against changes of rows: few, and counted by time.
create index audit_logs_actions_idx on ops.audit_logs (table_name, action, at)
    where pg_catalog.strpos(table_name, '.') = 0;
create index outbox_dead_idx on ops.outbox (channel, given_up_at) where status = 'dead';

-- The answer of ops.metrics(): PostgREST takes the name for the media type.
create domain ops."text/plain" as text;

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, allowed, nullable, description) values
    ('ops', 'alert_channel', 'text', 'null', null, null, '{email,sms,slack,http}', true,
     'How new alerts are sent, through the outbox; null for not at all'),
    ('ops', 'alert_recipient', 'text', 'null', null, null, null, true,
     'Whom new alerts are sent to, as the channel understands it'),
    ('ops', 'alert_severity', 'text', '"warning"', null, null, '{info,warning,critical}', false,
     'Least severity of an alert that is sent'),
    ('ops', 'outbox_late_seconds', 'integer', '900', 1, 604800, null, false,
     'A message of the outbox that has been due for longer is late'),
    ('ops', 'slow_query_seconds', 'integer', '5', 1, 86400, null, false,
     'A query that has been running for longer is slow'),
    ('ops', 'books_check_hours', 'integer', '48', 1, 8760, null, false,
     'After so long without a check of the books the health is no longer ok');

-- Nobody is meant to be in these texts; an error may quote what it failed on.
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ops.alerts', 'message', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.message, t.detail, t.resolution))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.alerts', 'detail', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.message, t.detail, t.resolution))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.alerts', 'resolution', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.message, t.detail, t.resolution))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.alerts', 'resolved_by', 'resolved_by', 'reference', 'yes', 'kept', 'who resolved it stays accountable, by an id alone'),
    ('ops.check_results', 'error', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.error))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.check_results', 'name', 'nobody', 'none', 'no', 'kept', 'a check of ours');
