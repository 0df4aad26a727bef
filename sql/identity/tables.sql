-- identity: people, how they sign in, and their sessions. Never exposed by the
-- API; auth_api is what clients see. Whatever grants access is kept as a hash.

-- The rules of one column are domains: PostgreSQL reads the checks of a table anew in every statement.
create domain identity.email_address as text
    constraint email_address_check check (value = lower(value collate "C"));
create domain identity.phone_number as text
    constraint phone_number_check check (value ~ '^([1-9][0-9]{9}|[+][1-9][0-9]{6,14})$');
create domain identity.json_object as jsonb
    constraint json_object_check check (jsonb_typeof(value) = 'object');
create domain identity.handle as text
    constraint handle_check check (value = lower(value collate "C"));
create domain identity.token_kind as text constraint token_kind_check check (value in
    ('confirmation', 'recovery', 'invite', 'email_change', 'phone_change', 'reauthentication'));

create table identity.users (
    id uuid not null,
    email identity.email_address,
    phone identity.phone_number,
    name text,
    password_hash text,
    system text not null,
    email_confirmed_at timestamptz,
    phone_confirmed_at timestamptz,
    new_email text,
    new_phone text,
    invited_at timestamptz,
    last_sign_in_at timestamptz,
    banned_until timestamptz,
    erased_at timestamptz,
    user_metadata identity.json_object not null default '{}',
    app_metadata identity.json_object not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pkey primary key (id)
);
-- Most people have one of the two: what is not there is in no index.
create unique index users_email_key on identity.users (email) where email is not null;
create unique index users_phone_key on identity.users (phone) where phone is not null;
create index users_new_email_idx on identity.users (new_email) where new_email is not null;
create index users_new_phone_idx on identity.users (new_phone) where new_phone is not null;
comment on table identity.users is 'People. E-mail, phone, name and password live here and nowhere else.';
comment on column identity.users.email is 'Lower case.';
comment on column identity.users.phone is 'Ten digits in the default country, otherwise E.164 with its +.';
comment on column identity.users.password_hash is 'Argon2id as a PHC string; null for a person who has not proved an address since they chose one, or chose none.';
comment on column identity.users.system is 'The system that the person came through; they may use others too.';
comment on column identity.users.new_email is 'An address that waits for its confirmation.';
comment on column identity.users.new_phone is 'A phone that waits for its confirmation.';
comment on column identity.users.banned_until is 'No sign-in and no request before this time; infinity for good.';
comment on column identity.users.erased_at is 'When the person''s data was erased; the row stays for what refers to it.';
comment on column identity.users.user_metadata is 'What the person may set freely; never trusted.';
comment on column identity.users.app_metadata is 'What only the server sets; it is in every access token.';
alter table identity.users enable row level security;
select pg_catalog.pg_extension_config_dump('identity.users', '');

create table identity.login_handles (
    handle identity.handle not null,
    user_id uuid not null,
    kind text not null,
    created_at timestamptz not null default now(),
    constraint login_handles_pkey primary key (handle),
    constraint login_handles_user_fkey foreign key (user_id) references identity.users on delete cascade
);
create index login_handles_user_idx on identity.login_handles (user_id);
comment on table identity.login_handles is 'Ids of the products that a person may sign in with, such as a promoter id; lower case.';
comment on column identity.login_handles.kind is 'Which id it is: promoter_id, customer_id.';
alter table identity.login_handles enable row level security;
select pg_catalog.pg_extension_config_dump('identity.login_handles', '');

create table identity.factors (
    id uuid not null,
    user_id uuid not null,
    friendly_name text not null default '',
    factor_type text not null default 'totp',
    status text not null default 'unverified',
    secret_id uuid not null,
    last_step bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_challenged_at timestamptz,
    constraint factors_pkey primary key (id),
    constraint factors_user_fkey foreign key (user_id) references identity.users on delete cascade,
    constraint factors_type_check check (factor_type = 'totp'),
    constraint factors_status_check check (status in ('unverified', 'verified'))
);
create index factors_user_idx on identity.factors (user_id);
create unique index factors_name_key on identity.factors (user_id, friendly_name) where friendly_name <> '';
comment on table identity.factors is 'Second factors. The seed of a TOTP factor is sealed in backoffice.secrets.';
comment on column identity.factors.last_step is 'The time step of the last code that was accepted: no code is good twice.';
alter table identity.factors enable row level security;
select pg_catalog.pg_extension_config_dump('identity.factors', '');

create table identity.challenges (
    id uuid not null,
    factor_id uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    verified_at timestamptz,
    constraint challenges_pkey primary key (id),
    constraint challenges_factor_fkey foreign key (factor_id) references identity.factors on delete cascade
);
create index challenges_factor_idx on identity.challenges (factor_id);
comment on table identity.challenges is 'Requests for a code of a second factor, each good for one right answer.';
alter table identity.challenges enable row level security;
select pg_catalog.pg_extension_config_dump('identity.challenges', '');

create table identity.sessions (
    id uuid not null,
    user_id uuid not null,
    system text not null,
    created_at timestamptz not null default now(),
    refreshed_at timestamptz not null default now(),
    not_after timestamptz not null,
    aal text not null default 'aal1',
    factor_id uuid,
    amr jsonb not null,
    ip_address inet,
    user_agent text,
    ended_at timestamptz,
    end_reason text,
    constraint sessions_pkey primary key (id),
    constraint sessions_user_fkey foreign key (user_id) references identity.users on delete cascade,
    constraint sessions_factor_fkey foreign key (factor_id) references identity.factors on delete set null,
    constraint sessions_aal_check check (aal in ('aal1', 'aal2')),
    constraint sessions_end_check check ((ended_at is null) = (end_reason is null)),
    constraint sessions_end_reason_check check (end_reason in
        ('signed_out', 'token_reused', 'password_changed', 'second_factor', 'ended_by_admin', 'banned'))
);
create index sessions_user_idx on identity.sessions (user_id, ended_at);
create index sessions_over_idx on identity.sessions (coalesce(ended_at, not_after));
create index sessions_open_idx on identity.sessions (not_after) where ended_at is null;
create index sessions_factor_idx on identity.sessions (factor_id) where factor_id is not null;
comment on table identity.sessions is 'Sign-ins. A token is good only while its session is: every request asks.';
comment on column identity.sessions.system is 'The system that the person signed in to.';
comment on column identity.sessions.not_after is 'The session ends at this time however often it is refreshed.';
comment on column identity.sessions.aal is 'Assurance level: aal2 once a second factor confirmed the session.';
comment on column identity.sessions.amr is 'How the person proved who they are, and when: a list of {method, timestamp}.';
alter table identity.sessions enable row level security;
select pg_catalog.pg_extension_config_dump('identity.sessions', '');

create table identity.refresh_tokens (
    token_hash bytea not null,
    session_id uuid not null,
    parent_hash bytea,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint refresh_tokens_pkey primary key (token_hash),
    constraint refresh_tokens_session_fkey foreign key (session_id) references identity.sessions on delete cascade
);
create index refresh_tokens_session_idx on identity.refresh_tokens (session_id);
comment on table identity.refresh_tokens is 'Refresh tokens by their SHA-256. Each is used once and followed by a child.';
comment on column identity.refresh_tokens.used_at is 'When it was exchanged for its child; a later use means that it was stolen.';
alter table identity.refresh_tokens enable row level security;
select pg_catalog.pg_extension_config_dump('identity.refresh_tokens', '');

create table identity.one_time_tokens (
    user_id uuid not null,
    kind identity.token_kind not null,
    token_hash bytea not null,
    code_hash bytea not null,
    system text not null,
    recipient text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    attempts integer not null default 0,
    password_hash text,
    name text,
    user_metadata jsonb,
    constraint one_time_tokens_pkey primary key (user_id, kind),
    constraint one_time_tokens_token_key unique (token_hash),
    constraint one_time_tokens_user_fkey foreign key (user_id) references identity.users on delete cascade,
    constraint one_time_tokens_chosen_check check
        (kind = 'confirmation' or (password_hash is null and name is null and user_metadata is null))
);
comment on table identity.one_time_tokens is 'What was sent to a person to prove that an address is theirs. One for each kind; a newer one replaces it.';
comment on column identity.one_time_tokens.token_hash is 'SHA-256 of the long token that is in the link.';
comment on column identity.one_time_tokens.code_hash is 'HMAC of the short code under the root key: eight digits must not be guessable from a dump.';
comment on column identity.one_time_tokens.recipient is 'The address it was sent to, and thus what it confirms.';
comment on column identity.one_time_tokens.attempts is 'Wrong codes so far; a few of them burn the code, never the token of the link.';
comment on column identity.one_time_tokens.password_hash is 'Argon2id of the password that was chosen with this sign-up. In force only once the token is used: until then anybody may have chosen it. Emptied then.';
comment on column identity.one_time_tokens.name is 'The name given with this sign-up; the person''s once the token is used.';
comment on column identity.one_time_tokens.user_metadata is 'What was given with this sign-up; the person''s once the token is used.';
alter table identity.one_time_tokens enable row level security;
select pg_catalog.pg_extension_config_dump('identity.one_time_tokens', '');

create table identity.throttle (
    key bytea not null,
    failures integer not null,
    window_started_at timestamptz not null,
    locked_until timestamptz,
    expires_at timestamptz not null,
    constraint throttle_pkey primary key (key)
);
create index throttle_expires_idx on identity.throttle (expires_at);
comment on table identity.throttle is 'What is limited within a window: failed attempts, messages, invitations. Failures are kept also when the request failed.';
comment on column identity.throttle.key is 'SHA-256 of what is counted: whose sign-ins, codes or mails, or which address.';
comment on column identity.throttle.expires_at is 'From then on the row means nothing and may go.';
alter table identity.throttle enable row level security;
select pg_catalog.pg_extension_config_dump('identity.throttle', '');

create table identity.erasures (
    person_id uuid not null,
    erased_at timestamptz not null default now(),
    erased_by uuid,
    actor_role text not null,
    reason text not null,
    rows jsonb not null,
    constraint erasures_pkey primary key (person_id),
    constraint erasures_person_fkey foreign key (person_id) references identity.users
);
comment on table identity.erasures is 'What remains of a person whose data was erased: that it was done, when, by whom and why.';
comment on column identity.erasures.erased_by is 'The admin; null where it was psql or a server.';
comment on column identity.erasures.actor_role is 'person, service or database, as in the audit log.';
comment on column identity.erasures.rows is 'How many rows of each table were changed or deleted.';
alter table identity.erasures enable row level security;
select pg_catalog.pg_extension_config_dump('identity.erasures', '');

-- Rows that come with the extension.
insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, allowed, nullable, description) values
    ('identity', 'allow_sign_up', 'boolean', 'true', null, null, null, false,
     'Whether anybody may sign up; otherwise people come by invitation only'),
    ('identity', 'require_email_confirmation', 'boolean', 'true', null, null, null, false,
     'A person who signs up must confirm the address before the first sign-in'),
    ('identity', 'password_min_length', 'integer', '8', 6, 128, null, false,
     'The least number of characters of a password'),
    ('identity', 'password_required', 'text', '"none"', null, null,
     array['none', 'letters_digits', 'lower_upper_digits', 'lower_upper_digits_symbols'], false,
     'The classes of characters that a password must contain'),
    ('identity', 'access_token_seconds', 'integer', '3600', 60, 86400, null, false,
     'How long an access token is good'),
    ('identity', 'session_days', 'integer', '30', 1, 3650, null, false,
     'How long a session can be refreshed before the person must sign in again'),
    ('identity', 'ended_session_days', 'integer', '30', 1, 3650, null, false,
     'How long a session is kept after its end, so that a stolen token is still recognised'),
    ('identity', 'refresh_reuse_seconds', 'integer', '10', 0, 60, null, false,
     'A refresh token used again within this time is a retry; later it is a theft and ends the session'),
    ('identity', 'sign_in_failures', 'integer', '10', 1, 1000, null, false,
     'Failed sign-ins of one account from one address before it is locked there; wrong codes of a person''s second factors before these are locked'),
    ('identity', 'sign_in_failures_per_account', 'integer', '1000', 1, 1000000, null, false,
     'Failed sign-ins of one account from all addresses together before it is locked everywhere'),
    ('identity', 'sign_in_failures_per_address', 'integer', '100', 1, 100000, null, false,
     'Failed sign-ins from one address before it is locked'),
    ('identity', 'lockout_seconds', 'integer', '900', 1, 86400, null, false,
     'How long failures count, and how long a lock lasts'),
    ('identity', 'mails_per_hour', 'integer', '10', 1, 1000, null, false,
     'Messages of one kind with one-time tokens that are sent for one person in an hour'),
    ('identity', 'mail_requests_per_hour', 'integer', '100', 1, 100000, null, false,
     'Messages that may be asked for from one address in an hour, for whomever'),
    ('identity', 'one_time_token_seconds', 'integer', '3600', 60, 604800, null, false,
     'How long a one-time token is good'),
    ('identity', 'one_time_token_days', 'integer', '30', 1, 3650, null, false,
     'How long a one-time token is kept after it was used or expired; with it goes what its sign-up chose'),
    ('identity', 'invite_days', 'integer', '7', 1, 90, null, false,
     'How long an invitation is good'),
    ('identity', 'invites_per_minute', 'integer', '100', 1, 100000, null, false,
     'Invitations that one person may cause in a minute; servers are not counted'),
    ('identity', 'invites_per_day', 'integer', '1000', 1, 1000000, null, false,
     'Invitations that one person may cause in a day; servers are not counted'),
    ('identity', 'exports_per_day', 'integer', '10', 1, 1000, null, false,
     'How often a person may export their own data in a day'),
    ('identity', 'max_factors', 'integer', '10', 1, 100, null, false,
     'How many second factors a person may have'),
    ('identity', 'challenge_seconds', 'integer', '300', 30, 3600, null, false,
     'How long a challenge of a second factor is good'),
    ('identity', 'password_change_reauthentication', 'boolean', 'false', null, null, null, false,
     'A password is changed only with a code by mail once the session is older than a day'),
    ('identity', 'default_country_code', 'text', '"91"', null, null, null, false,
     'The calling code of the country whose phones are kept as ten digits'),
    ('identity', 'site_url', 'text', '"http://localhost:3000"', null, null, null, false,
     'Where the links in messages lead'),
    ('identity', 'redirect_urls', 'text', '""', null, null, null, false,
     'Further places that a link may lead to: prefixes of addresses, separated by commas'),
    ('identity', 'api_url', 'text', 'null', null, null, null, true,
     'The address of the API. When set, links lead to its verify endpoint, which then redirects to the site');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('identity.users', 'email', 'id', 'contact', 'yes', 'null', null),
    ('identity.users', 'phone', 'id', 'contact', 'yes', 'null', null),
    ('identity.users', 'name', 'id', 'identity', 'yes', 'pseudonym', null),
    ('identity.users', 'password_hash', 'id', 'credential', 'secret', 'null', null),
    ('identity.users', 'new_email', 'id', 'contact', 'yes', 'null', null),
    ('identity.users', 'new_phone', 'id', 'contact', 'yes', 'null', null),
    ('identity.users', 'email_confirmed_at', 'id', 'activity', 'yes', 'null', null),
    ('identity.users', 'phone_confirmed_at', 'id', 'activity', 'yes', 'null', null),
    ('identity.users', 'last_sign_in_at', 'id', 'activity', 'yes', 'null', null),
    ('identity.users', 'user_metadata', 'id', 'content', 'yes', 'empty', null),
    ('identity.users', 'app_metadata', 'id', 'content', 'yes', 'empty', null),
    ('identity.users', 'system', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.users', 'invited_at', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.users', 'banned_until', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.users', 'erased_at', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.users', 'created_at', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.users', 'updated_at', 'id', 'activity', 'yes', 'kept', 'says nothing about whose it is once the address and the name are gone'),
    ('identity.login_handles', 'handle', 'user_id', 'credential', 'yes', 'delete', null),
    ('identity.login_handles', 'kind', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.login_handles', 'created_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.login_handles', 'user_id', 'user_id', 'reference', 'yes', 'delete', null),
    ('identity.factors', 'friendly_name', 'user_id', 'content', 'yes', 'delete', null),
    ('identity.factors', 'factor_type', 'user_id', 'credential', 'yes', 'delete', null),
    ('identity.factors', 'status', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.factors', 'created_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.factors', 'last_challenged_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.factors', 'user_id', 'user_id', 'reference', 'yes', 'delete', null),
    ('identity.factors', 'secret_id', 'user_id', 'credential', 'secret', 'delete', null),
    ('identity.challenges', 'created_at', 't.factor_id in (select id from identity.factors where user_id = $1)', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'system', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'created_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'refreshed_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'not_after', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'aal', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'amr', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'ip_address', 'user_id', 'device', 'yes', 'delete', null),
    ('identity.sessions', 'user_agent', 'user_id', 'device', 'yes', 'delete', null),
    ('identity.sessions', 'ended_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'end_reason', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.sessions', 'user_id', 'user_id', 'reference', 'yes', 'delete', null),
    ('identity.refresh_tokens', 'token_hash', 't.session_id in (select id from identity.sessions where user_id = $1)', 'credential', 'no', 'delete', null),
    ('identity.refresh_tokens', 'created_at', 't.session_id in (select id from identity.sessions where user_id = $1)', 'activity', 'yes', 'delete', null),
    ('identity.refresh_tokens', 'used_at', 't.session_id in (select id from identity.sessions where user_id = $1)', 'activity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'kind', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'recipient', 'user_id', 'contact', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'created_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'expires_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'used_at', 'user_id', 'activity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'token_hash', 'user_id', 'credential', 'secret', 'delete', null),
    ('identity.one_time_tokens', 'code_hash', 'user_id', 'credential', 'secret', 'delete', null),
    ('identity.one_time_tokens', 'password_hash', 'user_id', 'credential', 'secret', 'delete', null),
    ('identity.one_time_tokens', 'name', 'user_id', 'identity', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'user_metadata', 'user_id', 'content', 'yes', 'delete', null),
    ('identity.one_time_tokens', 'user_id', 'user_id', 'reference', 'yes', 'delete', null),
    ('identity.erasures', 'person_id', 'person_id', 'activity', 'yes', 'kept', 'proves that the erasure was done'),
    ('identity.erasures', 'erased_at', 'person_id', 'activity', 'yes', 'kept', 'proves that the erasure was done'),
    ('identity.erasures', 'reason', 'person_id', 'activity', 'yes', 'kept', 'proves that the erasure was done'),
    ('identity.erasures', 'actor_role', 'erased_by', 'activity', 'yes', 'kept', 'who erased stays accountable, by an id alone'),
    ('identity.erasures', 'rows', 'nobody', 'none', 'no', 'kept', 'numbers of rows'),
    ('identity.erasures', 'erased_by', 'erased_by', 'reference', 'yes', 'kept', 'who erased stays accountable, by an id alone'),
    ('backoffice.secrets', 'ciphertext', 't.id in (select secret_id from identity.factors where user_id = $1)', 'credential', 'secret', 'delete', null);
