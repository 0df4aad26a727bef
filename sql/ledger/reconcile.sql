-- ledger: statements of others (a bank, a card, a payment provider) about our accounts, and
-- which of their lines are which of our transfers. Amounts are minor units, and a line's is
-- what it adds to the account's balance, as in ledger.entries.

-- Neither accounts nor transfers are referred to by foreign keys: they would fire at every
-- posting. Both are never deleted, and the functions look them up.
create table ledger.external_statements (
    id uuid not null,
    account_id bigint not null,
    reference text not null,
    time_zone text not null,
    starts_on date not null,
    ends_on date not null,
    lines integer not null,
    total bigint not null,
    opening_balance bigint,
    closing_balance bigint,
    content_hash bytea not null,
    imported_at timestamptz not null default clock_timestamp(),
    imported_by uuid,
    constraint external_statements_pkey primary key (id),
    constraint external_statements_reference_key unique (account_id, reference),
    constraint external_statements_period_check check (starts_on <= ends_on),
    constraint external_statements_lines_check check (lines >= 0),
    constraint external_statements_known_check check ((opening_balance is null) = (closing_balance is null)),
    constraint external_statements_balance_check check (opening_balance::numeric + total = closing_balance)
);
comment on table ledger.external_statements is 'Statements that others made about our accounts, as imported. Append-only.';
comment on column ledger.external_statements.reference is 'What the statement is called, unique for the account; importing it again changes nothing.';
comment on column ledger.external_statements.time_zone is 'Where its dates are dates.';
comment on column ledger.external_statements.ends_on is 'The last day that it tells of.';
comment on column ledger.external_statements.total is 'What its lines add up to.';
comment on column ledger.external_statements.opening_balance is 'Before the first line; null where the statement does not say.';
comment on column ledger.external_statements.closing_balance is 'After the last line: always the opening balance and the lines.';
comment on column ledger.external_statements.content_hash is 'SHA-256 of everything it says, to tell a repeat from another statement.';
comment on column ledger.external_statements.imported_by is 'Who imported it; null for a server or psql.';
alter table ledger.external_statements enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.external_statements', '');

create table ledger.external_lines (
    id uuid not null,
    statement_id uuid not null,
    line_no integer not null,
    occurrence integer not null,
    booked_on date not null,
    amount bigint not null,
    reference text,
    description text,
    constraint external_lines_pkey primary key (id),
    constraint external_lines_line_key unique (statement_id, line_no),
    constraint external_lines_statement_fkey foreign key (statement_id) references ledger.external_statements,
    constraint external_lines_counts_check check (line_no > 0 and occurrence > 0)
);
comment on table ledger.external_lines is 'The lines of statements that others made. Append-only.';
comment on column ledger.external_lines.line_no is 'Where it stands in its statement, from 1.';
comment on column ledger.external_lines.occurrence is '1, or more for a line whose like has come before in the same statement.';
comment on column ledger.external_lines.amount is 'What it adds to the balance of the account, in minor units.';
comment on column ledger.external_lines.reference is 'What names the payment, if the statement says.';
alter table ledger.external_lines enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.external_lines', '');

create table ledger.matches (
    id uuid not null,
    statement_id uuid not null,
    kind text not null,
    score smallint,
    reasons text[] not null,
    lines_amount bigint not null,
    transfers_amount bigint not null,
    note text,
    matched_at timestamptz not null default clock_timestamp(),
    matched_by uuid,
    undone_at timestamptz,
    undone_by uuid,
    undone_reason text,
    constraint matches_pkey primary key (id),
    constraint matches_statement_fkey foreign key (statement_id) references ledger.external_statements,
    constraint matches_kind_check check (kind in ('automatic', 'manual')),
    constraint matches_score_check check (score between 0 and 100 and (score is null) = (kind = 'manual')),
    constraint matches_undone_check check ((undone_at is null) = (undone_reason is null) and (undone_by is null or undone_at is not null))
);
create index matches_statement_idx on ledger.matches (statement_id);
comment on table ledger.matches is 'Lines of a statement and transfers that are the same money. Never deleted; a wrong one is undone.';
comment on column ledger.matches.kind is 'automatic (by ledger.reconcile) or manual (by ledger.confirm_match).';
comment on column ledger.matches.score is 'How sure ledger.reconcile was, of 100.';
comment on column ledger.matches.reasons is 'What spoke for it, as codes: docs/ledger-reconcile.md lists them.';
comment on column ledger.matches.lines_amount is 'What its lines add up to.';
comment on column ledger.matches.transfers_amount is 'What its transfers add up to for the account.';
comment on column ledger.matches.matched_by is 'Who matched; null for a server or psql.';
comment on column ledger.matches.undone_by is 'Who undid it; null for a server or psql.';
alter table ledger.matches enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.matches', '');

create table ledger.match_lines (
    match_id uuid not null,
    line_id uuid not null,
    active boolean not null default true,
    constraint match_lines_pkey primary key (line_id, match_id),
    constraint match_lines_match_fkey foreign key (match_id) references ledger.matches,
    constraint match_lines_line_fkey foreign key (line_id) references ledger.external_lines
);
create index match_lines_match_idx on ledger.match_lines (match_id);
create unique index match_lines_active_key on ledger.match_lines (line_id) where active;
comment on table ledger.match_lines is 'The lines of a match. A line is in one match at most that is not undone.';
comment on column ledger.match_lines.active is 'Whether the match is not undone.';
alter table ledger.match_lines enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.match_lines', '');

-- A transfer between two accounts that both have statements is matched once for each.
create table ledger.match_transfers (
    match_id uuid not null,
    account_id bigint not null,
    transfer_id uuid not null,
    active boolean not null default true,
    constraint match_transfers_pkey primary key (match_id, transfer_id),
    constraint match_transfers_match_fkey foreign key (match_id) references ledger.matches
);
create unique index match_transfers_active_key on ledger.match_transfers (transfer_id, account_id) where active;
comment on table ledger.match_transfers is 'The transfers of a match. A transfer is in one match at most of the account''s that is not undone.';
comment on column ledger.match_transfers.account_id is 'The account of the statement.';
comment on column ledger.match_transfers.active is 'Whether the match is not undone.';
alter table ledger.match_transfers enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.match_transfers', '');

create table ledger.match_rejections (
    line_id uuid not null,
    transfer_id uuid not null,
    statement_id uuid not null,
    reason text not null,
    rejected_at timestamptz not null default clock_timestamp(),
    rejected_by uuid,
    constraint match_rejections_pkey primary key (line_id, transfer_id),
    constraint match_rejections_line_fkey foreign key (line_id) references ledger.external_lines,
    constraint match_rejections_statement_fkey foreign key (statement_id) references ledger.external_statements
);
create index match_rejections_statement_idx on ledger.match_rejections (statement_id);
comment on table ledger.match_rejections is 'A line and a transfer that somebody said are not the same money: never matched or suggested by themselves. Append-only.';
comment on column ledger.match_rejections.rejected_by is 'Who said so; null for a server or psql.';
alter table ledger.match_rejections enable row level security;
select pg_catalog.pg_extension_config_dump('ledger.match_rejections', '');

-- What the owner of an account sees of it in a statement that somebody else made.
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason)
select 'ledger.external_lines', c.name, 't.statement_id in (select s.id from ledger.external_statements s join ledger.accounts a on a.id = s.account_id where a.owner_id = $1)',
       'activity', 'yes', 'kept', 'books of account'
  from (values ('booked_on'), ('amount'), ('reference'), ('description')) c (name);
insert into backoffice.personal_columns (table_name, column_name, person, kind, export, erasure, reason) values
    ('ledger.external_statements', 'imported_by', 'imported_by', 'reference', 'yes', 'kept', 'who reconciled stays accountable, by an id alone'),
    ('ledger.matches', 'note', 'matched_by', 'content', 'yes', 'kept', 'books of account'),
    ('ledger.matches', 'matched_by', 'matched_by', 'reference', 'yes', 'kept', 'who reconciled stays accountable, by an id alone'),
    ('ledger.matches', 'undone_by', 'undone_by', 'reference', 'yes', 'kept', 'who reconciled stays accountable, by an id alone'),
    ('ledger.matches', 'undone_reason', 'undone_by', 'content', 'yes', 'kept', 'books of account'),
    ('ledger.match_rejections', 'rejected_by', 'rejected_by', 'reference', 'yes', 'kept', 'who reconciled stays accountable, by an id alone'),
    ('ledger.match_rejections', 'reason', 'rejected_by', 'content', 'yes', 'kept', 'books of account');
