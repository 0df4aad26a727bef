-- Reconciles 10,000 lines of a bank with 100,000 transfers: half of the lines with a reference, some off by a day, some
-- two transfers in one, and amounts that many share. Run it on a database that may be thrown away:
--   psql "$DATABASE_URL" -f bench/reconcile.sql
\set ON_ERROR_STOP 1
select ledger.open_account('bench', 'bank', 'INR', 'asset') as bank, ledger.open_account('bench', 'sales', 'INR', 'income') as sales \gset
\o /dev/null
select count(*) from generate_series(0, 99) n, lateral ledger.post_journal('bench', 'sale',
    (select jsonb_agg(jsonb_build_object('debit', 'bank', 'credit', 'sales', 'amount', 100 + (n * 1000 + i) * 7919 % 20000))
       from generate_series(0, 999) i),
    p_effective_at => timestamptz '2025-01-01 12:00+00' + make_interval(days => n % 31),
    p_metadata => jsonb_build_object('reference', 'BATCH-' || n)) j;
select count(*) from generate_series(1, 5000) n, lateral ledger.transfer('bench', 'bank', 'sales', 100 + n * 7919 % 20000, 'sale',
    p_effective_at => timestamptz '2025-01-01 12:00+00' + make_interval(days => n % 31),
    p_metadata => jsonb_build_object('reference', 'INV-' || (100000 + n))) t;
\o
select count(*) as transfers from ledger.transfers where debit_account_id = :bank;
create temporary table said as
select jsonb_agg(jsonb_build_object('date', date '2025-01-01' + n % 31, 'amount', 100 + n * 7919 % 20000, 'reference', 'inv ' || (100000 + n))) as rows
  from generate_series(1, 5000) n;
update said set rows = rows || (
    select jsonb_agg(jsonb_build_object('date', date '2025-01-01' + (n % 100) % 31 + n % 2, 'amount', case when n % 10 = 0 then 40000 + n else 100 + n * 7919 % 20000 end))
      from generate_series(5001, 10000) n);
\timing on
select statement_id, lines from ledger.import_statement(:bank, 'january', p_rows => (select rows from said), p_options => '{"starts_on": "2025-01-01"}') \gset
select outcome, count(*) from ledger.reconcile(:'statement_id', p_dry_run => true) group by outcome order by outcome;
select outcome, count(*) from ledger.reconcile(:'statement_id') group by outcome order by outcome;
select item, amount, count from ledger.reconciliation(:'statement_id') where item in ('closing_difference', 'unmatched_lines', 'unexplained');
select count(*) from ledger.export('bench', 'csv', p_limit => 100000);
select count(*) from ledger.export('bench', 'beancount', p_from => '2025-01-15', p_to => '2025-02-15', p_limit => 100000);
