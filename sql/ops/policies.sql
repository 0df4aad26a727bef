-- Admins of ops read the audit log and the outbox; nobody writes them directly.
create policy audit_logs_admin on ops.audit_logs for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.audit_logs to authenticated, service_role;

-- The payload may hold one-time tokens: only the service role sees it.
create policy outbox_admin on ops.outbox for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select (id, system, channel, template, recipient, idempotency_key, status, attempts,
              available_at, leased_by, leased_until, last_error, created_at, sent_at)
    on ops.outbox to authenticated;
grant select on ops.outbox to service_role;

create policy job_runs_admin on ops.job_runs for select to authenticated
    using ((select backoffice.has_role('ops', 'admin')));
grant select on ops.job_runs to authenticated, service_role;
