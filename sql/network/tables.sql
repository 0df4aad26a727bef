-- network: people of the network, PINs, commissions, withdrawals.

create sequence network.promoter_id_sequence as bigint;
comment on sequence network.promoter_id_sequence is 'Numbers of promoter ids: BPVP01, BPVP02, …';
select pg_catalog.pg_extension_config_dump('network.promoter_id_sequence', '');
create sequence network.customer_id_sequence as bigint;
comment on sequence network.customer_id_sequence is 'Numbers of customer ids: BPVC01, BPVC02, …';
select pg_catalog.pg_extension_config_dump('network.customer_id_sequence', '');
create sequence network.transaction_id_sequence as bigint;
comment on sequence network.transaction_id_sequence is 'Numbers of transaction ids of PINs and commissions: BPV00000001, …';
select pg_catalog.pg_extension_config_dump('network.transaction_id_sequence', '');
create sequence network.request_id_sequence as bigint;
comment on sequence network.request_id_sequence is 'Numbers of withdrawal and PIN requests: BPVW…, BPVR…';
select pg_catalog.pg_extension_config_dump('network.request_id_sequence', '');

create table network.profiles (
    id uuid not null,
    email text,
    name text,
    phone text,
    role network.user_role not null,
    promoter_id text,
    customer_id text,
    parent_promoter_id uuid,
    role_level network.role_level not null default 'Affiliate',
    status network.profile_status not null default 'Active',
    address text,
    pins network.pin_balance not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint profiles_pkey primary key (id),
    constraint profiles_id_fkey foreign key (id) references identity.users,
    constraint profiles_parent_promoter_id_fkey foreign key (parent_promoter_id) references network.profiles,
    constraint profiles_email_key unique (email)
) with (fillfactor = 85);
-- A person has one of the two, or none: what is not there is in no index.
create unique index profiles_promoter_id_key on network.profiles (promoter_id) where promoter_id is not null;
create unique index profiles_customer_id_key on network.profiles (customer_id) where customer_id is not null;
create index profiles_parent_promoter_id_idx on network.profiles (parent_promoter_id);
create index profiles_role_idx on network.profiles (role, created_at);
create index profiles_phone_idx on network.profiles (phone) where phone is not null;
comment on table network.profiles is 'Everybody in the network: admins, promoters and customers.';
comment on column network.profiles.email is 'Copy of the person''s e-mail address, kept by a trigger.';
comment on column network.profiles.name is 'Copy of the person''s name, kept by a trigger.';
comment on column network.profiles.phone is 'Copy of the person''s phone, kept by a trigger.';
comment on column network.profiles.promoter_id is 'BPVP01, BPVP02, …: signs in like an e-mail address.';
comment on column network.profiles.customer_id is 'BPVC01, BPVC02, …: signs in like an e-mail address.';
comment on column network.profiles.parent_promoter_id is 'Of a promoter the one above; of a customer the promoter who brought them.';
comment on column network.profiles.role_level is 'Affiliate, Manager or Director.';
comment on column network.profiles.status is 'Active or Inactive; an inactive promoter brings no customers and earns no commission.';
comment on column network.profiles.pins is 'How many customers the promoter may still create; equals the sum of pin_transactions.';
alter table network.profiles enable row level security;
select pg_catalog.pg_extension_config_dump('network.profiles', '');

create table network.promoters (
    id uuid not null,
    ancestors uuid[] not null default '{}',
    wallet_account_id bigint not null,
    payout_account_id bigint,
    debt_account_id bigint,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint promoters_pkey primary key (id),
    constraint promoters_id_fkey foreign key (id) references network.profiles,
    constraint promoters_wallet_account_id_key unique (wallet_account_id),
    constraint promoters_payout_account_id_key unique (payout_account_id),
    constraint promoters_debt_account_id_key unique (debt_account_id)
);
create index promoters_ancestors_idx on network.promoters using gin (ancestors);
comment on table network.promoters is 'What a promoter has beyond the profile: the line above and the accounts in the ledger.';
comment on column network.promoters.ancestors is 'Everybody above, the parent first; follows from profiles.parent_promoter_id.';
comment on column network.promoters.wallet_account_id is 'The ledger account that is the promoter''s wallet.';
comment on column network.promoters.payout_account_id is 'The ledger account that shows what was paid out; made with the first withdrawal.';
comment on column network.promoters.debt_account_id is 'The ledger account of what the promoter owes back; made with the first debt.';
alter table network.promoters enable row level security;
select pg_catalog.pg_extension_config_dump('network.promoters', '');

create table network.platform (
    only_row boolean not null default true,
    admin_id uuid not null,
    currency text not null,
    wallet_account_id bigint not null,
    commission_account_id bigint not null,
    adjustment_account_id bigint not null,
    created_at timestamptz not null default now(),
    constraint platform_pkey primary key (only_row),
    constraint platform_only_row_check check (only_row),
    constraint platform_admin_id_fkey foreign key (admin_id) references network.profiles
);
create index platform_admin_id_idx on network.platform (admin_id);
comment on table network.platform is 'The one row that says which admin and which ledger accounts stand for the platform; made with the first admin.';
comment on column network.platform.wallet_account_id is 'The admin wallet: commissions that nobody claims.';
comment on column network.platform.commission_account_id is 'The expense account that pays commissions.';
comment on column network.platform.adjustment_account_id is 'The counter account of corrections by hand.';
alter table network.platform enable row level security;
select pg_catalog.pg_extension_config_dump('network.platform', '');

create table network.customers (
    id uuid not null,
    promoter_id uuid,
    source text not null default 'promoter',
    commission_status network.distribution not null default 'pending',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint customers_pkey primary key (id),
    constraint customers_id_fkey foreign key (id) references network.profiles,
    constraint customers_promoter_id_fkey foreign key (promoter_id) references network.promoters,
    constraint customers_commission_promoter_check check (promoter_id is not null or commission_status = 'none')
) with (fillfactor = 85);
create index customers_promoter_id_idx on network.customers (promoter_id, created_at);
comment on table network.customers is 'What a customer has beyond the profile: who brought them and whether that was paid for.';
comment on column network.customers.promoter_id is 'The promoter who brought the customer; NULL for somebody who signed up alone.';
comment on column network.customers.source is 'Where the customer came from, such as promoter, sign_up or the name of an event.';
comment on column network.customers.commission_status is 'pending until the trigger has paid the commission, then distributed; none where nobody earns one.';
alter table network.customers enable row level security;
select pg_catalog.pg_extension_config_dump('network.customers', '');

create table network.pin_transactions (
    id uuid not null,
    transaction_id text not null,
    user_id uuid not null,
    action_type network.pin_action not null,
    pin_change_value integer not null,
    balance_before integer not null,
    balance_after integer not null,
    note text not null,
    created_by uuid,
    related_entity_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pin_transactions_pkey primary key (id),
    constraint pin_transactions_transaction_id_key unique (transaction_id),
    constraint pin_transactions_user_id_fkey foreign key (user_id) references network.profiles,
    constraint pin_transactions_created_by_fkey foreign key (created_by) references network.profiles,
    constraint pin_transactions_balance_check
        check (balance_after = balance_before + pin_change_value and balance_before >= 0 and balance_after >= 0),
    constraint pin_transactions_sign_check check (case when action_type = 'admin_allocation'
        then pin_change_value > 0 else pin_change_value < 0 end)
);
create index pin_transactions_user_id_idx on network.pin_transactions (user_id, created_at desc);
create index pin_transactions_created_by_idx on network.pin_transactions (created_by) where created_by is not null;
create unique index pin_transactions_customer_key on network.pin_transactions (related_entity_id)
    where action_type = 'customer_creation';
comment on table network.pin_transactions is 'Every change of a PIN balance. Append-only.';
comment on column network.pin_transactions.related_entity_id is 'The customer that the PIN was used for; one PIN transaction for each.';
alter table network.pin_transactions enable row level security;
select pg_catalog.pg_extension_config_dump('network.pin_transactions', '');

create table network.affiliate_commissions (
    id bigint generated by default as identity,
    customer_id uuid not null,
    initiator_promoter_id uuid not null,
    recipient_id uuid not null,
    recipient_type network.recipient_type not null,
    level integer not null,
    amount numeric not null,
    status network.commission_status not null default 'pending',
    transaction_id text not null,
    note text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    payable_at timestamptz,
    reverses_id bigint,
    constraint affiliate_commissions_pkey primary key (id),
    constraint affiliate_commissions_transaction_id_key unique (transaction_id),
    -- One share of each level, and beside it at most its reversal.
    constraint affiliate_commissions_customer_level_key unique nulls not distinct (customer_id, level, reverses_id),
    constraint affiliate_commissions_customer_id_fkey foreign key (customer_id) references network.profiles,
    constraint affiliate_commissions_initiator_promoter_id_fkey foreign key (initiator_promoter_id) references network.profiles,
    constraint affiliate_commissions_recipient_id_fkey foreign key (recipient_id) references network.profiles,
    constraint affiliate_commissions_level_check check (level between 1 and 4),
    constraint affiliate_commissions_amount_check
        check (amount <> 0 and amount > '-Infinity' and amount < 'Infinity')
);
create unique index affiliate_commissions_reverses_id_key
    on network.affiliate_commissions (reverses_id) where reverses_id is not null;
-- Nothing is in it while commissions are payable at once.
create index affiliate_commissions_payable_at_idx
    on network.affiliate_commissions (recipient_id, payable_at) where payable_at is not null;
create index affiliate_commissions_recipient_id_idx
    on network.affiliate_commissions (recipient_id, recipient_type, created_at);
create index affiliate_commissions_initiator_promoter_id_idx
    on network.affiliate_commissions (initiator_promoter_id);
comment on table network.affiliate_commissions is 'Who earned what for which customer: one row for each level, and another for each that was reversed. The money itself is in the ledger.';
comment on column network.affiliate_commissions.amount is 'In major units (rupees); below zero where the row reverses another.';
comment on column network.affiliate_commissions.payable_at is 'When it may be withdrawn, as the setting said when it was earned; null for at once.';
comment on column network.affiliate_commissions.reverses_id is 'The commission that this row takes back; each once. The row stays as it is. No foreign key: network.check() compares both.';
comment on column network.affiliate_commissions.recipient_id is 'The promoter, or the platform''s admin where nobody claims the share.';
alter table network.affiliate_commissions enable row level security;
select pg_catalog.pg_extension_config_dump('network.affiliate_commissions', '');
select pg_catalog.pg_extension_config_dump('network.affiliate_commissions_id_seq', '');

create table network.withdrawal_requests (
    id uuid not null,
    request_id text not null,
    promoter_id uuid not null,
    amount numeric not null,
    status network.withdrawal_status not null default 'pending',
    bank_details jsonb not null,
    admin_notes text,
    processed_by uuid,
    processed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    expected_by timestamptz not null,
    paid_amount numeric,
    tax_amount numeric,
    debt_amount numeric,
    constraint withdrawal_requests_pkey primary key (id),
    constraint withdrawal_requests_request_id_key unique (request_id),
    constraint withdrawal_requests_promoter_id_fkey foreign key (promoter_id) references network.profiles,
    constraint withdrawal_requests_processed_by_fkey foreign key (processed_by) references network.profiles,
    constraint withdrawal_requests_amount_check check (amount > 0 and amount < 'Infinity'),
    constraint withdrawal_requests_parts_check check (case when status = 'processed'
        then paid_amount >= 0 and tax_amount >= 0 and debt_amount >= 0
            and paid_amount + tax_amount + debt_amount = amount
        else num_nonnulls(paid_amount, tax_amount, debt_amount) = 0 end)
);
create index withdrawal_requests_promoter_id_idx on network.withdrawal_requests (promoter_id, created_at desc);
create index withdrawal_requests_processed_by_idx on network.withdrawal_requests (processed_by);
create index withdrawal_requests_updated_at_idx on network.withdrawal_requests (updated_at);
create index withdrawal_requests_open_idx on network.withdrawal_requests (created_at) where status in ('pending', 'approved');
comment on table network.withdrawal_requests is 'Promoters asking for their money: the amount is held in the ledger from the request on.';
comment on column network.withdrawal_requests.amount is 'In major units (rupees).';
comment on column network.withdrawal_requests.expected_by is 'The end of the day by which it is to be processed, as the setting said when it was asked for.';
comment on column network.withdrawal_requests.paid_amount is 'What was paid out when it was processed: the amount less tax and debt.';
comment on column network.withdrawal_requests.tax_amount is 'The tax that was deducted at source when it was processed.';
comment on column network.withdrawal_requests.debt_amount is 'What was kept for a debt of the promoter when it was processed.';
comment on column network.withdrawal_requests.bank_details is 'With the account number masked; get_withdrawal_bank_details shows all of it to an admin.';
comment on column network.withdrawal_requests.updated_at is 'When the transaction of the last change began: every UPDATE sets it to now(), which is how listeners learn of it.';
comment on column network.withdrawal_requests.processed_by is 'The admin who last decided on the request, at processed_at.';
alter table network.withdrawal_requests enable row level security;
select pg_catalog.pg_extension_config_dump('network.withdrawal_requests', '');

create table network.withdrawal_holds (
    request_id uuid not null,
    hold_id uuid not null,
    bank_secret_id uuid not null,
    transfer_id uuid,
    deductions_id uuid,
    constraint withdrawal_holds_pkey primary key (request_id),
    constraint withdrawal_holds_request_id_fkey foreign key (request_id) references network.withdrawal_requests
);
comment on table network.withdrawal_holds is 'The inside of a withdrawal: its hold in the ledger, its sealed bank details, and the transfer that paid it.';
comment on column network.withdrawal_holds.transfer_id is 'The transfer that paid it; null where nothing was left to pay.';
comment on column network.withdrawal_holds.deductions_id is 'The journal that took tax and debt from it.';
alter table network.withdrawal_holds enable row level security;
select pg_catalog.pg_extension_config_dump('network.withdrawal_holds', '');

create table network.pin_requests (
    id uuid not null,
    request_id text not null,
    promoter_id uuid not null,
    pins integer not null,
    status network.request_status not null default 'pending',
    note text,
    admin_notes text,
    processed_by uuid,
    processed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pin_requests_pkey primary key (id),
    constraint pin_requests_request_id_key unique (request_id),
    constraint pin_requests_promoter_id_fkey foreign key (promoter_id) references network.profiles,
    constraint pin_requests_processed_by_fkey foreign key (processed_by) references network.profiles,
    constraint pin_requests_pins_check check (pins between 1 and 10000)
);
create index pin_requests_promoter_id_idx on network.pin_requests (promoter_id, created_at desc);
create index pin_requests_processed_by_idx on network.pin_requests (processed_by);
comment on table network.pin_requests is 'Promoters asking for PINs; an admin approves, which allocates them, or rejects.';
alter table network.pin_requests enable row level security;
select pg_catalog.pg_extension_config_dump('network.pin_requests', '');

-- Rows that come with the extension.
insert into backoffice.role_definitions (system, role, description) values
    ('network', 'admin', 'Administers promoters, PINs, commissions and withdrawals');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, allowed, nullable, description) values
    ('network', 'currency', 'text', '"INR"', null, null, null, false,
     'Currency of the wallets (ISO 4217); fixed once the first admin exists'),
    ('network', 'max_depth', 'integer', '4', 1, 1000, null, true,
     'How many promoters a line may hold from top to bottom; null for no limit'),
    ('network', 'commission_levels', 'integer', '4', 1, 4, null, false,
     'How many levels earn a commission, the creator included'),
    ('network', 'commission_amounts', 'integers', '[50000, 10000, 10000, 10000]', 1, 100000000000, null, false,
     'Commission of each level in minor units (paise), the creator''s first; at least as many as there are levels'),
    ('network', 'inactive_share', 'text', '"admin"', null, null, '{admin,next_active}', false,
     'Who gets the share of an inactive promoter: the admin wallet, or the next active promoter above'),
    ('network', 'pins_per_customer', 'integer', '1', 1, 1000, null, false,
     'PINs that creating a customer costs'),
    ('network', 'minimum_withdrawal', 'integer', '10000', 1, 100000000000, null, false,
     'Smallest withdrawal in minor units (paise)'),
    ('network', 'withdrawal_processing_days', 'integer', '7', 0, 365, null, false,
     'Days in which a withdrawal is to be processed'),
    ('network', 'hierarchy_nodes', 'integer', '5000', 1, 100000, null, false,
     'Most promoters that get_promoter_hierarchy returns at once');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('network.profiles', 'email', 'id', 'contact', 'yes', 'null', null),
    ('network.profiles', 'name', 'id', 'identity', 'yes', 'pseudonym', null),
    ('network.profiles', 'phone', 'id', 'contact', 'yes', 'null', null),
    ('network.profiles', 'address', 'id', 'contact', 'yes', 'null', null),
    ('network.profiles', 'promoter_id', 'id', 'identity', 'yes', 'kept', 'the number by which the books and others know the person, without the name'),
    ('network.profiles', 'customer_id', 'id', 'identity', 'yes', 'kept', 'the number by which the books and others know the person, without the name'),
    ('network.profiles', 'role', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'role_level', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'status', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'pins', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'created_at', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'updated_at', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'parent_promoter_id', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.profiles', 'parent_promoter_id', 'parent_promoter_id', 'reference', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.promoters', 'ancestors', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.promoters', 'wallet_account_id', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.promoters', 'payout_account_id', 'id', 'activity', 'yes', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.promoters', 'ancestors', 't.ancestors @> array[$1]', 'reference', 'no', 'kept', 'the place of others in the hierarchy depends on it'),
    ('network.platform', 'admin_id', 'admin_id', 'reference', 'yes', 'kept', 'the platform stands for itself'),
    ('network.customers', 'source', 'id', 'content', 'yes', 'kept', 'how the commission came about'),
    ('network.customers', 'commission_status', 'id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.customers', 'metadata', 'id', 'content', 'yes', 'empty', null),
    ('network.customers', 'created_at', 'id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.customers', 'promoter_id', 'id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.customers', 'promoter_id', 'promoter_id', 'reference', 'yes', 'kept', 'commissions are books of account'),
    ('network.pin_transactions', 'transaction_id', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'action_type', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'pin_change_value', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'balance_before', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'balance_after', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'note', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'created_at', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'user_id', 'user_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_transactions', 'created_by', 'created_by', 'reference', 'yes', 'kept', 'who gave or took PINs stays accountable, by an id alone'),
    ('network.pin_transactions', 'related_entity_id', 'related_entity_id', 'reference', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.affiliate_commissions', 'recipient_id', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'recipient_type', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'level', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'amount', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'status', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'transaction_id', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'note', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'created_at', 'recipient_id', 'activity', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'customer_id', 'customer_id', 'reference', 'yes', 'kept', 'income that tax is due on'),
    ('network.affiliate_commissions', 'initiator_promoter_id', 'initiator_promoter_id', 'reference', 'yes', 'kept', 'income that tax is due on'),
    ('network.withdrawal_requests', 'request_id', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'promoter_id', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'amount', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'status', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'processed_at', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'created_at', 'promoter_id', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_requests', 'bank_details', 'promoter_id', 'bank', 'yes', 'empty', null),
    ('network.withdrawal_requests', 'admin_notes', 'promoter_id', 'content', 'yes', 'null', null),
    ('network.withdrawal_requests', 'processed_by', 'processed_by', 'reference', 'yes', 'kept', 'who paid out stays accountable, by an id alone'),
    ('network.withdrawal_holds', 'hold_id', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1)', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.withdrawal_holds', 'transfer_id', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1)', 'activity', 'yes', 'kept', 'payments are books of account'),
    ('network.pin_requests', 'request_id', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'promoter_id', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'pins', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'status', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'processed_at', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'created_at', 'promoter_id', 'activity', 'yes', 'kept', 'PINs are sold: books of account'),
    ('network.pin_requests', 'note', 'promoter_id', 'content', 'yes', 'null', null),
    ('network.pin_requests', 'admin_notes', 'promoter_id', 'content', 'yes', 'null', null),
    ('network.pin_requests', 'processed_by', 'processed_by', 'reference', 'yes', 'kept', 'who gave PINs stays accountable, by an id alone'),
    ('backoffice.secrets', 'ciphertext', 't.id in (select h.bank_secret_id from network.withdrawal_holds h join network.withdrawal_requests r on r.id = h.request_id where r.promoter_id = $1)', 'bank', 'secret', 'delete', null);
