-- One PIN for one of a hundred promoters.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -f bench/pin_transaction.sql "$DATABASE_URL"
\set n random(1, 100)
select id from network.execute_pin_transaction(
    (select id from bench.promoters where n = :n), 'admin_allocation', 1, null);
