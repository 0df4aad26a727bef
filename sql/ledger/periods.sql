-- ledger: closed periods, what closed them, and what came too late for them.

create table ledger.periods (
    system text not null,
    number integer not null,
    closed_until timestamptz,
    retained_earnings text,
    reason text,
    acted_by uuid,
    acted_at timestamptz not null,
    constraint periods_pkey primary key (system, number),
    constraint periods_number_check check (number > 0),
    constraint periods_until_check check (pg_catalog.isfinite(closed_until))
);
comment on table ledger.periods is 'Every closing and reopening of the books of a system; the row with the highest number says what is closed now. Append-only.';
comment on column ledger.periods.number is 'Counts the changes of the system, from 1.';
comment on column ledger.periods.closed_until is 'The first moment that is open: nothing is posted for a time before it. Null where all is open.';
comment on column ledger.periods.retained_earnings is 'The code of the account that income and expense went into; null where the closing posted nothing.';
comment on column ledger.periods.reason is 'Why the books were reopened, or what the closing was for.';
comment on column ledger.periods.acted_by is 'The admin who did it; null for a server and for psql.';
comment on column ledger.periods.acted_at is 'When it was done: what was recorded later belongs to the open present.';
alter table ledger.periods enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.periods', '');

create table ledger.closing_journals (
    journal_id uuid not null,
    system text not null,
    number integer not null,
    reverses_id uuid,
    constraint closing_journals_pkey primary key (journal_id),
    constraint closing_journals_reverses_key unique (reverses_id),
    constraint closing_journals_period_fkey foreign key (system, number) references ledger.periods,
    constraint closing_journals_reverses_fkey foreign key (reverses_id) references ledger.closing_journals
);
create index closing_journals_period_idx on ledger.closing_journals (system, number);
comment on table ledger.closing_journals is 'The journals that carried income and expense into retained earnings, and those that took it back. Income statements leave them out. Append-only.';
comment on column ledger.closing_journals.journal_id is 'The journal; where it is a single transfer, that transfer.';
comment on column ledger.closing_journals.number is 'The closing, or the reopening, that posted it.';
comment on column ledger.closing_journals.reverses_id is 'The closing journal that it undoes, when the books were reopened.';
alter table ledger.closing_journals enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.closing_journals', '');

create table ledger.late_postings (
    journal_id uuid not null,
    asked_at timestamptz not null,
    effective_at timestamptz not null,
    constraint late_postings_pkey primary key (journal_id),
    constraint late_postings_order_check check (asked_at < effective_at)
);
comment on table ledger.late_postings is 'Journals that came for a closed period and count from the first open moment instead. Append-only.';
comment on column ledger.late_postings.journal_id is 'The journal; where it is a single transfer, that transfer.';
comment on column ledger.late_postings.asked_at is 'The time that it was meant for.';
comment on column ledger.late_postings.effective_at is 'The time that it counts for.';
alter table ledger.late_postings enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.late_postings', '');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ledger.periods', 'acted_by', 'acted_by', 'reference', 'yes', 'kept', 'who closed the books stays accountable, by an id alone');
