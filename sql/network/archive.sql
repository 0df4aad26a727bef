-- network: where old rows go. The same columns as the tables they come from, so
-- that both read as one; foreign keys too, so that both are embedded alike.

create table network.pin_transactions_archive (
    like network.pin_transactions including comments including constraints,
    constraint pin_transactions_archive_pkey primary key (id),
    constraint pin_transactions_archive_transaction_id_key unique (transaction_id),
    constraint pin_transactions_archive_user_id_fkey foreign key (user_id) references network.profiles,
    constraint pin_transactions_archive_created_by_fkey foreign key (created_by) references network.profiles
);
create index pin_transactions_archive_user_id_idx on network.pin_transactions_archive (user_id, created_at desc);
create index pin_transactions_archive_created_by_idx on network.pin_transactions_archive (created_by);
create index pin_transactions_archive_created_at_idx on network.pin_transactions_archive using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
create unique index pin_transactions_archive_customer_key on network.pin_transactions_archive (related_entity_id)
    where action_type = 'customer_creation';
comment on table network.pin_transactions_archive is 'Old rows of pin_transactions, moved here by the archiving job. Append-only.';
alter table network.pin_transactions_archive enable row level security;
select pg_catalog.pg_extension_config_dump('network.pin_transactions_archive', '');

create table network.affiliate_commissions_archive (
    like network.affiliate_commissions including comments including constraints,
    constraint affiliate_commissions_archive_pkey primary key (id),
    constraint affiliate_commissions_archive_transaction_id_key unique (transaction_id),
    constraint affiliate_commissions_archive_customer_id_fkey foreign key (customer_id) references network.profiles,
    constraint affiliate_commissions_archive_initiator_promoter_id_fkey
        foreign key (initiator_promoter_id) references network.profiles,
    constraint affiliate_commissions_archive_recipient_id_fkey foreign key (recipient_id) references network.profiles
);
create unique index affiliate_commissions_archive_customer_level_key
    on network.affiliate_commissions_archive (customer_id, level, reverses_id) nulls not distinct;
create unique index affiliate_commissions_archive_reverses_id_key
    on network.affiliate_commissions_archive (reverses_id) where reverses_id is not null;
create index affiliate_commissions_archive_recipient_id_idx
    on network.affiliate_commissions_archive (recipient_id, recipient_type, created_at);
create index affiliate_commissions_archive_initiator_promoter_id_idx
    on network.affiliate_commissions_archive (initiator_promoter_id);
create index affiliate_commissions_archive_created_at_idx on network.affiliate_commissions_archive using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
comment on table network.affiliate_commissions_archive is 'Old rows of affiliate_commissions, moved here by the archiving job. Append-only.';
alter table network.affiliate_commissions_archive enable row level security;
select pg_catalog.pg_extension_config_dump('network.affiliate_commissions_archive', '');

create table network.withdrawal_requests_archive (
    like network.withdrawal_requests including comments including constraints,
    constraint withdrawal_requests_archive_pkey primary key (id),
    constraint withdrawal_requests_archive_request_id_key unique (request_id),
    constraint withdrawal_requests_archive_promoter_id_fkey foreign key (promoter_id) references network.profiles,
    constraint withdrawal_requests_archive_processed_by_fkey foreign key (processed_by) references network.profiles
);
create index withdrawal_requests_archive_promoter_id_idx
    on network.withdrawal_requests_archive (promoter_id, created_at desc);
create index withdrawal_requests_archive_processed_by_idx on network.withdrawal_requests_archive (processed_by);
create index withdrawal_requests_archive_created_at_idx on network.withdrawal_requests_archive using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
comment on table network.withdrawal_requests_archive is 'Old rows of withdrawal_requests, moved here by the archiving job. Append-only.';
alter table network.withdrawal_requests_archive enable row level security;
select pg_catalog.pg_extension_config_dump('network.withdrawal_requests_archive', '');

create table network.withdrawal_holds_archive (
    like network.withdrawal_holds including comments including constraints,
    constraint withdrawal_holds_archive_pkey primary key (request_id),
    constraint withdrawal_holds_archive_request_id_fkey
        foreign key (request_id) references network.withdrawal_requests_archive
);
comment on table network.withdrawal_holds_archive is 'The inside of the withdrawals in the archive. Append-only.';
alter table network.withdrawal_holds_archive enable row level security;
select pg_catalog.pg_extension_config_dump('network.withdrawal_holds_archive', '');

-- Rows come in the order of their time, so these find a period, and cost an insert next to nothing.
create index pin_transactions_created_at_idx on network.pin_transactions using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
create index affiliate_commissions_created_at_idx on network.affiliate_commissions using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
create index customers_created_at_idx on network.customers using brin (created_at)
    with (pages_per_range = 32, autosummarize = on);
create index withdrawal_requests_processed_at_idx on network.withdrawal_requests (processed_at);
create index withdrawal_requests_archive_processed_at_idx on network.withdrawal_requests_archive (processed_at);

create view network.pin_history with (security_invoker = true) as
select * from network.pin_transactions
 union all
select * from network.pin_transactions_archive;
comment on view network.pin_history is 'pin_transactions and their archive as one.';

create view network.commission_history with (security_invoker = true) as
select * from network.affiliate_commissions
 union all
select * from network.affiliate_commissions_archive;
comment on view network.commission_history is 'affiliate_commissions and their archive as one.';

create view network.withdrawal_history with (security_invoker = true) as
select * from network.withdrawal_requests
 union all
select * from network.withdrawal_requests_archive;
comment on view network.withdrawal_history is 'withdrawal_requests and their archive as one.';

insert into backoffice.setting_definitions (system, key, kind, default_value, minimum, maximum, allowed, nullable, description) values
    ('network', 'archive_months', 'integer', 'null', 12, 1200, null, true,
     'PIN transactions, commissions and finished withdrawals older than so many months go to the archive; null keeps them where they are');
