-- ops: who reads the inbox, and the function that the gateway calls.

-- PostgREST passes raw bytes only to one unnamed argument.
create function ops.receive_webhook(bytea) returns json
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'ops_receive_webhook_wrapper';

create trigger webhook_secrets_audit after insert or update or delete on ops.webhook_secrets
    for each row execute function ops.audit_row();

create policy webhook_secrets_admin on ops.webhook_secrets for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.webhook_secrets to authenticated, service_role;

create policy webhook_events_admin on ops.webhook_events for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.webhook_events to authenticated, service_role;

create policy webhook_refusals_admin on ops.webhook_refusals for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.webhook_refusals to authenticated, service_role;
