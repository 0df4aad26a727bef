-- Limits for the roles of the API, for this cluster. PostgREST applies them to each request. A client that goes
-- away does not end its query, so the server must; the gateway gives up after 35 s.
alter role anon set statement_timeout = '10s';
alter role authenticated set statement_timeout = '15s';
alter role service_role set statement_timeout = '120s';
alter role authenticator set lock_timeout = '5s';
alter role authenticator set idle_in_transaction_session_timeout = '60s';

-- pg_cron runs the jobs as this role. It has no password and pg_hba.conf knows no other way in, so nobody logs in as it.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'backoffice_jobs') then
        create role backoffice_jobs login in role backoffice_owner;
    end if;
    if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
        grant usage on schema cron to backoffice_jobs;
    end if;
end
$$;
