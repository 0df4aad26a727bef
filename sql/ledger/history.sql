-- Sums that are kept so that history need not be added up from its beginning. A job makes them,
-- never a posting; all of them follow from ledger.all_transfers, and answers are the same without.

-- No foreign keys: they would lock rows of accounts that postings wait for. Accounts are never deleted.
create table ledger.checkpoints (
    account_id bigint not null,
    at timestamptz not null,
    debits bigint not null,
    credits bigint not null,
    dated_debits bigint,
    dated_credits bigint,
    constraint checkpoints_pkey primary key (account_id, at)
);
comment on table ledger.checkpoints is 'What an account was debited and credited by everything recorded up to and with a time. Made from its transfers, every so many, by the job checkpoint_ledger.';
comment on column ledger.checkpoints.at is 'A recorded_at of a transfer of the account; nothing is recorded at or before it any more.';
comment on column ledger.checkpoints.debits is 'Minor units.';
comment on column ledger.checkpoints.credits is 'Minor units.';
comment on column ledger.checkpoints.dated_debits is 'The part of debits that counts for a time of its own; null for none.';
comment on column ledger.checkpoints.dated_credits is 'The part of credits that counts for a time of its own; null for none.';
alter table ledger.checkpoints enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.checkpoints', '');

create table ledger.dated_checkpoints (
    account_id bigint not null,
    at timestamptz not null,
    debits bigint not null,
    credits bigint not null,
    entries bigint not null,
    constraint dated_checkpoints_pkey primary key (account_id, at)
) with (fillfactor = 80);
comment on table ledger.dated_checkpoints is 'What an account was debited and credited by transfers with an effective_at up to and with a time, of those recorded up to its last row in ledger.checkpoints.';
comment on column ledger.dated_checkpoints.at is 'An effective_at of a transfer of the account; infinity for all of them.';
comment on column ledger.dated_checkpoints.debits is 'Minor units.';
comment on column ledger.dated_checkpoints.credits is 'Minor units.';
comment on column ledger.dated_checkpoints.entries is 'How many transfers that is.';
alter table ledger.dated_checkpoints enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.dated_checkpoints', '');

create table ledger.checkpoint_progress (
    single boolean not null default true,
    mark_at timestamptz,
    mark_xid bigint,
    complete_until timestamptz,
    sweep_after timestamptz,
    sweep_until timestamptz,
    next_account bigint,
    whole_at timestamptz,
    constraint checkpoint_progress_pkey primary key (single),
    constraint checkpoint_progress_single_check check (single),
    constraint checkpoint_progress_mark_check check ((mark_at is null) = (mark_xid is null)),
    constraint checkpoint_progress_sweep_check check ((next_account is null) = (sweep_until is null))
);
comment on table ledger.checkpoint_progress is 'How far the job checkpoint_ledger has come; one row.';
comment on column ledger.checkpoint_progress.mark_at is 'Everything recorded before is complete once all transactions below mark_xid have ended.';
comment on column ledger.checkpoint_progress.mark_xid is 'No transaction from this one on has recorded anything before mark_at.';
comment on column ledger.checkpoint_progress.complete_until is 'Of everything recorded up to it there are checkpoints.';
comment on column ledger.checkpoint_progress.sweep_after is 'The accounts with transfers recorded after it are being looked through; null for all accounts.';
comment on column ledger.checkpoint_progress.sweep_until is 'How far their transfers are taken; null while nothing is being looked through.';
comment on column ledger.checkpoint_progress.next_account is 'The last account that was looked at.';
comment on column ledger.checkpoint_progress.whole_at is 'When all accounts were looked through last.';
alter table ledger.checkpoint_progress enable row level security;
-- Transactions of another server would mean nothing: there the job looks at all accounts once.
select pg_catalog.pg_extension_config_dump('ledger.checkpoint_progress', 'where false');
