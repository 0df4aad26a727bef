-- ops: what keeps a business running and accountable.

create table ops.audit_logs (
    id uuid not null,
    at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    actor_role text not null,
    action text not null,
    table_name text not null,
    record_id text,
    old_values jsonb,
    new_values jsonb,
    request_id text,
    ip_address inet,
    user_agent text,
    constraint audit_logs_pkey primary key (id)
);
create index audit_logs_record_idx on ops.audit_logs (record_id);
create index audit_logs_actor_idx on ops.audit_logs (actor_id, at) where actor_id is not null;
comment on table ops.audit_logs is 'Who changed what, when and from where. Append-only. Ids are UUID v7, so they sort by time.';
comment on column ops.audit_logs.actor_role is 'person, service, database (psql) or anonymous.';
comment on column ops.audit_logs.action is 'INSERT, UPDATE or DELETE of a row, or the name of an action such as sign_in.';
comment on column ops.audit_logs.table_name is 'schema.table of the row, or the schema of the action.';
comment on column ops.audit_logs.record_id is 'The key of the row; the parts of a longer key are joined with commas.';
comment on column ops.audit_logs.old_values is 'The former values of the columns that changed; secrets are shown as "[redacted]".';
comment on column ops.audit_logs.new_values is 'The new values of the columns that changed; secrets are shown as "[redacted]".';
alter table ops.audit_logs enable row level security;
select pg_catalog.pg_extension_config_dump('ops.audit_logs', '');

create domain ops.outbox_channel as text
    constraint outbox_channel_check check (value in ('email', 'sms', 'slack', 'http'));
create domain ops.outbox_status as text
    constraint outbox_status_check check (value in ('pending', 'sent', 'dead'));
create table ops.outbox (
    id uuid not null,
    system text not null,
    channel ops.outbox_channel not null,
    template text not null,
    recipient text not null,
    payload jsonb not null default '{}',
    idempotency_key text,
    status ops.outbox_status not null default 'pending',
    attempts integer not null default 0,
    available_at timestamptz not null default now(),
    leased_by text,
    leased_until timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    given_up_at timestamptz,
    constraint outbox_pkey primary key (id)
);
create unique index outbox_idempotency_key on ops.outbox (system, idempotency_key) where idempotency_key is not null;
create index outbox_due_idx on ops.outbox (channel, available_at) where status = 'pending';
create index outbox_recipient_idx on ops.outbox (recipient);
create index outbox_done_idx on ops.outbox (coalesce(sent_at, available_at)) where status <> 'pending';
comment on table ops.outbox is 'What has to leave the database: a worker claims rows with a lease and reports back. The payload is emptied once sent, for it may hold one-time tokens.';
comment on column ops.outbox.template is 'Which message it is; the worker renders it from the payload.';
comment on column ops.outbox.available_at is 'Not to be claimed before this time; failures move it on.';
comment on column ops.outbox.given_up_at is 'When its last failure made it dead.';
alter table ops.outbox enable row level security;
select pg_catalog.pg_extension_config_dump('ops.outbox', '');

create table ops.job_runs (
    id uuid not null,
    job text not null,
    system text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    duration interval not null generated always as (finished_at - started_at) stored,
    status text not null,
    result jsonb,
    sqlstate text,
    error text,
    actor_id uuid,
    actor_role text not null,
    constraint job_runs_pkey primary key (id),
    constraint job_runs_status_check check (status in ('succeeded', 'failed', 'skipped')),
    constraint job_runs_result_check check (status <> 'succeeded' or result is not null),
    constraint job_runs_error_check check ((status = 'failed') = (error is not null))
);
create index job_runs_job_idx on ops.job_runs (job, started_at);
create index job_runs_started_idx on ops.job_runs (started_at);
comment on table ops.job_runs is 'Every run of a job, whatever came of it. Ids are UUID v7, so they sort by the time of the record.';
comment on column ops.job_runs.status is 'succeeded; failed, for an error or because the job found problems; skipped, because the job was running elsewhere.';
comment on column ops.job_runs.result is 'What the job did, as counts.';
comment on column ops.job_runs.sqlstate is 'The code of the error that ended the run and undid what it had done; null where the job ended well and found problems.';
comment on column ops.job_runs.actor_id is 'The person who started the run; null for pg_cron, psql and servers.';
comment on column ops.job_runs.actor_role is 'person, service, or database (pg_cron and psql).';
alter table ops.job_runs enable row level security;
select pg_catalog.pg_extension_config_dump('ops.job_runs', '');

create table ops.job_settings (
    job text not null,
    enabled boolean not null default true,
    schedule text,
    updated_by uuid,
    updated_at timestamptz not null default now(),
    constraint job_settings_pkey primary key (job)
);
comment on table ops.job_settings is 'What an admin chose for a job; written by ops.set_job.';
comment on column ops.job_settings.enabled is 'Whether it is scheduled; it can be run by hand either way.';
comment on column ops.job_settings.schedule is 'The schedule in place of the job''s own.';
alter table ops.job_settings enable row level security;
select pg_catalog.pg_extension_config_dump('ops.job_settings', '');

create table ops.job_schedules (
    job text not null,
    schedule text not null,
    since timestamptz not null default now(),
    confirmed_at timestamptz not null,
    constraint job_schedules_pkey primary key (job)
);
comment on table ops.job_schedules is 'What ops.schedule_jobs last saw in pg_cron, whose own table only its superuser can read. No row of it is dumped: a restored database has no schedule until it is called.';
comment on column ops.job_schedules.since is 'Since when it has been there with this schedule: nothing was due earlier.';
comment on column ops.job_schedules.confirmed_at is 'When it was last seen there. pg_cron itself has this confirmed every five minutes.';
alter table ops.job_schedules enable row level security;
select pg_catalog.pg_extension_config_dump('ops.job_schedules', 'where false');

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, description) values
    ('ops', 'outbox_max_attempts', 'integer', '8', 1, 100,
     'After so many failures a message of the outbox is given up as dead'),
    ('ops', 'outbox_retry_seconds', 'integer', '30', 1, 86400,
     'Wait after the first failure of a message; it doubles with each further one'),
    ('ops', 'outbox_days', 'integer', '90', 1, 3650,
     'How long a message is kept after it was sent or given up'),
    ('ops', 'job_run_days', 'integer', '30', 1, 3650,
     'How long runs of jobs are kept; the last run and the last success of each job stay');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ops.audit_logs', 'actor_id', 'actor_id', 'reference', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.audit_logs', 'actor_role', 'actor_id', 'activity', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.audit_logs', 'table_name', 'nobody', 'none', 'no', 'kept', 'a table of ours'),
    ('ops.audit_logs', 'ip_address', 'actor_id', 'device', 'yes', 'redact', null),
    ('ops.audit_logs', 'user_agent', 'actor_id', 'device', 'yes', 'redact', null),
    ('ops.audit_logs', 'old_values', 'record_id', 'content', 'yes', 'redact', null),
    ('ops.audit_logs', 'new_values', 'record_id', 'content', 'yes', 'redact', null),
    ('ops.outbox', 'recipient', 't.recipient = any ($2)', 'contact', 'yes', 'delete', null),
    ('ops.outbox', 'payload', 't.recipient = any ($2)', 'credential', 'secret', 'delete', null),
    ('ops.outbox', 'template', 't.recipient = any ($2)', 'activity', 'yes', 'delete', null),
    ('ops.outbox', 'status', 't.recipient = any ($2)', 'activity', 'yes', 'delete', null),
    ('ops.outbox', 'last_error', 't.recipient = any ($2)', 'content', 'no', 'delete', null),
    ('ops.outbox', 'created_at', 't.recipient = any ($2)', 'activity', 'yes', 'delete', null),
    ('ops.outbox', 'sent_at', 't.recipient = any ($2)', 'activity', 'yes', 'delete', null),
    ('ops.job_runs', 'result', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.result, t.error))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.job_runs', 'error', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.result, t.error))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.job_runs', 'actor_id', 'actor_id', 'reference', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.job_runs', 'actor_role', 'actor_id', 'activity', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.job_runs', 'job', 'actor_id', 'activity', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.job_runs', 'started_at', 'actor_id', 'activity', 'yes', 'kept', 'who did what stays accountable, by an id alone'),
    ('ops.job_settings', 'updated_by', 'updated_by', 'reference', 'yes', 'kept', 'who changed the business''s rules stays accountable, by an id alone');
