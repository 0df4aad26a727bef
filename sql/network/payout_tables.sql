-- network: what stands between a commission and the promoter's bank: cancelled
-- customers, tax, bank accounts, reviews.

create table network.cancellations (
    customer_id uuid not null,
    reason text not null,
    reversal_id uuid,
    pin_transaction_id uuid,
    cancelled_by uuid,
    cancelled_at timestamptz not null default now(),
    constraint cancellations_pkey primary key (customer_id),
    constraint cancellations_customer_id_fkey foreign key (customer_id) references network.customers,
    constraint cancellations_cancelled_by_fkey foreign key (cancelled_by) references network.profiles
);
create index cancellations_cancelled_by_idx on network.cancellations (cancelled_by);
comment on table network.cancellations is 'Customers who were cancelled: their commission was reversed. A customer is cancelled once and for good.';
comment on column network.cancellations.reversal_id is 'The journal of the ledger that reverses the commission; null where nobody had earned one.';
comment on column network.cancellations.pin_transaction_id is 'The PIN transaction that gave the PINs back, where the setting says so.';
alter table network.cancellations enable row level security;
select pg_catalog.pg_extension_config_dump('network.cancellations', '');

create table network.tax_rules (
    valid_from date not null,
    section text not null,
    rate_with_pan numeric not null,
    rate_without_pan numeric not null,
    yearly_threshold numeric not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    constraint tax_rules_pkey primary key (valid_from),
    constraint tax_rules_created_by_fkey foreign key (created_by) references network.profiles,
    constraint tax_rules_rate_check check (rate_with_pan >= 0 and rate_with_pan <= rate_without_pan and rate_without_pan < 100),
    constraint tax_rules_threshold_check check (yearly_threshold >= 0 and yearly_threshold < 'Infinity')
);
create index tax_rules_created_by_idx on network.tax_rules (created_by);
comment on table network.tax_rules is 'Which tax is deducted at source from withdrawals; the latest rule that has begun is in force. No row: no tax.';
comment on column network.tax_rules.section is 'The section of the law, as the certificate names it, such as 194H.';
comment on column network.tax_rules.rate_with_pan is 'Per cent of the amount, for a promoter whose PAN is known.';
comment on column network.tax_rules.rate_without_pan is 'Per cent of the amount, for a promoter whose PAN is not known.';
comment on column network.tax_rules.yearly_threshold is 'In major units: up to this sum of a financial year (April to March) nothing is deducted; beyond it, from everything.';
alter table network.tax_rules enable row level security;
select pg_catalog.pg_extension_config_dump('network.tax_rules', '');

create table network.tax_identities (
    promoter_id uuid not null,
    pan text not null,
    pan_secret_id uuid not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint tax_identities_pkey primary key (promoter_id),
    constraint tax_identities_promoter_id_fkey foreign key (promoter_id) references network.promoters
);
comment on table network.tax_identities is 'The PAN (permanent account number of the tax department) of a promoter.';
comment on column network.tax_identities.pan is 'Masked but for its last four characters; get_promoter_pan shows all of it to an admin.';
alter table network.tax_identities enable row level security;
select pg_catalog.pg_extension_config_dump('network.tax_identities', '');

create table network.tax_deductions (
    request_id uuid not null,
    promoter_id uuid not null,
    financial_year integer not null,
    paid_on date not null,
    rule_valid_from date not null,
    section text not null,
    rate numeric not null,
    pan text,
    gross numeric not null,
    taxable numeric not null,
    tax_due numeric not null,
    tax numeric not null,
    created_at timestamptz not null default now(),
    constraint tax_deductions_pkey primary key (request_id),
    constraint tax_deductions_promoter_id_fkey foreign key (promoter_id) references network.promoters,
    constraint tax_deductions_rule_fkey foreign key (rule_valid_from) references network.tax_rules,
    constraint tax_deductions_amounts_check check (gross > 0 and taxable >= 0 and tax_due >= 0 and tax >= 0 and tax <= gross)
);
create index tax_deductions_promoter_id_idx on network.tax_deductions (promoter_id, financial_year);
create index tax_deductions_rule_idx on network.tax_deductions (rule_valid_from);
comment on table network.tax_deductions is 'Every payout that was made while a tax rule was in force, also where nothing was deducted. Append-only; amounts are in major units.';
comment on column network.tax_deductions.request_id is 'The withdrawal, which may be in the archive: no foreign key, network.check() compares both.';
comment on column network.tax_deductions.financial_year is 'The year in which it began: 2026 is April 2026 to March 2027.';
comment on column network.tax_deductions.pan is 'The masked PAN that was known when it was paid; null where the rate without PAN was applied.';
comment on column network.tax_deductions.gross is 'The amount less what was kept for a debt, before tax.';
comment on column network.tax_deductions.taxable is 'What the tax was computed from: nothing below the threshold; when it is passed, also the earlier payouts of the year.';
comment on column network.tax_deductions.tax_due is 'The tax on that, to the nearest minor unit, halves up.';
comment on column network.tax_deductions.tax is 'What was deducted: with what was still due of the year, but never more than the gross amount.';
alter table network.tax_deductions enable row level security;
select pg_catalog.pg_extension_config_dump('network.tax_deductions', '');

create table network.payout_accounts (
    id uuid not null,
    promoter_id uuid not null,
    account_hash bytea not null,
    account_number text not null,
    ifsc_code text not null,
    account_holder_name text not null,
    first_used_at timestamptz not null default clock_timestamp(),
    verified_at timestamptz,
    verified_by uuid,
    constraint payout_accounts_pkey primary key (id),
    constraint payout_accounts_account_key unique (promoter_id, account_hash),
    constraint payout_accounts_promoter_id_fkey foreign key (promoter_id) references network.promoters,
    constraint payout_accounts_verified_by_fkey foreign key (verified_by) references network.profiles
);
create index payout_accounts_hash_idx on network.payout_accounts (account_hash);
create index payout_accounts_verified_by_idx on network.payout_accounts (verified_by);
comment on table network.payout_accounts is 'The bank accounts that a promoter gave with withdrawals, each once.';
comment on column network.payout_accounts.account_hash is 'HMAC-SHA256 of the account number: equal numbers are found without being read.';
comment on column network.payout_accounts.account_number is 'Masked but for its last four digits.';
comment on column network.payout_accounts.verified_at is 'When an admin said that the account is the promoter''s; see verify_payout_account.';
alter table network.payout_accounts enable row level security;
select pg_catalog.pg_extension_config_dump('network.payout_accounts', '');

create table network.withdrawal_reviews (
    request_id uuid not null,
    payout_account_id uuid,
    flags text[] not null default '{}',
    findings jsonb not null default '[]',
    notes text,
    acknowledged_by uuid,
    acknowledged_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint withdrawal_reviews_pkey primary key (request_id),
    constraint withdrawal_reviews_payout_account_id_fkey foreign key (payout_account_id) references network.payout_accounts,
    constraint withdrawal_reviews_acknowledged_by_fkey foreign key (acknowledged_by) references network.profiles,
    constraint withdrawal_reviews_flags_check check (flags <@
        '{self_referral,shared_bank_account,bank_account_changed,unverified_bank_account}'::text[])
);
create index withdrawal_reviews_payout_account_id_idx on network.withdrawal_reviews (payout_account_id);
create index withdrawal_reviews_acknowledged_by_idx on network.withdrawal_reviews (acknowledged_by);
comment on table network.withdrawal_reviews is 'What the checks found about each withdrawal; for admins only.';
comment on column network.withdrawal_reviews.request_id is 'The withdrawal, which may be in the archive: no foreign key.';
comment on column network.withdrawal_reviews.payout_account_id is 'The account it was to be paid to; null once the promoter was erased.';
comment on column network.withdrawal_reviews.flags is 'Why an admin must look at it before approving; empty where nothing was found.';
comment on column network.withdrawal_reviews.findings is 'What each flag rests on: [{"flag": …, …}]; {} once the promoter was erased.';
comment on column network.withdrawal_reviews.notes is 'What the admin wrote who approved it in spite of the flags.';
alter table network.withdrawal_reviews enable row level security;
select pg_catalog.pg_extension_config_dump('network.withdrawal_reviews', '');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, allowed, nullable, description) values
    ('network', 'commission_hold_days', 'integer', '0', 0, 365, null, false,
     'Days until a commission may be withdrawn; counts for those earned from now on'),
    ('network', 'cancel_returns_pin', 'boolean', 'false', null, null, null, false,
     'Whether cancelling a customer gives the promoter the PINs back'),
    ('network', 'time_zone', 'text', '"Asia/Kolkata"', null, null, null, false,
     'Time zone of the business: in which a day and a financial year begin'),
    ('network', 'deductor_name', 'text', 'null', null, null, null, true,
     'Name of the business on tax certificates'),
    ('network', 'deductor_tan', 'text', 'null', null, null, null, true,
     'Tax deduction account number (TAN) of the business on tax certificates'),
    ('network', 'review_self_referral', 'boolean', 'true', null, null, null, false,
     'Review withdrawals of promoters who earned on a customer that seems to be of their own line'),
    ('network', 'review_shared_bank_account', 'boolean', 'true', null, null, null, false,
     'Review withdrawals to a bank account that another promoter gave too'),
    ('network', 'review_bank_changed_days', 'integer', '7', 0, 365, null, false,
     'Review withdrawals to a bank account that replaced another in so many days; 0 for never'),
    ('network', 'review_unverified_bank_account', 'boolean', 'false', null, null, null, false,
     'Review withdrawals to a bank account that no admin has verified');

-- What of this is about whom. A PAN stays while there are deductions to certify. What the
-- checks found is not shown to whom they are to find out.
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('network.cancellations', 'customer_id', 'customer_id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.cancellations', 'reversal_id', 'customer_id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.cancellations', 'pin_transaction_id', 'customer_id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.cancellations', 'cancelled_at', 'customer_id', 'activity', 'yes', 'kept', 'commissions are books of account'),
    ('network.cancellations', 'reason', 'customer_id', 'content', 'yes', 'pseudonym', null),
    ('network.cancellations', 'cancelled_by', 'cancelled_by', 'reference', 'yes', 'kept', 'who reversed commissions stays accountable, by an id alone'),
    ('network.tax_rules', 'created_by', 'created_by', 'reference', 'yes', 'kept', 'who changed the business''s rules stays accountable, by an id alone'),
    ('network.tax_identities', 'promoter_id', 't.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'delete', null),
    ('network.tax_identities', 'created_at', 't.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'delete', null),
    ('network.tax_identities', 'updated_at', 't.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'delete', null),
    ('network.tax_identities', 'pan', 't.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1)', 'identity', 'yes', 'delete', null),
    ('network.tax_identities', 'pan_secret_id', 't.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1)', 'identity', 'secret', 'delete', null),
    ('network.tax_identities', 'promoter_id', 't.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN'),
    ('network.tax_identities', 'created_at', 't.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN'),
    ('network.tax_identities', 'updated_at', 't.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1)', 'activity', 'yes', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN'),
    ('network.tax_identities', 'pan', 't.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1)', 'identity', 'yes', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN'),
    ('network.tax_identities', 'pan_secret_id', 't.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1)', 'identity', 'secret', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN'),
    ('network.tax_deductions', 'request_id', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'promoter_id', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'financial_year', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'paid_on', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'rule_valid_from', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'section', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'rate', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'gross', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'taxable', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'tax_due', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'tax', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'created_at', 'promoter_id', 'activity', 'yes', 'kept', 'tax records'),
    ('network.tax_deductions', 'pan', 'promoter_id', 'identity', 'yes', 'kept', 'tax records'),
    ('network.payout_accounts', 'account_number', 'promoter_id', 'bank', 'yes', 'delete', null),
    ('network.payout_accounts', 'ifsc_code', 'promoter_id', 'bank', 'yes', 'delete', null),
    ('network.payout_accounts', 'account_holder_name', 'promoter_id', 'bank', 'yes', 'delete', null),
    ('network.payout_accounts', 'account_hash', 'promoter_id', 'bank', 'no', 'delete', null),
    ('network.payout_accounts', 'promoter_id', 'promoter_id', 'activity', 'yes', 'delete', null),
    ('network.payout_accounts', 'first_used_at', 'promoter_id', 'activity', 'yes', 'delete', null),
    ('network.payout_accounts', 'verified_at', 'promoter_id', 'activity', 'yes', 'delete', null),
    ('network.payout_accounts', 'verified_by', 'verified_by', 'reference', 'yes', 'kept', 'who vouched for an account stays accountable, by an id alone'),
    ('network.withdrawal_reviews', 'payout_account_id', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'bank', 'no', 'null', null),
    ('network.withdrawal_reviews', 'flags', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'activity', 'no', 'kept', 'that somebody looked before it was paid stays on record'),
    ('network.withdrawal_reviews', 'findings', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'content', 'no', 'empty', null),
    ('network.withdrawal_reviews', 'notes', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'content', 'no', 'null', null),
    ('network.withdrawal_reviews', 'acknowledged_at', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'activity', 'no', 'kept', 'that somebody looked before it was paid stays on record'),
    ('network.withdrawal_reviews', 'created_at', 't.request_id in (select id from network.withdrawal_requests where promoter_id = $1 union all select id from network.withdrawal_requests_archive where promoter_id = $1) or t.payout_account_id in (select id from network.payout_accounts where promoter_id = $1)', 'activity', 'no', 'kept', 'that somebody looked before it was paid stays on record'),
    ('network.withdrawal_reviews', 'acknowledged_by', 'acknowledged_by', 'reference', 'yes', 'kept', 'who paid out in spite of a warning stays accountable, by an id alone'),
    ('backoffice.secrets', 'ciphertext', 't.id in (select i.pan_secret_id from network.tax_identities i where i.promoter_id = $1 and not exists (select from network.tax_deductions d where d.promoter_id = $1))', 'identity', 'secret', 'delete', null),
    ('backoffice.secrets', 'ciphertext', 't.id in (select i.pan_secret_id from network.tax_identities i where i.promoter_id = $1 and exists (select from network.tax_deductions d where d.promoter_id = $1))', 'identity', 'secret', 'kept', 'tax was assessed for the person: the tax office may ask for certificates and corrections by the PAN');
