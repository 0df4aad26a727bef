-- ledger: where old transfers and journals go. The same columns as the tables they come
-- from, so that both read as one. What reads history reads the views; only what posts
-- looks at the tables themselves.
create table ledger.transfers_archive (
    like ledger.transfers including comments including constraints,
    constraint transfers_archive_pkey primary key (id)
);
create index transfers_archive_debit_idx on ledger.transfers_archive (debit_account_id, recorded_at);
create index transfers_archive_credit_idx on ledger.transfers_archive (credit_account_id, recorded_at);
create index transfers_archive_debit_effective_idx on ledger.transfers_archive (debit_account_id, effective_at) where effective_at is not null;
create index transfers_archive_credit_effective_idx on ledger.transfers_archive (credit_account_id, effective_at) where effective_at is not null;
create index transfers_archive_journal_idx on ledger.transfers_archive (journal_id) where journal_id is not null;
create index transfers_archive_hold_idx on ledger.transfers_archive (hold_id) where hold_id is not null;
create index transfers_archive_reverses_idx on ledger.transfers_archive (reverses_id) where reverses_id is not null;
create index transfers_archive_recorded_idx on ledger.transfers_archive using brin (recorded_at)
    with (pages_per_range = 32, autosummarize = on);
comment on table ledger.transfers_archive is 'Old rows of transfers, sealed, moved here by the archiving job. Append-only.';
alter table ledger.transfers_archive enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.transfers_archive', '');

create table ledger.journals_archive (
    like ledger.journals including comments including constraints,
    constraint journals_archive_pkey primary key (id)
);
create unique index journals_archive_reverses_key on ledger.journals_archive (reverses_id) where reverses_id is not null;
comment on table ledger.journals_archive is 'Old rows of journals, moved here with their transfers. Append-only.';
alter table ledger.journals_archive enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.journals_archive', '');

-- Rows come in the order of their time, so this finds a period, and costs an insert next to nothing.
create index transfers_recorded_idx on ledger.transfers using brin (recorded_at)
    with (pages_per_range = 32, autosummarize = on);

create view ledger.all_transfers with (security_invoker) as
select * from ledger.transfers
 union all
select * from ledger.transfers_archive;
comment on view ledger.all_transfers is 'transfers and their archive as one.';

create view ledger.all_journals with (security_invoker) as
select * from ledger.journals
 union all
select * from ledger.journals_archive;
comment on view ledger.all_journals is 'journals and their archive as one.';

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, nullable, description) values
    ('ledger', 'archive_months', 'integer', 'null', 2, 1200, true,
     'Transfers of months that ended so many months ago go to the archive once they are sealed; null keeps them where they are');

-- Like the tables that the rows come from.
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason)
select table_name || '_archive', column_name,
       replace(person, 'ledger.transfers ', 'ledger.transfers_archive '),
       kind, export, erasure, reason
  from backoffice.personal_columns
 where table_name in ('ledger.transfers', 'ledger.journals');
