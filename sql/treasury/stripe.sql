-- treasury: the accounts at Stripe to which people are paid.

create table treasury.stripe_accounts (
    id uuid not null,
    stripe_account_id text not null,
    onboarding_status text not null default 'pending',
    created_at timestamptz not null default now(),
    charges_enabled boolean not null default false,
    payouts_enabled boolean not null default false,
    details_submitted boolean not null default false,
    requirements jsonb not null default '{"past_due": [], "currently_due": [], "disabled_reason": null}',
    live boolean,
    event_at timestamptz,
    updated_at timestamptz not null default now(),
    payout_details_changed_at timestamptz,
    constraint stripe_accounts_pkey primary key (id),
    constraint stripe_accounts_id_fkey foreign key (id) references treasury.users,
    constraint stripe_accounts_stripe_account_id_key unique (stripe_account_id),
    constraint stripe_accounts_onboarding_status_check check
        (onboarding_status in ('pending', 'completed', 'rejected'))
);
comment on table treasury.stripe_accounts is 'The connected account at Stripe of each person who has one, as Stripe last described it.';
comment on column treasury.stripe_accounts.id is 'The person.';
comment on column treasury.stripe_accounts.stripe_account_id is 'Stripe''s id, acct_….';
comment on column treasury.stripe_accounts.onboarding_status is 'Follows from what Stripe says: rejected where Stripe has rejected the account, completed where details are submitted and charges and payouts enabled, else pending.';
comment on column treasury.stripe_accounts.requirements is 'What Stripe still wants: the lists currently_due and past_due, and disabled_reason.';
comment on column treasury.stripe_accounts.live is 'Whether it is one of Stripe''s live mode; NULL until Stripe has said so.';
comment on column treasury.stripe_accounts.event_at is 'When Stripe made the event that this row follows; NULL before the first.';
comment on column treasury.stripe_accounts.charges_enabled is 'Whether Stripe lets it charge.';
comment on column treasury.stripe_accounts.payouts_enabled is 'Whether Stripe lets it be paid.';
comment on column treasury.stripe_accounts.details_submitted is 'Whether its owner has told Stripe what it asked for.';
comment on column treasury.stripe_accounts.created_at is 'When it was linked.';
comment on column treasury.stripe_accounts.updated_at is 'When it last changed here.';
comment on column treasury.stripe_accounts.payout_details_changed_at is 'When the bank account or card that payouts go to last changed; NULL until Stripe has said so.';
alter table treasury.stripe_accounts enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.stripe_accounts', '');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('treasury.stripe_accounts', 'stripe_account_id', 'id', 'bank', 'yes', 'kept', 'what was paid is found by it in the records of Stripe'),
    ('treasury.stripe_accounts', 'onboarding_status', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'created_at', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'charges_enabled', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'payouts_enabled', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'details_submitted', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'requirements', 'id', 'activity', 'yes', 'kept', 'names of what Stripe wants to know, never what it was told'),
    ('treasury.stripe_accounts', 'live', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'event_at', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone'),
    ('treasury.stripe_accounts', 'updated_at', 'id', 'activity', 'yes', 'kept', 'whether money could be paid, under an id alone');
