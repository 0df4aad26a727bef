-- Ten thousand hosts with an account at Stripe, ten charges each of the last 60 days, and earnings, so that all of
-- them are payable, each with something held and something reserved. For the measurement of a payout run:
--   source .local/env && psql "$DATABASE_URL" -f bench/payouts.sql
\set ON_ERROR_STOP on
create schema if not exists bench;
create table bench.payees (n integer primary key, id uuid not null default gen_random_uuid());
insert into bench.payees (n) select generate_series(1, 10000);
insert into identity.users (id, system, email) select id, 'treasury', 'host-' || n || '@bench.example' from bench.payees;
insert into treasury.users (id, email, role) select id, 'host-' || n || '@bench.example', 'host' from bench.payees;
insert into treasury.stripe_accounts
    (id, stripe_account_id, onboarding_status, charges_enabled, payouts_enabled, details_submitted, created_at)
select id, 'acct_bench' || n, 'completed', true, true, true, now() - n % 100 * interval '1 day' from bench.payees;

create table bench.payee_charges as
select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(h.id::text || c), 1, 3)
        || '8' || substr(md5(h.id::text || c), 4, 15))::uuid as id, h.id as host, at, c
  from bench.payees h, generate_series(0, 9) c, lateral (select now() - c * interval '6 days' - interval '1 hour' as at) t;
insert into treasury.charges
    (id, stripe_charge_id, status, amount_cents, currency, owner_id, refunded_cents, charged_at)
select id, 'ch_' || id, 'captured', 1100, 'USD', host, case when c = 5 then 300 else 0 end, at from bench.payee_charges;
insert into treasury.charge_shares (charge_id, position, party, user_id, amount_cents)
select id, 0, 'platform', null, 100 from bench.payee_charges union all select id, 1, 'recipient', host, 1000 from bench.payee_charges;

select ledger.open_account('treasury', 'stripe:USD', 'USD', 'asset', p_stripes => 16);
select count(ledger.open_account('treasury', 'earnings:' || id || ':USD', 'USD', 'liability', p_owner_id => id))
  from bench.payees;
select count(*) from ledger.post_journal('treasury', 'stripe_charge', (select jsonb_agg(jsonb_build_object(
    'debit', 'stripe:USD', 'credit', 'earnings:' || id || ':USD', 'amount', 9700)) from bench.payees));
select backoffice.set_setting('treasury', 'payout_reserve_basis_points', '500');
vacuum analyze;
