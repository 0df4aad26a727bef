-- treasury: what was charged, how it was split, and what was given back.

create table treasury.charges (
    id uuid not null,
    stripe_charge_id text not null,
    payment_intent_id text,
    status text not null,
    amount_cents bigint not null,
    currency text not null,
    owner_id uuid,
    buyer_id uuid,
    buyer_told_at timestamptz,
    split_rule_id bigint,
    split_version integer,
    refunded_cents bigint not null default 0,
    reported_refunded_cents bigint not null default 0,
    released_cents bigint not null default 0,
    disputed_cents bigint not null default 0,
    charged_at timestamptz not null,
    planned_at timestamptz not null default now(),
    captured_at timestamptz,
    created_at timestamptz not null default now(),
    constraint charges_pkey primary key (id),
    constraint charges_stripe_charge_id_key unique (stripe_charge_id),
    constraint charges_owner_id_fkey foreign key (owner_id) references treasury.users,
    constraint charges_buyer_id_fkey foreign key (buyer_id) references treasury.users,
    constraint charges_status_check check (status in ('authorized', 'captured')),
    constraint charges_amount_check check (amount_cents >= 0 and refunded_cents >= 0 and reported_refunded_cents >= 0 and released_cents >= 0),
    constraint charges_currency_check check (currency ~ '^[A-Z]{3}$')
);
create index charges_owner_id_idx on treasury.charges (owner_id, charged_at);
create index charges_buyer_id_idx on treasury.charges (buyer_id, charged_at) where buyer_id is not null;
create index charges_charged_at_idx on treasury.charges (charged_at);
comment on table treasury.charges is 'Payments of buyers, by Stripe''s charges. Their money is in the ledger, split as it was when they were charged.';
comment on column treasury.charges.id is 'Ours, as UUID v7.';
comment on column treasury.charges.stripe_charge_id is 'The charge at Stripe, such as ch_123.';
comment on column treasury.charges.payment_intent_id is 'The payment intent at Stripe that it fulfils.';
comment on column treasury.charges.status is 'authorized: the buyer''s money is only set aside; captured: it is paid.';
comment on column treasury.charges.amount_cents is 'What was captured, in minor units; 0 while it is only authorized.';
comment on column treasury.charges.currency is 'ISO 4217.';
comment on column treasury.charges.owner_id is 'The host or artist who sold; NULL where the charge names nobody, and all of it waits in the account unallocated.';
comment on column treasury.charges.buyer_id is 'Who paid, where the charge says so.';
comment on column treasury.charges.buyer_told_at is 'The earliest time for which Stripe told who paid.';
comment on column treasury.charges.split_rule_id is 'The rule by which it was split; NULL where everything is the owner''s.';
comment on column treasury.charges.split_version is 'The version of the rule that was in force when it was charged.';
comment on column treasury.charges.refunded_cents is 'What of it was given back by refunds, in minor units.';
comment on column treasury.charges.reported_refunded_cents is 'The most that Stripe ever said was refunded, in minor units: it may know of refunds before we do.';
comment on column treasury.charges.released_cents is 'What a partial capture released and Stripe has a refund of, in minor units, which is therefore no refund here; 0 since version 2025-03-31 of its API.';
comment on column treasury.charges.disputed_cents is 'What disputes took away and did not give back, in minor units; below zero for a moment where the giving back is known first.';
comment on column treasury.charges.charged_at is 'When the buyer was charged: rule and fee are those of this time.';
comment on column treasury.charges.planned_at is 'The earliest time for which Stripe told whose it is; -infinity where an admin said so.';
comment on column treasury.charges.captured_at is 'The earliest time for which Stripe told that it is captured: from here on refunds and payouts wait. NULL while it is authorized.';
comment on column treasury.charges.created_at is 'When we learned of it.';
alter table treasury.charges enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.charges', '');

create table treasury.charge_shares (
    charge_id uuid not null,
    position smallint not null,
    party text not null,
    user_id uuid,
    amount_cents bigint not null,
    constraint charge_shares_pkey primary key (charge_id, position),
    constraint charge_shares_charge_id_fkey foreign key (charge_id) references treasury.charges,
    constraint charge_shares_user_id_fkey foreign key (user_id) references treasury.users,
    constraint charge_shares_party_check check (party in ('platform', 'recipient', 'unallocated')),
    constraint charge_shares_user_check check ((party = 'recipient') = (user_id is not null)),
    constraint charge_shares_amount_check check (amount_cents >= 0)
);
create index charge_shares_user_id_idx on treasury.charge_shares (user_id, charge_id) where user_id is not null;
comment on table treasury.charge_shares is 'How a charge was split when it was captured; together exactly its amount. What refunds and disputes take of each follows from it.';
comment on column treasury.charge_shares.position is 'The platform''s is 0, the others follow in the order of the rule.';
comment on column treasury.charge_shares.party is 'platform: its fee; recipient: a user''s share; unallocated: nobody is known yet whose it is.';
comment on column treasury.charge_shares.amount_cents is 'Minor units of the charge''s currency, before anything was given back.';
comment on column treasury.charge_shares.charge_id is 'The row of charges.';
comment on column treasury.charge_shares.user_id is 'The recipient; NULL for the platform and where nobody is known.';
alter table treasury.charge_shares enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.charge_shares', '');

create table treasury.balance_transactions (
    id text not null,
    type text not null,
    source_id text,
    amount_cents bigint not null,
    fee_cents bigint not null,
    net_cents bigint not null,
    currency text not null,
    dispute_id bigint,
    listed bigint,
    available_at timestamptz,
    occurred_at timestamptz,
    created_at timestamptz not null default now(),
    constraint balance_transactions_pkey primary key (id),
    constraint balance_transactions_net_check check (net_cents = amount_cents - fee_cents),
    constraint balance_transactions_currency_check check (currency ~ '^[A-Z]{3}$')
);
create index balance_transactions_source_id_idx on treasury.balance_transactions (source_id);
create unique index balance_transactions_listed_key on treasury.balance_transactions (listed) where listed is not null;
create index balance_transactions_happened_idx on treasury.balance_transactions (currency, (coalesce(occurred_at, created_at)), id);
comment on table treasury.balance_transactions is 'What moved the platform''s balance at Stripe, as Stripe says: its fees are posted from here, and reconciliation compares it with the ledger.';
comment on column treasury.balance_transactions.id is 'Stripe''s, such as txn_123.';
comment on column treasury.balance_transactions.type is 'What it is to Stripe: charge, refund, adjustment, payout and others.';
comment on column treasury.balance_transactions.source_id is 'What it is about: a charge, refund, dispute or payout at Stripe.';
comment on column treasury.balance_transactions.amount_cents is 'Before the fee, in minor units; below zero where money left.';
comment on column treasury.balance_transactions.fee_cents is 'What Stripe kept, in minor units.';
comment on column treasury.balance_transactions.net_cents is 'What the balance changed by, in minor units.';
comment on column treasury.balance_transactions.currency is 'ISO 4217; of the balance, which need not be that of the charge.';
comment on column treasury.balance_transactions.dispute_id is 'The dispute for which its money was taken back or given again; NULL for others.';
comment on column treasury.balance_transactions.listed is 'Its place among those that Stripe listed when we asked, the newest last; the next listing goes on from there. NULL for one that came otherwise.';
comment on column treasury.balance_transactions.available_at is 'When the money can be paid out.';
comment on column treasury.balance_transactions.occurred_at is 'When Stripe made it.';
comment on column treasury.balance_transactions.created_at is 'When we learned of it.';
alter table treasury.balance_transactions enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.balance_transactions', '');

create table treasury.refunds (
    id bigint generated by default as identity,
    stripe_refund_id text,
    original_charge_id text not null,
    status text not null,
    amount_cents bigint not null,
    currency text not null,
    reason text,
    failure_reason text,
    requested_by uuid,
    decided_by uuid,
    decided_at timestamptz,
    event_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint refunds_pkey primary key (id),
    constraint refunds_stripe_refund_id_key unique (stripe_refund_id),
    constraint refunds_original_charge_id_fkey foreign key (original_charge_id) references treasury.charges (stripe_charge_id),
    constraint refunds_status_check check (status in ('requested', 'pending', 'succeeded', 'failed', 'canceled')),
    constraint refunds_amount_check check (amount_cents > 0)
);
create index refunds_original_charge_id_idx on treasury.refunds (original_charge_id);
create index refunds_requested_by_idx on treasury.refunds (requested_by) where requested_by is not null;
create index refunds_updated_at_idx on treasury.refunds (updated_at);
create index refunds_open_idx on treasury.refunds (created_at) where status in ('requested', 'pending');
comment on table treasury.refunds is 'Refunds of charges, asked for here or made at Stripe.';
comment on column treasury.refunds.stripe_refund_id is 'The refund at Stripe, such as re_123; NULL until Stripe has answered a request of ours.';
comment on column treasury.refunds.original_charge_id is 'The charge at Stripe.';
comment on column treasury.refunds.status is 'requested: waits for an admin; pending: on its way; succeeded; failed or canceled: the money stays. It only moves forward.';
comment on column treasury.refunds.amount_cents is 'Minor units of the charge''s currency.';
comment on column treasury.refunds.reason is 'Why, in the words of whoever asked.';
comment on column treasury.refunds.failure_reason is 'Why it failed, as Stripe says, or why an admin refused it.';
comment on column treasury.refunds.requested_by is 'Who asked for it here; NULL for one made at Stripe or by a server.';
comment on column treasury.refunds.decided_by is 'The admin who let it go out or refused it; NULL for a server, and where nobody had to.';
comment on column treasury.refunds.decided_at is 'When an admin decided; NULL where nobody had to, or has yet.';
comment on column treasury.refunds.event_at is 'When Stripe last said something of it.';
comment on column treasury.refunds.id is 'Ours.';
comment on column treasury.refunds.currency is 'ISO 4217; that of the charge.';
comment on column treasury.refunds.created_at is 'When we learned of it, or somebody asked.';
comment on column treasury.refunds.updated_at is 'When it last changed here.';
alter table treasury.refunds enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.refunds', '');
select pg_catalog.pg_extension_config_dump('treasury.refunds_id_seq', '');

create table treasury.disputes (
    id bigint generated by default as identity,
    stripe_dispute_id text not null,
    charge_id text not null,
    status text not null,
    amount_cents bigint,
    currency text not null,
    reason text,
    due_by timestamptz,
    withdrawn_cents bigint not null default 0,
    fee_cents bigint not null default 0,
    event_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint disputes_pkey primary key (id),
    constraint disputes_stripe_dispute_id_key unique (stripe_dispute_id),
    constraint disputes_charge_id_fkey foreign key (charge_id) references treasury.charges (stripe_charge_id),
    constraint disputes_status_check check (status in ('warning_needs_response', 'warning_under_review',
        'warning_closed', 'needs_response', 'under_review', 'won', 'lost', 'prevented'))
);
create index disputes_charge_id_idx on treasury.disputes (charge_id);
create index disputes_updated_at_idx on treasury.disputes (updated_at);
create index disputes_open_idx on treasury.disputes (due_by)
    where status in ('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review');
comment on table treasury.disputes is 'Chargebacks and inquiries of buyers'' banks. Money moves with balance transactions of Stripe, not with the status.';
comment on column treasury.disputes.stripe_dispute_id is 'The dispute at Stripe, such as dp_123.';
comment on column treasury.disputes.charge_id is 'The charge at Stripe.';
comment on column treasury.disputes.status is 'As at Stripe: warning_needs_response, warning_under_review, warning_closed (inquiries, which move no money), needs_response, under_review, won, lost, prevented. It only moves forward.';
comment on column treasury.disputes.amount_cents is 'What is disputed, in minor units.';
comment on column treasury.disputes.reason is 'Why, as the bank says: fraudulent, duplicate, product_not_received and others.';
comment on column treasury.disputes.due_by is 'Until when evidence can be sent to Stripe.';
comment on column treasury.disputes.withdrawn_cents is 'What it took away and did not give back, in minor units.';
comment on column treasury.disputes.fee_cents is 'What Stripe charged the platform for it, less what it gave back, in minor units.';
comment on column treasury.disputes.event_at is 'When Stripe last said something of it.';
comment on column treasury.disputes.id is 'Ours.';
comment on column treasury.disputes.currency is 'ISO 4217; that of the charge.';
comment on column treasury.disputes.created_at is 'When we learned of it.';
comment on column treasury.disputes.updated_at is 'When it last changed here.';
alter table treasury.disputes enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.disputes', '');
select pg_catalog.pg_extension_config_dump('treasury.disputes_id_seq', '');

create table treasury.dispute_comments (
    id bigint generated by default as identity,
    dispute_id bigint not null,
    kind text not null,
    body text not null,
    author_id uuid,
    created_at timestamptz not null default now(),
    constraint dispute_comments_pkey primary key (id),
    constraint dispute_comments_dispute_id_fkey foreign key (dispute_id) references treasury.disputes,
    constraint dispute_comments_kind_check check (kind in ('comment', 'evidence')),
    constraint dispute_comments_body_check check (body <> '')
);
create index dispute_comments_dispute_id_idx on treasury.dispute_comments (dispute_id);
create index dispute_comments_author_id_idx on treasury.dispute_comments (author_id) where author_id is not null;
comment on table treasury.dispute_comments is 'What admins noted on a dispute: comments, and evidence to be sent. Append-only.';
comment on column treasury.dispute_comments.kind is 'comment, or evidence.';
comment on column treasury.dispute_comments.author_id is 'The admin; NULL for a server.';
comment on column treasury.dispute_comments.id is 'The note.';
comment on column treasury.dispute_comments.dispute_id is 'The row of disputes.';
comment on column treasury.dispute_comments.body is 'What was noted.';
comment on column treasury.dispute_comments.created_at is 'When it was noted.';
alter table treasury.dispute_comments enable row level security;
select pg_catalog.pg_extension_config_dump('treasury.dispute_comments', '');
select pg_catalog.pg_extension_config_dump('treasury.dispute_comments_id_seq', '');

insert into backoffice.setting_definitions
    (system, key, kind, default_value, minimum, maximum, description) values
    ('treasury', 'live', 'boolean', 'true', null, null,
     'Whether the books are of real money: events of Stripe''s other mode move nothing'),
    ('treasury', 'refund_days', 'integer', '14', 0, 3650,
     'For so many days after a charge a refund that its buyer asks for goes out at once; later an admin must let it');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('treasury.charges', 'owner_id', 'owner_id', 'activity', 'yes', 'kept', 'tax records'),
    ('treasury.charges', 'buyer_id', 'buyer_id', 'activity', 'yes', 'kept', 'tax records, by an id alone'),
    ('treasury.refunds', 'requested_by', 'requested_by', 'activity', 'yes', 'kept', 'tax records, by an id alone'),
    ('treasury.refunds', 'reason', 'requested_by', 'content', 'yes', 'null', null),
    ('treasury.refunds', 'failure_reason', 'requested_by', 'content', 'yes', 'null', null),
    ('treasury.refunds', 'decided_by', 'decided_by', 'reference', 'yes', 'kept', 'who let money go stays accountable, by an id alone'),
    ('treasury.charge_shares', 'user_id', 'user_id', 'activity', 'yes', 'kept', 'tax records'),
    ('treasury.charge_shares', 'amount_cents', 'user_id', 'activity', 'yes', 'kept', 'tax records'),
    ('treasury.dispute_comments', 'author_id', 'author_id', 'reference', 'yes', 'kept', 'who decided stays accountable, by an id alone'),
    ('treasury.dispute_comments', 'body', 'author_id', 'content', 'no', 'kept', 'evidence in a dispute about money');
