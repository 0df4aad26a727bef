-- Transfers that take from one account and bring to it by turns, near its limit or far from it. What is refused for the
-- limit counts as done. After bench/setup.sql, and once:
--   create function bench.attempt(debit bigint, credit bigint) returns boolean language plpgsql as $$
--   begin
--       perform ledger.transfer('bench', p_amount => 5, p_currency => 'INR', p_kind => 'bench',
--           p_debit_account_id => debit, p_credit_account_id => credit);
--       return true;
--   exception when sqlstate 'PT409' then return false;
--   end $$;
--   select ledger.open_account('bench', 'limited', 'INR', 'asset', p_max_overdraft => 1000, p_stripes => 16) as hot_id;
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -D base=FIRST_ID -D hot=HOT_ID -f bench/transfer_limited.sql "$DATABASE_URL"
\set d random(0, 9999)
\set way random(0, 1)
select bench.attempt(case when :way = 0 then :hot::bigint else :base::bigint + :d end,
                     case when :way = 0 then :base::bigint + :d else :hot::bigint end);
