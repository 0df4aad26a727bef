-- What the scripts of this folder need: an admin, a hundred lines of four promoters
-- with PINs, ten thousand accounts of the ledger and one that is in every transfer,
-- five hundred hosts whose revenue is split among four, what signs webhooks, and an
-- RPC that does nothing. Run once in a fresh database:
--   source .local/env && psql "$DATABASE_URL" -f bench/setup.sql
\set ON_ERROR_STOP on
create schema bench;
create table bench.promoters (n integer generated always as identity primary key, id uuid not null);

select backoffice.bootstrap_admin('bench@example.com', 'a-Long-bench-password-1');

do $$
declare
    parent uuid;
begin
    for line in 1..100 loop
        parent := null;
        for level in 1..4 loop
            parent := (network.create_unified_promoter('Bench', line || '-' || level || '@bench.example',
                                                       null, null, null, parent)).id;
        end loop;
        perform network.admin_allocate_pins(parent, 1000000);
        insert into bench.promoters (id) values (parent);
    end loop;
end
$$;
select count(ledger.open_account('bench', 'a' || i, 'INR', 'asset')) as accounts
  from generate_series(1, 10000) as i;
select min(id) as first_id from ledger.accounts where system = 'bench';
select ledger.open_account('bench', 'hot', 'INR', 'asset', p_stripes => 64) as hot_id;

create table bench.hosts (n integer primary key, id uuid not null);
with people as (
    insert into identity.users (id, email, name, system, email_confirmed_at)
    select gen_random_uuid(), host || '-' || n || '@bench-treasury.example', 'Bench', 'treasury', now()
      from generate_series(1, 500) host, generate_series(1, 4) n
    returning id, email)
insert into bench.hosts (n, id)
select split_part(email, '-', 1)::integer, id from people where split_part(split_part(email, '@', 1), '-', 2) = '1';
select count(backoffice.grant_role(id, 'treasury', 'host')) as treasury_users
  from identity.users where email like '%@bench-treasury.example';
select count(treasury.create_split_rule(jsonb_build_object('owner_id', h.id, 'name', 'Four', 'is_default', true, 'rules',
           (select jsonb_agg(jsonb_build_object('recipient_id', u.id, 'percent', 10 * right(split_part(u.email, '@', 1), 1)::integer))
              from identity.users u where u.email like h.n || '-_@bench-treasury.example')))) as split_rules
  from bench.hosts h;
select backoffice.set_setting('treasury', 'platform_fee_basis_points', '250') as platform_fee,
       (ops.set_webhook_secret('stripe', 'whsec_of_the_benchmark', true)).source as webhooks;

-- HMAC-SHA256 with the secret, for which PostgreSQL alone has no function: the key's two pads are made once.
create function bench.pad(filler integer) returns bytea language sql immutable as $$
    select string_agg(set_byte('\x00', 0, filler # coalesce(ascii(substr('whsec_of_the_benchmark', n, 1)), 0)), '' order by n)
      from generate_series(1, 64) n
$$;
create table bench.pads as select bench.pad(54) as inner_pad, bench.pad(92) as outer_pad;
-- A charge of 100.01 dollars to a host, as Stripe tells it; its body and the headers that it comes with.
create function bench.charge(host uuid, out body bytea, out headers text) language plpgsql as $$
declare
    -- Ids of Stripe begin with their time.
    charge constant text := to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint) || replace(gen_random_uuid()::text, '-', '');
    now_ constant text := extract(epoch from clock_timestamp())::bigint;
    pads bench.pads;
begin
    body := convert_to(replace(replace(replace(
        '{"id": "evt_@charge", "object": "event", "api_version": "2025-02-24.acacia", "created": @now, "livemode": true, "pending_webhooks": 1, "type": "charge.succeeded", "data": {"object": {"id": "ch_@charge", "object": "charge", "amount": 10001, "amount_captured": 10001, "amount_refunded": 0, "captured": true, "paid": true, "status": "succeeded", "currency": "usd", "created": @now, "payment_intent": "pi_@charge", "balance_transaction": "txn_@charge", "billing_details": {"email": "buyer@example.com", "name": "A Buyer"}, "description": "Ticket", "receipt_url": "https://pay.stripe.com/receipts/@charge", "metadata": {"owner_id": "@host", "order": "@charge"}}}}',
        '@charge', charge), '@now', now_), '@host', host::text), 'UTF8');
    select * into strict pads from bench.pads;
    headers := format('{"x-orig-path": "webhooks/stripe", "user-agent": "Stripe/1.0", "stripe-signature": "t=%s,v1=%s"}', now_,
        encode(sha256(pads.outer_pad || sha256(pads.inner_pad || convert_to(now_ || '.', 'UTF8') || body)), 'hex'));
end
$$;

create function network.bench_nothing() returns integer language sql volatile as 'select 1';
revoke execute on function network.bench_nothing() from public;
grant execute on function network.bench_nothing() to service_role;
notify pgrst, 'reload schema';
vacuum analyze;
