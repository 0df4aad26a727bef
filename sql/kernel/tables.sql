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
    constraint setting_definitions_kind_check check (kind in ('integer', 'integers', 'amounts', 'boolean', 'text'))
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

create table backoffice.index_keys (
    purpose text not null,
    secret_id uuid not null,
    constraint index_keys_pkey primary key (purpose),
    constraint index_keys_secret_id_key unique (secret_id),
    constraint index_keys_secret_id_fkey foreign key (secret_id) references backoffice.secrets
);
comment on table backoffice.index_keys is 'The sealed keys under which secrets are hashed to find equal ones; they stay when the root key changes.';
alter table backoffice.index_keys enable row level security;
select pg_catalog.pg_extension_config_dump('backoffice.index_keys', '');

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

create table backoffice.personal_columns (
    table_name text not null,
    column_name text not null,
    person text not null,
    kind text not null,
    export text not null,
    erasure text not null,
    reason text,
    constraint personal_columns_pkey primary key (table_name, column_name, person),
    constraint personal_columns_kind_check check (kind in
        ('reference', 'identity', 'contact', 'credential', 'bank', 'device', 'content', 'activity', 'none')),
    constraint personal_columns_export_check check (export in ('yes', 'no', 'secret')),
    constraint personal_columns_erasure_check check (erasure in
        ('null', 'empty', 'pseudonym', 'addresses', 'delete', 'redact', 'kept')),
    constraint personal_columns_reason_check check ((erasure = 'kept') = (reason is not null)),
    constraint personal_columns_nobody_check check
        ((person = 'nobody') = (kind = 'none') and (kind <> 'none' or (export = 'no' and erasure = 'kept')))
);
comment on table backoffice.personal_columns is 'Which columns hold what about a person, how they are exported and how they are erased. One row for each column and person; rows come with the extension, from the module that owns the table.';
comment on column backoffice.personal_columns.person is 'Whose it is: a column of the table with the person''s id; or a condition on the row t, in which $1 is that id and $2 the array of all addresses that the person has or had; or nobody, for a column that looks personal and is not.';
comment on column backoffice.personal_columns.kind is 'reference (an id of the person in a row that is about something else), identity, contact, credential, bank, device, content (what somebody wrote), activity (what the person did or has), none.';
comment on column backoffice.personal_columns.export is 'yes, no, or secret: shown as present.';
comment on column backoffice.personal_columns.erasure is 'null, empty ({}), pseudonym (erased and the person''s id), addresses (only the person''s addresses are taken out, as they are of everything that others wrote), delete (the row), redact (by ops, inside the audit log), or kept for a reason.';
comment on column backoffice.personal_columns.reason is 'Why it is kept, or why it is nobody''s.';
alter table backoffice.personal_columns enable row level security;

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

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('backoffice.role_grants', 'person_id', 'person_id', 'activity', 'yes', 'delete', null),
    ('backoffice.role_grants', 'granted_at', 'person_id', 'activity', 'yes', 'delete', null),
    ('backoffice.role_grants', 'granted_by', 'granted_by', 'reference', 'yes', 'kept', 'who gave power to others stays accountable, by an id alone'),
    ('backoffice.settings', 'updated_by', 'updated_by', 'reference', 'yes', 'kept', 'who changed the business''s rules stays accountable, by an id alone'),
    ('backoffice.settings', 'value', 'nobody', 'none', 'no', 'kept', 'a setting of the business'),
    ('backoffice.setting_definitions', 'default_value', 'nobody', 'none', 'no', 'kept', 'comes with the extension'),
    ('backoffice.idempotency_keys', 'actor', 't.actor = $1::text', 'reference', 'yes', 'delete', null),
    ('backoffice.idempotency_keys', 'key', 't.actor = $1::text', 'content', 'yes', 'delete', null),
    ('backoffice.idempotency_keys', 'function', 't.actor = $1::text', 'activity', 'yes', 'delete', null),
    ('backoffice.personal_columns', 'table_name', 'nobody', 'none', 'no', 'kept', 'comes with the extension'),
    ('backoffice.personal_columns', 'column_name', 'nobody', 'none', 'no', 'kept', 'comes with the extension'),
    ('backoffice.personal_columns', 'person', 'nobody', 'none', 'no', 'kept', 'comes with the extension');
