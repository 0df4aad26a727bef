-- network: what customers have invested. A record, no ledger: the network never holds this money.

create table network.investments (
    id uuid not null,
    customer_id uuid not null,
    kind text not null,
    product text not null,
    amount numeric not null,
    instalment_amount numeric,
    instalment_count integer,
    frequency text,
    started_on date not null,
    status text not null default 'active',
    closed_on date,
    closing_value numeric,
    note text,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint investments_pkey primary key (id),
    constraint investments_customer_key unique (customer_id, id),
    constraint investments_customer_id_fkey foreign key (customer_id) references network.customers,
    constraint investments_created_by_fkey foreign key (created_by) references network.profiles,
    constraint investments_kind_check check (kind in ('lump_sum', 'savings_plan')),
    constraint investments_amount_check check (amount > 0 and amount < 'Infinity'),
    constraint investments_plan_check check (case kind
        when 'savings_plan' then instalment_amount > 0 and instalment_count between 1 and 600
            and frequency in ('weekly', 'monthly', 'quarterly', 'yearly')
            and amount = instalment_amount * instalment_count
        else num_nonnulls(instalment_amount, instalment_count, frequency) = 0 end),
    constraint investments_status_check check (status in ('active', 'closed')),
    constraint investments_closed_check check (case status
        when 'closed' then closed_on >= started_on and closing_value >= 0 and closing_value < 'Infinity'
        else num_nonnulls(closed_on, closing_value) = 0 end)
);
create index investments_created_by_idx on network.investments (created_by);
comment on table network.investments is 'What a customer has invested: a sum at once, or a savings plan of instalments. A record only; no money of the ledger moves.';
comment on column network.investments.product is 'What it is invested in, by the name of the product or plan.';
comment on column network.investments.amount is 'The sum invested at once, or all instalments of the plan together; in major units (rupees).';
comment on column network.investments.started_on is 'The day of the investment, or the day on which the first instalment is due.';
comment on column network.investments.closing_value is 'What the customer got back on closed_on, in major units.';
comment on column network.investments.created_by is 'The admin or promoter who recorded it; NULL for a server.';
alter table network.investments enable row level security;
select pg_catalog.pg_extension_config_dump('network.investments', '');

create table network.instalments (
    investment_id uuid not null,
    number integer not null,
    customer_id uuid not null,
    due_on date not null,
    amount numeric not null,
    status text not null default 'due',
    paid_on date,
    paid_amount numeric,
    recorded_by uuid,
    recorded_at timestamptz,
    constraint instalments_pkey primary key (investment_id, number),
    constraint instalments_investment_fkey foreign key (customer_id, investment_id)
        references network.investments (customer_id, id),
    constraint instalments_recorded_by_fkey foreign key (recorded_by) references network.profiles,
    constraint instalments_number_check check (number >= 1),
    constraint instalments_amount_check check (amount > 0 and amount < 'Infinity'),
    constraint instalments_status_check check (status in ('due', 'paid', 'missed', 'cancelled')),
    constraint instalments_paid_check check (case status
        when 'paid' then paid_on is not null and paid_amount > 0 and paid_amount < 'Infinity'
        else num_nonnulls(paid_on, paid_amount) = 0 end)
);
create index instalments_customer_id_idx on network.instalments (customer_id, investment_id);
create index instalments_due_on_idx on network.instalments (due_on) where status = 'due';
create index instalments_recorded_by_idx on network.instalments (recorded_by);
comment on table network.instalments is 'The instalments of the savings plans: when each is due, and what became of it.';
comment on column network.instalments.customer_id is 'The investment''s customer, held to it by the foreign key.';
comment on column network.instalments.amount is 'What is due, in major units (rupees).';
comment on column network.instalments.status is 'due until it is recorded as paid or missed; cancelled where the plan was closed before. Due and past its day is overdue.';
comment on column network.instalments.paid_amount is 'What was paid, in major units.';
comment on column network.instalments.recorded_by is 'Who recorded the status, at recorded_at.';
alter table network.instalments enable row level security;
select pg_catalog.pg_extension_config_dump('network.instalments', '');

create table network.valuations (
    investment_id uuid not null,
    valued_on date not null,
    customer_id uuid not null,
    value numeric not null,
    note text,
    recorded_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint valuations_pkey primary key (investment_id, valued_on),
    constraint valuations_investment_fkey foreign key (customer_id, investment_id)
        references network.investments (customer_id, id),
    constraint valuations_recorded_by_fkey foreign key (recorded_by) references network.profiles,
    constraint valuations_value_check check (value >= 0 and value < 'Infinity')
);
create index valuations_customer_id_idx on network.valuations (customer_id, investment_id);
create index valuations_recorded_by_idx on network.valuations (recorded_by);
comment on table network.valuations is 'What an investment was worth at the end of a day.';
comment on column network.valuations.customer_id is 'The investment''s customer, held to it by the foreign key.';
comment on column network.valuations.value is 'In major units (rupees).';
alter table network.valuations enable row level security;
select pg_catalog.pg_extension_config_dump('network.valuations', '');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('network.investments', 'customer_id', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'kind', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'product', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'amount', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'instalment_amount', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'instalment_count', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'frequency', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'started_on', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'status', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'closed_on', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'closing_value', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'created_at', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.investments', 'note', 'customer_id', 'content', 'yes', 'null', null),
    ('network.investments', 'created_by', 'created_by', 'reference', 'yes', 'kept', 'who recorded it stays accountable, by an id alone'),
    ('network.instalments', 'customer_id', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'due_on', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'amount', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'status', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'paid_on', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'paid_amount', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.instalments', 'recorded_by', 'recorded_by', 'reference', 'yes', 'kept', 'who recorded it stays accountable, by an id alone'),
    ('network.valuations', 'customer_id', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.valuations', 'value', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.valuations', 'created_at', 'customer_id', 'activity', 'yes', 'kept', 'a record of the business, under an id alone'),
    ('network.valuations', 'note', 'customer_id', 'content', 'yes', 'null', null),
    ('network.valuations', 'recorded_by', 'recorded_by', 'reference', 'yes', 'kept', 'who recorded it stays accountable, by an id alone');
