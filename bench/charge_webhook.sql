-- A webhook of Stripe with a charge that is split among four, signed with its time: verified, kept, booked.
--   pgbench -n -M prepared -c 8 -j 2 -T 20 -f bench/charge_webhook.sql "$DATABASE_URL"
\set n random(1, 500)
with told as materialized (
    select charge.body, set_config('request.headers', charge.headers, true)
      from bench.hosts, bench.charge(hosts.id) where n = :n)
select ops.receive_webhook(body)::jsonb ->> 'status' from told;
