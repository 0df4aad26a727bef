-- How long it takes to seal and to verify: psql "$DATABASE_URL" -X -v n=1000000 -f bench/seal.sql
-- For a database of bin/up that has nothing sealed yet. Loads n transfers of the last year between 10,000 accounts as if
-- they had been posted: every fifth belongs to a journal of two, half have a description, a quarter metadata.
\set ON_ERROR_STOP on
\pset footer off
select backoffice.set_setting('ledger', 'seal_delay_seconds', '0') is not null as no_delay;

begin;
insert into ledger.accounts (system, code, name, currency, class)
select 'seal-bench', 'a' || n, 'a', 'INR', 'asset' from generate_series(1, 10000) n;
insert into ledger.transfer_kinds (system, kind) values ('seal-bench', 'load');

-- UUID v7 of a time and a number.
create function pg_temp.id(at timestamptz, n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid
$$;
create temp table load on commit drop as
select n, now() - interval '365 days' + n / 10 * 10 * (interval '364 days' / :n) as at
  from generate_series(1, :n) n;
insert into ledger.journals (id, kind_id, recorded_at, description, metadata)
select pg_temp.id(at, n), k.id, at, 'Journal ' || n, jsonb_build_object('n', n)
  from load, ledger.transfer_kinds k where k.system = 'seal-bench' and n % 10 = 0;
insert into ledger.transfers (id, debit_account_id, credit_account_id, amount, recorded_at, kind_id, journal_id, description, metadata)
select pg_temp.id(at, n), a.first + n % 10000, a.first + (n + 1 + n % 777) % 10000, 1 + n % 100000, at, k.id,
       case when n % 10 < 2 and n >= 10 then pg_temp.id(at, n / 10 * 10) end,
       case when n % 2 = 0 then 'Order ' || n end,
       case when n % 4 = 0 then jsonb_build_object('order', n, 'by', 'shop') end
  from load, ledger.transfer_kinds k, (select min(id) as first from ledger.accounts where system = 'seal-bench') a
 where k.system = 'seal-bench' order by n;
update ledger.accounts a
   set debits_posted = d.amount, credits_posted = c.amount
  from (select debit_account_id as id, sum(amount) as amount from ledger.transfers group by 1) d,
       (select credit_account_id as id, sum(amount) as amount from ledger.transfers group by 1) c
 where a.system = 'seal-bench' and d.id = a.id and c.id = a.id;
commit;
vacuum analyze ledger.transfers, ledger.journals;

\timing on
\echo Sealing
do $$
declare
    unfinished boolean := true;
begin
    while unfinished loop
        select more into unfinished from ledger.seal();
    end loop;
end $$;
\echo Verifying
select count(*) as problems from ledger.verify();
\timing off
select sum(transfers) as transfers, count(*) as blocks,
       round(pg_total_relation_size('ledger.seal_blocks')::numeric / sum(transfers), 1) as bytes_for_each
  from ledger.seal_blocks;
