-- Grants on the functions of ops; finalize.sql calls it once all exist.
create procedure backoffice.install_ops() language plpgsql as $$
begin
    grant usage on schema ops to anon, authenticated, service_role;
    grant execute on function ops.claim_outbox(text, integer, integer, text) to service_role;
    grant execute on function ops.complete_outbox(uuid, text) to service_role;
    grant execute on function ops.fail_outbox(uuid, text, text) to service_role;
    grant execute on function ops.grant_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function ops.revoke_role(uuid, text, text, text) to authenticated, service_role;
    grant execute on function ops.get_settings(text) to authenticated, service_role;
    grant execute on function ops.set_setting(text, text, jsonb) to authenticated, service_role;
    grant execute on function ops.run_job(text) to authenticated, service_role;
    grant execute on function ops.set_job(text, boolean, text) to authenticated, service_role;
    grant execute on function ops.job_status() to authenticated, service_role;
    grant execute on function ops.archive_audit_logs() to authenticated, service_role;

    grant execute on function
        ops.health(),
        ops.technical_metrics(timestamptz, timestamptz),
        ops.metrics(),
        ops.resolve_alert(uuid, text),
        ops.run_checks(boolean)
        to authenticated, service_role;
    comment on function ops.health() is
        'How the system is: ok, warning or critical, why, and the facts; for admins.';
    comment on function ops.technical_metrics(timestamptz, timestamptz) is
        'Sign-ins and sessions of a period, and what PostgreSQL counted; for admins.';
    comment on function ops.metrics() is
        'Numbers for Prometheus in its text format; for admins.';
    comment on function ops.run_checks(boolean) is
        'Runs the quick checks, or the thorough ones, which raise alerts; for admins.';
    comment on function ops.resolve_alert(uuid, text) is
        'Resolves an alert with a note; for admins.';

    -- For the gateway alone, whose senders have a signature in place of a token.
    grant execute on function ops.receive_webhook(bytea) to anon;
    comment on function ops.receive_webhook(bytea) is
        'Verifies, keeps and processes a webhook; for the gateway, at /api/<source>/webhook.';
    grant execute on function
        ops.set_webhook_secret(text, text, boolean, timestamptz),
        ops.remove_webhook_secret(uuid, timestamptz),
        ops.replay_webhook(uuid),
        ops.replay_webhooks(text, timestamptz)
        to authenticated, service_role;
    comment on function ops.set_webhook_secret(text, text, boolean, timestamptz) is
        'Adds a secret that webhooks of a source are signed with; for admins of ops.';
    comment on function ops.remove_webhook_secret(uuid, timestamptz) is
        'Ends a secret, now or at a time; for admins of ops.';
    comment on function ops.replay_webhook(uuid) is
        'Processes a webhook that was not processed yet; for admins of ops.';
    comment on function ops.replay_webhooks(text, timestamptz) is
        'Processes the webhooks since a time that failed or nobody took; for admins of ops.';

    -- For psql: it asks for the rights of the database's owner anyway.
    comment on function ops.enable_realtime() is
        'Puts the tables of the subscriptions into the publication supabase_realtime; from psql.';

    comment on schema ops is 'Audit log, outbox, jobs, settings, alerts, health and metrics.';
    comment on function ops.claim_outbox(text, integer, integer, text) is
        'Leases messages that are due to a worker.';
    comment on function ops.complete_outbox(uuid, text) is
        'Marks a leased message as sent and empties its payload.';
    comment on function ops.fail_outbox(uuid, text, text) is
        'Gives a leased message back with an error, to be tried again later.';
    comment on function ops.grant_role(uuid, text, text, text) is
        'Gives a person a role in a system; for its admins.';
    comment on function ops.revoke_role(uuid, text, text, text) is
        'Takes a role away; for admins of the system.';
    comment on function ops.get_settings(text) is
        'All settings of a system with their values in force; for its admins.';
    comment on function ops.set_setting(text, text, jsonb) is
        'Changes a setting; for admins of the system.';
    comment on function ops.run_job(text) is
        'Runs a job unless it is running already, and records the run; for admins of ops.';
    comment on function ops.set_job(text, boolean, text) is
        'Switches a job on or off and gives it a schedule; for admins of ops.';
    comment on function ops.job_status() is
        'Every job with its schedule and its last runs; for admins of ops.';
    comment on function ops.schedule_jobs(text) is
        'Makes pg_cron run the jobs by their schedules.';
    comment on function ops.unschedule_jobs() is
        'Takes all jobs out of pg_cron.';
    comment on function ops.archive_audit_logs() is
        'Moves old rows of the audit log to its archive; for admins.';
end
$$;
