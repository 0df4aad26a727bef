-- kernel: roles inside the products, settings, secrets.

create table backoffice.role_definitions (
    system text not null,
    role text not null,
    description text not null,
    constraint role_definitions_pkey primary key (system, role)
);
comment on table backoffice.role_definitions is 'The roles that each system knows; rows come with the extension.';
alter table backoffice.role_definitions enable row level security;

create table backoffice.role_grants (
    person_id uuid not null,
    system text not null,
    role text not null,
    scope text not null default '',
    granted_by uuid,
    granted_at timestamptz not null default now(),
    constraint role_grants_pkey primary key (person_id, system, role, scope),
    constraint role_grants_role_fkey foreign key (system, role) references backoffice.role_definitions
);
create index role_grants_role_idx on backoffice.role_grants (system, role);
comment on table backoffice.role_grants is 'Who holds which role in which system (* for all systems), checked at the time of every call.';
comment on column backoffice.role_grants.scope is 'What the role is limited to, such as a brand; empty for the whole system.';
alter table backoffice.role_grants enable row level security;
select pg_catalog.pg_extension_config_dump('backoffice.role_grants', '');

create table backoffice.setting_definitions (
    system text not null,
    key text not null,
    kind text not null,
    default_value jsonb not null,
    minimum bigint,
    maximum bigint,
    allowed text[],
    nullable boolean not null default false,
    description text not null,
    constraint setting_definitions_pkey primary key (system, key),
    constraint setting_definitions_kind_check check (kind in ('integer', 'integers', 'boolean', 'text'))
);
comment on table backoffice.setting_definitions is 'Every setting with its type, default and bounds; rows come with the extension.';
alter table backoffice.setting_definitions enable row level security;

create table backoffice.settings (
    system text not null,
    key text not null,
    value jsonb not null,
    updated_by uuid,
    updated_at timestamptz not null default now(),
    constraint settings_pkey primary key (system, key),
    constraint settings_definition_fkey foreign key (system, key) references backoffice.setting_definitions
);
comment on table backoffice.settings is 'Settings that differ from their default; written by backoffice.set_setting.';
alter table backoffice.settings enable row level security;
select pg_catalog.pg_extension_config_dump('backoffice.settings', '');

create table backoffice.secrets (
    id uuid not null,
    purpose text not null,
    key_id text not null,
    nonce bytea not null,
    ciphertext bytea not null,
    sealed_at timestamptz not null default now(),
    constraint secrets_pkey primary key (id)
);
create index secrets_key_idx on backoffice.secrets (key_id);
comment on table backoffice.secrets is 'Secrets sealed with AES-256-GCM under a root key that is kept in a file outside the database.';
comment on column backoffice.secrets.key_id is 'Which key of the root key file seals this row.';
alter table backoffice.secrets enable row level security;
select pg_catalog.pg_extension_config_dump('backoffice.secrets', '');

create table backoffice.idempotency_keys (
    actor text not null,
    key text not null,
    function text not null,
    fingerprint bytea not null,
    result_id uuid,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (actor, key)
);
create index idempotency_keys_created_at_idx on backoffice.idempotency_keys (created_at);
comment on table backoffice.idempotency_keys is 'What was done under an Idempotency-Key header, so that a repeated request does it once.';
comment on column backoffice.idempotency_keys.fingerprint is 'SHA-256 of the arguments.';
alter table backoffice.idempotency_keys enable row level security;
select pg_catalog.pg_extension_config_dump('backoffice.idempotency_keys', '');

-- Rows that come with the extension. '*' is every system.
insert into backoffice.role_definitions (system, role, description) values
    ('*', 'admin', 'Administers every system'),
    ('ledger', 'admin', 'Reads every account and transfer, corrects by reversal'),
    ('ops', 'admin', 'Reads the audit log and the outbox'),
    ('identity', 'admin', 'Manages people and their sessions');

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, description) values
    ('backoffice', 'admin_second_factor', 'boolean', 'false', null, null,
     'Admins count as such only in a session that was confirmed with a second factor'),
    ('backoffice', 'idempotency_key_days', 'integer', '7', 1, 365,
     'How long an Idempotency-Key is remembered: a repeat after that is a new request');
