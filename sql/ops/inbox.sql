-- ops: webhooks that came in, and the secrets that their senders sign with.

create table ops.webhook_secrets (
    id uuid not null,
    source text not null,
    live boolean not null,
    last_four text not null,
    not_after timestamptz,
    created_by uuid,
    created_at timestamptz not null default now(),
    constraint webhook_secrets_pkey primary key (id),
    constraint webhook_secrets_id_fkey foreign key (id) references backoffice.secrets
);
create index webhook_secrets_source_idx on ops.webhook_secrets (source, created_at);
comment on table ops.webhook_secrets is 'Which secrets verify the webhooks of a source. Several at once are good, so that one can follow another. Written by ops.set_webhook_secret and ops.remove_webhook_secret.';
comment on column ops.webhook_secrets.id is 'Also the row of backoffice.secrets that holds it, sealed.';
comment on column ops.webhook_secrets.live is 'Whether it signs live events or those of the provider''s test mode.';
comment on column ops.webhook_secrets.last_four is 'Its last four characters, to tell it from others.';
comment on column ops.webhook_secrets.not_after is 'When it ends; null for never.';
comment on column ops.webhook_secrets.created_by is 'The admin who added it; null for psql and servers.';
alter table ops.webhook_secrets enable row level security;
select pg_catalog.pg_extension_config_dump('ops.webhook_secrets', '');

create table ops.webhook_events (
    id uuid not null,
    source text not null,
    live boolean not null,
    event_key text not null,
    event_type text not null,
    account text,
    occurred_at timestamptz,
    body bytea,
    headers jsonb not null default '{}',
    verified boolean not null,
    status text not null default 'received',
    handled_by text[] not null default '{}',
    attempts integer not null default 0,
    error_code text,
    error_message text,
    parked_for text,
    received_at timestamptz not null default now(),
    processed_at timestamptz,
    next_attempt_at timestamptz,
    constraint webhook_events_pkey primary key (id),
    constraint webhook_events_status_check check (status in ('received', 'processed', 'failed', 'parked')),
    constraint webhook_events_processed_check check ((status = 'processed') = (processed_at is not null)),
    constraint webhook_events_failed_check check ((status = 'failed') = (error_code is not null)),
    constraint webhook_events_parked_check check ((status = 'parked') = (parked_for is not null)),
    constraint webhook_events_attempt_check check (next_attempt_at is null or status = 'failed')
);
create unique index webhook_events_key on ops.webhook_events (source, live, event_key);
create index webhook_events_parked_idx on ops.webhook_events (parked_for) where parked_for is not null;
create index webhook_events_due_idx on ops.webhook_events (next_attempt_at) where next_attempt_at is not null;
create index webhook_events_open_idx on ops.webhook_events (source, received_at) where status <> 'processed';
create index webhook_events_kept_idx on ops.webhook_events (processed_at) where body is not null and processed_at is not null;
comment on table ops.webhook_events is 'Every webhook whose signature was good, once, and what came of it. What a stranger sent is not kept.';
comment on column ops.webhook_events.source is 'Who sent it: stripe or razorpay.';
comment on column ops.webhook_events.live is 'Whether it is about real money; from the secret that verified it.';
comment on column ops.webhook_events.event_key is 'What makes two deliveries the same: the event''s id where it is signed, else what the event says of which things.';
comment on column ops.webhook_events.account is 'The provider''s account that it is about, where there are several.';
comment on column ops.webhook_events.occurred_at is 'When it happened, as the provider says.';
comment on column ops.webhook_events.body is 'The bytes as they came. NULL once it was processed ops.webhook_days ago, or a person it names was erased.';
comment on column ops.webhook_events.headers is 'The signature and what else is useful of the headers; never credentials.';
comment on column ops.webhook_events.verified is 'Whether the signature was checked and good.';
comment on column ops.webhook_events.status is 'received: nobody took it yet; processed; failed; parked: waits for parked_for.';
comment on column ops.webhook_events.handled_by is 'The systems that did something with it; empty for an event that nobody needs.';
comment on column ops.webhook_events.attempts is 'How often it was tried.';
comment on column ops.webhook_events.error_code is 'The SQLSTATE of the last failure.';
comment on column ops.webhook_events.parked_for is 'What it waits for, such as charge:ch_123.';
comment on column ops.webhook_events.next_attempt_at is 'When the job retry_webhooks tries again; NULL for a failed one that was given up.';
alter table ops.webhook_events enable row level security;
select pg_catalog.pg_extension_config_dump('ops.webhook_events', '');

create table ops.webhook_refusals (
    source text not null,
    hour timestamptz not null,
    reason text not null,
    count bigint not null default 1,
    constraint webhook_refusals_pkey primary key (source, hour, reason),
    constraint webhook_refusals_reason_check check (reason in ('secret', 'signature', 'time', 'mode', 'content'))
);
create index webhook_refusals_hour_idx on ops.webhook_refusals (hour);
comment on table ops.webhook_refusals is 'How many requests to the address of a source were refused in an hour. Nothing else is kept of them.';
comment on column ops.webhook_refusals.hour is 'When the hour began.';
comment on column ops.webhook_refusals.reason is 'secret: there is none for the source; signature: missing or wrong; time: signed too long ago or in the future; mode: a live event under a test secret or the reverse; content: no event. Senders are not told.';
alter table ops.webhook_refusals enable row level security;
select pg_catalog.pg_extension_config_dump('ops.webhook_refusals', '');

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, description) values
    ('ops', 'webhook_tolerance_seconds', 'integer', '300', 5, 3600,
     'A webhook signed longer ago, or as far in the future, is refused'),
    ('ops', 'webhook_max_attempts', 'integer', '12', 1, 100,
     'After so many failures a webhook waits for an admin to replay it'),
    ('ops', 'webhook_retry_seconds', 'integer', '60', 1, 86400,
     'Wait after the first failure of a webhook; it doubles with each further one, up to a day'),
    ('ops', 'webhook_parked_hours', 'integer', '24', 1, 8760,
     'A webhook that has been parked for longer raises an alert'),
    ('ops', 'webhook_days', 'integer', '90', 1, 3650,
     'How long the content of a webhook is kept after it was processed; the rest stays, to know it again');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ops.webhook_events', 'body', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(encode(t.body, ''escape''))) > 0) or t.status = ''processed'' and position($1::text in encode(t.body, ''escape'')) > 0', 'content', 'no', 'null', null),
    ('ops.webhook_events', 'error_message', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.error_message))) > 0)', 'content', 'no', 'addresses', null),
    ('ops.webhook_events', 'headers', 'nobody', 'none', 'no', 'kept', 'of a server of the provider'),
    ('ops.webhook_secrets', 'created_by', 'created_by', 'reference', 'yes', 'kept', 'who let a sender in stays accountable, by an id alone');
