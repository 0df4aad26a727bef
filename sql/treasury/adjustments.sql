-- treasury: what admins change by hand. Where money moves, a second one has to agree.

create table treasury.adjustments (
    id uuid not null,
    user_id uuid not null,
    type text not null,
    amount_cents bigint not null,
    currency text not null,
    reason text,
    reference_id text,
    status text not null,
    requested_by uuid,
    requested_as text not null,
    decided_by uuid,
    decided_at timestamptz,
    note text,
    journal_id uuid,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    constraint adjustments_pkey primary key (id),
    constraint adjustments_user_id_fkey foreign key (user_id) references treasury.users,
    constraint adjustments_type_check check (type in ('credit', 'debit')),
    constraint adjustments_amount_check check (amount_cents > 0),
    constraint adjustments_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint adjustments_status_check check (status in ('waiting', 'posted', 'rejected', 'expired')),
    constraint adjustments_requested_as_check check (requested_as in ('person', 'service', 'database')
        and (requested_as = 'person') = (requested_by is not null)),
    constraint adjustments_posted_check check ((status = 'posted') = (journal_id is not null)),
    constraint adjustments_waiting_check check ((status = 'waiting') = (decided_at is null)
        and (status <> 'waiting' or expires_at is not null)),
    constraint adjustments_decider_check check (decided_by <> requested_by or status = 'rejected')
);
create index adjustments_user_id_idx on treasury.adjustments (user_id, created_at);
create index adjustments_waiting_idx on treasury.adjustments (expires_at) where status = 'waiting';
create index adjustments_created_at_idx on treasury.adjustments (created_at);
comment on table treasury.adjustments is 'Corrections of users'' earnings by hand, each with its reason. What moves more than the setting two_person_amount waits for a second admin. Once decided it never changes.';
comment on column treasury.adjustments.id is 'Ours, as UUID v7.';
comment on column treasury.adjustments.user_id is 'Whose earnings are corrected.';
comment on column treasury.adjustments.created_at is 'When it was asked for.';
comment on column treasury.adjustments.type is 'credit: the user gets it; debit: it is taken from them.';
comment on column treasury.adjustments.amount_cents is 'Minor units.';
comment on column treasury.adjustments.currency is 'ISO 4217.';
comment on column treasury.adjustments.reason is 'Why, in the words of whoever asked; NULL once nobody needs it any more.';
comment on column treasury.adjustments.reference_id is 'What it is about outside, such as a charge at Stripe; the entries bear it.';
comment on column treasury.adjustments.status is 'waiting: for a second admin; posted: it is in the books; rejected; expired: nobody decided in time.';
comment on column treasury.adjustments.requested_by is 'The admin who asked; NULL for a server or psql.';
comment on column treasury.adjustments.requested_as is 'person, service (a server) or database (psql).';
comment on column treasury.adjustments.decided_by is 'The second admin; NULL where none was needed, or a server or psql rejected it.';
comment on column treasury.adjustments.decided_at is 'When it was posted, rejected or found expired.';
comment on column treasury.adjustments.note is 'What the second admin said.';
comment on column treasury.adjustments.journal_id is 'Its journal in the ledger.';
comment on column treasury.adjustments.expires_at is 'Until when it can be decided; NULL where it was posted at once.';
alter table treasury.adjustments enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.adjustments', '');

create table treasury.overrides (
    id uuid not null,
    action text not null,
    target text not null,
    arguments jsonb not null default '{}',
    reason text,
    status text not null,
    amount_cents bigint,
    currency text,
    before jsonb,
    after jsonb,
    requested_by uuid,
    requested_as text not null,
    approved_by uuid,
    decided_at timestamptz,
    note text,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    constraint overrides_pkey primary key (id),
    constraint overrides_status_check check (status in ('waiting', 'applied', 'rejected', 'expired')),
    constraint overrides_requested_as_check check (requested_as in ('person', 'service', 'database')
        and (requested_as = 'person') = (requested_by is not null)),
    constraint overrides_amount_check check ((amount_cents is null) = (currency is null) and amount_cents >= 0),
    constraint overrides_applied_check check (status <> 'applied' or (before is not null and after is not null)),
    constraint overrides_waiting_check check ((status = 'waiting') = (decided_at is null)
        and (status <> 'waiting' or expires_at is not null)),
    constraint overrides_approver_check check (approved_by <> requested_by or status = 'rejected')
);
create index overrides_target_idx on treasury.overrides (target, created_at);
create index overrides_waiting_idx on treasury.overrides (expires_at) where status = 'waiting';
create index overrides_created_at_idx on treasury.overrides (created_at);
comment on table treasury.overrides is 'What admins did by hand where no other way leads on: what it was before and after, why, and who agreed. Once decided it never changes.';
comment on column treasury.overrides.id is 'Ours, as UUID v7.';
comment on column treasury.overrides.decided_at is 'When it was applied, rejected or found expired.';
comment on column treasury.overrides.created_at is 'When it was asked for.';
comment on column treasury.overrides.action is 'What was done: docs/treasury-admin.md lists them.';
comment on column treasury.overrides.target is 'What it was done to: an id of ours or of Stripe.';
comment on column treasury.overrides.arguments is 'What else the action was told, such as a currency.';
comment on column treasury.overrides.reason is 'Why, in the words of whoever asked; NULL once nobody needs it any more.';
comment on column treasury.overrides.status is 'waiting: for a second admin; applied; rejected; expired: nobody decided in time.';
comment on column treasury.overrides.amount_cents is 'What it moves or moved, in minor units; NULL where no money moves.';
comment on column treasury.overrides.currency is 'ISO 4217.';
comment on column treasury.overrides.before is 'The target before it was applied.';
comment on column treasury.overrides.after is 'The target after that.';
comment on column treasury.overrides.requested_by is 'The admin who asked; NULL for a server or psql.';
comment on column treasury.overrides.requested_as is 'person, service (a server) or database (psql).';
comment on column treasury.overrides.approved_by is 'The second admin who agreed or rejected; NULL where none was needed, or a server or psql rejected it.';
comment on column treasury.overrides.note is 'What the second admin said.';
comment on column treasury.overrides.expires_at is 'Until when it can be decided; NULL where it was applied at once.';
alter table treasury.overrides enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.overrides', '');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, nullable, description) values
    ('treasury', 'two_person_amount', 'amounts', '{}', 0, 1000000000000000, false,
     'Up to which amount one admin alone may move money by hand, by currency in minor units; 0: none'),
    ('treasury', 'two_person_amount_otherwise', 'integer', '50000', 0, 1000000000000000, true,
     'The same for currencies that two_person_amount does not name; null: any amount'),
    ('treasury', 'two_person_days', 'integer', '7', 1, 90, false,
     'For so many days an adjustment or override waits for a second admin'),
    ('treasury', 'adjustment_overdraft', 'boolean', 'true', null, null, false,
     'Whether an adjustment may bring earnings below zero, to be paid off by the next ones'),
    ('treasury', 'tax_years', 'integer', '10', 1, 100, false,
     'For so many years tax law wants the words kept that go with charges, refunds, disputes and adjustments');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('treasury.adjustments', 'type', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'amount_cents', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'currency', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'reason', 'user_id', 'content', 'yes', 'kept', 'books of account, until the job purge_treasury empties it'),
    ('treasury.adjustments', 'reference_id', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'status', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'created_at', 'user_id', 'activity', 'yes', 'kept', 'books of account'),
    ('treasury.adjustments', 'requested_by', 'requested_by', 'reference', 'yes', 'kept', 'who moved money by hand stays accountable, by an id alone'),
    ('treasury.adjustments', 'decided_by', 'decided_by', 'reference', 'yes', 'kept', 'who moved money by hand stays accountable, by an id alone'),
    ('treasury.adjustments', 'note', 'decided_by', 'content', 'no', 'kept', 'books of account, until the job purge_treasury empties it'),
    ('treasury.overrides', 'target', 'nobody', 'none', 'no', 'kept', 'an id of ours or of Stripe'),
    ('treasury.overrides', 'arguments', 'nobody', 'none', 'no', 'kept', 'ids and currencies'),
    ('treasury.overrides', 'before', 'nobody', 'none', 'no', 'kept', 'amounts, states and ids'),
    ('treasury.overrides', 'after', 'nobody', 'none', 'no', 'kept', 'amounts, states and ids'),
    ('treasury.overrides', 'requested_by', 'requested_by', 'reference', 'yes', 'kept', 'who changed things by hand stays accountable, by an id alone'),
    ('treasury.overrides', 'reason', 'requested_by', 'content', 'no', 'kept', 'books of account, until the job purge_treasury empties it'),
    ('treasury.overrides', 'approved_by', 'approved_by', 'reference', 'yes', 'kept', 'who changed things by hand stays accountable, by an id alone'),
    ('treasury.overrides', 'note', 'approved_by', 'content', 'no', 'kept', 'books of account, until the job purge_treasury empties it');
