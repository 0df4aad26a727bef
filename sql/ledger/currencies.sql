-- ledger: dated rates, exchanges between currencies, and revaluations.

create table ledger.rates (
    id uuid not null,
    base text not null,
    quote text not null,
    valid_from timestamptz not null,
    numerator bigint not null,
    denominator bigint not null,
    created_by uuid,
    created_at timestamptz not null,
    constraint rates_pkey primary key (id),
    constraint rates_pair_check check (base <> quote),
    constraint rates_fraction_check check (numerator > 0 and denominator > 0),
    constraint rates_from_check check (pg_catalog.isfinite(valid_from))
);
create index rates_pair_idx on ledger.rates (base, quote, valid_from, created_at);
comment on table ledger.rates is 'Exchange rates as exact fractions, each valid from a time on. A rate that was wrong is followed by another for the same time. Append-only.';
comment on column ledger.rates.base is 'The currency of which one major unit is worth numerator/denominator.';
comment on column ledger.rates.quote is 'The currency, in major units, that the worth is given in.';
comment on column ledger.rates.created_by is 'The admin who set it; null for a server and for psql.';
comment on column ledger.rates.created_at is 'When it was set; of two for the same time the later one counts.';
alter table ledger.rates enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.rates', '');

create table ledger.exchanges (
    journal_id uuid not null,
    system text not null,
    debit_account_id bigint not null,
    debit_currency text not null,
    debit_amount bigint not null,
    credit_account_id bigint not null,
    credit_currency text not null,
    credit_amount bigint not null,
    numerator numeric not null,
    denominator numeric not null,
    rate_source text not null,
    given text not null,
    remainder text not null,
    recorded_at timestamptz not null,
    constraint exchanges_pkey primary key (journal_id),
    constraint exchanges_debit_fkey foreign key (debit_account_id) references ledger.accounts,
    constraint exchanges_credit_fkey foreign key (credit_account_id) references ledger.accounts,
    constraint exchanges_currencies_check check (debit_currency <> credit_currency),
    constraint exchanges_amounts_check check (debit_amount > 0 and credit_amount > 0),
    constraint exchanges_fraction_check check (numerator > 0 and numerator = pg_catalog.trunc(numerator)
        and denominator > 0 and denominator = pg_catalog.trunc(denominator)),
    constraint exchanges_source_check check (rate_source in ('amounts', 'given', 'table')),
    constraint exchanges_given_check check (given in ('both', 'debit', 'credit')),
    constraint exchanges_remainder_check check (remainder in ('position', 'account', 'nearest'))
);
create index exchanges_debit_idx on ledger.exchanges (debit_account_id);
create index exchanges_credit_idx on ledger.exchanges (credit_account_id);
comment on table ledger.exchanges is 'Journals between accounts of two currencies, with the rate as an exact fraction. Append-only.';
comment on column ledger.exchanges.debit_amount is 'Minor units of its currency, as debited; the position account of that currency is credited.';
comment on column ledger.exchanges.credit_amount is 'Minor units of its currency, as credited; the position account of that currency is debited.';
comment on column ledger.exchanges.numerator is 'Of the rate in lowest terms: major units of the credited currency for denominator of the debited one.';
comment on column ledger.exchanges.denominator is 'Major units of the debited currency that numerator of the credited one are worth.';
comment on column ledger.exchanges.rate_source is 'amounts: the rate follows from both amounts; given: by the caller; table: from ledger.rates.';
comment on column ledger.exchanges.given is 'Which amounts the caller gave; the other follows from the rate.';
comment on column ledger.exchanges.remainder is 'Who has what is left of a minor unit: the position (the business), the account, or whoever is nearer.';
alter table ledger.exchanges enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.exchanges', '');

create table ledger.revaluations (
    id uuid not null,
    system text not null,
    currency text not null,
    valued_at timestamptz not null,
    gain bigint not null,
    gains_account_id bigint not null,
    losses_account_id bigint not null,
    transfer_id uuid,
    acted_by uuid,
    recorded_at timestamptz not null,
    constraint revaluations_pkey primary key (id),
    constraint revaluations_date_key unique (system, currency, valued_at),
    constraint revaluations_gains_fkey foreign key (gains_account_id) references ledger.accounts,
    constraint revaluations_losses_fkey foreign key (losses_account_id) references ledger.accounts,
    constraint revaluations_transfer_check check ((gain = 0) = (transfer_id is null))
);
create index revaluations_gains_idx on ledger.revaluations (gains_account_id);
create index revaluations_losses_idx on ledger.revaluations (losses_account_id);
comment on table ledger.revaluations is 'Unrealised gains and losses on positions in other currencies that were posted, once for each time. Append-only.';
comment on column ledger.revaluations.currency is 'The currency that the positions were valued in.';
comment on column ledger.revaluations.valued_at is 'The time of the positions and of the rates, and the effective time of the transfer.';
comment on column ledger.revaluations.gain is 'Minor units; less than nothing for a loss.';
comment on column ledger.revaluations.transfer_id is 'What was posted; null where there was neither a gain nor a loss.';
comment on column ledger.revaluations.acted_by is 'The admin who did it; null for a server and for psql.';
alter table ledger.revaluations enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.revaluations', '');

create table ledger.revaluation_lines (
    revaluation_id uuid not null,
    currency text not null,
    position numeric not null,
    numerator numeric not null,
    denominator numeric not null,
    value numeric not null,
    constraint revaluation_lines_pkey primary key (revaluation_id, currency),
    constraint revaluation_lines_revaluation_fkey foreign key (revaluation_id) references ledger.revaluations
);
comment on table ledger.revaluation_lines is 'The positions that a revaluation rests on, with the rates that it took. Append-only.';
comment on column ledger.revaluation_lines.position is 'Minor units of the currency: more than nothing where more came in than went out.';
comment on column ledger.revaluation_lines.numerator is 'Of the rate in lowest terms: major units of the revaluation''s currency for denominator of this one.';
comment on column ledger.revaluation_lines.denominator is 'Major units of this currency that numerator of the revaluation''s are worth.';
comment on column ledger.revaluation_lines.value is 'The position in minor units of the revaluation''s currency, to the nearest.';
alter table ledger.revaluation_lines enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.revaluation_lines', '');

insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ledger.rates', 'created_by', 'created_by', 'reference', 'yes', 'kept', 'who set a rate stays accountable, by an id alone'),
    ('ledger.revaluations', 'acted_by', 'acted_by', 'reference', 'yes', 'kept', 'who posted to the books stays accountable, by an id alone'),
    ('ledger.exchanges', 'debit_account_id', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'debit_currency', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'debit_amount', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'credit_account_id', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'credit_currency', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'credit_amount', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account'),
    ('ledger.exchanges', 'recorded_at', 't.debit_account_id = any (array(select id from ledger.accounts where owner_id = $1)) or t.credit_account_id = any (array(select id from ledger.accounts where owner_id = $1))', 'activity', 'yes', 'kept', 'books of account');
