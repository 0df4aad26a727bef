-- What the scripts of this folder need: an admin, a hundred lines of four promoters
-- with PINs, ten thousand accounts of the ledger and one that is in every transfer,
-- and an RPC that does nothing. Run once in a fresh database:
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

create function network.bench_nothing() returns integer language sql volatile as 'select 1';
revoke execute on function network.bench_nothing() from public;
grant execute on function network.bench_nothing() to service_role;
notify pgrst, 'reload schema';
vacuum analyze;
