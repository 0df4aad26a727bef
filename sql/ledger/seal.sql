-- ledger: the seals. A block stands for the transfers of a stretch of time, in the order of
-- recorded_at and id, from where the block before it ends.
create table ledger.seal_blocks (
    height bigint not null,
    until_at timestamptz not null,
    sealed_at timestamptz not null,
    transfers integer not null,
    until_id uuid not null,
    previous_hash bytea not null,
    root bytea not null,
    entries_hash bytea not null,
    hash bytea not null,
    entries bytea not null,
    constraint seal_blocks_pkey primary key (height),
    constraint seal_blocks_height_check check (height > 0),
    constraint seal_blocks_hashes_check check (octet_length(previous_hash) = 32 and octet_length(root) = 32
        and octet_length(entries_hash) = 32 and octet_length(hash) = 32),
    constraint seal_blocks_transfers_check check (transfers > 0),
    constraint seal_blocks_entries_check check (octet_length(entries) = transfers * 36)
);
-- Hashes do not get smaller.
alter table ledger.seal_blocks alter column entries set storage external;
comment on table ledger.seal_blocks is 'The chain of seals: each block holds hashes of some transfers and of the block before. Append-only.';
comment on column ledger.seal_blocks.height is 'Counts from 1.';
comment on column ledger.seal_blocks.until_at is 'The block ends at this recorded_at, with the transfer until_id.';
comment on column ledger.seal_blocks.until_id is 'The last transfer of the block, or the greatest id where it takes in all of until_at.';
comment on column ledger.seal_blocks.previous_hash is 'The hash of the block before; zeros in the first.';
comment on column ledger.seal_blocks.root is 'SHA-256 of every field of every transfer, of their journals and of what identifies their accounts.';
comment on column ledger.seal_blocks.entries_hash is 'SHA-256 of entries.';
comment on column ledger.seal_blocks.hash is 'SHA-256 of all that the block says, but entries, by entries_hash.';
comment on column ledger.seal_blocks.entries is 'For each transfer 36 bytes, to name the one that changed: its id, and the first bytes of the hashes of itself (8), its journal (4), and its accounts (4 and 4).';
alter table ledger.seal_blocks enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.seal_blocks', '');

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, description) values
    ('ledger', 'seal_delay_seconds', 'integer', '10', 0, 86400,
     'Transfers are sealed when they are so old: a clock that is set back by less does no harm');
