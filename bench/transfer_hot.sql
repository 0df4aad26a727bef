-- One transfer between one of ten thousand accounts and one striped account that is in every transfer.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -D base=FIRST_ID -D hot=HOT_ID -f bench/transfer_hot.sql "$DATABASE_URL"
\set d random(0, 9999)
select transfer_id from ledger.transfer('bench', p_amount => 5, p_currency => 'INR', p_kind => 'bench',
    p_debit_account_id => :base::bigint + :d, p_credit_account_id => :hot::bigint);
