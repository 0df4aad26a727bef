-- treasury: what is to be asked of Stripe, until a worker has asked it.

create table treasury.stripe_requests (
    id uuid not null,
    subject text not null,
    subject_id bigint,
    method text not null,
    path text not null,
    stripe_account_id text,
    params jsonb not null default '{}',
    status text not null default 'pending',
    attempts integer not null default 0,
    available_at timestamptz not null default now(),
    leased_by text,
    leased_until timestamptz,
    first_claimed_at timestamptz,
    response_status integer,
    last_error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint stripe_requests_pkey primary key (id),
    constraint stripe_requests_subject_check check (subject in ('refund', 'payout', 'balance_transactions')),
    constraint stripe_requests_method_check check (method in ('GET', 'POST')),
    constraint stripe_requests_status_check check (status in ('pending', 'done', 'refused', 'dead', 'canceled'))
);
create index stripe_requests_due_idx on treasury.stripe_requests (available_at) where status = 'pending';
create index stripe_requests_subject_idx on treasury.stripe_requests (subject, subject_id, id);
create index stripe_requests_lost_idx on treasury.stripe_requests (first_claimed_at)
    where status = 'pending' and first_claimed_at is not null;
create index stripe_requests_dead_idx on treasury.stripe_requests (id) where status = 'dead';
create index stripe_requests_finished_idx on treasury.stripe_requests (finished_at) where finished_at is not null;
comment on table treasury.stripe_requests is 'Calls to Stripe''s API that a worker is to make: it claims them with a lease, calls Stripe with the id as Idempotency-Key, and says what Stripe answered. Written in the transaction of what wants the call.';
comment on column treasury.stripe_requests.id is 'Also the Idempotency-Key: Stripe does what it says once, however often it is called.';
comment on column treasury.stripe_requests.subject is 'What it is about: refund, payout, or balance_transactions.';
comment on column treasury.stripe_requests.subject_id is 'The row of treasury.refunds or treasury.payouts.';
comment on column treasury.stripe_requests.path is 'Below https://api.stripe.com, such as /v1/refunds.';
comment on column treasury.stripe_requests.stripe_account_id is 'The connected account that the call is made for (the header Stripe-Account); NULL for the platform''s own.';
comment on column treasury.stripe_requests.params is 'The parameters; nested ones are nested objects, which Stripe wants as a[b]=c.';
comment on column treasury.stripe_requests.status is 'pending; done: Stripe did it; refused: Stripe answered that it does not; dead: nobody knows, after all attempts; canceled: nobody wants it any more.';
comment on column treasury.stripe_requests.available_at is 'Not to be claimed before this time; failures move it on.';
comment on column treasury.stripe_requests.leased_by is 'The worker that claimed it last; stays when it has answered, so that the same answer again is known as such.';
comment on column treasury.stripe_requests.leased_until is 'Until when the worker has it for itself; NULL once it has answered.';
comment on column treasury.stripe_requests.first_claimed_at is 'When a worker first had it: Stripe forgets the key a day later, so after 23 hours nobody gets it any more.';
comment on column treasury.stripe_requests.finished_at is 'When it was done, refused or canceled; a dead one is not finished.';
comment on column treasury.stripe_requests.response_status is 'The HTTP status of the last answer; NULL for none.';
comment on column treasury.stripe_requests.method is 'GET or POST.';
comment on column treasury.stripe_requests.attempts is 'How often it was claimed.';
comment on column treasury.stripe_requests.last_error is 'What went wrong last.';
comment on column treasury.stripe_requests.created_at is 'When it was put here.';
alter table treasury.stripe_requests enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.stripe_requests', '');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, description) values
    ('treasury', 'request_max_attempts', 'integer', '10', 1, 100,
     'After so many attempts without a definite answer of Stripe a request is dead, and an admin must look'),
    ('treasury', 'request_retry_seconds', 'integer', '30', 1, 86400,
     'Wait after the first failed attempt of a request; it doubles with each further one, up to six hours'),
    ('treasury', 'request_late_seconds', 'integer', '900', 1, 604800,
     'A request that no worker has claimed for so long is late'),
    ('treasury', 'request_days', 'integer', '90', 1, 3650,
     'How long a request is kept after it was done, refused or canceled');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('treasury.stripe_requests', 'params', 'nobody', 'none', 'no', 'kept', 'amounts and ids of Stripe'),
    ('treasury.stripe_requests', 'last_error', 'exists (select from unnest($2::text[]) a (address) where position(a.address in lower(concat_ws('' '', t.last_error))) > 0)', 'content', 'no', 'addresses', null);
