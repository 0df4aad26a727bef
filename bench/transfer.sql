-- One transfer between two of ten thousand accounts.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -D base=FIRST_ID -f bench/transfer.sql "$DATABASE_URL"
-- FIRST_ID is the id of account a1 of the system bench; setup.sql prints it.
\set d random(0, 9999)
\set c (:d + random(1, 9999)) % 10000
select transfer_id from ledger.transfer('bench', p_amount => 5, p_currency => 'INR', p_kind => 'bench',
    p_debit_account_id => :base::bigint + :d, p_credit_account_id => :base::bigint + :c);
