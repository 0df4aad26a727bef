-- A journal of six legs: from one of ten thousand accounts to six others.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -D base=FIRST_ID -f bench/journal.sql "$DATABASE_URL"
\set d random(0, 9993)
\set a :base + :d
select count(*) from ledger.post_journal('bench', 'bench', jsonb_build_array(
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 1, 'amount', 5, 'currency', 'INR'),
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 2, 'amount', 4, 'currency', 'INR'),
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 3, 'amount', 3, 'currency', 'INR'),
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 4, 'amount', 2, 'currency', 'INR'),
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 5, 'amount', 1, 'currency', 'INR'),
    jsonb_build_object('debit_account_id', :a::bigint, 'credit_account_id', :a::bigint + 6, 'amount', 1, 'currency', 'INR')));
