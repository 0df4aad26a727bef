-- ledger: the keys that journals are known by. Amounts and everything else are in the journal.

create table ledger.journal_keys (
    system text not null,
    key text not null,
    fingerprint bytea not null,
    journal_id uuid not null,
    constraint journal_keys_pkey primary key (system, key),
    constraint journal_keys_journal_key unique (journal_id),
    constraint journal_keys_fingerprint_check check (octet_length(fingerprint) = 32)
);
comment on table ledger.journal_keys is 'Keys that callers chose for journals: the same key with the same content gives what is stored. Append-only.';
comment on column ledger.journal_keys.system is 'The system in which the key is unique.';
comment on column ledger.journal_keys.fingerprint is 'SHA-256 over everything that the request said.';
comment on column ledger.journal_keys.journal_id is 'The journal; a transfer on its own where it had one leg.';
alter table ledger.journal_keys enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.journal_keys', '');
