-- A customer with PIN, person, invitation and a commission on four levels.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -f bench/create_customer.sql "$DATABASE_URL"
\set n random(1, 100)
select id from network.create_customer_with_commission(
    (select id from bench.promoters where n = :n),
    jsonb_build_object('name', 'Bench', 'email', gen_random_uuid() || '@bench.example'));
