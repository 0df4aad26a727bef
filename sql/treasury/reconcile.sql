-- treasury: Stripe's balance transactions compared with the books, by the ledger's matcher.

create table treasury.reconciliation_lines (
    line_id uuid not null,
    balance_transaction_id text not null,
    part text not null,
    constraint reconciliation_lines_pkey primary key (line_id),
    constraint reconciliation_lines_part_key unique (balance_transaction_id, part),
    constraint reconciliation_lines_line_id_fkey foreign key (line_id) references ledger.external_lines,
    constraint reconciliation_lines_balance_transaction_id_fkey
        foreign key (balance_transaction_id) references treasury.balance_transactions,
    constraint reconciliation_lines_part_check check (part in ('amount', 'fee'))
);
comment on table treasury.reconciliation_lines is 'Which balance transactions of Stripe are lines of statements in the ledger: each once. Append-only.';
comment on column treasury.reconciliation_lines.line_id is 'The line in ledger.external_lines.';
comment on column treasury.reconciliation_lines.balance_transaction_id is 'The balance transaction at Stripe.';
comment on column treasury.reconciliation_lines.part is 'amount, or fee: the books have both apart; together they are the net amount.';
alter table treasury.reconciliation_lines enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.reconciliation_lines', '');

create table treasury.reconciliation (
    currency text not null,
    reference text not null,
    outcome text not null,
    booked_on date not null,
    stripe_cents bigint not null,
    books_cents bigint not null,
    difference_cents bigint not null,
    lines integer not null,
    open_lines integer not null,
    open_entries integer not null,
    found_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint reconciliation_pkey primary key (currency, reference),
    constraint reconciliation_outcome_check check
        (outcome in ('matched', 'missing_in_books', 'missing_at_stripe', 'amount_differs')),
    constraint reconciliation_difference_check check (difference_cents = stripe_cents - books_cents)
);
create index reconciliation_open_idx on treasury.reconciliation (booked_on) where outcome <> 'matched';
create index reconciliation_booked_on_idx on treasury.reconciliation (currency, booked_on);
comment on table treasury.reconciliation is 'What Stripe says moved the balance there, and what the books say, by what it is about: as treasury.reconcile_stripe last found it.';
comment on column treasury.reconciliation.currency is 'ISO 4217; of the balance at Stripe.';
comment on column treasury.reconciliation.difference_cents is 'What Stripe has more than the books, in minor units.';
comment on column treasury.reconciliation.updated_at is 'When something of it last changed.';
comment on column treasury.reconciliation.reference is 'The charge, refund, dispute or payout at Stripe; for what has none the balance transaction, or transfer: and the ledger''s transfer.';
comment on column treasury.reconciliation.outcome is 'matched; missing_in_books: only Stripe has it; missing_at_stripe: only the books have it; amount_differs: both have it, or parts of it, and not the same amount.';
comment on column treasury.reconciliation.booked_on is 'The first day that Stripe, or the books, have it, in UTC.';
comment on column treasury.reconciliation.stripe_cents is 'What it changed at Stripe, net of fees, in minor units.';
comment on column treasury.reconciliation.books_cents is 'The same by the books, as far as it is matched or bears the reference.';
comment on column treasury.reconciliation.lines is 'How many lines of Stripe it has: amounts and fees apart.';
comment on column treasury.reconciliation.open_lines is 'How many of them are not matched.';
comment on column treasury.reconciliation.open_entries is 'How many transfers of the books are not.';
comment on column treasury.reconciliation.found_at is 'When it was first seen.';
alter table treasury.reconciliation enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.reconciliation', '');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, nullable, description) values
    ('treasury', 'reconcile_days', 'integer', '35', 1, 366, false,
     'So many days back the job reconcile_stripe compares Stripe with the books'),
    ('treasury', 'reconcile_grace_days', 'integer', '2', 0, 30, false,
     'The last days that it leaves alone, because what is of them may still be on its way');
