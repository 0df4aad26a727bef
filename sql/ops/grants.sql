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
        'How the system is: status (ok, warning, critical), reasons, and the facts they follow from.

For admins of ops; 42501 otherwise.';
    comment on function ops.technical_metrics(timestamptz, timestamptz) is
        'The technical metrics from p_from (with it) to p_to (without it): sign-ins and sessions of the period, and what PostgreSQL has counted since its statistics were reset.

For admins of ops; 22023 where the period is none, 42501 not an admin.';
    comment on function ops.metrics() is
        'Everything that Prometheus may scrape, in its text format.

For admins of ops; 42501 otherwise.';
    comment on function ops.run_checks(boolean) is
        'Runs all quick checks now, or all thorough ones, which read whole tables; how many and what they found.

For admins of ops; 42501 otherwise.';
    comment on function ops.resolve_alert(uuid, text) is
        'Resolves an alert with a note, for admins of ops; the alert.

22023 an empty note, PT404 no such alert, PT409 resolved already, 42501 not an admin.';

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
        'Adds a secret that webhooks of p_source (stripe, razorpay) are signed with, for live events or those of the test mode, good until p_not_after or without end.

One that is there already gets this end. For admins of ops. 22023 unknown source, a secret of fewer than 12
characters, or an end that is past, PT409 there for the other mode, 42501 not an admin.';
    comment on function ops.remove_webhook_secret(uuid, timestamptz) is
        'Destroys a secret, or has it end at p_at; the row as it was or is.

For admins of ops. 22023 a time that is past, PT404 no such secret, 42501 not an admin.';
    comment on function ops.replay_webhook(uuid) is
        'Processes a webhook that failed, is parked, or that nobody took; the row afterwards, whatever came of it.

For admins of ops. PT404 no such webhook, PT409 it was processed, no system takes it or its content is gone,
42501 not an admin.';
    comment on function ops.replay_webhooks(text, timestamptz) is
        'Processes the webhooks of p_source received since p_since that failed or that nobody took, at most 1000, in the order in which they happened; the rows afterwards.

For admins of ops. 22023 unknown source, 42501 not an admin.';

    -- For psql: it asks for the rights of the database's owner anyway.
    comment on function ops.enable_realtime() is
        'Puts the tables of the subscriptions into the publication supabase_realtime, which it creates where it is missing; the tables of ours in it.

Twice is the same as once. From psql only, as the owner of the database and of the publication.';

    comment on schema ops is 'Audit log, outbox, jobs, settings, alerts, health and metrics.';
    comment on function ops.claim_outbox(text, integer, integer, text) is
        'Leases up to p_limit (1 to 1000) messages of p_channel (email, sms, slack, http) that are due to p_worker for p_lease_seconds (1 to 3600).

For the service role. 22023 for values outside these, 42501 for anybody else.';
    comment on function ops.complete_outbox(uuid, text) is
        'Marks a message that p_worker leased as sent and empties its payload.

For the service role. PT409 where the worker does not hold it.';
    comment on function ops.fail_outbox(uuid, text, text) is
        'Gives a message that p_worker leased back with an error; its status afterwards: pending, to be tried again later, or dead.

For the service role. PT409 where the worker does not hold it.';
    comment on function ops.grant_role(uuid, text, text, text) is
        'Gives person p_person_id the role p_role in p_system.

For admins of the system; only an admin of every system gives a role in *. Twice is the same as once. 22023
unknown role, 42501 not an admin.';
    comment on function ops.revoke_role(uuid, text, text, text) is
        'Takes a role away; whether the person had it.

For admins of the system. 22023 unknown role, 42501 not an admin.';
    comment on function ops.get_settings(text) is
        'All settings of p_system with their values in force.

For its admins.';
    comment on function ops.set_setting(text, text, jsonb) is
        'Changes a setting, for admins of the system; the value in force afterwards.

PT404 unknown setting, 22023 a value it does not allow, 42501 not an admin.';
    comment on function ops.run_job(text) is
        'Runs a job now; the record of the run.

For admins of ops, the service role and pg_cron.

A job that fails is no error: the record has its SQLSTATE and message, and what the job did is undone. Where
another session runs the same job, the record says skipped. PT404 unknown job, 42501 not an admin.';
    comment on function ops.set_job(text, boolean, text) is
        'Switches the schedule of a job on or off, and gives it a schedule of five fields (minute hour day month weekday); NULL for the job''s own.

For admins of ops.

pg_cron follows within five minutes. PT404 unknown job, 22023 no such schedule, 42501 not an admin.';
    comment on function ops.job_status() is
        'Every job: its schedule in force, whether pg_cron has it, whether it is running, and its last run (skipped ones aside), last success and next run.

For admins of ops.';
    comment on function ops.schedule_jobs(text) is
        'Makes pg_cron run every enabled job by its schedule and take out what is none any more; what was done: added, changed, kept or removed.

From psql only. Call it again after a restore; pg_cron itself calls it every five minutes.

The jobs run as p_role, which may log in and is a member of backoffice_owner; without one as they did so far, at
first as the caller. 55000 where this database has no pg_cron, 22023 no such role, 42501 for anybody else.';
    comment on function ops.unschedule_jobs() is
        'Takes all jobs out of pg_cron; how many entries there were.

From psql only. 55000 where this database has no pg_cron, 42501 for anybody else.';
    comment on function ops.archive_audit_logs() is
        'Moves rows of the audit log that are older than the setting ops.audit_archive_months to ops.audit_logs_archive, at most 10,000: {audit_logs, more}.

Safe to repeat, and to run twice at once. For admins; 42501 otherwise.';
end
$$;
